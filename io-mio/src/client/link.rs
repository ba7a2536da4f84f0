//! [`Link`]: an established connection of a client, and [`Source`]: everything of it that the system sends events for.
//!
//! Plain data. While nobody uses a connection this is all there is of it, and there may be very many.

use h1wire_proto::pool::ConnId;
use mio::event::Event;
use mio::net::TcpStream;

use crate::stream::Stream;

/// What has a token.
pub(crate) enum Source {
    /// One of the addresses that are tried for a connection.
    Attempt { making: usize, tcp: TcpStream },
    /// A connection on which something is agreed on before it can be used.
    Wiring { making: usize, stream: Stream },
    /// A connection that can be used.
    Link(Link),
}

/// A connection.
pub(crate) struct Link {
    pub(crate) stream: Stream,
    /// `None` once it is detached from the pool.
    pub(crate) id: Option<ConnId>,
    /// The call that has it.
    pub(crate) call: Option<u32>,
    pub(crate) ready: Ready,
    /// The server speaks HTTP/1.0, and is sent no chunks (RFC 9112 section 6.1).
    pub(crate) old: bool,
}

/// What the system said of a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    /// It may have something to read, or the end of it.
    pub(crate) readable: bool,
    /// It may have room.
    pub(crate) writable: bool,
    /// The end of the peer's stream, or an error, comes after what can be read.
    pub(crate) ends: bool,
}

impl Ready {
    /// Of a socket that was just connected.
    pub(crate) const NEW: Self = Self { readable: false, writable: true, ends: false };

    pub(crate) fn note(&mut self, event: &Event) {
        self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.writable |= event.is_writable() || event.is_write_closed();
        self.ends |= event.is_read_closed() || event.is_error();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_nobody_uses_is_72_bytes_and_owns_no_others() {
        // In debug builds a socket of mio knows the poll it is registered with.
        let debug = if cfg!(debug_assertions) { 8 } else { 0 };
        assert!(size_of::<Source>() <= 72 + debug, "{}", size_of::<Source>());
    }
}
