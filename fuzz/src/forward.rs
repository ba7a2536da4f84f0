//! Forwarding: whatever comes in, what an intermediary sends on is refused, or exactly one message whose framing, content
//! and fields the next recipient reads as they are meant.

use h1wire_proto::{
    BodyKind, BodyLen, Client, ClientConfig, ClientEvent, Conn, Fields, ForwardResponse, Forwarding, Limits,
    Method, NextHop, OwnedFields, Recv, Server, ServerConfig, ServerEvent, ServerLeniency, Slots, Status,
};

use crate::choices::Choices;
use crate::split::settings;

/// What a message has, as far as an intermediary must not change it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Message {
    line: String,
    content: Vec<u8>,
    trailers: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What comes behind the limits of the sender's own peer is none of its business.
const WIDE: Limits =
    Limits { head_bytes: 1 << 20, target_bytes: 1 << 20, method_bytes: 1 << 10, ..Limits::DEFAULT };

/// Choices first, then requests to a proxy or responses to one, which it sends on.
pub fn forward(data: &[u8]) {
    let mut choices = Choices(data);
    let next = if choices.flip() { NextHop::Origin } else { NextHop::Proxy { scheme: "http" } };
    let policy = Forwarding::new("edge")
        .expect("a token")
        .next_hop(next)
        .keep_upgrade(choices.flip())
        .keep_proxy_authentication(choices.flip());
    let is_request = choices.flip();
    let (server, client) = settings(&mut choices);
    if is_request {
        requests(&policy, &server, choices.0);
    } else {
        responses(&policy, &client, &mut choices);
    }
}

fn requests(policy: &Forwarding, config: &ServerConfig, bytes: &[u8]) {
    let is_strict = config.leniency == ServerLeniency::STRICT;
    let (mut inbound, mut slots, mut input) = (Conn::<Server>::new(config), Slots::new(), bytes);
    // One message to the next hop: its bytes, what is meant, and the fields of the head.
    let mut outbound = Conn::<Client>::new(&ClientConfig::default());
    let (mut wire, mut meant, mut named) = (Vec::new(), Message::default(), OwnedFields::new());
    loop {
        let is_complete = match inbound.recv(&mut input, &mut slots) {
            Ok(Recv::Event(ServerEvent::Request(head))) => {
                named.copy_from(&head.fields);
                meant = Message { line: head.method.to_string(), ..Message::default() };
                wire.clear();
                outbound = Conn::<Client>::new(&ClientConfig::default());
                let Ok(sent) = policy.request(&head) else { return };
                if outbound.request(sent.method(), sent.target(), &sent, sent.body_len(), &mut wire).is_err()
                {
                    assert!(wire.is_empty(), "a refused request writes nothing");
                    return;
                }
                head.body.is_empty()
            }
            Ok(Recv::Event(ServerEvent::Data(data))) => {
                let mut body = outbound.body().expect("content was announced");
                body.data(data, &mut wire).expect("as much as was announced");
                meant.content.extend_from_slice(data);
                false
            }
            Ok(Recv::Event(ServerEvent::End(trailers))) => {
                let kept = policy.trailers(&named.as_fields(), &trailers);
                if let Some(body) = outbound.body() {
                    if let Err(error) = body.end(&kept, &mut wire) {
                        assert!(!is_strict, "{error}: what was strictly valid can be sent");
                        return;
                    }
                    meant.trailers = kept.iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
                }
                true
            }
            _ => return,
        };
        if is_complete {
            assert!(outbound.body().is_none(), "the request is complete: {}", wire.escape_ascii());
            read_request(policy, &wire, &meant, &named.as_fields());
            // Also refuses a tunnel and a switch, behind which nothing of HTTP comes.
            if inbound.respond(404, &(), BodyLen::None, &mut Vec::new()).is_err() {
                return;
            }
        }
    }
}

/// Reads what was sent on as the next server would.
fn read_request(policy: &Forwarding, wire: &[u8], meant: &Message, received: &Fields<'_, '_>) {
    let (mut conn, mut slots, mut input) =
        (Conn::<Server>::new(&ServerConfig { limits: WIDE, ..ServerConfig::default() }), Slots::new(), wire);
    let mut got = Message::default();
    let mut open = true;
    while open {
        match conn.recv(&mut input, &mut slots) {
            Ok(Recv::Event(ServerEvent::Request(head))) => {
                got.line = head.method.to_string();
                open = !head.body.is_empty();
                assert_eq!(head.fields.get_all("host").count(), 1, "{}", wire.escape_ascii());
                assert!(head.keep_alive, "the next connection is not the last one's");
                assert!(policy.is_loop(&head.fields), "{}", wire.escape_ascii());
                only_end_to_end(&head.fields, received, head.body, wire);
            }
            Ok(Recv::Event(ServerEvent::Data(data))) => got.content.extend_from_slice(data),
            Ok(Recv::Event(ServerEvent::End(trailers))) => {
                got.trailers = trailers.iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
                open = false;
            }
            other => panic!("{other:?} from {}", wire.escape_ascii()),
        }
    }
    assert!(input.is_empty(), "exactly one message is sent on: {}", wire.escape_ascii());
    assert_eq!(&got, meant, "{}", wire.escape_ascii());
}

/// No field of the connection that the message came on is sent on (RFC 9110 section 7.6.1).
fn only_end_to_end(sent: &Fields<'_, '_>, received: &Fields<'_, '_>, body: BodyKind, wire: &[u8]) {
    let named: Vec<&[u8]> = received
        .get_all("connection")
        .flat_map(|value| value.split(|b| *b == b','))
        .map(<[u8]>::trim_ascii)
        .collect();
    for (name, value) in sent.iter() {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        assert!(!["te", "keep-alive", "proxy-connection"].iter().any(|n| is(n)), "{}", wire.escape_ascii());
        assert!(!is("transfer-encoding") || body == BodyKind::Chunked, "{}", wire.escape_ascii());
        // What the machine, or the intermediary, writes for the next hop.
        let own =
            ["host", "via", "content-length", "transfer-encoding", "connection", "upgrade", "max-forwards"];
        let is_named = named.iter().any(|n| n.eq_ignore_ascii_case(name));
        assert!(own.iter().any(|n| is(n)) || !is_named, "{} in {}", name.escape_ascii(), wire.escape_ascii());
        let is_own = |option: &[u8]| matches!(option, b"upgrade" | b"close");
        let mut options = value.split(|b| *b == b',').map(<[u8]>::trim_ascii);
        assert!(!is("connection") || options.all(is_own), "{}", wire.escape_ascii());
    }
}

fn responses(policy: &Forwarding, config: &ClientConfig, choices: &mut Choices<'_>) {
    let asked = [Method::Get, Method::Head, Method::Post][choices.below(3)];
    let version = ["1.1", "1.0"][choices.below(2)];
    let mut outbound = Conn::<Client>::new(config);
    let host = [("Host", "h")];
    outbound.request(asked, b"/", &host, BodyLen::None, &mut Vec::new()).expect("a fresh connection");
    let mut inbound = Conn::<Server>::new(&ServerConfig::default());
    let (mut slots, mut input, mut wire) = (Slots::new(), choices.0, Vec::new());
    let request = format!("{asked} / HTTP/{version}\r\nHost: h\r\n\r\n");
    let _request = inbound.recv(&mut request.as_bytes(), &mut slots).expect("a valid request");
    let (mut meant, mut named) = (Message::default(), OwnedFields::new());
    let mut open = true;
    while open {
        match outbound.recv(&mut input, &mut slots) {
            Ok(Recv::Event(ClientEvent::Informational(head))) => {
                let Ok(sent) = policy.response(&head) else { return };
                if inbound.send_informational(head.status, &sent, &mut wire).is_err() {
                    return;
                }
            }
            Ok(Recv::Event(ClientEvent::Response(head))) => {
                let Ok(sent) = policy.response(&head) else { return };
                named.copy_from(&head.fields);
                meant.line = head.status.to_string();
                if !respond(&mut inbound, &sent, head.reason, &mut wire) {
                    return;
                }
                open = !head.body.is_empty();
                if !open && let Some(body) = inbound.body() {
                    body.end(&(), &mut wire).expect("a length that is only said");
                }
            }
            Ok(Recv::Event(ClientEvent::Data(data))) => {
                meant.content.extend_from_slice(data);
                let mut body = inbound.body().expect("content was announced");
                body.data(data, &mut wire).expect("as much as was announced");
            }
            Ok(Recv::Event(ClientEvent::End(trailers))) => {
                let kept = policy.trailers(&named.as_fields(), &trailers);
                if let Some(body) = inbound.body()
                    && body.end(&kept, &mut wire).is_err()
                {
                    return;
                }
                open = false;
            }
            Ok(Recv::NeedInput(_)) if input.is_empty() => outbound.recv_eof(),
            _ => return,
        }
    }
    assert!(inbound.body().is_none(), "the response is complete: {}", wire.escape_ascii());
    // RFC 9110 section 15.3.6: a 205 has no content, whatever it came with.
    if meant.line == "205" {
        meant.content.clear();
    }
    read_response(asked, &wire, &meant, &named.as_fields());
}

fn respond(
    inbound: &mut Conn<Server>,
    sent: &ForwardResponse<'_>,
    reason: &[u8],
    wire: &mut Vec<u8>,
) -> bool {
    let before = wire.len();
    let status = Status::new(sent.status()).reason(reason);
    let is_sent = inbound.respond(status, sent, sent.body_len(), wire).is_ok();
    assert!(is_sent || wire.len() == before, "a refused response writes nothing");
    is_sent
}

/// Reads what was sent back as the client would.
fn read_response(asked: Method<'_>, wire: &[u8], meant: &Message, received: &Fields<'_, '_>) {
    let limits = Limits { informational: None, ..WIDE };
    let mut conn = Conn::<Client>::new(&ClientConfig { limits, ..ClientConfig::default() });
    conn.request(asked, b"/", &[("Host", "h")], BodyLen::None, &mut Vec::new()).expect("a fresh connection");
    let (mut slots, mut input, mut got, mut open) = (Slots::new(), wire, Message::default(), true);
    while open {
        match conn.recv(&mut input, &mut slots) {
            Ok(Recv::Event(ClientEvent::Informational(_))) => {}
            Ok(Recv::Event(ClientEvent::Response(head))) => {
                got.line = head.status.to_string();
                open = !head.body.is_empty();
                let has_one_length = head.fields.get_all("content-length").count() < 2;
                assert!(has_one_length, "{}", wire.escape_ascii());
                // A response to HEAD says how it would be framed.
                let body = if asked == Method::Head { BodyKind::Chunked } else { head.body };
                only_end_to_end(&head.fields, received, body, wire);
            }
            Ok(Recv::Event(ClientEvent::Data(data))) => got.content.extend_from_slice(data),
            Ok(Recv::Event(ClientEvent::End(_))) => open = false,
            Ok(Recv::NeedInput(_)) if input.is_empty() => conn.recv_eof(),
            other => panic!("{other:?} from {}", wire.escape_ascii()),
        }
    }
    assert!(input.is_empty(), "exactly one message is sent back: {}", wire.escape_ascii());
    assert_eq!(
        (got.line, got.content),
        (meant.line.clone(), meant.content.clone()),
        "{}",
        wire.escape_ascii()
    );
}
