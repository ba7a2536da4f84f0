//! One request, one response: what is sent and what is seen.

use std::io::Read;

use h1wire_std::Agent;

use crate::script::Script;

#[test]
fn a_url_is_got_in_one_line() {
    let server = Script::once(|peer| {
        assert_eq!(
            peer.request(),
            format!(
                "GET /a?b HTTP/1.1\r\nHost: {}\r\nConnection: keep-alive\r\n\r\n",
                peer.socket.local_addr().unwrap()
            )
        );
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nx-a: 2\r\n\r\nhello");
    });
    let mut response = h1wire_std::get(server.url("/a?b")).unwrap();
    assert_eq!((response.status(), &*response.reason()), (200, "OK"));
    assert_eq!(response.header("X-a").as_deref(), Some(&b"1, 2"[..]));
    assert_eq!(response.fields().nth(2), Some((&b"x-a"[..], &b"2"[..])));
    assert_eq!(response.peer_addr(), Some(server.addr));
    assert!(!response.reused_socket());
    let mut text = String::new();
    response.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    assert!(response.is_complete());
    server.join();
}

#[test]
fn a_second_request_uses_the_same_connection() {
    let server = Script::answers([
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\nX-T: t\r\n\r\n",
    ]);
    let agent = Agent::builder().keep_alive(true).build();
    let mut first = agent.get(server.url("/")).send().unwrap();
    assert_eq!(first.text().unwrap(), "a");
    assert_eq!(agent.totals().free_sockets, 1);
    let mut second = agent.get(server.url("/")).send().unwrap();
    assert!(second.reused_socket());
    assert_eq!(second.text().unwrap(), "b");
    assert_eq!(second.trailers().get("x-t"), Some(&b"t"[..]));
    server.join();
}
