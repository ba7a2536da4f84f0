//! The order of events, each case over real sockets.

use std::net::TcpListener;
use std::time::Duration;

use h1wire_mio::client::{Event, Request};

use crate::own::Own;
use crate::script::Script;

const CUT: [&str; 5] = ["abort", "aborted", "close", "end", "response close"];

#[test]
fn a_connection_error_is_socket_error_close() {
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let told = Own::new(Default::default()).ask(Request::get(format!("http://{addr}/")));
    assert_eq!(told.events, ["socket", "error", "close"]);
    assert!(told.failed().starts_with("Some(Connect("), "{}", told.failed());
    let error = told.error.unwrap();
    assert!(error.retry().is_safe() && error.into_request().is_some(), "nothing was sent");
}

#[test]
fn an_abort_before_the_connection_is_socket_abort_error_close() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut own = Own::new(Default::default());
    let id = own.start(Request::get(format!("http://{}/", server.local_addr().unwrap())));
    own.client.call(id).abort();
    own.client.call(id).abort();
    let told = own.finish(id);
    assert_eq!(told.events, ["socket", "abort", "error", "close"]);
    assert_eq!((told.failed(), own.counts()), ("Some(Aborted)".into(), (0, 0)));
}

#[test]
fn an_abort_while_the_response_is_awaited_is_abort_error_close_and_closes_the_connection() {
    let server = Script::once(|peer| {
        peer.request();
        assert_eq!(peer.end(), b"");
    });
    let mut own = Own::keeping();
    let id = own.start_with(Request::get(server.url("/")), |event, call| {
        if matches!(event, Event::Sent) {
            call.abort();
        }
    });
    let told = own.finish(id);
    assert_eq!(told.events, ["socket", "connected", "sent", "abort", "error", "close"]);
    server.join();
    assert_eq!(own.counts(), (0, 0));
}

#[test]
fn an_abort_during_the_response_is_abort_aborted_close_end_close() {
    let server = Script::once(|peer| {
        peer.request();
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf!");
        assert_eq!(peer.end(), b"");
    });
    let mut own = Own::keeping();
    let id = own.start_with(Request::get(server.url("/")), |event, call| {
        if matches!(event, Event::Data(_)) {
            call.abort();
        }
    });
    let told = own.finish(id);
    assert_eq!(told.events, [&["socket", "connected", "sent", "response", "data"][..], &CUT].concat());
    server.join();
}

#[test]
fn a_response_that_is_cut_off_is_error_aborted_close_end_close() {
    for reset in [false, true] {
        let server = Script::new(move |listener| {
            let mut peer = crate::script::Peer::accept(listener);
            peer.request();
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf!");
            if reset {
                peer.reset();
            }
        });
        let told = Own::keeping().ask(Request::get(server.url("/")));
        let last = ["error", "aborted", "close", "end", "response close"];
        assert_eq!(told.events.split_at(4).1.strip_prefix(&["data"]).unwrap_or(&told.events[4..]), last);
        let kind = if reset { "Some(Socket(" } else { "Some(HangUp(" };
        assert!(told.failed().starts_with(kind), "{}", told.failed());
        server.join();
    }
}

#[test]
fn interim_responses_come_before_the_response() {
    let server = Script::answers([concat!(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    )]);
    let told = Own::new(Default::default()).ask(Request::get(server.url("/")));
    assert_eq!(
        told.events,
        ["socket", "connected", "sent", "informational", "informational", "response", "end", "close"]
    );
    assert_eq!(told.informational, [100, 103]);
    server.join();
}

#[test]
fn a_timeout_that_only_notifies_is_a_timeout_and_nothing_else() {
    let (go, wait) = std::sync::mpsc::channel();
    let server = Script::once(move |peer| {
        peer.request();
        wait.recv_timeout(crate::script::PATIENCE).unwrap();
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    let mut own = Own::new(Default::default());
    let request =
        Request::get(server.url("/")).timeout(Some(Duration::from_millis(30))).timeout_notifies(true);
    let id = own.start(request);
    own.until_told(id, "timeout");
    go.send(()).unwrap();
    let told = own.finish(id);
    assert_eq!(told.events, ["socket", "connected", "sent", "timeout", "response", "end", "close"]);
    server.join();
}

#[test]
fn a_timeout_that_ends_is_timeout_error_close() {
    let server = Script::once(|peer| {
        peer.request();
        assert_eq!(peer.end(), b"");
    });
    let mut own = Own::keeping();
    let told = own.ask(Request::get(server.url("/")).response_timeout(Some(Duration::from_millis(30))));
    assert_eq!(told.events, ["socket", "connected", "sent", "timeout", "error", "close"]);
    assert_eq!(told.failed(), "Some(Timeout(Response))");
    server.join();
}

#[test]
fn a_retry_starts_over_on_another_connection() {
    let server = Script::new(|listener| {
        let mut peer = crate::script::Peer::accept(listener);
        peer.request();
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        peer.request();
        drop(peer);
        let mut peer = crate::script::Peer::accept(listener);
        peer.request();
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain");
    });
    let mut own = Own::keeping();
    assert_eq!(own.ask(Request::get(server.url("/"))).status, 200);
    assert_eq!(own.counts(), (1, 0));
    let told = own.ask(Request::get(server.url("/")));
    assert_eq!(
        told.events,
        [
            "socket",
            "connected",
            "sent",
            "retry",
            "socket",
            "connected",
            "sent",
            "response",
            "data",
            "end",
            "close"
        ]
    );
    assert_eq!((&*told.text(), &*told.reused), ("again", &[true, false][..]));
    server.join();
}
