//! Who the client is, for origins that want to hear it by the PROXY protocol before the first byte of HTTP.
//!
//! A connection that was announced as one client's is no other's, so each request then has one of its own.

use std::io::Write;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use h1wire_mio::Stream;
use h1wire_mio::client::Request;
use h1wire_mio::proto::ProxyHeader;

use crate::args::ProxyVersion;

/// What is said before the first byte.
pub struct Preface {
    bytes: Vec<u8>,
    within: Duration,
}

impl Preface {
    /// What is known of the client's connection.
    pub fn new(version: ProxyVersion, header: ProxyHeader, within: Duration) -> Self {
        let mut bytes = Vec::new();
        match version {
            ProxyVersion::V1 => header.write_v1(&mut bytes),
            ProxyVersion::V2 => header.write_v2(&mut bytes),
        }
        Self { bytes, within }
    }

    /// Has a request go over a connection that begins so. It is made by a thread of the client's.
    pub fn on(self, request: Request) -> Request {
        let (host, port) = (request.host_name().to_owned(), request.port_number());
        request.create_connection(move |_| {
            let mut last = None;
            for address in (&*host, port).to_socket_addrs()? {
                match TcpStream::connect_timeout(&address, self.within) {
                    Ok(mut stream) => {
                        stream.write_all(&self.bytes)?;
                        stream.set_nonblocking(true)?;
                        return Ok(Stream::from(mio::net::TcpStream::from_std(stream)));
                    }
                    Err(error) => last = Some(error),
                }
            }
            Err(last.unwrap_or_else(|| std::io::ErrorKind::AddrNotAvailable.into()).into())
        })
    }
}
