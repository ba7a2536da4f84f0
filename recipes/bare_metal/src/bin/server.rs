//! # Bare metal: three requests to a Cortex-M4
//!
//! A server without a network: what a socket would have given lies in flash, and the answers go to the debugger. The
//! first request has no content, the second has chunks, and the third is one that must be refused.
#![no_std]
#![no_main]

use core::hint::black_box;

use h1wire_proto::{BodyLen, Conn, Pause, Recv, Server, ServerConfig, ServerEvent, Slots};
use h1wire_recipe_bare_metal::show;
use h1wire_recipe_no_std::Fixed;

const REQUESTS: &[u8] = b"GET /hello HTTP/1.1\r\nHost: board\r\n\r\n\
    POST /echo HTTP/1.1\r\nHost: board\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
    GET / HTTP/1.1\r\nHost : board\r\n\r\n";

#[unsafe(no_mangle)]
fn firmware() {
    let mut conn = Conn::<Server>::new(&ServerConfig::default());
    let (mut slots, mut out) = (Slots::new(), Fixed::<512>::new());
    // Not known when compiling, as it would not be.
    let mut input = black_box(REQUESTS);
    loop {
        let open = match conn.recv(&mut input, &mut slots) {
            Ok(Recv::Event(ServerEvent::Request(head))) => conn.respond(200, &(), head.body.into(), &mut out),
            Ok(Recv::Event(ServerEvent::Data(data))) => {
                conn.body().map_or(Ok(()), |mut body| body.data(data, &mut out))
            }
            Ok(Recv::Event(ServerEvent::End(_))) => {
                conn.body().map_or(Ok(()), |body| body.end(&(), &mut out))
            }
            Ok(Recv::Paused(Pause::AwaitingResponse)) => conn.respond(404, &(), BodyLen::None, &mut out),
            Ok(_) => break,
            Err(error) => {
                let _ = conn.respond_error(&error, None, &mut out);
                break;
            }
        };
        if open.is_err() || out.is_overflown() {
            break;
        }
        show(out.bytes());
        out.consume(out.bytes().len());
    }
    show(out.bytes());
}
