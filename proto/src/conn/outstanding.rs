//! What a client remembers of requests that wait for their responses: half a byte for each, inline.
//!
//! What a response means for the exchange is decided in `client` and `cycle`.

use crate::cycle::Step;
use crate::framing::ResponseTo;
use crate::message::Method;

/// What must be remembered of a request until its response came: four bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sent(u8);

impl Sent {
    /// The kind of method, in the lower two bits.
    const IDEMPOTENT: u8 = 1;
    const HEAD: u8 = 2;
    const CONNECT: u8 = 3;
    const KIND: u8 = 3;
    const UPGRADE: u8 = 4;
    const CLOSE: u8 = 8;

    pub(crate) fn new(method: Method<'_>, upgrade: bool, close: bool) -> Self {
        let kind = match method {
            Method::Head => Self::HEAD,
            Method::Connect => Self::CONNECT,
            method => u8::from(method.is_idempotent()) * Self::IDEMPOTENT,
        };
        let bit = |on: bool, bit: u8| if on { bit } else { 0 };
        Self(kind | bit(upgrade, Self::UPGRADE) | bit(close, Self::CLOSE))
    }
    fn any(self, bit: u8) -> bool {
        self.0 & bit != 0
    }
    pub(crate) fn step(self) -> Step {
        Step::Request {
            keep: !self.any(Self::CLOSE),
            upgrade: self.any(Self::UPGRADE),
            connect: self.0 & Self::KIND == Self::CONNECT,
        }
    }
    /// Whether it said that it is the last of its connection.
    pub(crate) fn is_last(self) -> bool {
        self.any(Self::CLOSE)
    }
    /// Whether another request may be sent before this one is answered.
    pub(crate) fn may_be_followed(self) -> bool {
        matches!(self.0, Self::IDEMPOTENT | Self::HEAD)
    }
    pub(super) fn response_to(self) -> ResponseTo {
        match self.0 & Self::KIND {
            Self::HEAD => ResponseTo::Head,
            Self::CONNECT => ResponseTo::Connect,
            _ => ResponseTo::Other,
        }
    }
}

/// The requests that were begun and not completely answered, oldest first. The first is the one the joint state
/// is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outstanding {
    /// Four bits for each, the oldest in the lowest of the number that these are: bytes, so that what is beside them is
    /// not set apart by gaps.
    sent: [u8; 8],
    len: u8,
    pub(crate) depth: u8,
}

impl Outstanding {
    pub(super) const MOST: usize = 16;
    pub(crate) const NONE: Self = Self { sent: [0; 8], len: 0, depth: 1 };

    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }
    pub(crate) fn is_full(&self) -> bool {
        self.len >= self.depth
    }
    fn at(&self, place: u8) -> Sent {
        Sent((u64::from_le_bytes(self.sent) >> (4 * u32::from(place)) & 15) as u8)
    }
    pub(crate) fn first(&self) -> Option<Sent> {
        (self.len > 0).then(|| self.at(0))
    }
    pub(crate) fn last(&self) -> Option<Sent> {
        self.len.checked_sub(1).map(|place| self.at(place))
    }
    pub(crate) fn push(&mut self, sent: Sent) {
        if self.len() < Self::MOST {
            let sent = u64::from(sent.0) << (4 * u32::from(self.len));
            self.sent = (u64::from_le_bytes(self.sent) | sent).to_le_bytes();
            self.len += 1;
        }
    }
    pub(super) fn pop(&mut self) {
        self.sent = (u64::from_le_bytes(self.sent) >> 4).to_le_bytes();
        self.len = self.len.saturating_sub(1);
    }
}
