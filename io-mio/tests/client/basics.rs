//! A request and its response.

use h1wire_mio::client::Request;

use crate::own::Own;
use crate::script::Script;

#[test]
fn a_url_is_got_and_told_in_order() {
    let server = Script::answers(["HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello"]);
    let mut own = Own::new(Default::default());
    let told = own.ask(Request::get(server.url("/a?b")));
    assert_eq!(told.events, ["socket", "connected", "sent", "response", "data", "end", "close"]);
    assert_eq!((told.status, &*told.text(), told.header("x")), (200, "hello", Some("y")));
    server.join();
}

#[test]
fn a_second_request_uses_the_same_connection_and_trailers_come_after_the_content() {
    let server = Script::kept([
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nSum: 6\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
    ]);
    let mut own = Own::keeping();
    assert_eq!(own.ask(Request::get(server.url("/"))).text(), "hi");
    assert_eq!(own.counts(), (1, 0));
    let told = own.ask(Request::get(server.url("/")));
    assert_eq!((&*told.text(), &*told.reused), ("abc", &[true][..]));
    assert_eq!(told.trailers, [("Sum".into(), "6".into())]);
    let told = own.ask(Request::new("DELETE", server.url("/")));
    assert_eq!(told.events, ["socket", "connected", "sent", "response", "end", "close"]);
    drop(own);
    server.join();
}

#[test]
fn content_in_one_piece_leaves_with_the_head() {
    let server = Script::once(|peer| {
        let mut buf = [0; 4096];
        let n = std::io::Read::read(&mut peer.socket, &mut buf).unwrap();
        let text = String::from_utf8_lossy(&buf[..n]).into_owned();
        assert!(text.starts_with("POST /p HTTP/1.1\r\nHost: 127.0.0.1:"), "{text}");
        assert!(text.ends_with("\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nping"), "{text}");
        peer.send(b"HTTP/1.1 201 Created\r\nConnection: close\r\n\r\npong");
    });
    let mut own = Own::new(Default::default());
    let told = own.ask(Request::new("POST", server.url("/p")).content("ping"));
    assert_eq!((told.status, &*told.text()), (201, "pong"));
    server.join();
}
