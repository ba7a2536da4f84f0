//! # A CONNECT proxy: a tunnel, and nothing said about what is in it
//!
//! `CONNECT host:port` asks for a byte stream to somewhere (RFC 9110 section 9.3.6). The machine has checked the form of
//! the target; whom to connect to whom is policy, and asked about addresses rather than names, for a name can mean
//! another address the next time. After the 2xx the machine is done, and two threads copy until both sides are.

use crate::Result;
use crate::own_io::{self, Answer, date};
use h1wire_proto::{BodyLen, Method, RequestHead, ServerEvent, Status, Timeouts};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// Serves one connection. A tunnel in which nothing moves is cut, after `idle` at the earliest and twice that at the latest.
pub fn serve_connection(stream: TcpStream, idle: Duration, allowed: impl Fn(SocketAddr) -> bool) -> Result {
    let mut origin = None;
    let switched = own_io::serve_connection(stream, &Timeouts::SERVER, |event, answer| {
        if let ServerEvent::Request(head) = event {
            origin = connect(&head, answer, &allowed)?;
        }
        Ok(())
    })?;
    if let (Some((client, first)), Some(mut origin)) = (switched, origin) {
        // The client need not wait for our answer before it speaks.
        origin.write_all(&first)?;
        tunnel(&client, &origin, idle)?;
    }
    Ok(())
}

/// Answers a request: with a connection to where it says, if that may be and can be had.
fn connect(
    head: &RequestHead<'_, '_>,
    answer: &mut Answer<'_>,
    allowed: &impl Fn(SocketAddr) -> bool,
) -> Result<Option<TcpStream>> {
    let connected = match (head.method, str::from_utf8(head.target)) {
        // `host:port`, an IPv6 address in brackets: just what the resolver takes.
        (Method::Connect, Ok(target)) => first_of(target, allowed),
        _ => Err(405),
    };
    let date = date();
    let status = *connected.as_ref().map_or_else(|status| status, |_| &200);
    let allow: &[(&str, &str)] = if status == 405 { &[("Allow", "CONNECT")] } else { &[] };
    // The machine knows that a 2xx to CONNECT has no content, and no field that says so.
    answer.conn.respond(Status::new(status).date(&date), allow, BodyLen::None, answer.out)?;
    Ok(connected.ok())
}

/// Connects to the first address of `target` that is allowed and answers, or says with which status not.
fn first_of(target: &str, allowed: &impl Fn(SocketAddr) -> bool) -> std::result::Result<TcpStream, u16> {
    let mut status = 403;
    for address in target.to_socket_addrs().map_err(|_| 502u16)?.filter(|address| allowed(*address)) {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => return Ok(stream),
            Err(e) => status = if e.kind() == ErrorKind::TimedOut { 504 } else { 502 },
        }
    }
    Err(status)
}

fn tunnel(client: &TcpStream, origin: &TcpStream, idle: Duration) -> io::Result<()> {
    let moved = AtomicU64::new(0);
    for stream in [client, origin] {
        stream.set_read_timeout(Some(idle))?;
        stream.set_write_timeout(Some(idle))?;
    }
    std::thread::scope(|scope| {
        scope.spawn(|| one_way(client, origin, &moved));
        one_way(origin, client, &moved);
    });
    Ok(())
}

/// Copies until `from` ends, and ends `to` with it: each direction may go on without the other. What fails in one
/// direction ends both.
fn one_way(mut from: &TcpStream, mut to: &TcpStream, moved: &AtomicU64) {
    let mut buffer = vec![0; 16 * 1024];
    let mut seen = u64::MAX;
    loop {
        let n = match from.read(&mut buffer) {
            Ok(0) => break drop(to.shutdown(Shutdown::Write)),
            Ok(n) => n,
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            // Silence here does not matter while the other direction is busy.
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                let now = moved.load(Ordering::Relaxed);
                if std::mem::replace(&mut seen, now) != now {
                    continue;
                }
                0
            }
            Err(_) => 0,
        };
        if n == 0 || to.write_all(&buffer[..n]).is_err() {
            break [from, to].iter().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        }
        moved.fetch_add(n as u64, Ordering::Relaxed);
    }
}
