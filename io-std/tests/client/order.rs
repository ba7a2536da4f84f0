//! The order of events, as the observer hears them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use h1wire_std::{Agent, Event, Request};
use socket2::{Domain, Socket, Type};

use crate::script::{PATIENCE, Script, eventually};

/// What an observer heard.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn observe(&self, request: Request) -> Request {
        let heard = self.0.clone();
        request.observe(move |event| {
            let name = match event {
                Event::Connected { reused, .. } => format!("connected {reused}"),
                Event::Informational(head) => format!("informational {}", head.status),
                Event::Response(head) => format!("response {}", head.status),
                Event::Data(data) => format!("data {}", data.len()),
                Event::Timeout(timeout) => format!("timeout {timeout:?}"),
                Event::Error(kind) => format!("error: {kind}"),
                other => format!("{other:?}").to_lowercase(),
            };
            heard.lock().unwrap().push(name);
        })
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[test]
fn success_is_socket_response_data_end_close() {
    let server = Script::answers(["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"]);
    let heard = Heard::default();
    let mut response = heard.observe(Request::get(server.url("/")).one_shot()).send().unwrap();
    let mut some = [0; 3];
    response.read_exact(&mut some).unwrap();
    response.read_to_end(&mut Vec::new()).unwrap();
    drop(response);
    let expected = ["socket", "connected false", "sent", "response 200", "data 3", "data 2", "end", "close"];
    assert_eq!(heard.all(), expected);
    server.join();
}

#[test]
fn a_response_without_content_ends_and_closes_as_well() {
    let server = Script::answers(["HTTP/1.1 204 No Content\r\n\r\n"]);
    let heard = Heard::default();
    heard.observe(Request::get(server.url("/")).one_shot()).send().unwrap();
    assert_eq!(heard.all(), ["socket", "connected false", "sent", "response 204", "end", "close"]);
    server.join();
}

#[test]
fn a_connection_error_is_socket_error_close() {
    let heard = Heard::default();
    let agent = Agent::builder().create_connection(|_| Err("no".into())).build();
    heard.observe(agent.get("http://h/")).send().unwrap_err();
    assert_eq!(heard.all(), ["socket", "error: no connection from the hook: no", "close"]);
    // And over a real socket, where nobody listens.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let heard = Heard::default();
    heard.observe(Request::get(format!("http://{nobody}/")).one_shot()).send().unwrap_err();
    let all = heard.all();
    assert!(all.len() == 3 && all[1].starts_with("error: "), "{all:?}");
    assert_eq!([&*all[0], &*all[2]], ["socket", "close"]);
}

/// An address that is listened at and never answers: the one place in its queue is taken.
fn silent_address() -> (Socket, TcpStream, SocketAddr) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let addr = listener.local_addr().unwrap().as_socket().unwrap();
    let first = TcpStream::connect(addr).unwrap();
    (listener, first, addr)
}

#[test]
fn an_abort_while_a_socket_is_connecting_is_socket_abort_error_close() {
    let (_listener, _first, addr) = silent_address();
    let heard = Heard::default();
    let mut request = heard.observe(Request::get(format!("http://{addr}/")).one_shot());
    let abort = request.abort_handle();
    let thread = thread::spawn(move || request.send().unwrap_err());
    eventually(|| heard.all() == ["socket"]);
    abort.abort();
    assert!(thread.join().unwrap().is_aborted());
    assert_eq!(heard.all(), ["socket", "abort", "error: the request was aborted (socket hang up)", "close"]);
}

#[test]
fn an_abort_before_the_connection_is_socket_abort_error_close() {
    let (go, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let agent = Agent::builder()
        .create_connection(move |_| {
            let _ = wait.lock().unwrap().recv_timeout(PATIENCE);
            Err("too late".into())
        })
        .build();
    let heard = Heard::default();
    let mut request = heard.observe(agent.get("http://h/"));
    let abort = request.abort_handle();
    let thread = thread::spawn(move || request.send().unwrap_err());
    eventually(|| heard.all() == ["socket"]);
    abort.abort();
    assert!(thread.join().unwrap().is_aborted());
    assert_eq!(heard.all(), ["socket", "abort", "error: the request was aborted (socket hang up)", "close"]);
    go.send(()).unwrap();
}

#[test]
fn an_abort_during_the_response_is_abort_aborted_close_end_close() {
    for by_handle in [false, true] {
        let server = Script::once(|peer| {
            peer.request();
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
            assert_eq!(peer.end(), b"");
        });
        let heard = Heard::default();
        let mut request = heard.observe(Request::get(server.url("/")).one_shot());
        let abort = request.abort_handle();
        let mut response = request.send().unwrap();
        response.read_exact(&mut [0; 5]).unwrap();
        if by_handle {
            abort.abort();
            response.read(&mut [0; 5]).unwrap_err();
        } else {
            response.abort();
        }
        drop(response);
        assert_eq!(heard.all()[..5], ["socket", "connected false", "sent", "response 200", "data 5"]);
        assert_eq!(heard.all()[5..], ["abort", "aborted", "close", "end", "responseclose"]);
        server.join();
    }
}

#[test]
fn a_response_that_is_cut_off_is_error_aborted_close_end_close() {
    let server = Script::answers(["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"]);
    let heard = Heard::default();
    let mut response = heard.observe(Request::get(server.url("/")).one_shot()).send().unwrap();
    response.read_to_end(&mut Vec::new()).unwrap_err();
    assert!(!response.is_complete());
    let all = heard.all();
    assert!(all[5].starts_with("error: the server hung up"), "{all:?}");
    assert_eq!(all[6..], ["aborted", "close", "end", "responseclose"]);
    server.join();
}

#[test]
fn interim_responses_come_before_the_response() {
    let server = Script::answers([
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n\
         HTTP/1.1 204 No Content\r\n\r\n",
    ]);
    let heard = Heard::default();
    heard.observe(Request::get(server.url("/")).one_shot()).send().unwrap();
    let expected =
        ["informational 100", "informational 102", "informational 103", "response 204", "end", "close"];
    assert_eq!(heard.all()[3..], expected);
    server.join();
}

#[test]
fn a_timeout_that_only_notifies_is_a_timeout_and_nothing_else() {
    let heard = Heard::default();
    let told = heard.clone();
    let server = Script::once(move |peer| {
        peer.request();
        eventually(|| told.all().last().is_some_and(|last| last == "timeout Idle"));
        peer.send(b"HTTP/1.1 204 No Content\r\n\r\n");
    });
    let request = Request::get(server.url("/")).one_shot();
    let request = request.timeout(Duration::from_millis(20)).timeout_notifies(true);
    heard.observe(request).send().unwrap();
    let expected = ["socket", "connected false", "sent", "timeout Idle", "response 204", "end", "close"];
    assert_eq!(heard.all(), expected);
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
        peer.socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    });
    let agent = Agent::builder().keep_alive(true).build();
    agent.get(server.url("/")).send().unwrap();
    let heard = Heard::default();
    heard.observe(agent.get(server.url("/"))).send().unwrap();
    let first = ["socket", "connected true", "sent", "retry"];
    assert_eq!(heard.all()[..4], first);
    assert_eq!(heard.all()[4..], ["socket", "connected false", "sent", "response 204", "end", "close"]);
    server.join();
}
