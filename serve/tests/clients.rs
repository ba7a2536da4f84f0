//! What ordinary and other clients say to a file server, and what they hear.

mod common;

use std::io::{Read, Write};

use common::{Answer, Site};

#[test]
fn head_has_the_fields_of_get_and_no_content() {
    let site = Site::new("head");
    for target in ["/a.txt", "/", "/nothing", "/sub%20dir"] {
        let (get, head) = (site.get(target, ""), site.ask("HEAD", target, ""));
        assert_eq!((head.status, head.names()), (get.status, get.names()), "{target}");
        assert_eq!(head.field("content-length"), get.field("content-length"), "{target}");
        assert!(head.content.is_empty());
    }
}

#[test]
fn absolute_form_and_a_query_name_the_same_file() {
    let site = Site::new("forms");
    for target in [
        "http://a/a.txt",
        "HTTP://other:81/a.txt?x",
        "https://a/a.txt",
        "/a.txt?",
        "/a.txt?/../x",
        "/%61.txt",
    ] {
        assert_eq!(site.get(target, "").text(), "0123456789", "{target}");
    }
    for target in ["http://a", "http://a?x", "http://a/"] {
        assert_eq!(site.get(target, "").status, 200, "{target}");
    }
}

#[test]
fn other_methods_are_refused_by_what_is_allowed() {
    let site = Site::new("methods");
    for (method, status) in [
        ("POST", 405),
        ("PUT", 405),
        ("DELETE", 405),
        ("PATCH", 405),
        ("TRACE", 405),
        ("PROPFIND", 405),
        // RFC 9110 section 9.1.
        ("BREW", 501),
        ("get", 501),
        ("OPTIONS", 204),
    ] {
        let got = site.ask(method, "/a.txt", if method == "TRACE" { "" } else { "Content-Length: 0\r\n" });
        assert_eq!((got.status, got.expect("allow")), (status, "GET, HEAD, OPTIONS"), "{method}");
        assert!(got.field("etag").is_none() && got.content.is_empty());
    }
    assert_eq!(site.ask("OPTIONS", "*", "").status, 204);
    assert_eq!(site.ask("POST", "/nothing", "Content-Length: 3\r\n\r\nabc").status, 405);
}

#[test]
fn a_client_of_http_1_0_and_one_that_closes_are_answered_and_left() {
    let site = Site::new("last");
    for request in [
        "GET /a.txt HTTP/1.0\r\n\r\n",
        "GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n",
    ] {
        let got = Answer::parse(&site.said(request));
        assert_eq!((got.status, got.text()), (200, "0123456789"), "{request}");
    }
}

#[test]
fn an_offer_of_another_protocol_is_an_ordinary_request() {
    let site = Site::new("h2c");
    let offer = "GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n";
    let last = "GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let said = String::from_utf8(site.said(offer.to_owned() + last)).unwrap();
    assert_eq!(
        (said.matches("HTTP/1.1 200 OK").count(), said.matches("0123456789").count()),
        (2, 2),
        "{said}"
    );
}

#[test]
fn content_is_not_asked_for_and_does_no_harm() {
    let site = Site::new("content");
    let got = site.get("/a.txt", "Content-Length: 3\r\nConnection: close\r\n\r\nabc");
    assert_eq!((got.status, got.text()), (200, "0123456789"));
    // Nobody is told to send it.
    let said = site.said("PUT /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(Answer::parse(&said).status, 405, "{}", said.escape_ascii());
    let empty =
        "GET /a.txt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n";
    assert_eq!(Answer::parse(&site.said(empty)).text(), "0123456789");
    // Content of a request that is refused is no request.
    let smuggled = "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";
    let post =
        format!("POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{smuggled}", smuggled.len());
    let last = "GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let said = String::from_utf8(site.said(post + last)).unwrap();
    assert!(!said.contains("0123456789") && said.contains("405 ") && said.contains("404 "), "{said}");
}

#[test]
fn a_client_that_leaves_in_the_middle_harms_nobody() {
    let site = Site::new("leaves");
    site.write("large", vec![b'x'; 8 << 20]);
    for request in [
        "GET /large HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /lar",
        "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
    ] {
        let mut client = site.client();
        client.write_all(request.as_bytes()).unwrap();
        if request.ends_with("\r\n\r\n") {
            client.read_exact(&mut [0; 1000]).unwrap();
        }
        drop(client);
    }
    assert_eq!(site.get("/a.txt", "").text(), "0123456789");
}
