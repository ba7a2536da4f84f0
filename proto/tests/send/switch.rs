//! Handing the connection over: 101 and `CONNECT`, from both sides.

use h1wire_proto::{Advice, BodyLen, Method, Pause, Phase, Recv, SendError, Slots};

use crate::{client, hear, listen, refused, server, written};

const OFFER: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket, h2c\r\n\r\n";
const CONNECT: &str = "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n";

/// C7, B15. RFC 9110 section 7.8.
#[test]
fn a_switch_names_an_offered_protocol_and_connection_names_the_field() {
    let mut conn = server(OFFER);
    assert_eq!(
        written(|out| conn.switch(&[("Upgrade", "WebSocket"), ("Sec-WebSocket-Accept", "x")], out)),
        "HTTP/1.1 101 Switching Protocols\nUpgrade: WebSocket\nSec-WebSocket-Accept: x\nConnection: upgrade\n\n"
    );
    assert_eq!((conn.advice(), conn.phase()), (Advice::Switched, Phase::Switched));
    let mut input = &b"\x81\x00"[..];
    assert!(matches!(conn.recv(&mut input, &mut Slots::new()), Ok(Recv::Paused(Pause::Switched))));
    assert_eq!(input, b"\x81\x00", "the first bytes of the new protocol");
    refused(&mut conn, SendError::WrongState, |conn, out| conn.respond(200, &(), BodyLen::None, out));
    let mut conn = server(OFFER);
    assert_eq!(
        written(|out| conn.switch(&[("Connection", "Upgrade"), ("Upgrade", "h2c")], out)),
        "HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: h2c\n\n"
    );
}

#[test]
fn a_switch_that_was_not_offered_is_refused() {
    let mut conn = server(OFFER);
    refused(&mut conn, SendError::MissingUpgrade, |conn, out| conn.switch(&(), out));
    refused(&mut conn, SendError::MissingUpgrade, |conn, out| conn.switch(&[("Upgrade", "")], out));
    refused(&mut conn, SendError::MissingUpgrade, |conn, out| conn.switch(&[("Upgrade", "gopher")], out));
    refused(&mut conn, SendError::BadFieldValue("Upgrade".into()), |conn, out| {
        conn.switch(&[("Upgrade", "h2c\n")], out)
    });
    refused(&mut conn, SendError::BadStatus, |conn, out| conn.respond(101, &(), BodyLen::None, out));
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        CONNECT,
        "",
    ] {
        let mut conn = server(request);
        refused(&mut conn, SendError::WrongState, |conn, out| conn.switch(&[("Upgrade", "h2c")], out));
    }
}

/// G7. RFC 9110 section 7.8: the request is complete before the protocol changes, and 100 comes before 101.
#[test]
fn a_switch_waits_for_the_content_of_its_request() {
    let mut conn = server(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nExpect: 100-continue\r\n\
         Content-Length: 2\r\n\r\n",
    );
    refused(&mut conn, SendError::WrongState, |conn, out| conn.switch(&[("Upgrade", "h2c")], out));
    assert!(conn.wants_continue());
    assert_eq!(written(|out| conn.send_informational(100, &(), out)), "HTTP/1.1 100 Continue\n\n");
    assert_eq!(hear(&mut conn, "ok"), 2);
    assert_eq!(
        written(|out| conn.switch(&[("Upgrade", "h2c")], out)),
        "HTTP/1.1 101 Switching Protocols\nUpgrade: h2c\nConnection: upgrade\n\n"
    );
}

/// C7: nobody has to take an offer.
#[test]
fn an_offer_may_be_answered_as_an_ordinary_request() {
    let mut conn = server(OFFER);
    assert_eq!(
        written(|out| conn.respond(200, &(), BodyLen::None, out)),
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n"
    );
    assert_eq!(conn.advice(), Advice::Reuse);
    assert_eq!(hear(&mut conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 1);
}

/// C6. RFC 9110 section 9.3.6: no framing fields, and the tunnel starts behind the head.
#[test]
fn a_2xx_to_connect_opens_a_tunnel() {
    for length in [BodyLen::None, BodyLen::Exact(0)] {
        let mut conn = server(CONNECT);
        assert_eq!(written(|out| conn.respond(200, &[("X", "y")], length, out)), "HTTP/1.1 200 OK\nX: y\n\n");
        assert_eq!(conn.advice(), Advice::Switched);
        assert!(conn.body().is_none());
    }
    let mut conn = server(CONNECT);
    for length in [BodyLen::Exact(1), BodyLen::Unknown] {
        refused(&mut conn, SendError::BodyNotAllowed, |conn, out| conn.respond(204, &(), length, out));
    }
    let mut conn = server("CONNECT a:443 HTTP/1.0\r\n\r\n");
    assert_eq!(written(|out| conn.respond(204, &(), BodyLen::None, out)), "HTTP/1.1 204 No Content\n\n");
    assert_eq!(conn.advice(), Advice::Switched);
}

/// RFC 9931: a client may have sent the tunnel's first bytes already, and those need not be its own.
#[test]
fn a_refused_connect_is_the_last_exchange_so_that_bytes_for_the_tunnel_are_no_request() {
    let mut conn = server(CONNECT);
    assert_eq!(
        written(|out| conn.respond_with(407, &(), b"no", out)),
        "HTTP/1.1 407 Proxy Authentication Required\nConnection: close\nContent-Length: 2\n\nno"
    );
    assert_eq!(conn.advice(), Advice::Linger, "or a reset overtakes the answer");
    let (mut early, mut slots) = (&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], Slots::new());
    assert!(matches!(conn.recv(&mut early, &mut slots), Ok(Recv::Closed)));
    assert_eq!(conn.advice(), Advice::Linger);
}

/// B14, B15, from the client's side.
#[test]
fn a_client_hands_the_connection_over_when_the_server_agrees() {
    let mut conn = client();
    assert_eq!(
        written(|out| conn.request(Method::Connect, b"a:443", &[("Host", "a:443")], BodyLen::None, out)),
        "CONNECT a:443 HTTP/1.1\nHost: a:443\n\n"
    );
    assert_eq!(listen(&mut conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), [200]);
    assert_eq!((conn.advice(), conn.outstanding()), (Advice::Switched, 0));
    refused(&mut conn, SendError::WrongState, |conn, out| {
        conn.request(Method::Get, b"/", &[("Host", "a")], BodyLen::None, out)
    });

    let mut conn = client();
    let fields = [("Host", "a"), ("Upgrade", "websocket")];
    assert_eq!(
        written(|out| conn.request(Method::Get, b"/", &fields, BodyLen::None, out)),
        "GET / HTTP/1.1\nHost: a\nUpgrade: websocket\nConnection: upgrade\n\n"
    );
    let switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";
    assert_eq!(listen(&mut conn, switch), [101]);
    assert_eq!((conn.advice(), conn.outstanding()), (Advice::Switched, 0));
}

#[test]
fn a_client_whose_offer_was_not_taken_goes_on_in_http() {
    let mut conn = client();
    let fields = [("Host", "a"), ("Upgrade", "websocket")];
    conn.request(Method::Get, b"/", &fields, BodyLen::None, &mut Vec::new()).unwrap();
    assert_eq!(listen(&mut conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), [200]);
    assert_eq!(conn.advice(), Advice::Reuse);
    let again = written(|out| conn.request(Method::Get, b"/", &[("Host", "a")], BodyLen::None, out));
    assert_eq!(again, "GET / HTTP/1.1\nHost: a\n\n");
}
