//! Reaching an event loop from other threads: what they can ask for, and the handles they do it with.
//!
//! A loop takes the commands at its next turn. What they come to is in `event_loop`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h1wire_proto::{Headers, Prepared};
use mio::Waker;

use crate::server::options::Options;
use crate::server::response::Response;
use crate::stream::Stream;

/// Something to do with the answer to one request.
pub(crate) type Action = Box<dyn FnOnce(&mut Response<'_>) + Send>;

pub(crate) enum Command {
    /// Do this with the answer, if it is still open.
    Act(ExchangeId, Action),
    /// Nobody will answer this any more.
    Forsake(ExchangeId),
    Inject(Stream),
    Shutdown(Duration),
    CloseIdle,
    CloseAll,
    /// And the fields that follow from them.
    Options(Arc<Options>, Option<Prepared>),
}

/// One exchange of one connection, never given twice by a loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ExchangeId {
    pub(crate) key: usize,
    pub(crate) generation: u32,
    pub(crate) number: u32,
}

/// The way to one event loop.
pub(crate) struct Remote {
    waker: Arc<Waker>,
    /// `None` once there is no loop that would look.
    commands: Mutex<Option<Vec<Command>>>,
    /// The loop was woken and has not looked yet.
    woken: AtomicBool,
}

impl Remote {
    pub(crate) fn new(waker: Arc<Waker>) -> Self {
        Self { waker, commands: Mutex::new(Some(Vec::new())), woken: AtomicBool::new(false) }
    }

    pub(crate) fn send(&self, command: Command) {
        // Dropped here and not under the lock, if nobody looks: what is in a command may send another as it goes.
        let refused = match &mut *locked(&self.commands) {
            Some(commands) => {
                commands.push(command);
                None
            }
            None => Some(command),
        };
        if refused.is_some() {
            return;
        }
        if !self.woken.swap(true, Ordering::AcqRel) {
            // It fails only when the loop is gone.
            let _ = self.waker.wake();
        }
    }

    /// Whether commands may be waiting.
    pub(crate) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Acquire)
    }

    /// Takes what was sent. The other list gives its memory for the next.
    pub(crate) fn take(&self, commands: &mut Vec<Command>) {
        // Before the list is taken: who sends after that wakes the loop again.
        self.woken.store(false, Ordering::Release);
        if let Some(sent) = &mut *locked(&self.commands) {
            std::mem::swap(sent, commands);
        }
    }

    /// From now on nobody looks. What is sent is dropped, streams are closed.
    pub(crate) fn close(&self) {
        let left = locked(&self.commands).take();
        drop(left);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that can panic runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a loop tells the [`Responder`]s of an exchange.
#[derive(Debug)]
pub(crate) struct Progress {
    open: AtomicBool,
    /// Bytes on the way to the loop.
    sent: AtomicUsize,
    /// Bytes in its queue of output.
    buffered: AtomicUsize,
    high_water: usize,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Progress {
    pub(crate) fn new(high_water: usize) -> Self {
        Self {
            open: AtomicBool::new(true),
            sent: AtomicUsize::new(0),
            buffered: AtomicUsize::new(0),
            high_water,
            lock: Mutex::new(()),
            changed: Condvar::new(),
        }
    }

    /// So many bytes now wait to be sent.
    pub(crate) fn set_buffered(&self, buffered: usize) {
        if self.buffered.swap(buffered, Ordering::AcqRel) > buffered {
            self.announce();
        }
    }

    pub(crate) fn close(&self) {
        self.open.store(false, Ordering::Release);
        self.announce();
    }

    fn announce(&self) {
        drop(locked(&self.lock));
        self.changed.notify_all();
    }

    fn is_full(&self) -> bool {
        let waiting = self.sent.load(Ordering::Acquire).saturating_add(self.buffered.load(Ordering::Acquire));
        waiting >= self.high_water
    }
}

/// Answers a request from any thread, after the handler returned.
///
/// Made by [`Response::responder`]. Clones are for the same answer. When the last is dropped before the answer is
/// complete, and the handler kept no exchange either, the client is answered 500, or cut off if the answer was begun.
#[derive(Clone)]
pub struct Responder {
    ticket: Arc<Ticket>,
}

struct Ticket {
    remote: Arc<Remote>,
    progress: Arc<Progress>,
    id: ExchangeId,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.progress.open.load(Ordering::Acquire) {
            self.remote.send(Command::Forsake(self.id));
        }
    }
}

impl Responder {
    pub(crate) fn new(remote: Arc<Remote>, progress: Arc<Progress>, id: ExchangeId) -> Self {
        Self { ticket: Arc::new(Ticket { remote, progress, id }) }
    }

    /// Runs `f` with the answer in the thread of its event loop, soon. Says whether the answer is still open as far as
    /// is known here; if not, `f` is dropped.
    pub fn run(&self, f: impl FnOnce(&mut Response<'_>) + Send + 'static) -> bool {
        let open = self.is_open();
        if open {
            self.ticket.remote.send(Command::Act(self.ticket.id, Box::new(f)));
        }
        open
    }

    /// Sends a whole answer. What is wrong with it is answered with 500.
    pub fn respond(&self, status: u16, headers: Headers, content: impl Into<Bytes>) -> bool {
        let content = content.into();
        self.run(move |res| {
            if res.status(status).fields(&headers).end_shared(content).is_err() {
                res.fail();
            }
        })
    }

    /// Sends the next piece of content, with the head before it if it was not sent. Says whether the answer is still
    /// open. A writer that has much to say waits for [`writable`](Self::writable) before each piece.
    pub fn write(&self, content: impl Into<Bytes>) -> bool {
        let content = content.into();
        let progress = self.ticket.progress.clone();
        progress.sent.fetch_add(content.len(), Ordering::AcqRel);
        self.run(move |res| {
            let len = content.len();
            if res.write_shared(content).is_err() {
                res.fail();
            }
            // Counted twice for a moment, rather than not at all.
            progress.set_buffered(res.buffered());
            progress.sent.fetch_sub(len, Ordering::AcqRel);
            progress.announce();
        })
    }

    /// Completes the answer.
    pub fn finish(&self) -> bool {
        self.run(|res| {
            if res.finish().is_err() {
                res.fail();
            }
        })
    }

    /// Cuts the connection.
    pub fn abort(&self) {
        self.run(|res| res.abort());
    }

    /// Whether the answer can still be added to: it is not complete, and the connection did not end.
    pub fn is_open(&self) -> bool {
        self.ticket.progress.open.load(Ordering::Acquire)
    }

    /// Waits until less than [`Options::write_high_water`] bytes wait to be sent, or the answer is not open any more,
    /// or `timeout` has passed. Says whether there is room. Not for the thread of an event loop.
    pub fn writable(&self, timeout: Duration) -> bool {
        let progress = &self.ticket.progress;
        let until = Instant::now().checked_add(timeout);
        let mut guard = locked(&progress.lock);
        while self.is_open() && progress.is_full() {
            let left = until.map_or(timeout, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            guard = progress.changed.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        self.is_open()
    }
}

impl std::fmt::Debug for Responder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Responder").field("is_open", &self.is_open()).finish_non_exhaustive()
    }
}
