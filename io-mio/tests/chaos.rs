//! Handlers that call anything at any time, from any thread, and clients that send and leave as they like: nothing panics,
//! and with the time limits there are every connection and every exchange comes to its end. What is done follows from a seed; in which order
//! it happens does not.

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use common::{Raw, ms, options, serve_with, stop, wait_until};
use h1wire_mio::proto::{Expired, Fields, Headers, RecvErrorKind, Timeouts};
use h1wire_mio::{ClientError, Handler, Options, Report, Request, Responder, Response};

/// Numbers that look random (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        for (left, by) in [(true, 13), (false, 7), (true, 17)] {
            self.0 ^= if left { self.0 << by } else { self.0 >> by };
        }
        (self.0 >> 11) as usize % n
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// Others, that follow from these.
    fn others(&mut self) -> Self {
        Self(self.below(usize::MAX) as u64 | 1)
    }
}

/// Does one thing. What is wrong with it at this time is an error, and that is not looked at.
fn act(dice: &mut Dice, file: &Arc<File>, res: &mut Response<'_>) {
    match dice.below(30) {
        0 => drop(res.end("x")),
        1 => drop(res.write(vec![b'y'; 70_000])),
        2 => drop(res.finish()),
        3 => drop(res.write_file(file.clone(), 3, 50_000)),
        4 => drop(res.end_shared(Bytes::from_static(&[b'z'; 200_000]))),
        5 => res.pause(),
        6 => res.resume(),
        7 => res.keep_reading(),
        8 => drop(res.close_after()),
        9 => drop(res.content_length(dice.below(100_000) as u64)),
        10 => drop(res.status(200 + dice.below(400) as u16)),
        11 => drop(res.header("Content-Length", "3")),
        12 => drop(res.header("Connection", "close")),
        13 => drop(res.send_early_hints(&[("Link", "x")])),
        14 => drop(res.send_continue()),
        15 => drop(res.switch_to(&[("Upgrade", "raw")], |mut upgraded| drop(upgraded.write(b"raw")))),
        16 => drop(res.tunnel_to(&(), |_| ())),
        17 => drop(res.trailer("T", "v")),
        18 => drop(res.trailer("not a name", "v")),
        19 => drop(res.send_head()),
        20 => res.limit_content(Some(dice.below(50_000) as u64)),
        21 => res.set_timeout(ms(1 + dice.below(300) as u64)),
        22 => drop((res.report(), res.connection(), res.buffered())),
        23 => res.continue_when_wanted(),
        24 => res.cork(),
        25 => res.uncork(),
        26 => res.when_sent(|_| ()),
        27 if dice.one_in(4) => res.fail("by chance"),
        28 if dice.one_in(4) => res.abort(),
        _ => {}
    }
}

/// Does one thing from another thread.
fn act_from_elsewhere(dice: &mut Dice, file: &Arc<File>, responder: &Responder) {
    match dice.below(7) {
        0 => drop(responder.respond(200, Headers::new(), "later")),
        1 => drop(responder.write(vec![b'w'; 30_000])),
        2 => drop(responder.finish()),
        3 => drop(responder.wait_writable(Duration::from_millis(3))),
        4 if dice.one_in(5) => responder.abort(),
        _ => {
            let (mut dice, file) = (dice.others(), file.clone());
            responder.run(move |res| act(&mut dice, &file, res));
        }
    }
}

/// With the number of exchanges that did not end yet, and of those whose report is still to come.
struct Chaos(Dice, Arc<File>, Arc<[AtomicIsize; 2]>);

impl Chaos {
    fn act(&mut self, res: &mut Response<'_>) {
        for _ in 0..self.0.below(5) {
            act(&mut self.0, &self.1, res);
        }
        if self.0.one_in(4) {
            let (mut dice, file, responder) = (self.0.others(), self.1.clone(), res.responder());
            std::thread::spawn(move || {
                for _ in 0..dice.below(6) {
                    act_from_elsewhere(&mut dice, &file, &responder);
                }
            });
        }
    }
}

impl Handler for Chaos {
    type Exchange = ();

    fn request(&mut self, _: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        self.act(res);
        let exchange = (!self.0.one_in(4)).then_some(());
        for count in &*self.2 {
            count.fetch_add(exchange.iter().count() as isize, Relaxed);
        }
        exchange
    }

    fn check_continue(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        self.request(req, res)
    }

    fn check_expectation(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        self.request(req, res)
    }

    fn connect(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        self.request(req, res)
    }

    fn data(&mut self, (): &mut (), _: &[u8], res: &mut Response<'_>) {
        self.act(res);
    }

    fn end(&mut self, (): &mut (), _: Fields<'_, '_>, res: &mut Response<'_>) {
        self.act(res);
        if self.0.one_in(2) {
            let _ = res.end("end");
        }
    }

    fn drain(&mut self, (): &mut (), res: &mut Response<'_>) {
        self.act(res);
    }

    fn half_closed(&mut self, (): &mut (), res: &mut Response<'_>) {
        self.act(res);
    }

    fn client_error(&mut self, _: &ClientError<'_>, res: &mut Response<'_>) {
        self.act(res);
    }

    fn finished(&mut self, (): ()) {
        self.2[0].fetch_sub(1, Relaxed);
    }

    fn aborted(&mut self, (): ()) {
        self.2[0].fetch_sub(1, Relaxed);
    }

    fn report(&mut self, exchange: Option<&mut ()>, _: &Report) {
        if exchange.is_some() {
            self.2[1].fetch_sub(1, Relaxed);
        }
    }

    fn timeout(&mut self, _: Expired, _: Option<&mut ()>, res: &mut Response<'_>) -> bool {
        self.act(res);
        false
    }
}

const REQUESTS: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabcde",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnone\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nabcde",
    "GET / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\nanother protocol",
    "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nthrough the tunnel",
];

/// A client, at the end of what it does. That it is cut off at any point is to be expected.
fn client(dice: &mut Dice, mut raw: Raw) -> Raw {
    raw.0.set_write_timeout(Some(Duration::from_millis(20))).unwrap();
    raw.0.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    for _ in 0..1 + dice.below(4) {
        let request = REQUESTS[dice.below(REQUESTS.len())].as_bytes();
        let len = if dice.one_in(3) { dice.below(request.len()) } else { request.len() };
        let _ = raw.0.write_all(&request[..len]);
        if dice.one_in(4) {
            let _ = raw.0.write(&[b'x'; 3000]);
        }
    }
    if dice.one_in(4) {
        let _ = raw.0.shutdown(std::net::Shutdown::Write);
    }
    if dice.one_in(3) {
        let mut piece = [0; 50_000];
        for _ in 0..dice.below(5) {
            let _ = raw.0.read(&mut piece);
        }
    }
    if dice.one_in(5) {
        socket2::SockRef::from(&raw.0).set_linger(Some(Duration::ZERO)).unwrap();
    }
    raw
}

#[test]
fn whatever_is_called_and_whatever_is_sent_every_connection_comes_to_its_end() {
    let path = std::env::temp_dir().join(format!("h1wire-mio-chaos-{}", std::process::id()));
    std::fs::write(&path, [b'f'; 100_000]).unwrap();
    let file = Arc::new(File::open(&path).unwrap());
    std::fs::remove_file(&path).unwrap();
    for seed in 1..=3 {
        let options: Options = options(|o| {
            let times = Timeouts {
                idle: ms(300),
                headers: ms(300),
                keep_alive: ms(300),
                keep_alive_buffer: Duration::from_millis(1),
                ..o.policy.timeouts
            };
            o.policy.timeouts =
                Timeouts { body: ms(300), write: ms(300), linger: ms(200), request: ms(600), ..times };
            o.policy.protocol.limits.content_bytes = Some(60_000);
            (o.policy.discard_limit, o.policy.linger_limit) = (Some(10_000), Some(30_000));
            o.policy.lifetime.max_requests = [None, Some(4), Some(8)][seed as usize % 3];
            o.count_connections = true;
        });
        let open = Arc::new([const { AtomicIsize::new(0) }; 2]);
        let (file, exchanges) = (file.clone(), open.clone());
        let server = serve_with(options, move |_| Chaos(Dice(seed * 7919), file.clone(), exchanges.clone()));
        let mut dice = Dice(seed * 31);
        let mut held = Vec::new();
        for _ in 0..200 {
            let raw = client(&mut dice, Raw::to(&server));
            if dice.one_in(3) {
                held.push(raw);
            }
        }
        // Also of those whose clients are there, and neither read nor write.
        let counters = || server.handle().counters();
        wait_until("the end of all", || counters().accepted == 200 && counters().closed == 200);
        assert_eq!(counters().panics, 0, "seed {seed}");
        let errors: u64 = RecvErrorKind::ALL.iter().map(|kind| counters().errors(*kind)).sum();
        assert_eq!(errors, counters().protocol_errors);
        drop(held);
        stop(server);
        let open = [&open[0], &open[1]].map(|count| count.load(Relaxed));
        assert_eq!(open, [0, 0], "each exchange ends once, and is reported once: seed {seed}");
    }
}
