//! The limit of `mio`: a connection to the origin for each client, and bytes passed on without a look at them.
//!
//! It checks nothing, shares nothing, and is no HTTP proxy. Each side is read until a short read, and what was read is
//! written at once; what does not fit stops the reading.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};

const LISTENER: Token = Token(usize::MAX);
const READ: usize = 64 << 10;

pub(super) fn serve(address: SocketAddr, origin: SocketAddr) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(address)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut pairs: Vec<Option<Pair>> = Vec::new();
    let mut free = Vec::new();
    let (mut events, mut buffer) = (Events::with_capacity(1024), vec![0; READ]);
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((client, _)) = listener.accept() {
                    let at = free.pop().unwrap_or(pairs.len());
                    let pair = Some(Pair::new(poll.registry(), at, client, origin)?);
                    match pairs.get_mut(at) {
                        Some(place) => *place = pair,
                        None => pairs.push(pair),
                    }
                }
                continue;
            }
            let at = event.token().0 / 2;
            let Some(pair) = pairs.get_mut(at).and_then(Option::as_mut) else { continue };
            if pair.ready(&mut buffer, event.is_read_closed()).is_err() {
                pairs[at] = None;
                free.push(at);
            }
        }
    }
}

/// Two sockets, and for each what it did not take yet.
struct Pair {
    client: TcpStream,
    origin: TcpStream,
    to_client: Vec<u8>,
    to_origin: Vec<u8>,
}

impl Pair {
    fn new(registry: &Registry, at: usize, mut client: TcpStream, origin: SocketAddr) -> io::Result<Self> {
        let mut origin = TcpStream::connect(origin)?;
        for (side, socket) in [&mut client, &mut origin].into_iter().enumerate() {
            socket.set_nodelay(true)?;
            registry.register(socket, Token(2 * at + side), Interest::READABLE | Interest::WRITABLE)?;
        }
        Ok(Self { client, origin, to_client: Vec::new(), to_origin: Vec::new() })
    }

    /// An error ends both connections.
    fn ready(&mut self, buffer: &mut [u8], ended: bool) -> io::Result<()> {
        pass(&mut self.client, &mut self.origin, &mut self.to_origin, buffer, ended)?;
        pass(&mut self.origin, &mut self.client, &mut self.to_client, buffer, ended)
    }
}

/// Passes on what can be read. With `ended`, no event will tell of the end of the stream, so it is read up to that.
fn pass(
    from: &mut TcpStream,
    to: &mut TcpStream,
    kept: &mut Vec<u8>,
    buffer: &mut [u8],
    ended: bool,
) -> io::Result<()> {
    let written = write(to, kept)?;
    kept.drain(..written);
    while kept.is_empty() {
        let read = match from.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => read,
            Err(error) if is_not_now(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        let written = write(to, &buffer[..read])?;
        kept.extend_from_slice(&buffer[written..read]);
        if read < buffer.len() && !ended {
            break;
        }
    }
    Ok(())
}

/// Writes what the socket takes, and says how much that was.
fn write(to: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match to.write(&bytes[written..]) {
            Ok(more) => written += more,
            Err(error) if is_not_now(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

fn is_not_now(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected)
}
