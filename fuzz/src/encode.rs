//! Encoding: any string in any slot is either an error that changes nothing, or exactly one message that reads back
//! as it was written.

use h1wire_proto::{
    BodyKind, BodyLen, Client, ClientConfig, ClientEvent, Conn, Method, Recv, SendError, Server,
    ServerConfig, ServerEvent, Slots, Status,
};

use crate::choices::Choices;

type Pair = (Vec<u8>, Vec<u8>);

/// Names and values that matter to the machine, beside whatever the fuzzer thinks of.
const NAMES: [&[u8]; 10] = [
    b"Host",
    b"Connection",
    b"Upgrade",
    b"Content-Length",
    b"Transfer-Encoding",
    b"Expect",
    b"TE",
    b"Date",
    b"X",
    b"",
];
const VALUES: [&[u8]; 9] = [
    b"h",
    b"close",
    b"keep-alive",
    b"upgrade, x",
    b"100-continue",
    b"trailers",
    b"chunked",
    b"websocket",
    b"",
];

fn slot(choices: &mut Choices<'_>, known: &[&[u8]], most: usize) -> Vec<u8> {
    if choices.flip() { known[choices.below(known.len())].to_vec() } else { choices.some(most).to_vec() }
}

/// Fields drawn from the choices.
pub fn fields(choices: &mut Choices<'_>, most: usize) -> Vec<Pair> {
    (0..choices.below(most + 1)).map(|_| (slot(choices, &NAMES, 8), slot(choices, &VALUES, 12))).collect()
}

fn body(choices: &mut Choices<'_>, content: &[u8]) -> BodyLen {
    match choices.below(4) {
        0 => BodyLen::None,
        1 => BodyLen::Exact(choices.byte() as u64),
        2 => BodyLen::Exact(content.len() as u64),
        _ => BodyLen::Unknown,
    }
}

/// Sends content in pieces, then trailers. Bytes behind the head are never written by a refused call.
fn send_body<R: h1wire_proto::Role>(
    conn: &mut Conn<R>,
    content: &[u8],
    trailers: &[Pair],
    pieces: usize,
    out: &mut Vec<u8>,
) -> Result<(), SendError> {
    if conn.body().is_none() {
        return Ok(());
    }
    for piece in content.chunks(content.len().div_ceil(pieces.max(1)).max(1)) {
        let before = out.len();
        // The declared length is used up, and there is more.
        let Some(mut body) = conn.body() else { return Err(SendError::BodyTooLong) };
        if let Err(error) = body.data(piece, out) {
            assert_eq!(out.len(), before, "a refused call writes nothing");
            return Err(error);
        }
    }
    let before = out.len();
    let Some(body) = conn.body() else { return Ok(()) };
    body.end(trailers, out).inspect_err(|_| assert_eq!(out.len(), before, "a refused call writes nothing"))
}

/// A request and its answer, from the caller's slots to the peer's events.
pub fn encode(data: &[u8]) {
    let mut choices = Choices(data);
    let method = slot(&mut choices, &[b"GET", b"HEAD", b"POST", b"CONNECT", b"OPTIONS", b"M"], 6);
    let target = slot(&mut choices, &[b"/", b"/a?b", b"*", b"h:1", b"http://h/"], 12);
    let mut request_fields = fields(&mut choices, 4);
    if choices.flip() {
        request_fields.insert(0, (b"Host".to_vec(), b"h".to_vec()));
    }
    let content = choices.some(64).to_vec();
    let request_body = body(&mut choices, &content);
    let (trailers, pieces) = (fields(&mut choices, 2), 1 + choices.below(4));

    let mut client = Conn::<Client>::new(&ClientConfig::default());
    let mut wire = Vec::new();
    let before = format!("{client:?}");
    let method = Method::from_bytes(&method);
    if client.request(method, &target, &request_fields[..], request_body, &mut wire).is_err() {
        assert!(wire.is_empty(), "a refused request writes nothing");
        assert_eq!(format!("{client:?}"), before, "a refused request changes nothing");
        return;
    }
    let sent_all = send_body(&mut client, &content, &trailers, pieces, &mut wire).is_ok();
    if !sent_all || client.body().is_some() {
        return;
    }

    let mut server = Conn::<Server>::new(&ServerConfig::default());
    let (mut slots, mut input) = (Slots::new(), &wire[..]);
    let head = match server.recv(&mut input, &mut slots) {
        Ok(Recv::Event(ServerEvent::Request(head))) => head,
        other => panic!("{other:?} from {}", wire.escape_ascii()),
    };
    assert_eq!((head.method.as_bytes(), head.target), (method.as_bytes(), &target[..]));
    let got: Vec<_> = head.fields.iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
    assert_eq!(&got[..request_fields.len()], &request_fields[..], "order, case and duplicates are kept");
    let chunked = head.body == BodyKind::Chunked;
    let empty = head.body.is_empty();
    let received = if empty { (Vec::new(), Vec::new()) } else { receive(&mut server, &mut input) };
    assert!(input.is_empty(), "exactly one message was written: {}", wire.escape_ascii());
    assert_eq!(received.0, if empty { &[][..] } else { &content[..] });
    if chunked {
        assert_eq!(received.1, trailers);
    }
    respond(&mut choices, server, client);
}

fn receive(server: &mut Conn<Server>, input: &mut &[u8]) -> (Vec<u8>, Vec<Pair>) {
    let (mut slots, mut content) = (Slots::new(), Vec::new());
    loop {
        match server.recv(input, &mut slots) {
            Ok(Recv::Event(ServerEvent::Data(data))) => content.extend_from_slice(data),
            Ok(Recv::Event(ServerEvent::End(trailers))) => {
                return (content, trailers.iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect());
            }
            other => panic!("{other:?}"),
        }
    }
}

fn respond(choices: &mut Choices<'_>, mut server: Conn<Server>, mut client: Conn<Client>) {
    let code = [200, 204, 205, 304, 404, 426, 999][choices.below(7)];
    let reason = choices.flip().then(|| choices.some(8).to_vec());
    let response_fields = fields(choices, 4);
    let content = choices.some(64).to_vec();
    let response_body = body(choices, &content);
    let (trailers, pieces) = (fields(choices, 2), 1 + choices.below(4));
    let mut status = Status::new(code);
    if let Some(reason) = &reason {
        status = status.reason(reason);
    }
    let (mut wire, before) = (Vec::new(), format!("{server:?}"));
    if server.respond(status, &response_fields[..], response_body, &mut wire).is_err() {
        assert!(wire.is_empty(), "a refused response writes nothing");
        assert_eq!(format!("{server:?}"), before, "a refused response changes nothing");
        return;
    }
    if send_body(&mut server, &content, &trailers, pieces, &mut wire).is_err() || server.body().is_some() {
        return;
    }
    let (mut slots, mut input, mut got) = (Slots::new(), &wire[..], Vec::new());
    let mut open = true;
    let mut expected = Vec::new();
    while open {
        match client.recv(&mut input, &mut slots) {
            Ok(Recv::Event(ClientEvent::Response(head))) => {
                assert_eq!(head.status, code);
                if let Some(reason) = &reason {
                    assert_eq!(head.reason, &reason[..]);
                }
                let fields: Vec<_> = head.fields.iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
                assert_eq!(&fields[..response_fields.len()], &response_fields[..]);
                open = !head.body.is_empty() && !head.switched;
                if open {
                    expected.clone_from(&content);
                }
            }
            Ok(Recv::Event(ClientEvent::Data(data))) => got.extend_from_slice(data),
            Ok(Recv::Event(ClientEvent::End(_))) => open = false,
            Ok(Recv::NeedInput(_)) if input.is_empty() => client.recv_eof(),
            other => panic!("{other:?} from {}", wire.escape_ascii()),
        }
    }
    assert!(input.is_empty(), "exactly one message was written: {}", wire.escape_ascii());
    assert_eq!(got, expected);
}
