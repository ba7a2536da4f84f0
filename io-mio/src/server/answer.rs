//! [`Answer`]: what there is of the answer to the request at hand. Plain data behind [`Response`](crate::Response).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use h1wire_proto::{Headers, OutQueue, SendError};

use crate::client::CallId;

use crate::server::files::Files;
use crate::server::remote::Progress;
use crate::server::report::Marks;
use crate::upgraded::Upgraded;

/// Who takes a connection over when it leaves the loop.
pub(crate) struct Taker(Option<Box<dyn FnOnce(Upgraded)>>);

impl Taker {
    pub(crate) fn new(taker: impl FnOnce(Upgraded) + 'static) -> Self {
        Self(Some(Box::new(taker)))
    }

    pub(crate) fn take_over(mut self, upgraded: Upgraded) {
        if let Some(taker) = self.0.take() {
            taker(upgraded);
        }
    }
}

/// Never called, it goes with what the user put into it, and a panic of that is not to go further.
impl Drop for Taker {
    fn drop(&mut self) {
        let taker = self.0.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(taker)));
    }
}

/// What the bytes of a connection are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// HTTP, for the machine.
    Http,
    /// Those of another protocol, for the handler.
    Raw,
    /// Of no interest: the write side is shut down, and what comes is discarded until the peer closes.
    Linger,
}

pub(crate) struct Answer {
    pub(crate) mode: Mode,
    pub(crate) out: OutQueue,
    pub(crate) files: Files,
    /// Bytes that left `out` since the connection was last idle.
    pub(crate) sent: u64,
    pub(crate) headers: Headers,
    pub(crate) trailers: Headers,
    pub(crate) status: u16,
    pub(crate) reason: Option<Vec<u8>>,
    pub(crate) length: Option<u64>,
    /// The first thing that could not be done.
    pub(crate) error: Option<SendError>,
    /// A request was begun and its answer is not complete.
    pub(crate) open: bool,
    pub(crate) head_sent: bool,
    /// The handler did something that cannot be mended.
    pub(crate) failed: bool,
    pub(crate) abort: bool,
    /// The handler wants no content for now.
    pub(crate) paused: bool,
    /// 100 is sent when content is first wanted.
    pub(crate) auto_continue: bool,
    /// The handler wants the content although the answer is complete.
    pub(crate) keep_reading: bool,
    /// A writer was told to wait.
    pub(crate) wants_drain: bool,
    /// In another protocol: nothing more will be written.
    pub(crate) raw_finished: bool,
    /// The connection stays in the loop when it goes over to another protocol.
    pub(crate) stays: bool,
    /// The request is `CONNECT`.
    pub(crate) is_connect: bool,
    /// The next deadline may be another.
    pub(crate) timers_changed: bool,
    /// For its report.
    pub(crate) marks: Marks,
    pub(crate) taker: Option<Taker>,
    /// Who else may answer is told this.
    pub(crate) progress: Option<Arc<Progress>>,
    /// The calls that are under way for it.
    pub(crate) calls: Vec<CallId>,
}

/// However it ends, those who could have answered from elsewhere learn of it.
impl Drop for Answer {
    fn drop(&mut self) {
        self.close_progress();
    }
}

impl Answer {
    pub(crate) fn new() -> Self {
        Self {
            mode: Mode::Http,
            out: OutQueue::new(),
            files: Files::new(),
            sent: 0,
            headers: Headers::new(),
            trailers: Headers::new(),
            status: 200,
            reason: None,
            length: None,
            error: None,
            open: false,
            head_sent: false,
            failed: false,
            abort: false,
            paused: false,
            auto_continue: false,
            keep_reading: false,
            wants_drain: false,
            raw_finished: false,
            stays: false,
            is_connect: false,
            timers_changed: false,
            marks: Marks::new(),
            taker: None,
            progress: None,
            calls: Vec::new(),
        }
    }

    /// Where the next byte goes: how many are sent or queued, counted as [`sent`](Self::sent) is.
    #[inline]
    pub(crate) fn position(&self) -> u64 {
        self.sent + self.out.len()
    }

    /// Makes it ready for the next request.
    #[inline]
    pub(crate) fn begin(&mut self) {
        self.reset_head();
        self.open = true;
        self.head_sent = false;
        self.failed = false;
        self.abort = false;
        self.paused = false;
        self.auto_continue = false;
        self.keep_reading = false;
        self.wants_drain = false;
        self.raw_finished = false;
        self.stays = false;
        self.taker = None;
        self.close_progress();
    }

    /// Makes it ready for what may be said although no request waits for an answer.
    #[cold]
    pub(crate) fn begin_unasked(&mut self) {
        self.begin();
        self.open = false;
        self.marks = Marks::new();
    }

    /// Forgets what was set for a head that was not sent.
    #[inline]
    pub(crate) fn reset_head(&mut self) {
        self.headers.clear();
        self.trailers.clear();
        self.status = 200;
        self.reason = None;
        self.length = None;
        self.error = None;
    }

    /// Tells those who could have answered from elsewhere that it is too late.
    #[inline]
    pub(crate) fn close_progress(&mut self) {
        if let Some(progress) = self.progress.take() {
            progress.close();
        }
    }
}
