//! Each rule of forwarding, on messages as short as they can be.

mod forwarded;

use super::*;
use crate::{BodyKind, BodyLen, Expect, FieldSource, Headers};

fn fields(lines: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    headers.append_all(lines).unwrap();
    headers
}

fn head<'a>(method: &'a str, target: &'a str, fields: &'a Headers) -> RequestHead<'a, 'a> {
    RequestHead {
        method: method.into(),
        target: target.as_bytes(),
        version: Version::Http11,
        minor: 1,
        fields: fields.as_fields(),
        body: BodyKind::None,
        expect: Expect::None,
        keep_alive: true,
        upgrade: false,
    }
}

fn answer<'a>(status: u16, body: BodyKind, fields: &'a Headers) -> ResponseHead<'a, 'a> {
    let fields = fields.as_fields();
    let version = Version::Http11;
    ResponseHead { status, reason: b"", version, minor: 1, fields, body, keep_alive: true, switched: false }
}

fn edge() -> Forwarding {
    Forwarding::new("edge").unwrap()
}

fn wire<F: FieldSource>(fields: &F) -> String {
    let line = |(n, v): (&[u8], &[u8])| format!("{}: {}\n", n.escape_ascii(), v.escape_ascii());
    fields.fields().map(line).collect()
}

/// Target and fields of what is sent on.
fn sent(policy: &Forwarding, head: &RequestHead<'_, '_>) -> Result<(String, String), NotForwarded> {
    let sent = policy.request(head)?;
    Ok((sent.target().escape_ascii().to_string(), wire(&sent)))
}

#[test]
fn fields_of_the_connection_stay_and_all_others_go_on_in_order() {
    let received = fields(&[
        ("A", "1"),
        ("Connection", "close, x-own,, \"q\""),
        ("X-Own", "1"),
        ("Host", "h"),
        ("connection", "X-Other"),
        ("Proxy-Connection", "keep-alive"),
        ("Keep-Alive", "timeout=5"),
        ("TE", "trailers"),
        ("Upgrade", "websocket"),
        ("Content-Length", "3"),
        ("Proxy-Authorization", "Basic eA=="),
        ("Proxy-Authenticate", "Basic"),
        ("Proxy-Authentication-Info", "x"),
        ("x-OTHER", "2"),
        ("a", "2"),
        ("X-Unknown", "3"),
    ]);
    let (_, lines) = sent(&edge(), &head("GET", "/", &received)).unwrap();
    assert_eq!(lines, "Host: h\nA: 1\na: 2\nX-Unknown: 3\nVia: 1.1 edge\n");
    let lines = wire(&edge().response(&answer(200, BodyKind::Length(3), &received)).unwrap());
    assert_eq!(lines, "A: 1\nHost: h\na: 2\nX-Unknown: 3\nVia: 1.1 edge\n");
}

/// The machine finds `close` between any two commas, and so does whoever came before it: a quote, which has no place in
/// `Connection`, hides nothing.
#[test]
fn a_quote_in_connection_hides_no_option_behind_it() {
    for connection in ["\"x, X-Own", "\"x, X-Own, y\"", "\\\"x\", X-Own", "close, \", X-Own, \""] {
        let received = fields(&[("Host", "h"), ("Connection", connection), ("X-Own", "1"), ("A", "1")]);
        let (_, lines) = sent(&edge(), &head("GET", "/", &received)).unwrap();
        assert_eq!(lines, "Host: h\nA: 1\nVia: 1.1 edge\n", "{connection}");
    }
}

#[test]
fn whatever_connection_names_a_message_keeps_its_framing_and_its_host() {
    let received = fields(&[
        ("Host", "h"),
        ("Connection", "Content-Length, Transfer-Encoding, Host"),
        ("Content-Length", "5"),
    ]);
    let request = RequestHead { body: BodyKind::Length(5), ..head("POST", "/", &received) };
    let policy = edge();
    let sent = policy.request(&request).unwrap();
    assert_eq!(sent.body_len(), BodyLen::Exact(5));
    assert_eq!(wire(&sent), "Host: h\nVia: 1.1 edge\n");
}

#[test]
fn the_length_is_rebuilt_from_the_type_and_never_copied() {
    let none = fields(&[]);
    let lied = fields(&[("Content-Length", "7")]);
    for (body, len) in [
        (BodyKind::None, BodyLen::None),
        (BodyKind::Length(0), BodyLen::Exact(0)),
        (BodyKind::Length(9), BodyLen::Exact(9)),
        (BodyKind::Chunked, BodyLen::Unknown),
    ] {
        let request = RequestHead { body, ..head("POST", "/", &lied) };
        assert_eq!(edge().request(&request).unwrap().body_len(), len);
    }
    fn response(status: u16, body: BodyKind, fields: &Headers) -> BodyLen {
        edge().response(&answer(status, body, fields)).unwrap().body_len()
    }
    assert_eq!(response(200, BodyKind::UntilClose, &lied), BodyLen::Unknown);
    assert_eq!(response(200, BodyKind::Length(9), &lied), BodyLen::Exact(9));
    assert_eq!(response(304, BodyKind::None, &lied), BodyLen::Exact(7), "what a 200 would have");
    assert_eq!(response(200, BodyKind::None, &lied), BodyLen::Exact(7), "the answer to HEAD");
    assert_eq!(response(200, BodyKind::None, &none), BodyLen::None);
    assert_eq!(response(204, BodyKind::None, &lied), BodyLen::None);
    assert_eq!(response(103, BodyKind::None, &lied), BodyLen::None);
    for bad in [&[("Content-Length", "7"), ("content-length", "7")][..], &[("Content-Length", "+7")]] {
        assert_eq!(response(200, BodyKind::None, &fields(bad)), BodyLen::None);
    }
    let switched = ResponseHead { switched: true, ..answer(200, BodyKind::None, &lied) };
    assert_eq!(edge().response(&switched).unwrap().body_len(), BodyLen::None);
}

#[test]
fn a_transfer_coding_below_chunked_is_not_dropped_silently() {
    let (chunked, gzip) = (
        fields(&[("Transfer-Encoding", "Chunked")]),
        fields(&[("Transfer-Encoding", "gzip"), ("Transfer-Encoding", "chunked")]),
    );
    let post = |fields| RequestHead { body: BodyKind::Chunked, ..head("POST", "/", fields) };
    assert_eq!(sent(&edge(), &post(&chunked)).unwrap().1, "Host: \nVia: 1.1 edge\n");
    let error = sent(&edge(), &post(&gzip)).unwrap_err();
    assert_eq!((error, error.status()), (NotForwarded::TransferCoding, Some(501)));
    assert!(edge().response(&answer(200, BodyKind::Chunked, &gzip)).is_err());
}

#[test]
fn an_absolute_target_becomes_a_path_and_its_authority_the_only_host() {
    let received = fields(&[("Host", "other"), ("host", "another"), ("A", "1")]);
    for (method, target, path, host) in [
        ("GET", "http://b:81/x?y", "/x?y", "b:81"),
        ("GET", "http://b", "/", "b"),
        ("GET", "http://b?q", "/?q", "b"),
        ("GET", "http://u:p@b/", "/", "b"),
        ("GET", "http://[::1]:8080//a", "//a", "[::1]:8080"),
        ("OPTIONS", "http://b", "*", "b"),
        ("OPTIONS", "http://b:8001", "*", "b:8001"),
        ("OPTIONS", "http://b/", "/", "b"),
        ("OPTIONS", "http://b?q", "/?q", "b"),
        ("OPTIONS", "*", "*", "other"),
        ("GET", "/x", "/x", "other"),
    ] {
        let (target, lines) = sent(&edge(), &head(method, target, &received)).unwrap();
        assert_eq!(target, path);
        assert_eq!(lines, format!("Host: {host}\nA: 1\nVia: 1.1 edge\n"), "{method} {target}");
    }
    let policy = edge();
    let scheme =
        |target| policy.request(&head("GET", target, &received)).unwrap().scheme().map(<[u8]>::to_vec);
    assert_eq!(
        scheme("HTTPS://b/").as_deref(),
        Some(&b"HTTPS"[..]),
        "no origin is told, but who connects to it is"
    );
    assert_eq!(scheme("/x"), None);
    let hidden = head("GET", "/x", &received);
    assert_eq!(
        wire(&policy.request(&hidden).unwrap().with_host(b"inner:1")),
        "Host: inner:1\nA: 1\nVia: 1.1 edge\n"
    );
}

#[test]
fn another_proxy_is_sent_an_absolute_target_without_user_and_password() {
    let policy = edge().next_hop(NextHop::Proxy { scheme: "https" });
    let received = fields(&[("Host", "h:1")]);
    for (method, target, next, host) in [
        ("GET", "http://b/x", "http://b/x", "b"),
        ("GET", "http://u:p@b:2?q", "http://b:2?q", "b:2"),
        ("OPTIONS", "http://b", "http://b", "b"),
        ("OPTIONS", "*", "https://h:1", "h:1"),
        ("GET", "/x?y", "https://h:1/x?y", "h:1"),
        ("CONNECT", "c:443", "c:443", "c:443"),
    ] {
        let (target, lines) = sent(&policy, &head(method, target, &received)).unwrap();
        assert_eq!((target.as_str(), lines), (next, format!("Host: {host}\nVia: 1.1 edge\n")));
    }
    assert_eq!(sent(&policy, &head("GET", "/", &fields(&[]))), Err(NotForwarded::BadTarget));
}

#[test]
fn what_cannot_be_sent_to_an_origin_is_answered_here() {
    let received = fields(&[("Host", "h")]);
    for (method, target, error) in [
        ("CONNECT", "h:443", NotForwarded::Tunnel),
        ("GET", "*", NotForwarded::BadTarget),
        ("GET", "http:///", NotForwarded::BadTarget),
        ("GET", "file:///etc", NotForwarded::BadTarget),
        ("GET", "urn:x", NotForwarded::BadTarget),
    ] {
        assert_eq!(sent(&edge(), &head(method, target, &received)), Err(error), "{method} {target}");
    }
}

#[test]
fn max_forwards_counts_down_with_options_and_trace_only() {
    let after = |method, values: &[&str]| {
        let lines: Vec<_> = values.iter().map(|v| ("Max-Forwards", *v)).collect();
        let lines = sent(&edge(), &head(method, "/", &fields(&lines)))?.1;
        Ok(lines
            .lines()
            .filter_map(|l| l.strip_prefix("Max-Forwards: "))
            .map(str::to_owned)
            .collect::<Vec<_>>())
    };
    for method in ["OPTIONS", "TRACE"] {
        assert_eq!(after(method, &["10"]).unwrap(), ["9"]);
        assert_eq!(after(method, &["1"]).unwrap(), ["0"]);
        assert_eq!(after(method, &["99999999999999999999999"]).unwrap(), ["18446744073709551614"]);
        assert_eq!(after(method, &["7", "3"]).unwrap(), ["2"], "one line, from the least");
        assert_eq!(after(method, &["x", ""]).unwrap(), ["x", ""]);
        assert_eq!(after(method, &[]).unwrap(), [""; 0]);
        for zero in [&["0"][..], &["00"], &["5", "0"]] {
            assert_eq!(after(method, zero), Err(NotForwarded::FinalRecipient));
        }
    }
    assert_eq!(after("GET", &["0"]).unwrap(), ["0"]);
}

#[test]
fn via_gets_a_member_with_the_received_version_behind_all_others() {
    let received = fields(&[("Via", "1.0 fred"), ("Host", "h")]);
    let old = RequestHead { version: Version::Http10, ..head("GET", "/", &received) };
    assert_eq!(sent(&edge(), &old).unwrap().1, "Host: h\nVia: 1.0 fred\nVia: 1.0 edge\n");
    for name in ["edge", "p.example:8080", "[::1]:80", "fred!"] {
        assert!(Forwarding::new(name).is_ok(), "{name}");
    }
    for name in ["", "a b", "a,b", "a(b", "a:1)", "x\r\n", "a/b"] {
        assert_eq!(Forwarding::new(name).unwrap_err(), SendError::BadFieldValue("Via".into()), "{name}");
    }
}

#[test]
fn a_request_that_was_here_before_is_found_by_its_via() {
    let was_here = |via: &[&str]| {
        let lines: Vec<_> = via.iter().map(|v| ("via", *v)).collect();
        edge().is_loop(&fields(&lines).as_fields())
    };
    assert!(was_here(&["1.1 edge"]));
    assert!(was_here(&["1.0 a, HTTP/1.1\tEDGE (x, y) , 1.1 b"]));
    assert!(was_here(&["1.1 a", "1.0  edge"]));
    assert!(!was_here(&["1.1 a (1.1 edge, edge), 1.1 edges, edge 1.1"]));
    assert!(!was_here(&["edge", "", "1.1 a edge"]));
    let received = fields(&[("Via", "1.1 edge")]);
    let error = sent(&edge(), &head("GET", "/", &received)).unwrap_err();
    assert_eq!((error, error.status()), (NotForwarded::Loop, Some(508)));
    assert!(
        edge().response(&answer(200, BodyKind::None, &received)).is_ok(),
        "a response comes the same way back"
    );
}

#[test]
fn an_expectation_goes_on_only_with_content() {
    let received = fields(&[("Host", "h"), ("Expect", "100-continue")]);
    let with =
        RequestHead { body: BodyKind::Chunked, expect: Expect::Continue, ..head("POST", "/", &received) };
    assert_eq!(sent(&edge(), &with).unwrap().1, "Host: h\nExpect: 100-continue\nVia: 1.1 edge\n");
    let without = head("GET", "/", &received);
    assert_eq!(sent(&edge(), &without).unwrap().1, "Host: h\nVia: 1.1 edge\n");
}

#[test]
fn upgrade_and_proxy_authentication_go_on_where_the_policy_says_so() {
    let received = fields(&[
        ("Host", "h"),
        ("Connection", "upgrade"),
        ("Upgrade", "websocket"),
        ("Proxy-Authorization", "x"),
        ("Proxy-Authenticate", "y"),
    ]);
    let policy = edge().keep_upgrade(true).keep_proxy_authentication(true);
    let offer = RequestHead { upgrade: true, ..head("GET", "/", &received) };
    let kept = "Proxy-Authorization: x\nProxy-Authenticate: y\nVia: 1.1 edge\n";
    // Named by `Connection`, `Upgrade` goes on as the next connection's own.
    assert_eq!(sent(&policy, &offer).unwrap().1, format!("Host: h\nUpgrade: websocket\n{kept}"));
    assert_eq!(sent(&policy, &head("GET", "/", &received)).unwrap().1, format!("Host: h\n{kept}"));
    let named = fields(&[("Host", "h"), ("Connection", "Proxy-Authorization"), ("Proxy-Authorization", "x")]);
    assert_eq!(sent(&policy, &head("GET", "/", &named)).unwrap().1, "Host: h\nVia: 1.1 edge\n");
}

#[test]
fn a_426_keeps_the_field_that_says_which_protocol_is_required() {
    let received = fields(&[("Connection", "upgrade"), ("Upgrade", "TLS/1.0, HTTP/1.1"), ("A", "1")]);
    let policy = edge();
    let kept = policy.response(&answer(426, BodyKind::None, &received)).unwrap();
    assert_eq!(wire(&kept), "Upgrade: TLS/1.0, HTTP/1.1\nA: 1\nVia: 1.1 edge\n");
    let left = policy.response(&answer(400, BodyKind::None, &received)).unwrap();
    assert_eq!(wire(&left), "A: 1\nVia: 1.1 edge\n");
}

#[test]
fn trailers_leave_behind_what_the_head_named() {
    let received = fields(&[("Connection", "X-Sum")]);
    let trailers = fields(&[("x-sum", "1"), ("Digest", "2"), ("Keep-Alive", "x"), ("Content-Length", "1")]);
    let kept = edge().trailers(&received.as_fields(), &trailers.as_fields()).iter().count();
    assert_eq!(kept, 1);
    assert_eq!(wire(&edge().trailers(&received.as_fields(), &trailers.as_fields())), "Digest: 2\n");
}

#[test]
fn an_option_is_found_among_any_number_of_options() {
    let mut received = Headers::new();
    for i in 0..2000 {
        received.append(format!("x{i}"), "").unwrap();
        received.append("Connection", format!("y{i}, x{}", 2 * i)).unwrap();
    }
    let hop = HopByHop::of(&received.as_fields());
    let kept = EndToEnd::new(hop, received.as_fields()).iter().count();
    assert_eq!(kept, 1000, "the odd ones");
}

/// RFC 9110 section 10.1.1: an expectation we do not know is the next server's to refuse.
#[test]
fn an_expectation_that_is_not_100_continue_goes_on_with_content_or_without() {
    let lines = |expect: &[(&str, &str)], body| {
        let received = fields(&[&[("Host", "h")], expect].concat());
        let request = RequestHead { body, expect: Expect::Other, ..head("POST", "/", &received) };
        let policy = edge();
        let sent = policy.request(&request).unwrap();
        let mut out = Vec::new();
        let mut origin = crate::Conn::<crate::Client>::new(&crate::ClientConfig::default());
        origin.request(sent.method(), sent.target(), &sent, sent.body_len(), &mut out).unwrap();
        wire(&sent)
    };
    for body in [BodyKind::None, BodyKind::Length(3), BodyKind::Chunked] {
        assert_eq!(lines(&[("Expect", "x")], body), "Host: h\nExpect: x\nVia: 1.1 edge\n");
    }
    let both = [("Expect", "100-continue"), ("Expect", "x")];
    assert_eq!(
        lines(&both, BodyKind::None),
        "Host: h\nExpect: x\nVia: 1.1 edge\n",
        "there is nothing to wait with"
    );
    assert_eq!(
        lines(&both, BodyKind::Length(3)),
        "Host: h\nExpect: 100-continue\nExpect: x\nVia: 1.1 edge\n"
    );
}
