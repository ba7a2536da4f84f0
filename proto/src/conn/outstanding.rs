//! What a client remembers of requests that wait for their responses: a byte for each, inline.
//!
//! What a response means for the exchange is decided in `client` and `cycle`.

use crate::cycle::Step;
use crate::framing::ResponseTo;

/// What must be remembered of a request until its response came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sent(u8);

impl Sent {
    const HEAD: u8 = 1;
    const CONNECT: u8 = 2;
    const UPGRADE: u8 = 4;
    const CLOSE: u8 = 8;
    const IDEMPOTENT: u8 = 16;

    pub(crate) fn new(head: bool, connect: bool, upgrade: bool, close: bool, idempotent: bool) -> Self {
        let bit = |on: bool, bit: u8| if on { bit } else { 0 };
        Self(
            bit(head, Self::HEAD)
                | bit(connect, Self::CONNECT)
                | bit(upgrade, Self::UPGRADE)
                | bit(close, Self::CLOSE)
                | bit(idempotent, Self::IDEMPOTENT),
        )
    }
    fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }
    pub(crate) fn step(self) -> Step {
        Step::Request {
            keep: !self.has(Self::CLOSE),
            upgrade: self.has(Self::UPGRADE),
            connect: self.has(Self::CONNECT),
        }
    }
    /// Whether another request may be sent before this one is answered.
    pub(crate) fn may_be_followed(self) -> bool {
        self.has(Self::IDEMPOTENT) && !self.has(Self::CLOSE | Self::UPGRADE | Self::CONNECT)
    }
    /// Whether the request said that no other follows.
    pub(crate) fn is_last(self) -> bool {
        self.has(Self::CLOSE)
    }
    pub(super) fn response_to(self) -> ResponseTo {
        match () {
            () if self.has(Self::HEAD) => ResponseTo::Head,
            () if self.has(Self::CONNECT) => ResponseTo::Connect,
            () => ResponseTo::Other,
        }
    }
}

/// The requests that were begun and not completely answered, oldest first. The first is the one the joint state
/// is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outstanding {
    sent: [Sent; Self::MOST],
    len: u8,
    pub(crate) depth: u8,
}

impl Outstanding {
    pub(super) const MOST: usize = 16;
    pub(crate) const NONE: Self = Self { sent: [Sent(0); Self::MOST], len: 0, depth: 1 };

    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }
    pub(crate) fn is_full(&self) -> bool {
        self.len >= self.depth
    }
    pub(crate) fn first(&self) -> Option<Sent> {
        self.sent.get(..self.len())?.first().copied()
    }
    pub(crate) fn last(&self) -> Option<Sent> {
        self.sent.get(..self.len())?.last().copied()
    }
    pub(crate) fn push(&mut self, sent: Sent) {
        let at = self.len();
        if let Some(slot) = self.sent.get_mut(at) {
            *slot = sent;
            self.len += 1;
        }
    }
    pub(super) fn pop(&mut self) {
        self.sent.copy_within(1.., 0);
        self.len = self.len.saturating_sub(1);
    }
}
