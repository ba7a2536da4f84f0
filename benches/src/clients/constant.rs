//! The limit of blocking sockets: writes a constant, reads until the content is there. It is no HTTP client.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::{ACCEPT, Fetch, TARGET, check};
use crate::inputs;

pub(super) fn start(address: SocketAddr) -> Result<Fetch, Box<dyn Error>> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    let request = format!("GET {TARGET} HTTP/1.1\r\nHost: {address}\r\nAccept: {ACCEPT}\r\n\r\n");
    let mut buffer = [0; 4096];
    Ok(Box::new(move || {
        socket.write_all(request.as_bytes())?;
        let mut read = 0;
        while !buffer[..read].ends_with(inputs::RESP_BODY) {
            match socket.read(&mut buffer[read..])? {
                0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                more => read += more,
            }
        }
        check(&buffer[read - inputs::RESP_BODY.len()..read])
    }))
}
