//! [`Core`]: what all threads of a server share, and [`Hooks`]: what its user wants to be asked.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use h1wire_proto::{Conn, InBuf, Prepared, RequestHead, Tenure, Timeouts};

use super::client_error::ClientError;
use super::connections::Connections;
use super::counters::{Counters, Stats};
use super::exchange::refused;
use super::front::Door;
use super::handle::Signal;
use super::link::{ClosedHook, Link, TimeoutHook};
use super::options::Options;
use super::queue::Queue;
use super::report::Report;
use super::{Request, Response};
use crate::clock;
use crate::stream::Stream;

/// Answers a request.
pub(crate) type Handler = dyn Fn(&mut Request<'_>, &mut Response<'_>) -> io::Result<()> + Send + Sync;
/// Sees a stream first, and may wrap it.
pub(crate) type StreamHook = dyn Fn(Box<dyn Stream>) -> io::Result<Box<dyn Stream>> + Send + Sync;
/// Chooses which offers of another protocol are taken.
pub(crate) type UpgradeChoice = dyn Fn(&RequestHead<'_, '_>) -> bool + Send + Sync;
pub(crate) type ErrorHook = dyn Fn(&ClientError<'_>, &mut Response<'_>) -> io::Result<()> + Send + Sync;
pub(crate) type ReportHook = dyn Fn(&Report<'_>) + Send + Sync;
pub(crate) type RefusedHook = dyn Fn(Option<SocketAddr>) + Send + Sync;

/// What a server's user set besides the handler of requests.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) connection: Option<Box<StreamHook>>,
    pub(crate) check_continue: Option<Box<Handler>>,
    pub(crate) check_expectation: Option<Box<Handler>>,
    pub(crate) connect: Option<Box<Handler>>,
    pub(crate) upgrade: Option<Box<Handler>>,
    pub(crate) should_upgrade: Option<Box<UpgradeChoice>>,
    pub(crate) client_error: Option<Box<ErrorHook>>,
    pub(crate) refused: Option<Box<RefusedHook>>,
    pub(crate) report: Option<Box<ReportHook>>,
    pub(crate) timeout: Option<Arc<TimeoutHook>>,
    pub(crate) closed: Option<Arc<ClosedHook>>,
    pub(crate) dropped: Option<Box<RefusedHook>>,
}

/// What all threads share.
pub(crate) struct Core {
    pub(crate) options: Options,
    pub(crate) hooks: Hooks,
    pub(crate) queue: Queue<Box<Link>>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) door: Door,
    /// The server has ended.
    pub(crate) closed: Signal,
    /// No new connections, and no next request on those there are.
    pub(crate) draining: AtomicBool,
    /// How often idle connections were told to close.
    pub(crate) idle_epoch: AtomicUsize,
    /// The time limits of new connections. They start as those of the options.
    pub(crate) timeouts: Mutex<Timeouts>,
    /// The fields the server itself adds to every response, and none for those that have them already.
    pub(crate) own_fields: Prepared,
    pub(crate) no_fields: Prepared,
    counters: Mutex<Vec<Arc<Counters>>>,
}

impl Core {
    pub(crate) fn new(options: Options, hooks: Hooks, door: Door) -> io::Result<Self> {
        let prepared = |server: Option<&str>| {
            let fields: Vec<_> = server.iter().map(|value| ("Server", *value)).collect();
            Prepared::new(&fields).map_err(refused)
        };
        Ok(Self {
            own_fields: prepared(options.server.as_deref())?,
            no_fields: prepared(None)?,
            queue: Queue::new(options.queue),
            timeouts: Mutex::new(options.timeouts),
            options,
            hooks,
            connections: Arc::default(),
            door,
            closed: Signal::default(),
            draining: AtomicBool::new(false),
            idle_epoch: AtomicUsize::new(0),
            counters: Mutex::default(),
        })
    }

    /// Counters for one more thread.
    pub(crate) fn counters(&self) -> Arc<Counters> {
        let counters = Arc::new(Counters::new());
        self.counters.lock().unwrap_or_else(PoisonError::into_inner).push(counters.clone());
        counters
    }

    pub(crate) fn stats(&self) -> Stats {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        Stats::sum(self.connections.count(), self.queue.len(), counters.iter().map(|counters| &**counters))
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn idle_epoch(&self) -> usize {
        self.idle_epoch.load(Ordering::Relaxed)
    }

    /// Where to read to, behind what `buf` holds.
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
        self.options.protocol.limits.max_contiguous().saturating_add(self.options.read_buffer.max(1))
    }

    /// A connection on `stream`. Without a place among the others if there are too many: it is to be refused.
    pub(crate) fn link(&self, mut stream: Box<dyn Stream>) -> Box<Link> {
        let options = &self.options;
        // What a socket does not support it can do without.
        let _ = stream.set_no_delay(options.no_delay);
        if options.tcp_keep_alive.is_some() {
            let _ = stream.set_keep_alive(options.tcp_keep_alive);
        }
        let membership = self.connections.join(&*stream, options.max_connections);
        let mut conn = Conn::<h1wire_proto::Server>::new(&options.protocol);
        let timeouts = *self.timeouts.lock().unwrap_or_else(PoisonError::into_inner);
        if let (true, Some(seconds)) = (options.advertise_keep_alive, timeouts.keep_alive_hint()) {
            conn.advertise_keep_alive(seconds);
        }
        let mut link = Link::new(stream, conn, timeouts, membership);
        link.on_closed = self.hooks.closed.clone().filter(|_| link.membership.is_some());
        link.on_timeout.clone_from(&self.hooks.timeout);
        link.idle_epoch = self.idle_epoch();
        if options.max_age.is_some() {
            // The keys of the standard hash tables are random, and other ones for each table.
            let random = RandomState::new().hash_one(0);
            link.tenure = Tenure::new(&options.lifetime(), clock::now(), random);
        }
        Box::new(link)
    }
}

/// Calls what a user wrote. `None` if it panicked, which is not to end the thread of many connections.
pub(crate) fn guarded<T>(hook: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(hook)).ok()
}
