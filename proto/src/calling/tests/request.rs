//! What a request is on the wire, and which connections it may share.

use crate::ClientConfig;
use crate::calling::*;
use crate::pool::Family;
use crate::{BodyLen, Client, Conn, Headers, SendError};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

fn sent(request: &Request<'_>, length: BodyLen) -> Result<String, SendError> {
    let mut out = Vec::new();
    request.encode(&mut Conn::<Client>::new(&ClientConfig::default()), length, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

fn headers(fields: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in fields {
        headers.append(name, value).unwrap();
    }
    headers
}

fn host(url: &Url<'_>) -> String {
    let mut out = Vec::new();
    url.put_host(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn the_usual_port_is_left_out_of_host_and_an_ipv6_address_has_brackets_and_no_zone() {
    let url = Url { host: "h", ..Url::default() };
    assert_eq!(host(&url), "h");
    assert_eq!(host(&Url { https: true, port: Some(80), ..url }), "h:80");
    for port in [0, 1, 9, 10, 99, 100, 8080, 65535] {
        assert_eq!(host(&Url { port: Some(port), ..url }), format!("h:{port}"));
    }
    assert_eq!(host(&Url { default_port: Some(8080), ..url }), "h");
    assert_eq!(host(&Url { host: "fe80::1%eth0", port: Some(81), ..url }), "[fe80::1]:81");
    let mut authority = Vec::new();
    Url { https: true, host: "::1", ..url }.put_authority(&mut authority);
    assert_eq!(authority, b"[::1]:443");
}

#[test]
fn fields_that_are_added_stand_around_the_users_and_give_way_to_them() {
    let url_user = Credentials::new("u", "p");
    let url = Url { host: "h", credentials: Some(&url_user), ..Url::default() };
    let none = headers(&[]);
    let request = Request { persistence: Some("close"), ..Request::new("GET", url, &none) };
    assert_eq!(
        sent(&request, BodyLen::None).unwrap(),
        "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Basic dTpw\r\nConnection: close\r\n\r\n"
    );
    let own = headers(&[("host", "x"), ("authorization", "y"), ("connection", "keep-alive"), ("A", "1")]);
    let request = Request { headers: &own, ..request };
    assert_eq!(
        sent(&request, BodyLen::None).unwrap(),
        "GET / HTTP/1.1\r\nhost: x\r\nauthorization: y\r\nconnection: keep-alive\r\nA: 1\r\n\r\n"
    );
    let bare = Request { default_fields: false, ..Request { headers: &none, ..request } };
    assert_eq!(sent(&bare, BodyLen::None), Err(SendError::MissingHost));
}

#[test]
fn fields_of_the_agent_are_sent_unless_the_request_has_its_own() {
    let (own, common) = (headers(&[("User-Agent", "me")]), headers(&[("user-agent", "it"), ("X", "1")]));
    let url = Url { host: "h", ..Url::default() };
    let request = Request { common: Some(&common), ..Request::new("GET", url, &own) };
    let wanted = "GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: me\r\nX: 1\r\n\r\n";
    assert_eq!(sent(&request, BodyLen::None).unwrap(), wanted);
}

#[test]
fn fields_that_frame_content_are_the_machines() {
    let own = headers(&[("Content-Length", "7"), ("Transfer-Encoding", "chunked")]);
    let request = Request::new("PUT", Url { host: "h", ..Url::default() }, &own);
    assert_eq!(request.declared_length(), Ok(BodyLen::Exact(7)));
    assert_eq!(
        sent(&request, BodyLen::Exact(2)).unwrap(),
        "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n"
    );
    for bad in ["", "x", "+1", "1,1", "18446744073709551616"] {
        let own = headers(&[("content-length", bad)]);
        let request = Request { headers: &own, ..request };
        assert_eq!(
            request.declared_length(),
            Err(SendError::ReservedField("Content-Length".into())),
            "{bad}"
        );
    }
    let gzip = headers(&[("Transfer-Encoding", "gzip")]);
    assert!(sent(&Request { headers: &gzip, ..request }, BodyLen::None).is_err(), "not hidden");
}

#[test]
fn a_proxy_that_forwards_gets_the_absolute_form_and_credentials() {
    let (proxy, none) = (Proxy::parse("http://u:p@proxy:3128").unwrap(), headers(&[]));
    let url = Url { host: "h", port: Some(81), target: "/a?b", ..Url::default() };
    let request = Request { route: Route::Forward(&proxy), ..Request::new("GET", url, &none) };
    assert_eq!(
        sent(&request, BodyLen::None).unwrap(),
        "GET http://h:81/a?b HTTP/1.1\r\nHost: h:81\r\nProxy-Authorization: Basic dTpw\r\n\r\n"
    );
    let all = Request { method: "OPTIONS", url: Url { target: "*", ..url }, ..request };
    assert!(sent(&all, BodyLen::None).unwrap().starts_with("OPTIONS http://h:81 HTTP/1.1\r\n"));
    let full = Request { url: Url { target: "http://other/", ..url }, ..request };
    assert!(sent(&full, BodyLen::None).unwrap().starts_with("GET http://other/ "));
}

#[test]
fn a_tunnel_is_asked_for_with_host_and_port() {
    let url = Url { https: true, host: "h", ..Url::default() };
    let (mut conn, mut out) = (Conn::<Client>::new(&ClientConfig::default()), Vec::new());
    encode_connect(&mut conn, &url, Some(&Credentials::new("u", "p")), &mut out).unwrap();
    let wanted = &b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\nProxy-Authorization: Basic dTpw\r\n\r\n"[..];
    assert_eq!(out, wanted);
}

#[test]
fn whatever_makes_a_connection_another_one_is_part_of_the_key() {
    let proxy = |text| Proxy::parse(text).unwrap();
    let proxies =
        ["http://p:1", "https://p:1", "socks5://p:1", "http://u:a@p:1", "http://u:b@p:1"].map(proxy);
    let none = headers(&[]);
    let url = Url { host: "h", ..Url::default() };
    let to = |route| Request { route, ..Request::new("GET", url, &none) };
    let dial = Dial::default();
    let mut all = Vec::from([
        to(Route::Direct).origin(&dial, None),
        to(Route::Unix(b"/s")).origin(&dial, None),
        to(Route::Forward(&proxies[0])).origin(&dial, None),
        to(Route::Forward(&proxies[1])).origin(&dial, None),
        to(Route::Socks(&proxies[2])).origin(&dial, None),
    ]);
    all.extend([0, 1, 3, 4].map(|at: usize| to(Route::Tunnel(&proxies[at])).origin(&dial, None)));
    for dial in [
        Dial { local_port: Some(7), ..dial },
        Dial { resolver: Some(1), ..dial },
        Dial { resolver: Some(2), ..dial },
        Dial { connector: Some(1), ..dial },
        Dial { family: Some(Family::V4), ..dial },
    ] {
        all.push(to(Route::Direct).origin(&dial, None));
        all.push(to(Route::Tunnel(&proxies[0])).origin(&dial, None));
    }
    let secure = Request { url: Url { https: true, ..url }, ..to(Route::Direct) };
    all.push(secure.origin(&dial, None));
    all.push(secure.origin(&dial, Some("other")));
    for (at, origin) in all.iter().enumerate() {
        for other in &all[at + 1..] {
            assert_ne!(origin, other);
        }
        assert!(!format!("{origin:?} {origin}").contains("u:"), "{origin:?}");
    }
    assert_eq!(to(Route::Direct).origin(&dial, None), to(Route::Direct).origin(&dial, None));
}
