//! Forwarding between two machines, over bytes.

use h1wire_proto::{
    Advice, BodyKind, Client, ClientConfig, ClientEvent, Conn, FieldSource, Forwarding, Headers, Recv,
    Server, ServerConfig, ServerEvent, Slots, Status,
};
use proptest::prelude::*;

/// The first event of a server that receives `wire`, given to `see`.
fn received<T>(
    wire: &[u8],
    see: impl FnOnce(&mut Conn<Server>, ServerEvent<'_, '_>, &mut &[u8]) -> T,
) -> Option<T> {
    let (mut conn, mut slots) = (Conn::<Server>::new(&ServerConfig::default()), Slots::new());
    let mut input = wire;
    match conn.recv(&mut input, &mut slots) {
        Ok(Recv::Event(event)) => Some(see(&mut conn, event, &mut input)),
        _ => None,
    }
}

#[test]
fn an_exchange_goes_through_a_gateway_with_its_framing_rebuilt_on_both_sides() {
    let edge = Forwarding::new("edge").unwrap();
    let (mut client, mut slots) = (Conn::<Server>::new(&ServerConfig::default()), Slots::new());
    let mut origin = Conn::<Client>::new(&ClientConfig::default());
    let mut input: &[u8] = b"POST http://h/up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\
        Connection: X-Sum\r\nX-Sum: 1\r\n\r\n5;ext=1\r\nhello\r\n0\r\nX-Sum: 2\r\nCookie: c\r\nDigest: d\r\n\r\n";
    let (mut to_origin, mut named) = (Vec::new(), h1wire_proto::OwnedFields::new());
    loop {
        match client.recv(&mut input, &mut slots).unwrap() {
            Recv::Event(ServerEvent::Request(head)) => {
                named.copy_from(&head.fields);
                let sent = edge.request(&head).unwrap();
                origin.request(sent.method(), sent.target(), &sent, sent.body_len(), &mut to_origin).unwrap();
            }
            Recv::Event(ServerEvent::Data(data)) => {
                origin.body().unwrap().data(data, &mut to_origin).unwrap();
            }
            Recv::Event(ServerEvent::End(trailers)) => {
                let kept = edge.trailers(&named.as_fields(), &trailers);
                origin.body().unwrap().end(&kept, &mut to_origin).unwrap();
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        String::from_utf8(to_origin).unwrap(),
        "POST /up HTTP/1.1\r\nHost: h\r\nVia: 1.1 edge\r\nTransfer-Encoding: chunked\r\n\r\n\
         5\r\nhello\r\n0\r\nDigest: d\r\n\r\n"
    );

    let mut input: &[u8] =
        b"HTTP/1.0 200 Fine\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 2\r\nA: b\r\n\r\nok";
    let mut to_client = Vec::new();
    let Recv::Event(ClientEvent::Response(head)) = origin.recv(&mut input, &mut slots).unwrap() else {
        panic!()
    };
    {
        let sent = edge.response(&head).unwrap();
        let status = Status::new(sent.status()).reason(head.reason);
        client.respond(status, &sent, sent.body_len(), &mut to_client).unwrap();
    }
    let Recv::Event(ClientEvent::Data(data)) = origin.recv(&mut input, &mut slots).unwrap() else { panic!() };
    client.body().unwrap().data(data, &mut to_client).unwrap();
    assert_eq!(
        String::from_utf8(to_client).unwrap(),
        "HTTP/1.1 200 Fine\r\nA: b\r\nVia: 1.0 edge\r\nContent-Length: 2\r\n\r\nok"
    );
}

#[test]
fn an_answer_to_head_keeps_the_length_it_announced() {
    let edge = Forwarding::new("edge").unwrap();
    let mut slots = Slots::new();
    let mut origin = Conn::<Client>::new(&ClientConfig::default());
    origin
        .request("HEAD".into(), b"/", &[("Host", "h")], h1wire_proto::BodyLen::None, &mut Vec::new())
        .unwrap();
    let mut input: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n";
    let Recv::Event(ClientEvent::Response(head)) = origin.recv(&mut input, &mut slots).unwrap() else {
        panic!()
    };
    let sent = edge.response(&head).unwrap();
    let out = received(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", |conn, _, _| {
        let mut out = Vec::new();
        conn.respond(sent.status(), &sent, sent.body_len(), &mut out).unwrap();
        assert!(head.body.is_empty());
        conn.body().unwrap().end(&(), &mut out).unwrap();
        assert_eq!(conn.advice(), Advice::Reuse);
        out
    });
    assert_eq!(out.unwrap(), b"HTTP/1.1 200 OK\r\nVia: 1.1 edge\r\nContent-Length: 1234\r\n\r\n");
}

/// Names that stay on the connection whatever is said of them, and some that do not.
const STAYS: [&str; 9] = [
    "connection",
    "proxy-connection",
    "keep-alive",
    "te",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "proxy-authenticate",
    "proxy-authorization",
];
const GOES: [&str; 5] = ["accept", "cookie", "x-a", "x-b", "te2"];

fn line() -> impl Strategy<Value = (String, String)> {
    let names: Vec<&str> =
        STAYS.into_iter().filter(|n| !n.starts_with('c') && *n != "transfer-encoding").chain(GOES).collect();
    let options: Vec<&str> = STAYS.into_iter().chain(GOES).chain(["close", "host", "via", ""]).collect();
    prop_oneof![
        3 => (prop::sample::select(names), "[a-z0-9]{0,3}").prop_map(|(n, v)| (n.to_uppercase(), v)),
        1 => prop::collection::vec(prop::sample::select(options), 0..4)
            .prop_map(|options| ("Connection".to_owned(), options.join(" ,"))),
    ]
}

proptest! {
    /// Against the rule of RFC 9110 section 7.6.1 written down once more, over the bytes of two machines.
    #[test]
    fn exactly_the_end_to_end_fields_arrive_in_order(
        lines in prop::collection::vec(line(), 0..12),
        length in prop::option::of(0u64..5),
    ) {
        let mut wire = b"POST /p HTTP/1.1\r\nHost: h\r\n".to_vec();
        for (name, value) in &lines {
            wire.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if let Some(n) = length {
            wire.extend_from_slice(format!("Content-Length: {n}\r\n").as_bytes());
        }
        wire.extend_from_slice(b"\r\n");
        let named: Vec<String> = lines
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case("connection"))
            .flat_map(|(_, v)| v.split(',').map(|o| o.trim().to_owned()))
            .collect();
        let mut expected: Vec<(String, String)> = vec![("Host".into(), "h".into())];
        expected.extend(lines.iter().filter(|(n, _)| {
            let name = n.to_ascii_lowercase();
            !STAYS.contains(&name.as_str()) && !named.contains(&name)
        }).cloned());
        expected.push(("Via".into(), "1.1 edge".into()));
        // What the machine writes for its own connection.
        expected.push(("Content-Length".into(), length.unwrap_or(0).to_string()));

        let edge = Forwarding::new("edge").unwrap();
        let out = received(&wire, |_, event, _| {
            let ServerEvent::Request(head) = event else { panic!("{event:?}") };
            let sent = edge.request(&head).unwrap();
            let mut out = Vec::new();
            let mut origin = Conn::<Client>::new(&ClientConfig::default());
            origin.request(sent.method(), sent.target(), &sent, sent.body_len(), &mut out).unwrap();
            out
        });
        let out = out.expect("the request is valid");
        let (body, arrived) = received(&out, |_, event, _| {
            let ServerEvent::Request(head) = event else { panic!("{event:?}") };
            let mut arrived = Headers::new();
            arrived.append_all(&head.fields).unwrap();
            (head.body, arrived)
        }).expect("what is sent on is valid");
        prop_assert_eq!(body, BodyKind::Length(length.unwrap_or(0)));
        let arrived: Vec<(String, String)> = arrived
            .fields()
            .map(|(n, v)| (String::from_utf8(n.to_vec()).unwrap(), String::from_utf8(v.to_vec()).unwrap()))
            .collect();
        prop_assert_eq!(arrived, expected);
    }
}
