//! What goes through unseen: tunnels, and connections that speak another protocol after an upgrade.

use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use h1wire_std::proto::{Method, SendError, Target};
use h1wire_std::server::{Request, Response, Upgraded};

use super::answers::refuse;
use super::origin;

/// Opens a tunnel (RFC 9110 section 9.3.6).
pub fn connect(request: &mut Request<'_>, response: &mut Response<'_>) -> io::Result<()> {
    let Ok(Target::Authority { host, port }) = Target::parse(Method::Connect, request.target()) else {
        return refuse(response, 400, &SendError::BadTarget.to_string());
    };
    let host = String::from_utf8_lossy(host);
    match origin::reach(host.trim_matches(['[', ']']), port) {
        Ok(far) => spawn(response.tunnel()?, far, Vec::new()),
        Err(error) => refuse(response, origin::status_of(&error), &format!("{host}:{port}: {error}")),
    }
}

/// Joins both ends, after what the far one has said so far. It may last, and the server's threads are few.
pub fn spawn(near: Upgraded, far: TcpStream, said: Vec<u8>) -> io::Result<()> {
    thread::Builder::new().name("tunnel".into()).spawn(move || drop(relay(near, &far, &said)))?;
    Ok(())
}

/// Moves bytes both ways until both ends have ended.
fn relay(near: Upgraded, far: &TcpStream, said: &[u8]) -> io::Result<()> {
    let (stream, first) = near.into_parts();
    let fd = stream.poll_fd().ok_or(io::ErrorKind::Unsupported)?;
    let near = TcpStream::from(fd.try_clone_to_owned()?);
    for stream in [&near, far] {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)?;
    }
    thread::scope(|scope| {
        let back = scope.spawn(|| pump(far, &near, said));
        let there = pump(&near, far, &first);
        back.join().unwrap_or(Ok(())).and(there)
    })
}

fn pump(mut from: &TcpStream, mut to: &TcpStream, first: &[u8]) -> io::Result<()> {
    let moved = to.write_all(first).and_then(|()| io::copy(&mut from, &mut to));
    // The other direction goes on after an end, and not after an error.
    let how = if moved.is_ok() { Shutdown::Write } else { Shutdown::Both };
    let _ = to.shutdown(how);
    if moved.is_err() {
        let _ = from.shutdown(Shutdown::Both);
    }
    moved.map(drop)
}
