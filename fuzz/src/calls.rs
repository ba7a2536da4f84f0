//! Calls: any order of calls is safe, and a refused call changes nothing and writes nothing.

use h1wire_proto::{
    BodyLen, Client, ClientConfig, Conn, Expired, Limits, Method, Recv, RecvError, RecvErrorKind, SendError,
    Server, ServerConfig, Slots,
};

use crate::choices::Choices;
use crate::encode::fields;

const REQUESTS: [&[u8]; 8] = [
    b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
    b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n1\r\na\r\n0\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    b"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n",
    b"\0",
];

const RESPONSES: [&[u8]; 8] = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\nuntil close",
    b"HTTP/1.0 500 No\r\nConnection: close\r\n\r\n",
    b"\0",
];

fn length(choices: &mut Choices<'_>) -> BodyLen {
    [BodyLen::None, BodyLen::Exact(0), BodyLen::Exact(3), BodyLen::Unknown][choices.below(4)]
}

/// The check around every call that may be refused.
fn checked<C: std::fmt::Debug, T>(
    conn: &mut C,
    call: impl FnOnce(&mut C, &mut Vec<u8>) -> Result<T, SendError>,
) -> Option<T> {
    let (before, mut out) = (format!("{conn:?}"), Vec::new());
    match call(conn, &mut out) {
        Ok(done) => Some(done),
        Err(_) => {
            assert!(out.is_empty(), "a refused call writes nothing");
            assert_eq!(format!("{conn:?}"), before, "a refused call changes nothing");
            None
        }
    }
}

fn send<R: h1wire_proto::Role>(choices: &mut Choices<'_>, conn: &mut Conn<R>)
where
    Conn<R>: std::fmt::Debug,
{
    let trailers = fields(choices, 1);
    let (what, n) = (choices.below(3), choices.below(5));
    checked(conn, |conn, out| {
        let mut body = conn.body().ok_or(SendError::WrongState)?;
        match what {
            0 => body.data(&b"abcde"[..n], out),
            1 => body.frame(n as u64).map(drop),
            _ => body.end(&trailers[..], out),
        }
    });
}

/// A machine of either role under any calls and any input.
pub fn calls(data: &[u8]) {
    let mut choices = Choices(data);
    if choices.flip() { server(&mut choices) } else { client(&mut choices) }
}

fn server(choices: &mut Choices<'_>) {
    let mut conn = Conn::<Server>::new(&ServerConfig::default());
    let (mut slots, mut input) = (Slots::new(), Vec::new());
    while !choices.is_empty() {
        let fields = fields(choices, 1);
        match choices.below(12) {
            0 => input.extend_from_slice(REQUESTS[choices.below(8)]),
            1..=3 => {
                let mut rest = &input[..];
                let result = conn.recv(&mut rest, &mut slots);
                assert!(
                    !matches!(result, Ok(Recv::NeedInput(_)))
                        || rest.len() < Limits::DEFAULT.max_contiguous()
                );
                let used = input.len() - rest.len();
                input.drain(..used);
            }
            4 => conn.recv_eof(),
            5 => {
                let (code, length) = ([200, 204, 404, 100, 426, 1][choices.below(6)], length(choices));
                checked(&mut conn, |conn, out| conn.respond(code, &fields[..], length, out));
            }
            6 => {
                checked(&mut conn, |conn, out| conn.respond_with(200, &fields[..], b"abc", out));
            }
            7 => {
                let code = [100, 103, 101, 200][choices.below(4)];
                checked(&mut conn, |conn, out| conn.send_informational(code, &fields[..], out));
            }
            8 => {
                checked(&mut conn, |conn, out| conn.switch(&[("Upgrade", "a")], out));
            }
            9 => {
                let error = RecvError::new(RecvErrorKind::BadMethod, 0);
                checked(&mut conn, |conn, out| conn.respond_error(&error, None, out));
            }
            10 => match choices.below(8) {
                0 => conn.send_failed(),
                1 => conn.recv_bypassed(choices.byte() as u64),
                2 => conn.recv_bypassed(u64::MAX),
                3 => conn.limit_content(Some(choices.byte().into())),
                4 => conn.keep_reading(choices.flip()),
                5 => conn.close_after_response(),
                // Nobody should, but it is no reason to panic: input that does not begin with what was left.
                6 => input.truncate(choices.byte() as usize),
                _ => {
                    checked(&mut conn, |conn, out| conn.respond_expired(Expired::Head, None, out));
                }
            },
            _ => send(choices, &mut conn),
        }
        let _ = (conn.advice(), conn.phase(), conn.may_end(), conn.wants_continue(), conn.recv_bypass());
    }
}

fn client(choices: &mut Choices<'_>) {
    let depth = choices.byte();
    let mut conn = Conn::<Client>::new(&ClientConfig { pipeline_depth: depth, ..ClientConfig::default() });
    let (mut slots, mut input) = (Slots::new(), Vec::new());
    while !choices.is_empty() {
        let mut fields = fields(choices, 1);
        match choices.below(9) {
            0 => input.extend_from_slice(RESPONSES[choices.below(8)]),
            1..=3 => {
                let mut rest = &input[..];
                let _ = conn.recv(&mut rest, &mut slots);
                let used = input.len() - rest.len();
                input.drain(..used);
            }
            4 => conn.recv_eof(),
            5 | 6 => {
                fields.push((b"Host".to_vec(), b"h".to_vec()));
                let method = [Method::Get, Method::Head, Method::Post, Method::Connect][choices.below(4)];
                let target: &[u8] = if method == Method::Connect { b"h:1" } else { b"/" };
                let length = length(choices);
                // A request first retires an exchange that is over, which is no change of what can be done.
                let _ = conn.outstanding();
                let mut out = Vec::new();
                if conn.request(method, target, &fields[..], length, &mut out).is_err() {
                    assert!(out.is_empty(), "a refused request writes nothing");
                }
            }
            7 => match choices.below(8) {
                0 => conn.send_failed(),
                1 => conn.recv_bypassed(choices.byte() as u64),
                2 => conn.recv_bypassed(u64::MAX),
                3 => conn.limit_content(Some(choices.byte().into())),
                4 => input.truncate(choices.byte() as usize),
                5 => {
                    _ = conn.configure(&ClientConfig {
                        pipeline_depth: choices.byte(),
                        ..ClientConfig::default()
                    })
                }
                _ => {}
            },
            _ => send(choices, &mut conn),
        }
        let _ = (conn.advice(), conn.phase(), conn.may_end(), conn.recv_bypass(), conn.outstanding());
        let _ = (conn.awaits_continue(), conn.wants_content());
    }
}
