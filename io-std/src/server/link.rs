//! [`Link`]: one connection, as a stream with the machine and the clocks that belong to it.
//!
//! Here bytes are read and written, each time within the deadline the timers give. What the bytes mean is the
//! machine's, what follows from a deadline is `serve`'s and `front`'s.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use h1wire_proto::{Activity, Conn, Expired, InBuf, Phase, Server, Tenure, Time, Timers};

use super::connections::{Connections, Membership};
use super::counters::Tally;
use super::guard::guarded;
use super::report::ConnectionReport;
use super::settings::{Rules, Settings};
use crate::clock;
use crate::stream::Transport;

/// One connection.
pub(crate) struct Link {
    /// `None` once it was handed over to another protocol.
    pub(crate) stream: Option<Box<dyn Transport>>,
    pub(crate) conn: Conn<Server>,
    pub(crate) timers: Timers,
    pub(crate) settings: Arc<Settings>,
    /// What it lives under from its acceptance on.
    pub(crate) rules: Arc<Rules>,
    /// What happened since the timers were last told.
    pub(crate) activity: Activity,
    /// Input that is left while no thread is at the connection.
    pub(crate) rest: InBuf,
    /// The limit that passed while no thread was at the connection.
    pub(crate) expired: Option<Expired>,
    /// Its user has not seen it yet.
    pub(crate) is_new: bool,
    /// Bytes that were to be written were not.
    pub(crate) is_cut_off: bool,
    /// How many bytes came.
    pub(crate) received: u64,
    /// How many bytes the stream took.
    pub(crate) sent: u64,
    /// How many requests were received, and when it has to end with the next answer.
    pub(crate) tenure: Tenure,
    /// When idle connections were last told to close, by the count of those calls.
    pub(crate) idle_epoch: usize,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) membership: Option<Membership>,
    /// When a reader was last given bytes. Until it asks for more, the peer's time does not run.
    handed_at: Option<Time>,
    /// The timers know that no message is under way.
    is_told_idle: bool,
    /// The idle limit now, that of the connection or of one exchange.
    idle: Option<Duration>,
    accepted_at: Time,
    /// The limits the socket has now, in milliseconds; 0 is none.
    read_limit: u64,
    write_limit: u64,
}

/// What reading came to.
#[derive(Debug)]
pub(crate) enum Got {
    Bytes(usize),
    /// The peer ended its half.
    Eof,
    /// Nothing came in the time given.
    Nothing,
    Expired(Expired),
    Failed(io::Error),
}

/// What becomes of a connection when a thread lets go of it.
pub(crate) enum After {
    /// Somebody else watches it until there is something to read.
    Park,
    /// It has something to read, and others have waited for longer.
    Requeue,
    /// It was shut down for writing and is read until its peer closes.
    Linger,
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
        let mut conn = Conn::<Server>::new(&options.protocol);
        if let (true, Some(seconds)) = (options.advertise_keep_alive, options.timeouts.keep_alive_hint()) {
            conn.advertise_keep_alive(seconds);
        }
        // The keys of the standard hash tables are random, and other ones for each table.
        let random = options.max_age.map_or(0, |_| RandomState::new().hash_one(0));
        Box::new(Self {
            peer: stream.peer_addr(),
            local: stream.local_addr(),
            membership: connections.join(&*stream, options.most()),
            stream: Some(stream),
            conn,
            timers: Timers::server(now, &options.timeouts),
            activity: Activity::default(),
            rest: InBuf::new(),
            expired: None,
            is_new: true,
            is_cut_off: false,
            received: 0,
            sent: 0,
            tenure: Tenure::new(&options.lifetime(), now, random),
            idle_epoch: settings.idle_epoch(),
            handed_at: None,
            is_told_idle: false,
            idle: options.timeouts.idle,
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

    /// Tells the timers what happened.
    pub(crate) fn observe(&mut self, now: Time) {
        let activity = std::mem::take(&mut self.activity);
        self.activity.unsent = activity.unsent;
        let _ = self.timers.observe(now, self.conn.phase(), activity);
        self.is_told_idle = self.is_idle();
    }

    /// Reads what is there within `ms` milliseconds, unless a deadline of the message under way has passed. The others
    /// are looked at by whoever finds that nothing came.
    #[inline]
    pub(crate) fn read_within(&mut self, ms: u32, buf: &mut [u8], counters: &Tally) -> Got {
        // Whole messages one after another have no deadline but that of the gap behind them. They are told together,
        // when it comes.
        if !(self.is_told_idle && self.is_idle()) || self.activity.unsent || self.activity.paused {
            let now = clock::now();
            self.observe(now);
            // Bytes that drip without a gap find no moment when nothing came.
            if !self.is_idle()
                && let Err(expired) = self.left(now)
            {
                return Got::Expired(expired);
            }
        }
        if let Err(error) = self.limit_reads(ms.max(1).into()) {
            return Got::Failed(error);
        }
        loop {
            match self.read_once(buf, counters) {
                Ok(got) => return got,
                Err(error) if is_timeout(&error) => return Got::Nothing,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Got::Failed(error),
            }
        }
    }

    /// Reads, waiting until the next deadline. Deadlines do not move while a peer drips bytes: each read waits for
    /// no longer than what is left.
    pub(crate) fn read(&mut self, buf: &mut [u8], counters: &Tally) -> Got {
        self.resume();
        let got = self.read_until_due(buf, counters);
        self.handed_at = Some(clock::now());
        got
    }

    /// The handler that was busy elsewhere wants more: its time was not the peer's. Moments between two reads are
    /// no pause, for clocks that are set anew with each read would never run out.
    fn resume(&mut self) {
        let Some(handed_at) = self.handed_at else { return };
        if clock::now().since(handed_at) >= 1000 {
            self.activity.paused = true;
            self.observe(handed_at);
        }
    }

    /// A handler gets a request whose content is still to come.
    pub(crate) fn hand_over(&mut self) {
        let now = clock::now();
        self.observe(now);
        self.handed_at = Some(now);
    }

    /// Sets the idle limit of the exchange at hand, or goes back to that of the connection.
    #[inline]
    pub(crate) fn set_idle(&mut self, own: Option<Option<Duration>>) {
        let limit = own.unwrap_or(self.rules.options.timeouts.idle);
        if self.idle != limit {
            self.timers.set_idle(limit);
            self.idle = limit;
        }
    }

    fn read_until_due(&mut self, buf: &mut [u8], counters: &Tally) -> Got {
        loop {
            let now = clock::now();
            self.observe(now);
            let left = match self.left(now) {
                Ok(left) => left,
                Err(expired) => return Got::Expired(expired),
            };
            if let Err(error) = self.limit_reads(left) {
                return Got::Failed(error);
            }
            match self.read_once(buf, counters) {
                Ok(got) => return got,
                Err(error) if is_timeout(&error) || error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Got::Failed(error),
            }
        }
    }

    /// Writes everything, or fails and tells the machine so. The bytes already written are then lost to the peer, and the
    /// stream is [cut off](Self::cut_off).
    ///
    /// # Errors
    /// `TimedOut` when the peer took nothing for too long, and those of the stream.
    #[inline]
    pub(crate) fn write_all(&mut self, pieces: &mut [IoSlice<'_>], counters: &Tally) -> io::Result<()> {
        let written = self.try_write_all(pieces, counters);
        if written.is_err() {
            self.conn.send_failed();
            self.cut_off();
        }
        written
    }

    /// Ends the stream in the middle of an answer, without a word: a goodbye, as TLS has one, would say that this was all.
    pub(crate) fn cut_off(&mut self) {
        self.is_cut_off = true;
        if let Some(closer) = self.stream.as_ref().and_then(|stream| stream.closer()) {
            closer.close();
        }
    }

    fn try_write_all(&mut self, mut slices: &mut [IoSlice<'_>], counters: &Tally) -> io::Result<()> {
        IoSlice::advance_slices(&mut slices, 0);
        let first = self.rules.options.timeouts.write.into_iter().chain(self.idle).min();
        self.limit_writes(first.map_or(0, |limit| clock::millis(limit).max(1)))?;
        while !slices.is_empty() {
            let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            match stream.send(slices) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    counters.bytes_sent.add(n as u64);
                    self.sent += n as u64;
                    self.activity.sent += n;
                    IoSlice::advance_slices(&mut slices, n);
                    if !slices.is_empty() {
                        self.activity.unsent = true;
                        self.wait_to_write()?;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => self.wait_to_write()?,
                Err(error) => return Err(error),
            }
        }
        self.flush_stream()?;
        self.activity.unsent = false;
        Ok(())
    }

    /// A stream may keep what it took, as TLS does where its peer does not read. Nobody would send it later.
    #[inline]
    fn flush_stream(&mut self) -> io::Result<()> {
        loop {
            let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            match stream.flush() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => self.wait_to_write()?,
                done => return done,
            }
        }
    }

    /// The stream took less than all: whether to go on, and for how long.
    fn wait_to_write(&mut self) -> io::Result<()> {
        let now = clock::now();
        if !self.activity.unsent {
            self.activity.unsent = true;
            // The clock is not read before each write. One that took nothing has waited for as long as it may.
            self.observe(Time(now.0.saturating_sub(self.write_limit)));
        }
        self.observe(now);
        match self.left(now) {
            Ok(left) => self.limit_writes(left),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Milliseconds until the next deadline, 0 if there is none; or which one has passed.
    fn left(&mut self, now: Time) -> Result<u64, Expired> {
        loop {
            match self.timers.next(&self.rules.options.timeouts) {
                None => return Ok(0),
                Some(at) if at > now => return Ok(at.since(now)),
                Some(_) => {
                    if let Some(expired) = self.timers.poll(now, &self.rules.options.timeouts)
                        && !(expired == Expired::Idle && self.settings.keeps_idle(self.peer))
                    {
                        return Err(expired);
                    }
                }
            }
        }
    }

    /// The limit that has passed now, if one has.
    pub(crate) fn poll_expired(&mut self) -> Option<Expired> {
        let now = clock::now();
        self.observe(now);
        self.left(now).err()
    }

    fn read_once(&mut self, buf: &mut [u8], counters: &Tally) -> io::Result<Got> {
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let n = stream.read(buf)?;
        counters.bytes_received.add(n as u64);
        self.activity.received += n;
        self.received += n as u64;
        Ok(if n == 0 { Got::Eof } else { Got::Bytes(n) })
    }

    /// A limit that is shorter than needed does no harm: whoever reads looks at the deadline again. So a socket's
    /// limit is only changed when it is too long or much too short, and not for every read.
    fn limit_reads(&mut self, ms: u64) -> io::Result<()> {
        if needs_change(self.read_limit, ms)
            && let Some(stream) = &mut self.stream
        {
            stream.set_read_timeout(duration(ms))?;
            self.read_limit = ms;
        }
        Ok(())
    }

    fn limit_writes(&mut self, ms: u64) -> io::Result<()> {
        if needs_change(self.write_limit, ms)
            && let Some(stream) = &mut self.stream
        {
            stream.set_write_timeout(duration(ms))?;
            self.write_limit = ms;
        }
        Ok(())
    }

    /// Has the machine know that the connection is too old, if it is now.
    #[inline]
    pub(crate) fn age(&mut self) {
        // The clock is read only where there is an age to compare it with.
        if self.tenure.next().is_some() {
            let _ = self.tenure.poll(clock::now(), &mut self.conn);
        }
    }

    /// Whether nothing of a next request was received.
    pub(crate) fn is_idle(&self) -> bool {
        self.conn.phase() == Phase::Idle
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let Some(hook) = self.settings.hooks.closed.as_ref() else { return };
        // A connection that was turned away never was one.
        if self.membership.is_none() && self.stream.is_some() {
            return;
        }
        let report = ConnectionReport {
            peer: self.peer,
            requests: self.tenure.requests(),
            received: self.received,
            sent: self.sent,
            age: Duration::from_millis(clock::now().since(self.accepted_at)),
            is_switched: self.stream.is_none() && self.tenure.requests() > 0,
        };
        let _ = guarded(|| hook(&report));
    }
}

/// Whether a socket's limit has to change. 0 is no limit.
fn needs_change(has: u64, wanted: u64) -> bool {
    match (has, wanted) {
        (0, 0) => false,
        (0, _) | (_, 0) => true,
        (has, wanted) => has > wanted || has < wanted / 4,
    }
}

fn duration(ms: u64) -> Option<Duration> {
    (ms > 0).then(|| Duration::from_millis(ms))
}

/// Sockets say one or the other when their limit has passed.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_a_socket_changes_only_when_it_is_too_long_or_much_too_short() {
        assert!(!needs_change(0, 0));
        assert!(needs_change(0, 10) && needs_change(10, 0));
        assert!(needs_change(11, 10) && !needs_change(10, 40) && needs_change(10, 60_000));
    }
}
