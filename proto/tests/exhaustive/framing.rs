//! Each pair of framing fields, in each kind of message, against RFC 9112 section 6.3 written down once more.

use h1wire_proto::{BodyKind, Method};

use crate::{Runner, Seen, is_token};

const LENGTHS: [&str; 17] = [
    "0",
    "5",
    "6",
    "05",
    "5,5",
    "5, 5",
    "5,6",
    "5,",
    ",5",
    "",
    "+5",
    "-5",
    "5x",
    "0x5",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551621",
];

const CODINGS: [&str; 19] = [
    "chunked",
    "CHUNKED",
    "gzip",
    "x-gzip, chunked",
    "chunked, gzip",
    "chunked, chunked",
    "chunked, gzip, chunked",
    "identity",
    "foo",
    "foo, chunked",
    "chunked, foo",
    "",
    ",",
    "chunked,",
    ", chunked",
    "chunked;q=1",
    "gzip;q=1, chunked",
    "chun ked",
    "\"chunked\"",
];

/// Every framing field there may be, and none.
fn alphabet() -> Vec<Option<(&'static str, &'static str)>> {
    let lengths = LENGTHS.map(|value| Some(("Content-Length", value)));
    let codings = CODINGS.map(|value| Some(("Transfer-Encoding", value)));
    [None].into_iter().chain(lengths).chain(codings).collect()
}

/// A message that may be framed.
struct Message<'a> {
    /// The status of a response, which answers `method`.
    status: Option<u16>,
    method: &'a str,
    http10: bool,
    fields: &'a [(&'a str, &'a str)],
}

/// RFC 9112 section 6.3, strictly: what the RFC lets a recipient tolerate is refused. `Err` has the status of each rule
/// that is broken.
fn reference(message: &Message<'_>) -> Result<BodyKind, Vec<u16>> {
    let tunnel = message.method == "CONNECT" && matches!(message.status, Some(200..=299));
    // Rule 2: the fields are ignored.
    if tunnel {
        return Ok(BodyKind::None);
    }
    let values = |name: &str| message.fields.iter().filter(|f| f.0 == name).map(|f| f.1).collect::<Vec<_>>();
    let (lengths, codings) = (values("Content-Length"), values("Transfer-Encoding"));
    let mut broken = Vec::new();
    // Rule 5, RFC 9110 section 8.6: one value of digits, below 2^63.
    let mut length = None;
    for value in &lengths {
        if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
            broken.push(400);
        } else {
            match value.parse::<i64>() {
                Ok(n) => length = Some(n as u64),
                Err(_) => broken.push(413),
            }
        }
        // A list of large numbers is at once too large and no number.
        if value.contains(',') && value.split(',').any(|v| v.trim().len() > 18) {
            broken.push(413);
        }
    }
    if lengths.len() > 1 {
        broken.push(400);
    }
    // Section 6.1: a list of codings over all lines.
    let members: Vec<String> =
        codings.iter().flat_map(|value| value.split(',')).map(|m| m.trim().to_ascii_lowercase()).collect();
    let chunked = members.iter().filter(|m| *m == "chunked").count();
    // Section 7: a coding may have parameters, and section 7.1: `chunked` has none.
    let is_coding = |member: &str| match member.split_once(';') {
        Some((name, parameters)) => name == "gzip" && parameters == "q=1",
        None => !member.is_empty() && member.bytes().all(is_token),
    };
    let malformed = !members.iter().all(|member| is_coding(member));
    if malformed || chunked > 1 {
        broken.push(400);
    }
    let last_chunked = members.last().is_some_and(|m| m == "chunked");
    if !codings.is_empty() {
        // Rule 3, and section 6.1 on HTTP/1.0.
        if !lengths.is_empty() || message.http10 {
            broken.push(400);
        }
        // Rule 4: a request without `chunked` at the end has no end.
        if message.status.is_none() && !last_chunked {
            broken.push(400);
        }
        // Section 6.1: what is below `chunked` must be known.
        let known = ["chunked", "gzip", "x-gzip", "deflate", "compress", "x-compress"];
        if last_chunked && members.iter().any(|m| !known.contains(&m.as_str())) {
            broken.push(501);
        }
    }
    let body = match (last_chunked, length, message.status) {
        (true, _, _) => BodyKind::Chunked,
        // Rule 6.
        (false, Some(n), _) => BodyKind::Length(n),
        // Rules 7 and 8.
        (false, None, None) => BodyKind::None,
        (false, None, Some(_)) => BodyKind::UntilClose,
    };
    // RFC 9110 section 9.3.6: content of CONNECT has no meaning.
    if message.status.is_none() && message.method == "CONNECT" && !body.is_empty() {
        broken.push(400);
    }
    // Rule 1.
    let bodyless = message.status.is_some() && message.method == "HEAD"
        || matches!(message.status, Some(100..=199 | 204 | 304));
    match broken.is_empty() {
        true => Ok(if bodyless { BodyKind::None } else { body }),
        false => Err(broken),
    }
}

fn check(run: &mut Runner, message: &Message<'_>) {
    let minor = if message.http10 { 0 } else { 1 };
    let fields: String = message.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let tell = |body: BodyKind, keep_alive: bool| format!("{body:?} {keep_alive}");
    let (wire, seen) = match message.status {
        None => {
            let target = if message.method == "CONNECT" { "a:1" } else { "/" };
            let wire = format!("{} {target} HTTP/1.{minor}\r\nHost: a\r\n{fields}\r\n", message.method);
            let seen = run.request(wire.as_bytes(), |head| tell(head.body, head.keep_alive));
            (wire, seen)
        }
        Some(status) => {
            let wire = format!("HTTP/1.{minor} {status} x\r\n{fields}\r\n");
            let method = Method::from(message.method);
            let seen = run
                .response(method, wire.as_bytes(), |head| tell(head.body, head.keep_alive || head.switched));
            (wire, seen)
        }
    };
    match (reference(message), seen) {
        (Ok(body), Seen::Complete(told)) => {
            let tunnel = message.method == "CONNECT" && matches!(message.status, Some(200..=299));
            let persists = tunnel || !message.http10 && body != BodyKind::UntilClose;
            assert_eq!(told, tell(body, persists), "{}: {}", message.method, wire.escape_debug());
        }
        (Err(statuses), Seen::Bad(error)) => {
            let own = statuses.contains(&error.status());
            assert!(own, "{error:?} instead of {statuses:?}: {}", wire.escape_debug());
            assert!(error.offset() < wire.len() as u64);
        }
        (wanted, seen) => {
            panic!("{seen:?} instead of {wanted:?}: {} {}", message.method, wire.escape_debug())
        }
    }
}

fn every_pair(mut check: impl FnMut(&[(&str, &str)])) {
    for first in alphabet() {
        for second in alphabet() {
            let pair: Vec<_> = first.into_iter().chain(second).collect();
            check(&pair);
        }
    }
}

#[test]
fn every_pair_of_framing_fields_frames_a_request_by_the_rfc_or_is_refused() {
    let mut run = Runner::default();
    every_pair(|fields| {
        for method in ["GET", "POST", "HEAD", "CONNECT", "TRACE"] {
            for http10 in [false, true] {
                check(&mut run, &Message { status: None, method, http10, fields });
            }
        }
    });
}

#[test]
fn every_pair_of_framing_fields_frames_a_response_by_the_rfc_or_is_refused() {
    let mut run = Runner::default();
    every_pair(|fields| {
        for method in ["GET", "HEAD", "CONNECT"] {
            for status in [100, 103, 200, 204, 205, 304, 404, 599] {
                for http10 in [false, true] {
                    check(&mut run, &Message { status: Some(status), method, http10, fields });
                }
            }
        }
    });
}
