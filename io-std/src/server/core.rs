//! [`Core`]: what the threads of a server share: settings, connections, and the ways from one thread to another.

use std::io;
use std::net::Shutdown;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::connections::Connections;
use super::counters::Tally;
use super::door::Door;
use super::link::Link;
use super::queue::Queue;
use super::refusal::refusal;
use super::running::Drained;
use super::settings::Settings;
use super::signal::Signal;
use crate::stream::Transport;

/// How long one that is turned away may take to be told so, where somebody waits for that.
const PATIENCE: Duration = Duration::from_millis(500);

/// What all threads share.
pub(crate) struct Core {
    pub(crate) settings: Arc<Settings>,
    pub(crate) threads: usize,
    pub(crate) queue: Queue<Box<Link>>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) door: Door,
    /// The server has ended, and how; an error if it could not go on.
    pub(crate) ended: Signal<Result<Drained, io::ErrorKind>>,
    /// For connections that come from any thread.
    injected: Mutex<Arc<Tally>>,
}

impl Core {
    pub(crate) fn new(settings: Arc<Settings>, threads: usize, door: Door) -> Self {
        let (bell, draining) = (door.bell(), settings.clone());
        let on_gone = move || {
            if draining.is_draining() {
                bell();
            }
        };
        Self {
            queue: Queue::new(settings.rules().options.queue),
            connections: Arc::new(Connections::new(on_gone)),
            injected: Mutex::new(settings.tally()),
            ended: Signal::new(),
            settings,
            threads,
            door,
        }
    }

    /// Serves a connection that was made elsewhere.
    pub(crate) fn inject(&self, stream: Box<dyn Transport>) -> io::Result<()> {
        if self.settings.is_draining() {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let link = Link::accept(&self.settings, &self.connections, stream);
        let queued = if link.membership.is_some() { self.queue.push(link) } else { Err(link) };
        {
            let tally = self.injected.lock().unwrap_or_else(PoisonError::into_inner);
            tally.accepted.add(1);
            tally.refused.add(queued.is_err().into());
        }
        let Err(mut link) = queued else { return Ok(()) };
        if let Some(answer) = refusal(&mut link)
            && let Some(stream) = &mut link.stream
        {
            stream.set_write_timeout(Some(PATIENCE))?;
            stream.write_all(&answer)?;
            let _ = stream.shutdown(Shutdown::Write);
        }
        Err(io::ErrorKind::ConnectionRefused.into())
    }
}
