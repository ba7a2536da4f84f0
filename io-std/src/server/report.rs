//! [`Report`]: what an exchange came to, for logs and measurements.

use std::net::SocketAddr;
use std::time::Duration;

use h1wire_proto::{RequestHead, Time};

use super::exchange::Exchange;
use crate::clock;

/// An exchange that is over: the request, and how it was answered.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report<'a> {
    /// The request, as the handler saw it.
    pub head: RequestHead<'a, 'a>,
    /// The address of the client, if it has one.
    pub peer: Option<SocketAddr>,
    /// The how-manieth request of its connection it was, from 1.
    pub number: u32,
    /// The status of the final response; none if its head was not sent.
    pub status: Option<u16>,
    /// Whether the response is complete, with no byte of it lost.
    pub is_complete: bool,
    /// Bytes of the request that were understood after its head.
    pub received: u64,
    /// Bytes the socket took since the head was there. With [`batch_pipelined`](super::Options::batch_pipelined) an
    /// answer may be counted with a later one.
    pub sent: u64,
    /// From the complete head to here.
    pub took: Duration,
}

/// A connection that is over, or was handed over to another protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ConnectionReport {
    /// The address of the client, if it has one.
    pub peer: Option<SocketAddr>,
    /// How many requests it had.
    pub requests: u32,
    /// Bytes that were read from it.
    pub received: u64,
    /// Bytes that were written to it.
    pub sent: u64,
    /// From its acceptance to here.
    pub age: Duration,
    /// Whether it goes on, in the hands of [`Response::switch`](super::Response::switch) or
    /// [`tunnel`](super::Response::tunnel).
    pub is_switched: bool,
}

/// Where the counts stood when an exchange began.
#[derive(Clone, Copy)]
pub(crate) struct Began {
    at: Time,
    received: u64,
    sent: u64,
}

impl Exchange {
    pub(crate) fn began(&self) -> Began {
        Began { at: clock::now(), received: self.link.conn.recv_offset(), sent: self.link.sent }
    }

    pub(crate) fn report<'a>(&self, head: RequestHead<'a, 'a>, began: &Began) -> Report<'a> {
        Report {
            head,
            peer: self.link.peer,
            number: self.link.tenure.requests(),
            status: Some(self.status).filter(|status| *status > 0),
            is_complete: self.is_complete(),
            received: self.link.conn.recv_offset() - began.received,
            sent: self.link.sent - began.sent,
            took: Duration::from_millis(clock::now().since(began.at)),
        }
    }
}
