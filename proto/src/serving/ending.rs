//! [`Ending`]: how far a session is with its end, in four bytes. Plain data; what follows from it is in `next`.

use super::Why;

/// Where a connection stands between its first byte and its last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum State {
    /// Requests and answers.
    Open,
    /// The answer is complete, the request is not: its rest is read in the hope of keeping the connection.
    Draining,
    /// The client was wrong or late. What it sends is not looked at.
    Failing,
    /// The last answer is on its way out, and what comes is of no interest.
    Leaving,
    /// The write side is shut down: the client has until it closes, or the time is over.
    Shut,
    /// It is closed now.
    Over,
}

/// What the machine said last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// It needs input.
    Input,
    /// It waits for the local side.
    Local,
    /// It will have no more events.
    Closed,
}

/// Whether something came after the last request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dropped {
    Nothing,
    Something,
    Told,
}

/// The part of a session that is not machine, clocks or age.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ending {
    pub(crate) state: State,
    pub(crate) why: Option<Why>,
    bits: u8,
}

impl Ending {
    pub(crate) const NONE: Self = Self { state: State::Open, why: None, bits: 0 };

    const STOP: u8 = 3;
    const HEADS: u8 = 3 << 2;
    const HEAD: u8 = 1 << 2;
    const DROPPED: u8 = 3 << 4;
    const GRACED: u8 = 1 << 6;
    const OWN_IDLE: u8 = 1 << 7;

    /// What the machine said last.
    #[inline(always)]
    pub(super) const fn stop(self) -> Stop {
        match self.bits & Self::STOP {
            0 => Stop::Input,
            1 => Stop::Local,
            _ => Stop::Closed,
        }
    }

    #[inline(always)]
    pub(super) fn set_stop(&mut self, stop: Stop) {
        self.bits = self.bits & !Self::STOP | stop as u8;
    }

    /// Counts a head. More than three in one batch are as good as three.
    #[inline(always)]
    pub(super) fn count_head(&mut self) {
        if self.bits & Self::HEADS != Self::HEADS {
            self.bits += Self::HEAD;
        }
    }

    /// How many heads were counted since this was last asked.
    #[inline(always)]
    pub(super) fn take_heads(&mut self) -> u32 {
        let heads = (self.bits & Self::HEADS) / Self::HEAD;
        self.bits &= !Self::HEADS;
        heads.into()
    }

    pub(super) const fn dropped(self) -> Dropped {
        match (self.bits & Self::DROPPED) >> 4 {
            0 => Dropped::Nothing,
            1 => Dropped::Something,
            _ => Dropped::Told,
        }
    }

    pub(super) fn set_dropped(&mut self, dropped: Dropped) {
        self.bits = self.bits & !Self::DROPPED | (dropped as u8) << 4;
    }

    /// Whether what was readable has been read since a limit passed.
    pub(super) const fn is_graced(self) -> bool {
        self.bits & Self::GRACED != 0
    }

    pub(super) fn set_graced(&mut self, on: bool) {
        self.bits = self.bits & !Self::GRACED | if on { Self::GRACED } else { 0 };
    }

    /// Whether the exchange at hand has an idle limit of its own.
    #[inline(always)]
    pub(super) const fn has_own_idle(self) -> bool {
        self.bits & Self::OWN_IDLE != 0
    }

    pub(super) fn set_own_idle(&mut self, on: bool) {
        self.bits = self.bits & !Self::OWN_IDLE | if on { Self::OWN_IDLE } else { 0 };
    }
}
