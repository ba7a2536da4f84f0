//! `docs/errors.md` is what the machine says: each kind of error with bytes that bring it about.

use std::fmt::Write;

use h1wire_proto::{
    BodyLen, Client, ClientConfig, Conn, Limits, Method, Recv, RecvError, RecvErrorKind as Kind, Server,
    ServerConfig, Slots, reason_phrase,
};

/// Who receives the bytes of an example.
#[derive(Clone, Copy)]
enum To {
    Server,
    /// A client that sent `GET /`.
    Client,
    /// A client that sent nothing.
    Idle,
}
/// What the limit of a kind has to be for its example.
type Limit = u64;

const HOST: &str = "Host: a\r\n";
const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\n";
const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Bytes that bring the kind about, and the limit that has to be lowered for it.
fn example(kind: Kind) -> Option<(To, String, Option<Limit>)> {
    let get = |line: &str| format!("{line}\r\n{HOST}\r\n");
    let field = |field: &str| format!("GET / HTTP/1.1\r\n{HOST}{field}\r\n\r\n");
    let post = |field: &str| format!("{POST}{field}\r\n\r\n");
    let chunk = |rest: &str| format!("{CHUNKED}{rest}");
    let status = |line: &str| format!("{line}\r\n\r\n");
    let plain = |to, bytes| Some((to, bytes, None));
    let limited = |bytes, limit| Some((To::Server, bytes, Some(limit)));
    match kind {
        Kind::BadMethod => plain(To::Server, get("G@T / HTTP/1.1")),
        Kind::MethodTooLong => limited(get("PROPFIND / HTTP/1.1"), 7),
        Kind::BadTarget => plain(To::Server, get("GET /\u{7f} HTTP/1.1")),
        Kind::BadTargetForm => plain(To::Server, get("GET a HTTP/1.1")),
        Kind::UserinfoInTarget => plain(To::Server, get("GET http://u:p@h/ HTTP/1.1")),
        Kind::TargetTooLong => limited(get("GET /four HTTP/1.1"), 4),
        Kind::BadRequestLine => plain(To::Server, get("GET / HTTP/1.1 x")),
        Kind::BadVersion => plain(To::Server, get("GET / HTTP/1.x")),
        Kind::VersionUnsupported => plain(To::Server, get("GET / HTTP/2.0")),
        Kind::BadStatusLine => plain(To::Client, status("HTTP/1.1 2OO OK")),
        Kind::BadReason => plain(To::Client, status("HTTP/1.1 200 \0")),
        Kind::BareCr => plain(To::Server, field("A: b\rc")),
        Kind::BareLf => plain(To::Server, format!("GET / HTTP/1.1\n{HOST}\r\n")),
        Kind::BadFieldName => plain(To::Server, field("A[b]: c")),
        Kind::MissingColon => plain(To::Server, field("A")),
        Kind::SpaceBeforeColon => plain(To::Server, field("A : b")),
        Kind::SpaceBeforeField => plain(To::Server, format!("GET / HTTP/1.1\r\n A: b\r\n{HOST}\r\n")),
        Kind::ObsFold => plain(To::Server, field("A: b\r\n c")),
        Kind::BadFieldValue => plain(To::Server, field("A: b\0c")),
        Kind::HeadTooLarge => limited(field("A: b"), 30),
        Kind::TooManyFields => limited(field("A: b"), 1),
        Kind::BadContentLength => plain(To::Server, post("Content-Length: +1")),
        Kind::ConflictingContentLength => plain(To::Server, post("Content-Length: 1\r\nContent-Length: 2")),
        Kind::RepeatedContentLength => plain(To::Server, post("Content-Length: 1\r\nContent-Length: 1")),
        Kind::ContentLengthTooLarge => plain(To::Server, post("Content-Length: 9223372036854775808")),
        Kind::LengthAndEncoding => plain(To::Server, post("Content-Length: 1\r\nTransfer-Encoding: chunked")),
        Kind::BadTransferEncoding => plain(To::Server, post("Transfer-Encoding: chunked;a=b")),
        Kind::RepeatedChunked => plain(To::Server, post("Transfer-Encoding: chunked, chunked")),
        Kind::UnknownTransferCoding => plain(To::Server, post("Transfer-Encoding: xchunked, chunked")),
        Kind::ChunkedNotLast => plain(To::Server, post("Transfer-Encoding: gzip")),
        Kind::EncodingInHttp10 => {
            plain(To::Server, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned())
        }
        Kind::ConnectWithContent => {
            plain(To::Server, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 1\r\n\r\n".to_owned())
        }
        Kind::MissingHost => plain(To::Server, "GET / HTTP/1.1\r\n\r\n".to_owned()),
        Kind::RepeatedHost => plain(To::Server, field("Host: a")),
        Kind::BadHost => plain(To::Server, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n".to_owned()),
        Kind::BadChunkSize => plain(To::Server, chunk("0x1\r\n")),
        Kind::ChunkTooLarge => plain(To::Server, chunk("8000000000000000\r\n")),
        Kind::BadChunkExtension => plain(To::Server, chunk("1;\0\r\n")),
        Kind::ChunkLineTooLong => limited(chunk("1;name=a-long-value\r\n"), 16),
        Kind::BadChunkEnd => plain(To::Server, chunk("1\r\nab\r\n")),
        Kind::ChunkOverhead => limited(chunk("1;name=a-long-value\r\na"), 2),
        Kind::TrailersTooLarge => limited(chunk("0\r\nA: b\r\n\r\n"), 6),
        Kind::ContentTooLarge => limited(post("Content-Length: 5"), 4),
        Kind::TooManyInformational => {
            Some((To::Client, "HTTP/1.1 102 \r\n\r\nHTTP/1.1 102 \r\n\r\n".to_owned(), Some(1)))
        }
        Kind::BadUpgrade => {
            plain(To::Client, "HTTP/1.1 101 \r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n".to_owned())
        }
        Kind::UnsolicitedResponse => plain(To::Idle, status("HTTP/1.1 200 OK")),
        Kind::UnexpectedEof => plain(To::Server, format!("{}abc", post("Content-Length: 5"))),
        _ => None,
    }
}

/// The error of these bytes, after which the connection ends.
fn error(to: To, bytes: &str, limits: Limits) -> Option<RecvError> {
    let (mut input, mut slots) = (bytes.as_bytes(), Slots::new());
    if let To::Server = to {
        let mut conn = Conn::<Server>::new(&ServerConfig { limits, ..ServerConfig::default() });
        conn.recv_eof();
        loop {
            match conn.recv(&mut input, &mut slots) {
                Ok(Recv::Event(_)) => {}
                Ok(_) => return None,
                Err(error) => return Some(error),
            }
        }
    }
    let mut conn = Conn::<Client>::new(&ClientConfig { limits, ..ClientConfig::default() });
    if let To::Client = to {
        conn.request(Method::Get, b"/", &[("Host", "a")], BodyLen::None, &mut Vec::new()).unwrap();
    }
    conn.recv_eof();
    loop {
        match conn.recv(&mut input, &mut slots) {
            Ok(Recv::Event(_)) => {}
            Ok(_) => return None,
            Err(error) => return Some(error),
        }
    }
}

const INTRODUCTION: &str = "# Errors

Written by the test `the_page_about_errors_is_what_the_machine_says`, which gives the machine each of these examples; do
not edit.

A `RecvError` is the peer's fault. It has a kind, the offset of the byte that was wrong (counted from the first byte of the
connection), the status code a server answers with, and the rule that was broken. It is a `Copy` value of 16 bytes. What was
complete before it has been delivered; nothing after it is looked at, and the same error is returned for ever. The send half
can still answer once: `Conn::respond_error` writes the status, and the advice is then to linger and close.

The status is the one for requests. A client has nobody to send one to; a gateway that receives a bad response answers 502
(RFC 9112 section 6.3) whatever the kind.

A `SendError` is the caller's fault: nothing was written, and nothing changed. Its kinds are few and are described where they
are declared, in `proto/src/error.rs`.

| kind | status | rule | what is wrong | example | at byte |
|---|---|---|---|---|---|
";

#[test]
fn the_page_about_errors_is_what_the_machine_says() {
    let mut page = INTRODUCTION.to_owned();
    for kind in Kind::ALL {
        let Some((to, bytes, limit)) = example(*kind) else { panic!("{kind:?} has no example") };
        let mut limits = Limits::DEFAULT;
        let setting = limit.map_or(String::new(), |limit| {
            let (name, _, set) = Limits::NAMES.iter().find(|(_, beyond, _)| beyond == kind).unwrap();
            set(&mut limits, Some(limit));
            format!(", with `{name} {limit}`")
        });
        let error = error(to, &bytes, limits).unwrap_or_else(|| panic!("{bytes:?} is no error"));
        assert_eq!(error.kind(), *kind, "{bytes:?}");
        let who = match to {
            To::Server => "",
            To::Client => ", to a client that sent `GET /`",
            To::Idle => ", to a client that sent nothing",
        };
        let (status, rule) = (error.status(), error.rule());
        let phrase = reason_phrase(status).unwrap_or_default();
        let text = error.to_string();
        let text = text.split(" at byte ").next().unwrap_or_default();
        let (at, bytes) = (error.offset(), bytes.as_bytes().escape_ascii());
        writeln!(
            page,
            "| `{kind:?}` | {status} {phrase} | {rule} | {text} | `{bytes}`{setting}{who} | {at} |"
        )
        .unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/errors.md");
    if option_env!("H1WIRE_BLESS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == page,
        "docs/errors.md is out of date: H1WIRE_BLESS=1 cargo test -p h1wire-docs --test errors"
    );
}
