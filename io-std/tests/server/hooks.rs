//! What a server tells its user about connections and exchanges, and asks.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use h1wire_std::server::Handle;
use socket2::SockRef;

use crate::peer::{GET, Peer, SOON, echo, end, ms, server, wait_until, with};

#[test]
fn each_stream_is_shown_to_its_user_who_may_wrap_or_refuse_it() {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    let server = server()
        .on_connection(move |stream| {
            assert!(stream.peer_addr().is_some());
            match count.fetch_add(1, Ordering::Relaxed) {
                0 => Ok(stream),
                _ => Err(io::Error::other("not you")),
            }
        })
        .start(echo)
        .unwrap();
    let mut peer = Peer::to(&server);
    peer.send(GET).response();
    peer.send(GET).response();
    Peer::to(&server).assert_closed();
    assert_eq!(seen.load(Ordering::Relaxed), 2);
}

#[test]
fn each_exchange_is_reported_with_its_status_and_bytes() {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let log = reports.clone();
    let server = server()
        .on_report(move |head, r| {
            assert!(r.peer.is_some());
            let target = head.unwrap().target.escape_ascii().to_string();
            log.lock().unwrap().push((target, r.number, r.status, r.is_complete, r.received, r.sent));
        })
        .start(|req, res| match req.target() {
            b"/cut" => {
                res.flush()?;
                Err(io::Error::other("cut"))
            }
            _ => echo(req, res),
        })
        .unwrap();
    let mut peer = Peer::to(&server);
    peer.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    let sent = peer.until("abc").len() as u64;
    peer.send("GET /cut HTTP/1.1\r\nHost: a\r\n\r\n");
    let cut = peer.until("\r\n\r\n").len() as u64;
    peer.assert_closed();
    assert_eq!(
        *reports.lock().unwrap(),
        [("/a".into(), 1, Some(200), true, 3, sent), ("/cut".to_owned(), 2, Some(200), false, 0, cut)]
    );
}

#[test]
fn hooks_that_panic_end_their_connection_and_no_thread() {
    let server = server()
        .threads(1)
        .on_connection(|stream| if stream.local_addr().is_some() { Ok(stream) } else { panic!("connection") })
        .on_report(|head, _| assert!(head.is_none_or(|head| head.target != b"/report"), "report"))
        .on_timeout(|_, _, _| panic!("timeout"))
        .options(with(|o| (o.policy.timeouts.idle, o.policy.timeouts.keep_alive) = (ms(50), None)))
        .start(echo)
        .unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    server.handle().inject(theirs).unwrap();
    Peer::on(ours).assert_closed();
    let mut peer = Peer::to(&server);
    assert!(peer.send("GET /report HTTP/1.1\r\nHost: a\r\n\r\n").rest().starts_with("HTTP/1.1 200 "));
    let mut peer = Peer::to(&server);
    peer.send(GET).response();
    peer.assert_closed();
    Peer::to(&server).send(GET).response();
    assert_eq!(server.handle().counters().panics, 2);
}

/// The natural thing to do when there are too many. The hook runs in the thread that would have to do it.
#[test]
fn a_hook_may_close_idle_connections() {
    let handle = Arc::new(OnceLock::<Handle>::new());
    let own = handle.clone();
    let server = server()
        .options(with(|o| o.max_connections = Some(1)))
        .on_drop_connection(move |_| {
            own.get().unwrap().close_idle();
        })
        .start(echo)
        .unwrap();
    handle.set(server.handle().clone()).unwrap();
    let mut first = Peer::to(&server);
    first.send(GET).response();
    assert!(Peer::to(&server).rest().starts_with("HTTP/1.1 503 "));
    first.assert_closed();
    wait_until("the first one has gone", || server.handle().connections() == 0);
    Peer::to(&server).send(GET).response();
}

#[test]
fn each_connection_is_reported_when_it_is_over() {
    let (over, reports) = channel();
    let over = Mutex::new(over);
    let server = server()
        .options(with(|o| o.policy.send_date = false))
        .on_closed(move |report| over.lock().unwrap().send(*report).unwrap())
        .on_connection(
            |stream| if stream.peer_addr().is_some() { Ok(stream) } else { Err(io::Error::other("no")) },
        )
        .start(|req, res| match req.target() {
            b"/switch" => res.switch(&[("Upgrade", "own")])?.write_all(b"hello"),
            _ => echo(req, res),
        })
        .unwrap();
    let mut peer = Peer::to(&server);
    let (head, content) = peer.send(GET).response();
    peer.send(GET).response();
    peer.end().assert_closed();
    let report = reports.recv_timeout(SOON).unwrap();
    assert!(report.peer.is_some());
    assert_eq!((report.requests, report.is_switched), (2, false));
    assert_eq!(report.received, 2 * GET.len() as u64);
    assert_eq!(report.sent, 2 * (head.len() + content.len()) as u64);

    Peer::to(&server)
        .send("GET /switch HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: own\r\n\r\n")
        .until("hello");
    let report = reports.recv_timeout(SOON).unwrap();
    assert_eq!((report.requests, report.is_switched), (1, true));

    let (near, far) = UnixStream::pair().unwrap();
    server.handle().inject(near).unwrap();
    Peer::on(far).assert_closed();
    let report = reports.recv_timeout(SOON).unwrap();
    assert_eq!((report.requests, report.received, report.sent, report.is_switched), (0, 0, 0, false));
}

#[test]
fn accepted_sockets_have_the_options_that_were_set() {
    let (seen, see) = channel();
    let seen = Mutex::new(seen);
    let server = server()
        .options(with(|o| {
            o.no_delay = false;
            o.tcp_keep_alive = Some(Duration::from_secs(9));
        }))
        .on_connection(move |stream| {
            let fd = stream.poll_fd().unwrap();
            let socket = SockRef::from(&fd);
            let options =
                (socket.tcp_nodelay()?, socket.keepalive()?, socket.tcp_keepalive_time()?.as_secs());
            seen.lock().unwrap().send(options).unwrap();
            Ok(stream)
        })
        .start(echo)
        .unwrap();
    let mut peer = Peer::to(&server);
    peer.send(GET).response();
    assert_eq!(see.recv_timeout(SOON).unwrap(), (false, true, 9));
}

#[test]
fn what_comes_behind_the_last_request_is_told_once_and_not_looked_at() {
    let (dropped, told) = channel();
    let dropped = Mutex::new(dropped);
    let server = server()
        .options(with(|o| o.policy.lifetime.max_requests = Some(1)))
        .on_drop_request(move |peer| dropped.lock().unwrap().send(peer.is_some()).unwrap())
        .start(echo)
        .unwrap();
    // With content before it or not.
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok";
    for first in [GET, post] {
        let answer = Peer::to(&server).send(first.to_owned() + GET + GET).rest();
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert_eq!(told.recv_timeout(SOON), Ok(true));
    }
    Peer::to(&server).send(GET).rest();
    end(server, SOON);
    assert!(told.try_recv().is_err(), "once for each, and not where nothing came");
}
