//! Reaching an event loop from other threads: what they can ask for.
//!
//! A loop takes the commands at its next turn. What they come to is in `event_loop`, what they are sent with in `handle`
//! and `responder`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mio::Waker;

use crate::server::options::Options;
use crate::server::progress::locked;
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
    Options(Arc<Options>),
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
    /// The loop accepts connections, or will when it has a listener.
    listening: AtomicBool,
}

impl Remote {
    pub(crate) fn new(waker: Arc<Waker>) -> Self {
        Self {
            waker,
            commands: Mutex::new(Some(Vec::new())),
            woken: AtomicBool::new(false),
            listening: AtomicBool::new(true),
        }
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

    pub(crate) fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Acquire)
    }

    pub(crate) fn stop_listening(&self) {
        self.listening.store(false, Ordering::Release);
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
        self.stop_listening();
        let left = locked(&self.commands).take();
        drop(left);
    }
}
