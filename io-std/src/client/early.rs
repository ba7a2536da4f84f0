//! Answers that come before the request is complete: noticing them, reading them meanwhile, and not waiting for ever
//! where nobody reads them.
//!
//! Whether the server wants the rest of the content is decided by the machine.

use std::io;
use std::time::Duration;

use h1wire_proto::Time;

use super::exchange::{Exchange, Progress};
use crate::agent::Lease;
use crate::clock;
use crate::error::ErrorKind;
use crate::stream::Stream;

impl Exchange {
    /// Takes note of what the server has said so far, without waiting for it.
    pub(crate) fn listen(&mut self) -> Result<(), ErrorKind> {
        while !self.answered && self.wire()?.has_more() {
            self.read_more()?;
            self.sending = true;
            let heard = self.pump();
            self.sending = false;
            heard?;
        }
        Ok(())
    }

    /// Waits for the head of the final response, and leaves it here.
    pub(crate) fn await_answer(&mut self) -> Result<(), ErrorKind> {
        loop {
            self.pump()?;
            if self.answered {
                return Ok(());
            }
            self.read_more()?;
        }
    }

    /// Whether the answer is under way and nothing is read of it any more, because nobody takes what was: a server
    /// that waits for its reader takes no content either.
    pub(super) fn is_deaf(&self) -> bool {
        let wire = self.lease.as_ref().and_then(Lease::wire);
        self.answered && self.progress == Progress::Open && wire.is_some_and(|wire| wire.is_full())
    }

    /// Changes the connection, if there is an exchange that still has one.
    pub(crate) fn tune(
        exchange: Option<&mut Self>,
        change: impl FnOnce(&mut dyn Stream) -> io::Result<()>,
    ) -> io::Result<()> {
        match exchange.and_then(|exchange| exchange.lease.as_mut()?.wire_mut()) {
            Some(wire) => change(&mut *wire.stream),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

/// Since when nothing moves, with an answer that nobody reads in the way.
#[derive(Default)]
pub(super) struct Stall(Option<Time>);

impl Stall {
    /// How long the next write may block, where nothing else limits it.
    pub(super) fn limit(&mut self, other: Option<Duration>, most: Option<Duration>) -> Option<Duration> {
        let Some(most) = most else { return other };
        let since = *self.0.get_or_insert_with(clock::now);
        let left = clock::until(since.after(clock::millis(most))).max(Duration::from_millis(1));
        Some(other.map_or(left, |other| other.min(left)))
    }

    pub(super) fn is_over(&self, most: Option<Duration>) -> bool {
        let over = |(since, most): (Time, Duration)| clock::now() >= since.after(clock::millis(most));
        self.0.zip(most).is_some_and(over)
    }
}
