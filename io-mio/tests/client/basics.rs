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

#[test]
fn an_answer_to_head_is_its_head_and_content_until_close_ends_with_the_connection() {
    let server = Script::answers([
        "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nall of it",
    ]);
    let mut own = Own::keeping();
    let told = own.ask(Request::new("HEAD", server.url("/")));
    assert_eq!((told.status, told.header("content-length"), &*told.text()), (200, Some("500"), ""));
    assert_eq!(own.counts(), (1, 0));
    let told = own.ask(Request::get(server.url("/")));
    assert_eq!((&*told.reused, &*told.text(), own.counts()), (&[true][..], "all of it", (0, 0)));
    server.join();
}

#[test]
fn content_of_any_size_arrives_whole() {
    for size in [1, 4096, 65_535, 65_536, 65_537, 3_000_000] {
        for chunked in [false, true] {
            let content: Vec<u8> = (0..size).map(|n: usize| (n % 253) as u8).collect();
            let sent = content.clone();
            let server = Script::once(move |peer| {
                peer.request();
                if !chunked {
                    peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n").as_bytes());
                    return peer.send(&sent);
                }
                peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                for piece in sent.chunks(70_000) {
                    peer.send(format!("{:x}\r\n", piece.len()).as_bytes());
                    peer.send(piece);
                    peer.send(b"\r\n");
                }
                peer.send(b"0\r\n\r\n");
            });
            let told = Own::keeping().ask(Request::get(server.url("/")));
            assert!(told.content == content, "{size} {chunked}");
            server.join();
        }
    }
}

#[test]
fn limits_and_leniencies_hold_for_one_request_only_also_on_a_shared_connection() {
    const BARE: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";
    let server = Script::answers([BARE, BARE]);
    let mut own = Own::keeping();
    assert_eq!(own.ask(Request::get(server.url("/")).insecure_http_parser(true)).text(), "ok");
    let told = own.ask(Request::get(server.url("/")));
    assert!(told.failed().starts_with("Some(Parse("), "{told:?}");
    server.join();
    let server = Script::answers(["HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\nContent-Length: 0\r\n\r\n"; 2]);
    let mut own = Own::keeping();
    assert_eq!(own.ask(Request::get(server.url("/"))).status, 200);
    let told = own.ask(Request::get(server.url("/")).max_headers_count(Some(2)));
    assert!(told.failed().starts_with("Some(Parse("), "{told:?}");
    server.join();
    let server = Script::answers([format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "x".repeat(300))]);
    let told = Own::keeping().ask(Request::get(server.url("/")).max_header_size(200));
    assert!(told.failed().starts_with("Some(Parse("), "{told:?}");
    server.join();
}

#[test]
fn the_case_of_names_and_repeated_lines_reach_the_wire() {
    let (tell, told) = std::sync::mpsc::channel();
    let server = Script::once(move |peer| {
        tell.send(peer.request()).unwrap();
        peer.send(b"HTTP/1.1 204 No Content\r\n\r\n");
    });
    let request = Request::get(server.url("/")).header("X-MiXed", "1").append_header("X-MiXed", "2");
    Own::keeping().ask(request.header("one", "a").header("ONE", "b"));
    let head = told.recv().unwrap();
    assert!(head.contains("\r\nX-MiXed: 1\r\nX-MiXed: 2\r\n"), "{head}");
    assert!(head.contains("\r\nONE: b\r\n") && !head.contains("one:"), "{head}");
    server.join();
}
