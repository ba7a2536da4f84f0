//! Sending: heads, content and trailers, validated in the last place before they become bytes.
//!
//! An error means that nothing was written and nothing changed. `respond` and `request` write heads, this file
//! the content, `encode` is what they share. Whether a step is legal is decided by `cycle` alone.

mod checked;
mod encode;
mod plan;
mod prepared;
mod request;
mod respond;
mod source;
mod status;
mod trailers;

pub(crate) use checked::Checked;
pub(crate) use checked::length;
pub use prepared::Prepared;
pub(crate) use source::Encoder;
pub use source::{BodyLen, FieldSource, Frame};
pub use status::Status;
pub(crate) use trailers::may_be_trailer;

use crate::conn::{Conn, Core, Role, Tx, local};
use crate::cycle::{Half, Party, Step};
use crate::error::SendError;
use crate::out::Out;

/// The content of the local message under way: how to send it.
///
/// Content of a declared length is complete with its last byte; [`end`](Self::end) is then optional. Everything
/// else is complete with [`end`](Self::end).
#[derive(Debug)]
pub struct BodyTx<'c> {
    core: &'c mut Core,
    party: Party,
}

impl<R: Role> Conn<R> {
    /// The content of the local message under way, if its head was sent and it is not complete.
    #[inline]
    pub fn body(&mut self) -> Option<BodyTx<'_>> {
        let core = &mut self.core;
        core.tx.is_open().then_some(BodyTx { core, party: local::<R>() })
    }
}

impl BodyTx<'_> {
    /// The declared bytes that were not framed yet, also where they are [not sent](Frame::sends_payload); `None` if no
    /// length was declared.
    pub fn remaining(&self) -> Option<u64> {
        match self.core.tx {
            Tx::Length(n) | Tx::Discard(n) if n != u64::MAX => Some(n),
            Tx::None => Some(0),
            _ => None,
        }
    }

    /// Frames a payload of `len` bytes that the machine never sees: put [`Frame::pre`], the payload, then
    /// [`Frame::post`]. A payload of no bytes has an empty frame.
    ///
    /// # Errors
    /// [`BodyTooLong`](SendError::BodyTooLong) beyond the declared length, unless the content is not sent at all.
    #[inline]
    pub fn frame(&mut self, len: u64) -> Result<Frame, SendError> {
        // Sending content ends the wait for 100 (RFC 9110 section 10.1.1).
        let frame = match &mut self.core.tx {
            Tx::Chunked if len > 0 => encode::chunk_frame(len),
            Tx::Chunked | Tx::UntilClose => Frame::RAW,
            Tx::Length(left) if len <= *left => {
                *left -= len;
                Frame::RAW
            }
            Tx::Discard(left) => {
                *left = if *left == u64::MAX { u64::MAX } else { left.saturating_sub(len) };
                Frame::DISCARD
            }
            Tx::None if len == 0 => Frame::RAW,
            Tx::Length(_) | Tx::None => return Err(SendError::BodyTooLong),
        };
        if self.party == Party::Client && len > 0 {
            self.core.flags.continue_pending = false;
        }
        if matches!(self.core.tx, Tx::Length(0) | Tx::Discard(0)) {
            self.complete();
        }
        Ok(frame)
    }

    /// Sends `payload` as the next piece of content. An empty one does nothing.
    ///
    /// # Errors
    /// [`BodyTooLong`](SendError::BodyTooLong) beyond the declared length.
    #[inline]
    pub fn data<O: Out + ?Sized>(&mut self, payload: &[u8], out: &mut O) -> Result<(), SendError> {
        let frame = self.frame(payload.len() as u64)?;
        if frame.payload {
            if frame.pre_len > 0 {
                out.put(frame.pre());
            }
            out.put(payload);
            if !frame.post.is_empty() {
                out.put_static(frame.post);
            }
        }
        Ok(())
    }

    /// Completes the content, with trailers if it is chunked. Otherwise trailers are validated and dropped, for
    /// there is nowhere to put them (RFC 9112 section 7.1.2).
    ///
    /// # Errors
    /// [`BodyTooShort`](SendError::BodyTooShort) before the declared length, unless the content is not sent at all; an invalid or forbidden trailer
    /// (RFC 9110 section 6.5.1).
    pub fn end<F: FieldSource + ?Sized, O: Out + ?Sized>(
        mut self,
        trailers: &F,
        out: &mut O,
    ) -> Result<(), SendError> {
        trailers::check(trailers)?;
        match self.core.tx {
            Tx::Length(left) if left > 0 => return Err(SendError::BodyTooShort),
            Tx::Chunked => {
                out.put_static(b"0\r\n");
                encode::put_fields(trailers, out);
                out.put_static(b"\r\n");
            }
            Tx::None => return Ok(()),
            Tx::Length(_) | Tx::UntilClose | Tx::Discard(_) => {}
        }
        self.complete();
        Ok(())
    }

    fn complete(&mut self) {
        if self.party == Party::Client {
            self.core.flags.continue_pending = false;
        }
        self.core.complete_sending(self.party);
    }
}

impl Core {
    /// The local message is complete.
    pub(crate) fn complete_sending(&mut self, party: Party) {
        self.tx = Tx::None;
        // Behind the front of a pipeline the joint state is about an older exchange.
        if party == Party::Server || self.outstanding.len() == 1 {
            self.step(party, Step::End);
        }
    }

    pub(crate) fn poisoned(&self, party: Party) -> Result<(), SendError> {
        let half = if party == Party::Server { self.cycle.server } else { self.cycle.client };
        if half == Half::Error { Err(SendError::Poisoned) } else { Ok(()) }
    }
}
