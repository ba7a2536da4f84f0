//! What the connections of an event loop share: clock, options, counters, memory. Plain data.

use std::sync::Arc;

use h1wire_proto::{HttpDate, Prepared, Slots, Status};

use crate::clock::Clock;
use crate::server::counters;
use crate::server::draft::Draft;
use crate::server::options::Options;
use crate::server::peers::Peers;
use crate::server::remote::Remote;
use crate::server::report::Tallies;

/// What every connection of a loop may use.
pub(crate) struct Context {
    pub(crate) clock: Clock,
    pub(crate) options: Arc<Options>,
    pub(crate) counters: Arc<counters::Shared>,
    pub(crate) remote: Arc<Remote>,
    pub(crate) tallies: Tallies,
    pub(crate) peers: Peers,
    /// The loop is about to end: every answer is the last of its connection.
    pub(crate) draining: bool,
    /// Reports are made of more than what ends an exchange, so that the clock is read for them.
    pub(crate) is_timed: bool,
}

impl Context {
    /// What every response begins with: its status, and the fields of the server itself, which give way to the
    /// handler's.
    #[inline(always)]
    pub(crate) fn common<'a>(&'a mut self, draft: &'a Draft) -> (Status<'a>, Option<&'a Prepared>) {
        let policy = &self.options.policy;
        let own = policy.own_fields(&draft.headers);
        let date = if draft.date { policy.date(|| self.clock.date()) } else { None };
        (Status { code: draft.status, reason: draft.reason.as_deref(), date }, own)
    }

    /// The `Date` of an answer that the server gives by itself.
    pub(crate) fn date(&mut self) -> Option<&HttpDate> {
        self.options.policy.date(|| self.clock.date())
    }

    /// The moment, for a report.
    #[inline]
    pub(crate) fn moment(&self) -> u64 {
        if self.is_timed { self.clock.read_micros() } else { self.clock.micros() }
    }
}

/// Memory that connections use one after another.
pub(crate) struct Scratch {
    /// Where everything is read to, after `front` bytes for what was left from before.
    pub(crate) buffer: Box<[u8]>,
    pub(crate) front: usize,
    pub(crate) slots: Slots,
    pub(crate) spare: Vec<u8>,
}

impl Scratch {
    pub(crate) fn new(options: &Options) -> Self {
        let front = options.policy.protocol.limits.max_contiguous();
        let buffer = vec![0; front + options.read_buffer.max(1024)].into_boxed_slice();
        Self { buffer, front, slots: Slots::new(), spare: Vec::new() }
    }
}
