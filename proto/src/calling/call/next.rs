//! What follows for the socket and for the content of the request from where a [`Call`] stands.
//!
//! Questions only: nothing here changes anything.

use super::{Call, Stage};
use crate::advice::Advice;
use crate::calling::Why;
use crate::values::KeepAlive;

/// What to do with the socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Next {
    /// Read. The owner need not while it holds content back from its user, which it says as
    /// [`Activity::paused`](crate::Activity::paused).
    Read,
    /// Write what is queued, and read: the server may answer before it has everything.
    Write,
    /// The exchange is over, and the connection goes back to the pool with [`Reuse::Yes`](crate::pool::Reuse::Yes) and
    /// what the server said about keeping it. What is left of the input is line ends: drop it.
    Release(KeepAlive),
    /// The connection belongs to another protocol, or is a tunnel. What is left of the input is its first bytes.
    HandOver,
    /// The exchange is over, and the connection is closed. What is queued is not sent.
    Close(Why),
}

/// What is to be done about the content of the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Upload {
    /// It waits for `100 Continue`, an answer, or the time limit for that (RFC 9110 section 10.1.1). Send the head.
    Hold,
    /// It can be sent, by [`Call::body`].
    Send,
    /// The server has answered and takes no more of it (RFC 9112 section 9.5): send nothing, read the response. What is
    /// queued is not sent either.
    Refused,
    /// All of it was framed, or there is none.
    Done,
}

impl Call {
    /// What is to be done about the content of the request.
    pub fn upload(&self) -> Upload {
        if matches!(self.stage, Stage::Over(_) | Stage::Idle) || self.refused() {
            Upload::Refused
        } else if !self.conn.core.tx.is_open() {
            Upload::Done
        } else if self.conn.awaits_continue() && !self.flags.unheld {
            Upload::Hold
        } else {
            Upload::Send
        }
    }

    /// Whether nothing more that is sent is of any use.
    pub(super) fn refused(&self) -> bool {
        self.flags.write_failed || self.is_answered() && !self.conn.wants_content()
    }

    /// What to do with the socket. To be asked once [`recv`](Self::recv) has no more events and
    /// [`observe`](Self::observe) was told.
    pub fn next(&self) -> Next {
        match self.stage {
            Stage::Over(why) => Next::Close(why),
            Stage::Idle if self.flags.spoiled => Next::Close(Why::Spoiled),
            Stage::Complete if self.flags.spoiled => Next::Close(Why::Spoiled),
            Stage::Switched if self.flags.unsent => Next::Write,
            Stage::Switched => Next::HandOver,
            Stage::Complete => match self.conn.advice() {
                _ if self.refused() => Next::Close(self.closing()),
                _ if self.flags.unsent => Next::Write,
                Advice::Reuse => Next::Release(self.hint),
                Advice::Continue if self.conn.core.tx.is_open() => Next::Read,
                _ => Next::Close(self.closing()),
            },
            Stage::Asking | Stage::Answering if self.flags.unsent && !self.refused() => Next::Write,
            Stage::Idle | Stage::Asking | Stage::Answering => Next::Read,
        }
    }

    /// Why the connection closes after a complete response.
    fn closing(&self) -> Why {
        if self.conn.core.tx.is_open() || self.flags.write_failed || self.flags.unsent {
            Why::Unfinished
        } else if self.conn.core.outstanding.first().is_some_and(|sent| sent.is_last()) {
            Why::WeClose
        } else {
            Why::PeerCloses
        }
    }

    /// Whether the exchange is under way, so that its time runs.
    pub(super) fn is_live(&self) -> bool {
        match self.stage {
            Stage::Asking | Stage::Answering => true,
            Stage::Complete => matches!(self.next(), Next::Read | Next::Write),
            Stage::Switched => self.flags.unsent,
            Stage::Idle | Stage::Over(_) => false,
        }
    }
}
