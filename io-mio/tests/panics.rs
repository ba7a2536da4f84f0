//! A panic in a handler's events, nearly each of them, ends its connection and not the server, and leaves nothing open.

mod common;

use std::io::{ErrorKind, Read};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Raw, ms, options, serve_with, stop, wait_until};
use h1wire_mio::proto::{Expired, Fields, Timeouts};
use h1wire_mio::{ClientError, ConnectionReport, Handler, Report, Request, Response, Stream};

/// The event that panics.
type Chosen = Arc<Mutex<&'static str>>;

/// Panics in the chosen event, and once.
struct Panicking(Chosen);

impl Panicking {
    fn is(&self, event: &str) {
        let chosen = *self.0.lock().unwrap();
        if chosen == event {
            *self.0.lock().unwrap() = "";
            panic!("in {event}");
        }
    }
}

impl Handler for Panicking {
    type Exchange = ();

    fn request(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        self.is("request");
        if req.target == b"/flood" {
            self.drain(&mut (), res);
        }
        Some(())
    }

    fn check_continue(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        self.is("check_continue");
        self.request(req, res)
    }

    fn check_expectation(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        self.is("check_expectation");
        self.request(req, res)
    }

    fn should_upgrade(&mut self, _: &Request<'_>) -> bool {
        self.is("should_upgrade");
        true
    }

    fn upgrade(&mut self, _: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        self.is("upgrade");
        let chosen = self.0.clone();
        res.switch_to(&[("Upgrade", "raw")], move |_| Self(chosen).is("taker")).unwrap();
        Some(())
    }

    fn connect(&mut self, _: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        self.is("connect");
        res.tunnel_here(&()).unwrap();
        Some(())
    }

    fn data(&mut self, (): &mut (), _: &[u8], _: &mut Response<'_>) {
        self.is("data");
    }

    fn end(&mut self, (): &mut (), _: Fields<'_, '_>, res: &mut Response<'_>) {
        self.is("end");
        if !res.is_head_sent() {
            res.end("done").unwrap();
        }
    }

    fn drain(&mut self, (): &mut (), res: &mut Response<'_>) {
        if res.is_head_sent() {
            self.is("drain");
        }
        while res.write([b'x'; 1 << 16]).unwrap() {}
    }

    fn half_closed(&mut self, (): &mut (), _: &mut Response<'_>) {
        self.is("half_closed");
    }

    fn finished(&mut self, (): ()) {
        self.is("finished");
    }

    fn aborted(&mut self, (): ()) {
        self.is("aborted");
    }

    fn report(&mut self, exchange: Option<&mut ()>, _: &Report) {
        if exchange.is_some() {
            self.is("report");
        }
    }

    fn closed(&mut self, _: &Stream, _: &ConnectionReport) {
        self.is("closed");
    }

    fn connection(&mut self, _: &Stream) -> bool {
        self.is("connection");
        true
    }

    fn drop_request(&mut self) {
        self.is("drop_request");
    }

    fn client_error(&mut self, _: &ClientError<'_>, _: &mut Response<'_>) {
        self.is("client_error");
    }

    fn stream_error(&mut self, _: &std::io::Error, _: &Stream) {
        self.is("stream_error");
    }

    fn timeout(&mut self, _: Expired, _: Option<&mut ()>, _: &mut Response<'_>) -> bool {
        self.is("timeout");
        true
    }
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// What a client does.
enum Then {
    /// Reads to the end.
    Reads,
    HalfCloses,
    Resets,
    /// Waits for the panic, and reads to the end.
    Waits,
}
use Then::{HalfCloses, Reads, Resets, Waits};

#[test]
fn a_panic_in_any_event_ends_its_connection_and_not_the_server() {
    let cases: &[(&str, &str, Then)] = &[
        ("request", GET, Reads),
        (
            "check_continue",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n",
            Reads,
        ),
        ("check_expectation", "GET / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n", Reads),
        ("should_upgrade", "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n", Reads),
        ("upgrade", "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n", Reads),
        ("taker", "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n", Reads),
        ("connect", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", Reads),
        ("data", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", Reads),
        ("data", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nx", Reads),
        ("end", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", Reads),
        ("drain", "GET /flood HTTP/1.1\r\nHost: a\r\n\r\n", Reads),
        ("half_closed", "GET /flood HTTP/1.1\r\nHost: a\r\n\r\n", HalfCloses),
        ("finished", GET, Reads),
        ("aborted", "GET /flood HTTP/1.1\r\nHost: a\r\n\r\n", Resets),
        ("report", GET, Reads),
        ("report", "GET /flood HTTP/1.1\r\nHost: a\r\n\r\n", Resets),
        ("closed", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", Reads),
        ("connection", "", Reads),
        ("drop_request", "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET", Reads),
        ("client_error", "nonsense\r\n\r\n", Reads),
        ("client_error", "POST /flood HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", Reads),
        ("stream_error", "GET /flood HTTP/1.1\r\nHost: a\r\n\r\n", Resets),
        ("timeout", "GET / HT", Waits),
        ("timeout", "", Waits),
        ("timeout", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", Waits),
    ];
    // A backtrace of each of them would take longer, on a slow machine, than a client waits.
    std::panic::set_hook(Box::new(|info| eprintln!("{info}")));
    let chosen = Chosen::default();
    let timeouts = Timeouts { headers: ms(300), body: ms(300), ..Timeouts::SERVER };
    let options = options(|o| {
        (o.policy.timeouts, o.policy.lifetime.max_requests, o.count_connections) = (timeouts, Some(2), true)
    });
    let handlers = chosen.clone();
    let server = serve_with(options, move |_| Panicking(handlers.clone()));
    let counters = || server.handle().counters();
    for (n, (event, request, then)) in cases.iter().enumerate() {
        *chosen.lock().unwrap() = event;
        let sent = counters().bytes_sent;
        let mut client = Raw::to(&server);
        client.send(request);
        match then {
            Reads => {}
            HalfCloses => {
                client.half_close();
            }
            Resets => {
                wait_until("some of the answer", || counters().bytes_sent > sent);
                socket2::SockRef::from(&client.0).set_linger(Some(Duration::ZERO)).unwrap();
            }
            Waits => wait_until("the panic", || counters().panics == n as u64 + 1),
        }
        if !matches!(then, Resets) {
            // It may be cut off: it ends.
            let ended = client.0.read_to_end(&mut Vec::new());
            let is_reset = |e: &std::io::Error| e.kind() == ErrorKind::ConnectionReset;
            assert!(ended.as_ref().err().is_none_or(is_reset), "{event}: {ended:?}");
        }
        drop(client);
        wait_until(event, || counters().panics == n as u64 + 1 && counters().accepted == counters().closed);
        assert!(
            Raw::to(&server).ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ends_with("done"),
            "{event}"
        );
        wait_until(event, || counters().accepted == counters().closed);
    }
    stop(server);
}
