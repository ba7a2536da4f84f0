//! [`Link`]: one connection, as a stream with the session that decides about it.
//!
//! Here the session is told what moved, and what it decides is done to the stream. Bytes are read and written in `moving`;
//! what they mean is the session's.

use std::hash::{BuildHasher, RandomState};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use h1wire_proto::serving::{Io, Lapse, Next, Session, Why};
use h1wire_proto::{Activity, Expired, InBuf, Phase, Time};

use super::connections::{Connections, Membership};
use super::guard::guarded;
use super::report::ConnectionReport;
use super::settings::{Rules, Settings};
use crate::clock;
use crate::stream::Transport;

/// One connection.
pub(crate) struct Link {
    /// `None` once it was handed over to another protocol.
    pub(crate) stream: Option<Box<dyn Transport>>,
    pub(crate) session: Session,
    pub(crate) settings: Arc<Settings>,
    /// What it lives under from its acceptance on.
    pub(crate) rules: Arc<Rules>,
    /// What moved since the session was last told.
    pub(super) activity: Activity,
    /// Input that is left while no thread is at the connection.
    pub(crate) rest: InBuf,
    /// The limit that passed while no thread was at the connection, and is to be answered by one.
    pub(crate) late: Option<Expired>,
    /// Its user has not seen it yet.
    pub(crate) is_new: bool,
    /// Bytes that were to be written were not.
    pub(crate) is_cut_off: bool,
    /// How many bytes came.
    pub(crate) received: u64,
    /// How many bytes the stream took.
    pub(crate) sent: u64,
    /// When idle connections were last told to close, by the count of those calls.
    pub(crate) idle_epoch: usize,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) membership: Option<Membership>,
    /// When a reader was last given bytes. Until it asks for more, the peer's time does not run.
    pub(super) handed_at: Option<Time>,
    /// The session knows that no message is under way.
    pub(super) is_told_idle: bool,
    /// The limits for writes, that of the policy and that of the exchange.
    pub(super) patience: Option<Duration>,
    accepted_at: Time,
    /// The limits the socket has now, in milliseconds; 0 is none.
    pub(super) read_limit: u64,
    pub(super) write_limit: u64,
}

/// What becomes of a connection when a thread lets go of it.
pub(crate) enum After {
    /// Somebody else watches it until something happens or a limit passes.
    Park,
    /// It has something to read, and others have waited for longer.
    Requeue,
    /// It is over.
    End,
}

impl Link {
    /// A connection on `stream`. Without a place among the others if there are too many: it is to be refused.
    pub(crate) fn accept(
        settings: &Arc<Settings>,
        connections: &Arc<Connections>,
        mut stream: Box<dyn Transport>,
    ) -> Box<Self> {
        let (settings, rules, now) = (settings.clone(), settings.rules(), clock::now());
        let options = &rules.options;
        // What a socket does not support it can do without.
        let _ = stream.set_no_delay(options.no_delay);
        if options.tcp_keep_alive.is_some() {
            let _ = stream.set_keep_alive(options.tcp_keep_alive);
        }
        // The keys of the standard hash tables are random, and other ones for each table.
        let random = options.policy.lifetime.max_age.map_or(0, |_| RandomState::new().hash_one(0));
        Box::new(Self {
            peer: stream.peer_addr(),
            local: stream.local_addr(),
            membership: connections.join(&*stream, options.most()),
            stream: Some(stream),
            session: Session::new(&options.policy, now, random),
            activity: Activity::default(),
            rest: InBuf::new(),
            late: None,
            is_new: true,
            is_cut_off: false,
            received: 0,
            sent: 0,
            idle_epoch: settings.idle_epoch(),
            handed_at: None,
            is_told_idle: false,
            patience: patience(&rules, options.policy.timeouts.idle),
            accepted_at: now,
            read_limit: 0,
            write_limit: 0,
            settings,
            rules,
        })
    }

    /// Whether the one thread that watches sockets can watch it.
    pub(crate) fn can_park(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.poll_fd().is_some())
    }

    /// Whether nothing of a next request was received.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.session.machine().phase() == Phase::Idle
    }

    /// Tells the session what moved.
    pub(crate) fn observe(&mut self, now: Time) {
        let activity = std::mem::take(&mut self.activity);
        self.activity.unsent = activity.unsent;
        let _ = self.session.observe(&self.rules.options.policy, now, activity);
        self.is_told_idle = self.is_idle();
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.session.deadline(&self.rules.options.policy)
    }

    /// What a limit that has passed by `now` means, once whoever keeps idle connections was asked. `unread`: something may
    /// be readable that came in time.
    pub(crate) fn lapse(&mut self, now: Time, unread: bool) -> Option<Lapse> {
        loop {
            match self.session.expire(&self.rules.options.policy, now, unread)? {
                Lapse::Idle if self.settings.keeps_idle(self.peer) => {}
                Lapse::Idle => {
                    self.session.give_up();
                    return Some(Lapse::Over(Expired::Idle));
                }
                lapse => return Some(lapse),
            }
        }
    }

    /// A handler gets a request whose content is still to come.
    pub(crate) fn hand_over(&mut self) {
        let now = clock::now();
        self.observe(now);
        self.handed_at = Some(now);
    }

    /// Sets the idle limit of the exchange at hand.
    pub(crate) fn set_idle(&mut self, limit: Option<Duration>) {
        self.session.set_idle(limit);
        self.patience = patience(&self.rules, limit);
    }

    /// The next exchange has the limits of the connection.
    #[inline]
    pub(crate) fn reset_idle(&mut self) {
        self.patience = patience(&self.rules, self.rules.options.policy.timeouts.idle);
    }

    /// The age that is enough for a connection may have come with a request.
    pub(crate) fn age(&mut self) {
        if self.rules.options.policy.lifetime.max_age.is_some() {
            let now = clock::now();
            self.observe(now);
            // No other limit can have passed now that a head is complete.
            let _ = self.lapse(now, true);
        }
    }

    /// Has the session know that there are to be no further requests, if that is so.
    #[inline]
    pub(crate) fn wind_up(&mut self) {
        if self.settings.is_draining() {
            self.session.wind_up();
        }
    }

    /// Does what the session says, as far as that is done at once. What is left to do: to read, to call it again, to wait.
    /// `None` if the connection is over or another protocol's.
    pub(crate) fn follow(&mut self) -> Option<Next> {
        let (mut io, mut now) = (Io::default(), clock::now());
        // Whole messages one after another are told of together, when there is a gap after them.
        if !self.is_idle() || self.session.why().is_some() {
            self.observe(now);
        }
        loop {
            match self.session.next(&self.rules.options.policy, now, io) {
                Next::ShutdownWrite => {
                    let stream = self.stream.as_mut()?;
                    if stream.shutdown(Shutdown::Write).is_err() {
                        self.session.gone();
                    }
                    now = clock::now();
                }
                // What has come meanwhile, and nobody has read, is the socket's to know.
                Next::Close(why) => {
                    let stream = self.stream.as_mut()?;
                    if !io.unread && stream.is_readable() {
                        io.unread = true;
                        continue;
                    }
                    self.close(why);
                    return None;
                }
                Next::Reset(_) => {
                    self.reset();
                    return None;
                }
                Next::HandOver => return None,
                // All that is said is written before the session is asked.
                next @ (Next::Read | Next::Recv | Next::Write | Next::Wait | Next::Discard { .. }) => {
                    return Some(next);
                }
            }
        }
    }

    /// Ends the stream in order, unless it is to end in the middle of something.
    fn close(&mut self, why: Why) {
        if why == Why::Aborted {
            return self.cut_off();
        }
        if let Some(stream) = &mut self.stream {
            // Whether it fails does not matter: it is over.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Ends the stream without a word: a goodbye, as TLS has one, would say that this was all.
    pub(crate) fn cut_off(&mut self) {
        self.is_cut_off = true;
        if let Some(closer) = self.stream.as_ref().and_then(|stream| stream.closer()) {
            closer.close();
        }
    }

    /// Ends the stream so that the peer sees that something is missing.
    pub(crate) fn reset(&mut self) {
        self.is_cut_off = true;
        if let Some(stream) = &mut self.stream {
            let _ = stream.abort();
        }
    }
}

/// How long a peer may take nothing.
#[inline]
fn patience(rules: &Rules, idle: Option<Duration>) -> Option<Duration> {
    rules.options.policy.timeouts.write.into_iter().chain(idle).min()
}

impl Drop for Link {
    fn drop(&mut self) {
        self.settings.ends.count(self.session.why());
        let Some(hook) = self.settings.hooks.closed.as_ref() else { return };
        // A connection that was turned away never was one.
        if self.membership.is_none() && self.stream.is_some() {
            return;
        }
        let requests = self.session.requests();
        let report = ConnectionReport {
            peer: self.peer,
            requests,
            received: self.received,
            sent: self.sent,
            age: Duration::from_millis(clock::now().since(self.accepted_at)),
            is_switched: self.stream.is_none() && requests > 0,
        };
        let _ = guarded(|| hook(&report));
    }
}
