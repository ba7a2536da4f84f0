//! # Early hints: what will be needed, before the answer is there
//!
//! An interim response with status 103 (RFC 8297) names what the page will need, while it is still being made. The server
//! writes it out at once, and any number of others; the machine sends none to an HTTP/1.0 client, which could not tell it
//! from the answer. The client's side is a loop in which the answer may be the second thing that comes.

use crate::Result;
use crate::own_io::{self, date};
use h1wire_proto::{
    BodyLen, Client, ClientConfig, ClientEvent, Conn, Fields, InBuf, Method, Recv, RecvError, ServerEvent,
    Slots, Status, Timeouts,
};
use std::io::{Read, Write};
use std::net::TcpStream;

const READ: usize = 16 * 1024;

/// Serves one connection with pages that take their time to `make`, and hints about each.
pub fn serve_connection(
    stream: TcpStream,
    hints: &[(&str, &str)],
    make: impl Fn(&[u8]) -> Vec<u8>,
) -> Result {
    own_io::serve_connection(stream, &Timeouts::SERVER, |event, answer| {
        if let ServerEvent::Request(head) = event {
            answer.conn.send_informational(103, hints, answer.out)?;
            answer.flush()?;
            let page = make(head.target);
            let date = date();
            // The final response has the fields again: not every client has seen the hints.
            answer.conn.respond_with(Status::new(200).date(&date), hints, &page, answer.out)?;
        }
        Ok(())
    })
    .map(drop)
}

/// Gets one page: its status and content. `hinted` is told every interim response before that.
pub fn get(
    mut stream: TcpStream,
    host: &str,
    target: &str,
    mut hinted: impl FnMut(u16, Fields<'_, '_>),
) -> Result<(u16, Vec<u8>)> {
    let config = ClientConfig::default();
    let mut conn = Conn::<Client>::new(&config);
    let (mut slots, mut input, mut out) = (Slots::new(), InBuf::new(), Vec::new());
    let fields = [("Host", host), ("Connection", "close")];
    conn.request(Method::Get, target.as_bytes(), &fields, BodyLen::None, &mut out)?;
    stream.write_all(&out)?;
    let (mut status, mut content) = (0, Vec::new());
    loop {
        let over = input.show(|rest| {
            loop {
                match conn.recv(rest, &mut slots)? {
                    Recv::Event(ClientEvent::Informational(head)) => hinted(head.status, head.fields),
                    Recv::Event(ClientEvent::Response(head)) => status = head.status,
                    Recv::Event(ClientEvent::Data(data)) => content.extend_from_slice(data),
                    Recv::Event(ClientEvent::End(_)) => {}
                    Recv::NeedInput(_) => return Ok::<_, RecvError>(false),
                    // The last response of this connection is complete.
                    Recv::Closed | Recv::Paused(_) => return Ok(true),
                }
            }
        })?;
        if over {
            return Ok((status, content));
        }
        match stream.read(input.spare(READ, config.limits.max_contiguous() + READ))? {
            0 => conn.recv_eof(),
            n => input.filled(n),
        }
    }
}
