//! [`Settings`]: what a server was told to do, by its options, by its hooks, and by whoever shuts it down.
//!
//! The ground that everything else of the server stands on: it knows no connection and no thread.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use h1wire_proto::serving::{Counters, Session};
use h1wire_proto::{InBuf, RequestHead};

use super::counters::{Ends, Tally};
use super::guard::guarded;
use super::options::Options;
use super::report::{ConnectionReport, Report};
use crate::stream::Transport;

/// Sees a stream first, and may wrap it.
pub(crate) type StreamHook = dyn Fn(Box<dyn Transport>) -> io::Result<Box<dyn Transport>> + Send + Sync;
/// Told of a connection that is turned away, or of what came after its last request.
pub(crate) type PeerHook = dyn Fn(Option<SocketAddr>) + Send + Sync;
/// Whether the idle connection of this peer is kept.
pub(crate) type IdleHook = dyn Fn(Option<SocketAddr>) -> bool + Send + Sync;
pub(crate) type ClosedHook = dyn Fn(&ConnectionReport) + Send + Sync;
pub(crate) type ReportHook = dyn Fn(Option<&RequestHead<'_, '_>>, &Report) + Send + Sync;
pub(crate) type StreamErrorHook = dyn Fn(&io::Error, Option<SocketAddr>) + Send + Sync;

/// What a server's user wants to be told, or asked, about connections and exchanges.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) connection: Option<Box<StreamHook>>,
    pub(crate) drop_connection: Option<Box<PeerHook>>,
    pub(crate) drop_request: Option<Box<PeerHook>>,
    pub(crate) idle: Option<Box<IdleHook>>,
    pub(crate) closed: Option<Box<ClosedHook>>,
    pub(crate) report: Option<Box<ReportHook>>,
    pub(crate) stream_error: Option<Box<StreamErrorHook>>,
}

/// The options a connection lives under from its acceptance to its end.
pub(crate) struct Rules {
    pub(crate) options: Options,
}

impl Rules {
    /// Where to read to, after what `buf` holds.
    pub(crate) fn room<'b>(&self, buf: &'b mut InBuf) -> &'b mut [u8] {
        buf.spare(self.options.read_buffer.max(1), self.most_input())
    }

    /// Puts `bytes` into an empty buffer, which keeps its memory.
    pub(crate) fn fill(&self, buf: &mut InBuf, bytes: &[u8]) {
        if let Some(to) = buf.spare(bytes.len(), self.most_input()).get_mut(..bytes.len()) {
            to.copy_from_slice(bytes);
            buf.filled(bytes.len());
        }
    }

    /// What the machine may need in one piece, and a read.
    fn most_input(&self) -> usize {
        self.options.policy.protocol.limits.max_contiguous().saturating_add(self.options.read_buffer.max(1))
    }
}

/// What every thread and every connection of a server looks at.
pub(crate) struct Settings {
    pub(crate) hooks: Hooks,
    /// Those of the next connection.
    rules: Mutex<Arc<Rules>>,
    /// No new connections, and no next request on those there are.
    draining: AtomicBool,
    /// How often idle connections were told to close.
    idle_epoch: AtomicUsize,
    tallies: Mutex<Vec<Arc<Tally>>>,
    pub(crate) ends: Ends,
}

impl Settings {
    pub(crate) fn new(options: Options, hooks: Hooks) -> Self {
        Self {
            hooks,
            rules: Mutex::new(Arc::new(Rules { options })),
            draining: AtomicBool::new(false),
            idle_epoch: AtomicUsize::new(0),
            tallies: Mutex::default(),
            ends: Ends::new(),
        }
    }

    pub(crate) fn rules(&self) -> Arc<Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Connections there are keep theirs.
    pub(crate) fn set_options(&self, options: Options) {
        *self.rules.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(Rules { options });
    }

    #[inline]
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn idle_epoch(&self) -> usize {
        self.idle_epoch.load(Ordering::Relaxed)
    }

    pub(crate) fn end_idle(&self) {
        self.idle_epoch.fetch_add(1, Ordering::Relaxed);
    }

    /// Counters for one more thread.
    pub(crate) fn tally(&self) -> Arc<Tally> {
        let tally = Arc::new(Tally::new());
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner).push(tally.clone());
        tally
    }

    /// What all threads have counted.
    pub(crate) fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.iter().for_each(|tally| tally.add_to(&mut sum));
        self.ends.add_to(&mut sum);
        sum
    }

    /// How many times a connection was left to the thread that watches.
    pub(crate) fn parked(&self) -> u64 {
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.iter().map(|tally| tally.parked.get()).sum()
    }

    /// Tells whoever wants to know that something came after the last request of a connection.
    pub(crate) fn note_dropped(&self, session: &mut Session, peer: Option<SocketAddr>, counters: &Tally) {
        if session.dropped() {
            counters.dropped.add(1);
            let told = self.hooks.drop_request.as_ref().is_none_or(|hook| guarded(|| hook(peer)).is_some());
            counters.panics.add((!told).into());
        }
    }

    /// Asks whether an idle connection is kept all the same.
    pub(crate) fn keeps_idle(&self, peer: Option<SocketAddr>) -> bool {
        self.hooks.idle.as_ref().is_some_and(|hook| guarded(|| hook(peer)).unwrap_or(false))
    }
}
