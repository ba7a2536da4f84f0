//! One request, one response: what is sent and what is seen.

use std::io::{BufRead, Read};

use h1wire_std::proto::SendError;
use h1wire_std::{Agent, ErrorKind, Request};

use crate::script::Script;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

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
    assert_eq!(response.content_length(), Some(5));
    assert_eq!(response.peer_addr(), Some(server.addr));
    assert!(response.local_addr().unwrap().ip().is_loopback());
    assert!(!response.is_reused() && !response.is_complete());
    let mut text = String::new();
    response.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    assert!(response.is_complete());
    server.join();
}

#[test]
fn a_second_request_uses_the_same_connection_and_trailers_come_after_the_content() {
    let server = Script::kept([
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\nX-T: t\r\n\r\n",
    ]);
    let agent = Agent::builder().keep_alive(true).build();
    let mut first = agent.get(server.url("/")).send().unwrap();
    assert_eq!(first.text().unwrap(), "a");
    assert_eq!(agent.totals().idle, 1);
    let mut second = agent.get(server.url("/")).send().unwrap();
    assert!(second.is_reused() && second.trailers().is_empty());
    assert_eq!(second.text().unwrap(), "b");
    assert_eq!(first.bytes_received(), 39);
    assert_eq!(second.bytes_received(), 66);
    assert_eq!(first.bytes_sent(), second.bytes_sent());
    assert_eq!(second.trailers().get("x-t"), Some(&b"t"[..]));
    agent.destroy();
    server.join();
}

#[test]
fn a_response_without_content_is_complete_at_once_and_its_connection_free() {
    for answer in [
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ] {
        let server = Script::kept([answer]);
        let agent = Agent::builder().keep_alive(true).build();
        let response = agent.get(server.url("/")).send().unwrap();
        assert!(response.is_complete());
        assert_eq!(agent.totals().idle, 1);
        agent.destroy();
        server.join();
    }
    let server = Script::answers(["HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"]);
    let mut response = Request::new("HEAD", server.url("/")).one_shot().send().unwrap();
    assert_eq!((response.is_complete(), response.content_length()), (true, Some(7)), "as it was said");
    assert_eq!(response.text().unwrap(), "");
    server.join();
}

#[test]
fn an_answer_to_head_is_its_head_however_content_would_be_framed() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n";
    let server = Script::kept([
        chunked,
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        OK,
    ]);
    let agent = Agent::builder().keep_alive(true).build();
    for reused in [false, true, true] {
        let mut response = agent.request("HEAD", server.url("/")).send().unwrap();
        assert_eq!((response.text().unwrap().as_str(), response.is_reused()), ("", reused));
        assert!(response.is_complete() && response.trailers().is_empty());
    }
    let mut response = agent.get(server.url("/")).send().unwrap();
    assert_eq!((response.text().unwrap().as_str(), response.is_reused()), ("ok", true));
    agent.destroy();
    server.join();
}

#[test]
fn a_redirection_is_an_answer_like_any_other() {
    let found = "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 5\r\n\r\nthere";
    let choices =
        "HTTP/1.1 300 Multiple Choices\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: 1\r\n\r\n";
    let server = Script::kept([found, choices, "HTTP/1.1 305 Use Proxy\r\nContent-Length: 0\r\n\r\n"]);
    let agent = Agent::builder().keep_alive(true).build();
    for (status, text) in [(302, "there"), (300, "a"), (305, "")] {
        let mut response = agent.get(server.url("/here")).send().unwrap();
        assert_eq!((response.status(), response.text().unwrap().as_str()), (status, text));
    }
    drop(agent);
    server.join();
}

#[test]
fn content_until_close_ends_with_the_connection() {
    let server = Script::answers(["HTTP/1.0 200 OK\r\n\r\nall of it"]);
    let mut response = Request::get(server.url("/")).send().unwrap();
    assert_eq!(response.text().unwrap(), "all of it");
    assert!(response.is_complete());
    server.join();
}

#[test]
fn content_can_be_read_by_lines() {
    let server = Script::answers([
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\nb\r\n3\r\nc\nd\r\n0\r\n\r\n",
    ]);
    let response = Request::get(server.url("/")).one_shot().send().unwrap();
    let lines: Vec<String> = response.lines().map(Result::unwrap).collect();
    assert_eq!(lines, ["a", "bc", "d"]);
    server.join();
}

#[test]
fn content_of_any_size_arrives_whole_whatever_the_buffer_it_is_read_into() {
    let content: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
    let mut chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for piece in content.chunks(70_001) {
        chunked.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        chunked.extend_from_slice(piece);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    let mut sized = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", content.len()).into_bytes();
    sized.extend_from_slice(&content);
    let closed = [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", &content[..]].concat();
    for answer in [chunked, sized, closed] {
        for size in [1_000, 17_000, 100_000, 1_000_000] {
            let server = Script::answers([answer.clone()]);
            let mut response = Request::get(server.url("/")).one_shot().send().unwrap();
            let (mut got, mut buf) = (Vec::new(), vec![0; size]);
            loop {
                match response.read(&mut buf).unwrap() {
                    0 => break,
                    n => got.extend_from_slice(&buf[..n]),
                }
            }
            assert!(got == content, "read {size} at a time");
            assert!(response.is_complete());
            server.join();
        }
    }
}

#[test]
fn the_case_of_names_and_repeated_lines_reach_the_wire() {
    let server = Script::once(|peer| {
        let head = peer.request();
        assert!(head.contains("\r\nX-CaSe: 1\r\nx-a: 1\r\nX-A: 2\r\n"), "{head}");
        assert!(!head.contains("gone"), "{head}");
        peer.send(OK.as_bytes());
    });
    let mut request = Request::get(server.url("/"))
        .header("X-CaSe", "1")
        .append_header("x-a", "1")
        .append_header("X-A", "2")
        .header("gone", "1");
    assert!(request.headers_mut().remove("GONE") && request.headers().has("x-case"));
    assert_eq!(request.send().unwrap().text().unwrap(), "ok");
    server.join();
}

#[test]
fn what_a_request_is_can_be_asked() {
    let request = Request::new("PUT", "http://example.org:8080/a?b").path("/c");
    assert_eq!((request.method(), request.target()), ("PUT", "/c"));
    assert_eq!(
        (request.protocol(), request.host_name(), request.port_number()),
        ("http", "example.org", 8080)
    );
    assert_eq!(request.origin_name().unwrap(), "example.org:8080:");
    let secret = Request::get("http://user:pass@h/").auth("me", "word");
    assert!(!format!("{secret:?}").contains("word"), "a password is not for logs");
}

#[test]
fn what_cannot_be_sent_is_refused_before_anything_goes_out_and_comes_back() {
    let refused = |request: Request| {
        let error = request.send().unwrap_err();
        let kind = match error.kind() {
            ErrorKind::Refused(kind) => *kind,
            other => panic!("{other:?}"),
        };
        assert!(error.retry().is_safe());
        assert!(error.into_request().is_some());
        kind
    };
    let all = |agent: &Agent, url: &str| {
        let get = || agent.get(url);
        assert_eq!(refused(get().path("/a b")), SendError::BadTarget);
        assert_eq!(refused(get().path("/a\r\nb")), SendError::BadTarget);
        assert_eq!(refused(agent.request("G T", url)), SendError::BadMethod);
        assert_eq!(refused(get().header("a b", "c")), SendError::BadFieldName("a b".into()));
        assert_eq!(refused(get().header("a", "b\r\nc: d")), SendError::BadFieldValue("a".into()));
        assert_eq!(refused(get().set_host(false)), SendError::MissingHost);
    };
    let agent = Agent::builder().keep_alive(true).build();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    all(&agent, &format!("http://{}/", listener.local_addr().unwrap()));
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "nobody has connected");

    let server = Script::kept([OK; 2]);
    for reused in [false, true] {
        let mut response = agent.get(server.url("/")).send().unwrap();
        assert_eq!((response.text().unwrap().as_str(), response.is_reused()), ("ok", reused));
        all(&agent, &server.url("/"));
        assert_eq!(agent.totals().idle, 1, "the connection is as good as before");
    }
    agent.destroy();
    server.join();
}

#[test]
fn what_is_no_http_url_is_refused() {
    for url in ["", "/path", "ftp://h/", "http://", "http://h:99999/"] {
        let error = h1wire_std::get(url).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{url}: {error:?}");
    }
}

#[test]
fn content_length_zero_is_said_where_content_is_expected() {
    let server = Script::once(|peer| {
        assert!(peer.request().contains("\r\nContent-Length: 0\r\n"));
        peer.send(OK.as_bytes());
    });
    Request::new("POST", server.url("/")).one_shot().send().unwrap();
    server.join();
}

#[test]
fn a_head_and_small_content_leave_in_one_piece() {
    let server = Script::once(|peer| {
        assert!(peer.read() > 0);
        let text = String::from_utf8(peer.held.clone()).unwrap();
        assert!(text.ends_with("\r\nContent-Length: 5\r\n\r\nhello"), "{text}");
        peer.send(OK.as_bytes());
    });
    Request::new("PUT", server.url("/")).one_shot().send_bytes("hello").unwrap();
    server.join();
}

#[test]
fn a_header_section_beyond_its_limits_is_an_error() {
    use h1wire_std::proto::RecvErrorKind as Kind;
    let kind = |request: Request| match request.send().unwrap_err().kind() {
        ErrorKind::Parse(error) => error.kind(),
        other => panic!("{other:?}"),
    };
    let long = format!("HTTP/1.1 200 OK\r\nA: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(17_000));
    let server = Script::answers([long.clone()]);
    assert_eq!(kind(Request::get(server.url("/")).one_shot()), Kind::HeadTooLarge);
    server.join();
    let server = Script::answers([long]);
    let response = Request::get(server.url("/")).one_shot().max_header_size(20_000).send().unwrap();
    assert_eq!(response.header("a").unwrap().len(), 17_000);
    server.join();

    let many = format!("HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n", "a: b\r\n".repeat(50));
    let server = Script::answers([many]);
    assert_eq!(
        kind(Request::get(server.url("/")).one_shot().max_headers_count(Some(50))),
        Kind::TooManyFields
    );
    server.join();
}

#[test]
fn leniencies_hold_for_one_request_only_also_on_a_shared_connection() {
    let server = Script::answers([
        "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    ]);
    let agent = Agent::builder().keep_alive(true).build();
    let mut first = agent.get(server.url("/")).insecure_http_parser(true).send().unwrap();
    assert_eq!(first.text().unwrap(), "ok");
    let error = agent.get(server.url("/")).send().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Parse(_)), "{error:?}");
    server.join();
}
