//! [`Exchange`]: what a request and its response share while a handler has them.
//!
//! A connection with the buffers of the thread that serves it. Receiving is in `receive`, sending in `send`; the
//! handler's faces are `request` and `response`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use h1wire_proto::{InBuf, RequestHead, SendError, Slots};

use super::counters::Tally;
use super::fault::Fault;
use super::guard::guarded;
use super::link::Link;
use super::report::{Failed, Marks, Report};
use crate::clock::WallDate;
use crate::stream::Transport;

/// The buffers of a thread, empty between connections. They keep their memory.
#[derive(Default)]
pub(crate) struct Buffers {
    /// Content that is received while the head is still looked at.
    pub(crate) more: InBuf,
    /// For trailers.
    pub(crate) slots: Slots,
    /// Bytes for the socket.
    pub(crate) out: Vec<u8>,
    /// Content that is gathered.
    pub(crate) gathered: Vec<u8>,
    pub(crate) date: WallDate,
}

/// A connection in the hands of a thread.
pub(crate) struct Exchange {
    pub(crate) link: Box<Link>,
    pub(crate) buffers: Buffers,
    pub(crate) counters: Arc<Tally>,
    /// How many bytes at the front of `more` are content the machine has told about and nobody has read.
    pub(crate) held: usize,
    /// The request is complete.
    pub(crate) received: bool,
    /// Why the rest of the request will not come.
    pub(crate) fault: Option<Fault>,
    pub(crate) sending: Sending,
    /// The status of the final response, 0 before it is sent.
    pub(crate) status: u16,
    /// The response has the time of day.
    pub(crate) sends_date: bool,
    /// The connection is to be dropped as it is.
    pub(crate) aborted: bool,
    /// When it got how far, where somebody wants to know.
    pub(crate) marks: Option<Marks>,
    /// What went wrong with it.
    pub(crate) failed: Option<Failed>,
}

/// How far the response is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sending {
    /// Its head was not sent.
    Head,
    /// Its head was sent, its content is under way.
    Content,
    /// It is complete.
    Ended,
}

impl Exchange {
    pub(crate) fn new(link: Box<Link>, buffers: Buffers, counters: Arc<Tally>) -> Self {
        Self {
            link,
            buffers,
            counters,
            held: 0,
            received: true,
            fault: None,
            sending: Sending::Ended,
            status: 0,
            sends_date: true,
            aborted: false,
            marks: None,
            failed: None,
        }
    }

    /// Begins an exchange whose head was just received. With content, `rest` is what came of it.
    #[inline]
    pub(crate) fn begin(&mut self, head: &RequestHead<'_, '_>, rest: &[u8]) {
        self.held = 0;
        self.received = head.body.is_empty();
        if !self.received {
            self.link.rules.fill(&mut self.buffers.more, rest);
            self.link.hand_over();
        }
        self.fault = None;
        self.failed = None;
        self.sending = Sending::Head;
        self.status = 0;
        self.sends_date = self.link.rules.options.policy.send_date;
        self.buffers.gathered.clear();
        if self.link.settings.hooks.report.is_some() {
            self.mark();
        }
    }

    #[cold]
    fn mark(&mut self) {
        let mut marks = Marks::begin(self.link.session.machine().recv_offset(), self.link.sent);
        if self.received {
            marks.request();
        }
        self.marks = Some(marks);
    }

    /// Whether the response is complete, and was not cut off on its way.
    pub(crate) fn is_complete(&self) -> bool {
        self.sending == Sending::Ended && !self.link.is_cut_off
    }

    /// Remembers what went wrong, unless something did before.
    pub(crate) fn note(&mut self, failed: Failed) {
        self.failed.get_or_insert(failed);
    }

    /// Tells whoever wants to know what became of the exchange. Without a head, the machine has answered in place of a
    /// handler.
    #[inline]
    pub(crate) fn report(&mut self, head: Option<&RequestHead<'_, '_>>) {
        let failed = self.failed.take();
        let wanted = self.link.settings.hooks.report.is_some();
        if wanted || cfg!(feature = "log") && failed.is_some() {
            self.tell(head, failed);
        }
    }

    #[cold]
    fn tell(&mut self, head: Option<&RequestHead<'_, '_>>, failed: Option<Failed>) {
        let link = &self.link;
        let marks = self.marks.take();
        let (request, at_head, took) = marks.as_ref().map(Marks::times).unwrap_or_default();
        let (failure, error) = failed.map(|f| (Some(f.failure), f.error)).unwrap_or_default();
        let report = Report {
            peer: link.peer,
            number: link.session.requests().saturating_add(u32::from(head.is_none())),
            status: Some(self.status).filter(|status| *status > 0),
            is_complete: self.is_complete(),
            received: marks
                .map_or(0, |marks| link.session.machine().recv_offset().saturating_sub(marks.received)),
            sent: link.sent.saturating_sub(marks.map_or(link.sent, |marks| marks.sent)),
            request,
            head: at_head,
            took,
            failure,
            error,
        };
        #[cfg(feature = "log")]
        super::log::exchange(head, &report);
        if let Some(hook) = &self.link.settings.hooks.report
            && guarded(|| hook(head, &report)).is_none()
        {
            self.counters.panics.add(1);
            self.link.session.wind_up();
        }
    }

    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.link.peer
    }

    /// Whether the server takes no further requests.
    pub(crate) fn is_shutting_down(&self) -> bool {
        self.link.settings.is_draining()
    }

    /// Gives the stream away, with what came after the request. All that was to be sent was sent.
    pub(crate) fn give_away(&mut self, rest: &[u8]) -> io::Result<(Box<dyn Transport>, Vec<u8>)> {
        let mut stream = self.link.stream.take().ok_or(SendError::WrongState)?;
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)?;
        self.link.membership = None;
        self.counters.switched.add(1);
        let more = self.buffers.more.bytes();
        let first = if more.is_empty() { rest } else { more }.to_vec();
        self.buffers.more.consume(more.len());
        Ok((stream, first))
    }
}
