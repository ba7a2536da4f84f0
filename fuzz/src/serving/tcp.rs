//! A connection of TCP on simulated time, as bad as TCP may be: windows fill, the end of a stream and a reset are different
//! things, and a reset takes back what the peer has not read yet.
//!
//! It knows no HTTP.

use std::collections::VecDeque;

/// What a socket says when it is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Got {
    /// So many bytes came.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// The peer has ended its stream.
    End,
    /// The peer has reset the connection.
    Reset,
}

/// Bytes in one direction.
#[derive(Debug, Default)]
pub struct Pipe {
    /// Sent, and not yet with the receiver.
    flight: VecDeque<u8>,
    /// With the receiver's system, and not yet read.
    buffer: VecDeque<u8>,
    window: usize,
    /// The sender has ended the stream, after what is in flight.
    fin_sent: bool,
    /// That is known to the receiver's system.
    fin_known: bool,
    /// The receiver's system has been told of a reset.
    is_reset: bool,
    /// The receiver has closed its socket.
    is_deaf: bool,
}

impl Pipe {
    pub fn new(window: usize) -> Self {
        Self { window, ..Self::default() }
    }

    /// Takes as much as the window has room for.
    pub fn send(&mut self, bytes: &[u8]) -> usize {
        if self.fin_sent || self.is_reset {
            return 0;
        }
        let room = self.window.saturating_sub(self.flight.len() + self.buffer.len());
        let n = room.min(bytes.len());
        self.flight.extend(&bytes[..n]);
        n
    }

    pub fn read(&mut self, most: usize, to: &mut Vec<u8>) -> Got {
        let n = most.min(self.buffer.len());
        match n {
            _ if self.is_reset => Got::Reset,
            0 if self.fin_known && self.buffer.is_empty() && self.flight.is_empty() => Got::End,
            0 => Got::Nothing,
            n => {
                to.extend(self.buffer.drain(..n));
                Got::Bytes(n)
            }
        }
    }

    pub fn end(&mut self) {
        self.fin_sent = true;
    }

    /// Something, or the end of the stream, can be read.
    pub fn is_readable(&self) -> bool {
        self.is_reset || !self.buffer.is_empty() || self.has_ended()
    }

    /// The end of the stream is known, though perhaps not all that is before it was read.
    pub fn has_ended(&self) -> bool {
        self.fin_known && self.flight.is_empty()
    }

    pub fn is_reset(&self) -> bool {
        self.is_reset
    }

    /// What lies with the receiver unread.
    pub fn unread(&self) -> Vec<u8> {
        self.buffer.iter().copied().collect()
    }
}

/// Both directions.
#[derive(Debug)]
pub struct Tcp {
    /// From the client to the server.
    pub up: Pipe,
    /// From the server to the client.
    pub down: Pipe,
}

/// Whose socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Client,
    Server,
}

impl Tcp {
    fn pipes(&mut self, of: End) -> (&mut Pipe, &mut Pipe) {
        match of {
            End::Client => (&mut self.down, &mut self.up),
            End::Server => (&mut self.up, &mut self.down),
        }
    }

    /// Brings so many bytes to `to`, and the end of the stream after the last. Says whether anything moved.
    pub fn deliver(&mut self, to: End, most: usize) -> bool {
        let (incoming, _) = self.pipes(to);
        let n = most.min(incoming.flight.len());
        let piece: Vec<u8> = incoming.flight.drain(..n).collect();
        let is_deaf = incoming.is_deaf;
        if !is_deaf {
            incoming.buffer.extend(piece);
        }
        let ends = incoming.fin_sent && incoming.flight.is_empty() && !incoming.fin_known;
        incoming.fin_known |= ends;
        if is_deaf && n > 0 {
            self.reset(to);
        }
        n > 0 || ends
    }

    /// Closes the socket of `who`: in order if nothing lies in it unread, and else by a reset, of which there will be one
    /// as well if something comes later.
    pub fn close(&mut self, who: End) {
        let (incoming, outgoing) = self.pipes(who);
        incoming.is_deaf = true;
        outgoing.fin_sent = true;
        if !incoming.buffer.is_empty() {
            self.reset(who);
        }
    }

    /// Resets the connection: what is on its way from `who`, and what the peer has not read, is lost.
    pub fn reset(&mut self, who: End) {
        let (incoming, outgoing) = self.pipes(who);
        incoming.is_deaf = true;
        incoming.buffer.clear();
        incoming.flight.clear();
        outgoing.is_reset = true;
        outgoing.flight.clear();
        outgoing.buffer.clear();
        // Nothing of the peer's arrives any more.
        incoming.fin_sent = true;
    }
}
