//! `h1wire-proto`: the machine of this workspace, with all its checks on.

use std::hint::black_box;

use h1wire_proto::{
    BodyLen, Client, ClientConfig, ClientEvent, Conn, DateCache, Method, Prepared, Recv, Server,
    ServerConfig, ServerEvent, Slots, Status,
};

use super::{CONTENT_TYPE, SERVER, UNIX_SECS};
use crate::{Input, Run, inputs};

/// A head to its event, on a fresh machine each time. The content is not looked at.
pub(crate) fn recv(input: &'static Input) -> Run {
    let config = ServerConfig::default();
    let mut slots = Slots::new();
    input.each(move |bytes, message| {
        let mut conn = Conn::<Server>::new(&config);
        let mut rest = bytes;
        let Ok(Recv::Event(ServerEvent::Request(head))) = conn.recv(&mut rest, &mut slots) else {
            panic!("the input is a good request");
        };
        black_box(&head);
        assert_eq!(bytes.len() - rest.len(), message.head_end - message.start);
    })
}

/// Requests on one connection, content taken, each answered into one buffer that is written out and reused.
pub(crate) fn cycle(input: &'static Input) -> Run {
    let mut conn = Conn::<Server>::new(&ServerConfig::default());
    let (mut slots, mut out, mut dates) = (Slots::new(), Vec::new(), DateCache::default());
    // What a server says in every answer is checked once, as a `HeaderValue::from_static` is elsewhere.
    let server = Prepared::new(&[("Server", SERVER)]).expect("good fields");
    input.each(move |bytes, _| {
        receive(&mut conn, bytes, &mut slots);
        out.clear();
        let status = Status::new(200).date(dates.at(black_box(UNIX_SECS)));
        let fields = (&server, [("Content-Type", CONTENT_TYPE)]);
        conn.respond_with(status, &fields, inputs::RESP_BODY, &mut out).expect("a good answer");
        black_box(&out[..]);
    })
}

/// Content on one connection; the answers are as short as can be.
pub(crate) fn content(input: &'static Input) -> Run {
    let mut conn = Conn::<Server>::new(&ServerConfig::default());
    let (mut slots, mut out) = (Slots::new(), Vec::new());
    input.each(move |bytes, _| {
        receive(&mut conn, bytes, &mut slots);
        out.clear();
        conn.respond(204, &(), BodyLen::None, &mut out).expect("a good answer");
        black_box(&out[..]);
    })
}

/// Chunks alone: the chunks of the input again and again as the content of one request that does not end.
pub(crate) fn decode(input: &'static Input) -> Run {
    let mut conn = Conn::<Server>::new(&ServerConfig::default());
    let mut slots = Slots::new();
    let (mut head, chunks) = input.bytes.split_at(input.messages[0].head_end);
    let begun = matches!(conn.recv(&mut head, &mut slots), Ok(Recv::Event(ServerEvent::Request(_))));
    assert!(begun && head.is_empty());
    let chunks = chunks.strip_suffix(b"0\r\n\r\n").expect("chunked content ends so");
    Box::new(move |messages| {
        for _ in 0..messages {
            let mut rest = black_box(chunks);
            while let Ok(Recv::Event(ServerEvent::Data(data))) = conn.recv(&mut rest, &mut slots) {
                black_box(data);
            }
            assert!(rest.is_empty());
        }
    })
}

/// Takes every event of one request.
#[inline(always)]
fn receive(conn: &mut Conn<Server>, bytes: &[u8], slots: &mut Slots) {
    let mut rest = bytes;
    loop {
        match conn.recv(&mut rest, slots) {
            Ok(Recv::Event(ServerEvent::Request(head))) => {
                black_box(&head);
            }
            Ok(Recv::Event(ServerEvent::Data(data))) => {
                black_box(data);
            }
            Ok(Recv::Event(ServerEvent::End(_))) => break,
            other => panic!("the input is a good request: {other:?}"),
        }
    }
    assert!(rest.is_empty());
}

/// Requests sent and responses received on one connection.
pub(crate) fn response(input: &'static Input) -> Run {
    let mut conn = Conn::<Client>::new(&ClientConfig::default());
    let (mut slots, mut out) = (Slots::new(), Vec::new());
    input.each(move |bytes, _| {
        out.clear();
        let fields = [("Host", "server"), ("Accept", "text/plain")];
        conn.request(Method::Get, b"/", &fields, BodyLen::None, &mut out).expect("a good request");
        black_box(&out[..]);
        let mut rest = bytes;
        loop {
            match conn.recv(&mut rest, &mut slots) {
                Ok(Recv::Event(ClientEvent::Response(head))) => {
                    black_box(&head);
                }
                Ok(Recv::Event(ClientEvent::Data(data))) => {
                    black_box(data);
                }
                Ok(Recv::Event(ClientEvent::End(_))) => break,
                other => panic!("the input is a good response: {other:?}"),
            }
        }
        assert!(rest.is_empty());
    })
}
