//! [`Answer`]: how far the answer to the request at hand is, and what its handler wants.
//!
//! Plain data behind [`Response`](crate::Response). What is to be said is the [`Draft`]; what was said already is in
//! the connection's outbox.

use std::sync::Arc;

use crate::client::CallId;
use crate::server::draft::Draft;
use crate::server::progress::Progress;
use crate::server::report::Marks;
use crate::upgraded::Taker;

/// How far an answer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// No request waits for one.
    Idle,
    /// A request waits, and no final head was sent.
    Open,
    /// The final head was sent.
    HeadSent,
    /// All of it was given.
    Complete,
    /// It went over to another protocol that stays in the loop.
    Raw {
        /// Nothing more will be written.
        finished: bool,
    },
    /// The handler failed before the head: the client is to be told.
    Failed,
    /// The connection is to be cut.
    Cut,
}

/// What the handler wants.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Wants {
    /// To be told when there is room again.
    pub(crate) drain: bool,
    /// No content for now.
    pub(crate) pause: bool,
    /// 100 to be sent when content is first wanted.
    pub(crate) invitation: bool,
    /// The content although the answer is complete.
    pub(crate) rest: bool,
    /// Another time limit, so that the next deadline may be another.
    pub(crate) deadline: bool,
    /// No more of this: who has a responder answers.
    pub(crate) leave: bool,
    /// Nothing of the answer to leave before it is complete or there is much of it.
    pub(crate) cork: bool,
}

pub(crate) struct Answer {
    pub(crate) stage: Stage,
    pub(crate) wants: Wants,
    pub(crate) draft: Draft,
    /// For its report.
    pub(crate) marks: Marks,
    /// What the handler could not do, in words.
    pub(crate) error: Option<Arc<str>>,
    /// Who takes the connection over once it switched.
    pub(crate) taker: Option<Taker>,
    /// What those who may answer from elsewhere are told.
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
            stage: Stage::Idle,
            wants: Wants::default(),
            draft: Draft::new(),
            marks: Marks::new(),
            error: None,
            taker: None,
            progress: None,
            calls: Vec::new(),
        }
    }

    /// A request is there.
    #[inline]
    pub(crate) fn begin(&mut self, marks: Marks) {
        self.draft.renew();
        self.stage = Stage::Open;
        self.wants = Wants::default();
        self.marks = marks;
        self.error = None;
        self.taker = None;
        self.close_progress();
    }

    /// Something may be said although no request waits for it.
    #[cold]
    pub(crate) fn begin_unasked(&mut self, marks: Marks) {
        self.begin(marks);
        self.stage = Stage::Idle;
    }

    /// Whether a request is at hand whose answer is not complete.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.stage, Stage::Idle | Stage::Complete)
    }

    /// Whether setters are too late.
    #[inline]
    pub(crate) fn is_head_sent(&self) -> bool {
        matches!(self.stage, Stage::HeadSent | Stage::Complete | Stage::Raw { .. })
    }

    /// Whether what is written waits for more. An answer that hands the connection over has no more.
    #[inline]
    pub(crate) fn is_corked(&self) -> bool {
        self.wants.cork && matches!(self.stage, Stage::Open | Stage::HeadSent) && self.taker.is_none()
    }

    /// The head was handed to the machine, at `now`.
    #[inline]
    pub(crate) fn head_sent(&mut self, status: u16, now: u64) {
        self.draft.status = status;
        self.marks.head = now;
        self.stage = Stage::HeadSent;
    }

    /// The handler did something that cannot be mended; `unfinished`: in the middle of an answer.
    pub(crate) fn fail(&mut self, unfinished: bool) {
        self.stage = match self.stage {
            Stage::Open => Stage::Failed,
            Stage::HeadSent if unfinished => Stage::Cut,
            Stage::Raw { .. } => Stage::Cut,
            other => other,
        };
    }

    /// Tells those who could have answered from elsewhere that it is too late.
    #[inline]
    pub(crate) fn close_progress(&mut self) {
        if let Some(progress) = self.progress.take() {
            progress.close();
        }
    }
}
