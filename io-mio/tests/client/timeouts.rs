//! How long things may take.

use std::time::Duration;

use h1wire_mio::client::{Event, Options, Request};

use crate::options::silent;
use crate::own::Own;
use crate::script::{Peer, Script};

const SOON: Option<Duration> = Some(Duration::from_millis(60));

fn late(request: Request) -> String {
    Own::keeping().ask(request).failed()
}

#[test]
fn connecting_has_its_limit_and_so_has_everything_together_and_silence() {
    let (addr, _kept) = silent();
    let get = || Request::get(format!("http://{addr}/"));
    assert_eq!(late(get().connect_timeout(SOON)), "Some(Timeout(Connect))");
    assert_eq!(late(get().total_timeout(SOON)), "Some(Timeout(Total))");
    assert_eq!(late(get().timeout(SOON)), "Some(Timeout(Idle))");
}

#[test]
fn a_response_that_does_not_begin_or_stops_is_late_by_the_limit_that_is_set() {
    for (sent, expected) in [
        (&b""[..], ["Response", "Idle", "Total"]),
        (b"HTTP/1.1 200", ["Response", "Idle", "Total"]),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", ["Content", "Idle", "Total"]),
    ] {
        for (n, expected) in expected.into_iter().enumerate() {
            let server = Script::once(move |peer| {
                peer.request();
                peer.send(sent);
                peer.end();
            });
            let request = Request::get(server.url("/"));
            let request = match n {
                0 => request.response_timeout(SOON).read_timeout(SOON),
                1 => request.timeout(SOON),
                _ => request.total_timeout(SOON),
            };
            assert_eq!(late(request), format!("Some(Timeout({expected}))"));
            server.join();
        }
    }
}

#[test]
fn content_that_is_read_slowly_is_not_late() {
    let server = Script::once(|peer| {
        peer.request();
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n");
        peer.send(&[b'x'; 200_000]);
        peer.end();
    });
    let mut own = Own::keeping();
    let id = own.start_with(Request::get(server.url("/")).read_timeout(SOON), |event, call| {
        if matches!(event, Event::Response(_)) {
            call.pause();
        }
    });
    own.until_told(id, "response");
    let began = std::time::Instant::now();
    own.until("the limit", |_| began.elapsed() > Duration::from_millis(250));
    own.client.call(id).resume();
    assert_eq!(own.finish(id).content.len(), 200_000);
    drop(own);
    server.join();
}

#[test]
fn a_server_that_takes_nothing_is_late() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let server = Script::once(move |peer| {
        let _ = peer.request();
        let _ = wait.recv();
    });
    let request = Request::new("POST", server.url("/")).write_timeout(SOON).content(vec![b'x'; 32 << 20]);
    assert_eq!(late(request), "Some(Timeout(Write))");
    drop(go);
    server.join();
}

#[test]
fn an_answer_that_nobody_reads_does_not_stall_an_upload_for_ever() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let server = Script::once(move |peer| {
        let _ = peer.request();
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nx");
        let _ = wait.recv();
    });
    let mut own = Own::keeping();
    let request = Request::new("POST", server.url("/")).stall_timeout(SOON).content(vec![b'x'; 32 << 20]);
    let id = own.start_with(request, |event, call| {
        if matches!(event, Event::Response(_)) {
            call.pause();
        }
    });
    assert_eq!(own.finish(id).failed(), "Some(Timeout(Stall))");
    drop(go);
    server.join();
}

#[test]
fn a_timeout_is_never_retried_by_itself_and_leaves_nothing_behind() {
    let server = Script::new(|listener| {
        let mut peer = Peer::accept(listener);
        peer.request();
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        peer.request();
        assert_eq!(peer.end(), b"");
    });
    let mut own = Own::keeping();
    own.ask(Request::get(server.url("/")));
    let told = own.ask(Request::get(server.url("/")).response_timeout(SOON));
    assert_eq!((told.failed(), told.events.contains(&"retry")), ("Some(Timeout(Response))".into(), false));
    server.join();
    assert_eq!((own.counts(), own.client.calls()), ((0, 0), 0));
}

#[test]
fn limits_of_one_request_are_none_of_the_next_and_the_clients_hold_where_it_has_none() {
    let server = Script::new(|listener| {
        let mut peer = Peer::accept(listener);
        peer.request();
        std::thread::sleep(Duration::from_millis(100));
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        peer.request();
        assert_eq!(peer.end(), b"");
    });
    let mut options = Options::default();
    options.patience.response = SOON;
    let mut own = Own::new(options);
    assert_eq!(own.ask(Request::get(server.url("/")).response_timeout(None)).status, 200);
    assert_eq!(own.ask(Request::get(server.url("/"))).failed(), "Some(Timeout(Response))");
    server.join();
}

#[test]
fn the_idle_limit_can_be_set_under_way() {
    let server = Script::once(|peer| {
        peer.request();
        assert_eq!(peer.end(), b"");
    });
    let mut own = Own::keeping();
    let id = own.start_with(Request::get(server.url("/")), |event, call| {
        if matches!(event, Event::Sent) {
            call.set_timeout(SOON);
        }
    });
    assert_eq!(own.finish(id).failed(), "Some(Timeout(Idle))");
    server.join();
}
