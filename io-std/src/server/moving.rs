//! Moving bytes between the stream of a [`Link`] and memory, each time within the limit that the session gives.

use std::io::{self, IoSlice};
use std::time::Duration;

use h1wire_proto::serving::Lapse;
use h1wire_proto::{Expired, Slots, Time};

use super::counters::Tally;
use super::link::Link;
use crate::clock;

/// What reading came to.
#[derive(Debug)]
pub(crate) enum Got {
    Bytes(usize),
    /// The peer ended its half.
    Eof,
    /// Nothing came in the time given.
    Nothing,
    /// The client is late with its request.
    Late(Expired),
    /// A limit ended the connection.
    Over(Expired),
    Failed(io::Error),
}

/// The least that a stream can be told to wait, in milliseconds.
const LEAST: u64 = 1;

impl Link {
    /// Reads what is there within `ms` milliseconds, unless a limit of the message under way has passed. The others are
    /// looked at by whoever finds that nothing came.
    #[inline]
    pub(crate) fn read_within(&mut self, ms: u64, buf: &mut [u8], counters: &Tally) -> Got {
        let mut ms = ms.max(LEAST);
        // Whole messages one after another have no deadline but that of the gap after them. They are told together,
        // when it comes.
        if !(self.is_told_idle && self.is_idle()) || self.activity.unsent || self.activity.paused {
            let now = clock::now();
            self.observe(now);
            // Bytes that drip without a gap find no moment when nothing came.
            match self.due(now, true) {
                Ok(left) => ms = left.map_or(ms, |left| left.min(ms)),
                Err(got) => return got,
            }
        }
        if let Err(error) = self.limit_reads(ms) {
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

    /// Whether a limit has passed although nothing is there to be read.
    pub(crate) fn is_late(&mut self) -> Option<Got> {
        let now = clock::now();
        self.observe(now);
        self.due(now, false).err()
    }

    /// Milliseconds until the next limit passes, if one does; or what has come of one. Where one has passed that what is
    /// `unread` may still keep, there is but a moment.
    fn due(&mut self, now: Time, unread: bool) -> Result<Option<u64>, Got> {
        loop {
            let deadline = self.deadline();
            match deadline {
                None => return Ok(None),
                Some(at) if at > now => return Ok(Some(at.since(now).max(LEAST))),
                Some(_) => match self.lapse(now, unread) {
                    Some(Lapse::Read) => return Ok(Some(LEAST)),
                    Some(Lapse::Late(expired)) => return Err(Got::Late(expired)),
                    Some(Lapse::Over(expired)) => return Err(Got::Over(expired)),
                    Some(Lapse::Idle) | None if self.deadline() == deadline => return Ok(Some(LEAST)),
                    Some(Lapse::Idle) | None => {}
                },
            }
        }
    }

    /// Reads, waiting until the next limit. It does not move while a peer drips bytes: each read waits for no longer than
    /// what is left.
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

    fn read_until_due(&mut self, buf: &mut [u8], counters: &Tally) -> Got {
        loop {
            let now = clock::now();
            self.observe(now);
            let left = match self.due(now, true) {
                Ok(left) => left.unwrap_or(0),
                Err(got) => return got,
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

    fn read_once(&mut self, buf: &mut [u8], counters: &Tally) -> io::Result<Got> {
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let n = stream.read(buf)?;
        // Where a proxy tells it, that is before the first byte.
        if self.peer.is_none() && self.received == 0 {
            self.learn_peer()?;
        }
        counters.bytes_received.add(n as u64);
        self.activity.received += n;
        self.received += n as u64;
        Ok(if n == 0 { Got::Eof } else { Got::Bytes(n) })
    }

    #[cold]
    fn learn_peer(&mut self) -> io::Result<()> {
        let Some(stream) = &self.stream else { return Ok(()) };
        (self.peer, self.local) = (stream.peer_addr(), stream.local_addr());
        let may_stay = match (self.peer, &mut self.membership) {
            (Some(peer), Some(membership)) => membership.claim(peer.ip(), self.rules.options.most()),
            _ => true,
        };
        if may_stay { Ok(()) } else { Err(io::ErrorKind::ConnectionRefused.into()) }
    }

    /// Reads and drops what is there, without waiting where the stream does not. `false` if nothing is there.
    pub(crate) fn drop_some(&mut self, scrap: &mut [u8], counters: &Tally) -> bool {
        match self.read_once(scrap, counters) {
            Ok(Got::Bytes(n)) => {
                let mut dropped = scrap.get(..n).unwrap_or_default();
                // It is not looked at, only counted.
                let _ = self.session.recv(&self.rules.options.policy, &mut dropped, &mut Slots::new());
            }
            Ok(_) => self.session.recv_eof(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(_) => _ = self.session.gone(),
        }
        true
    }

    /// Writes everything, or fails and tells the session so. The bytes already written are then lost to the peer, and the
    /// stream is cut off.
    ///
    /// # Errors
    /// `TimedOut` when the peer took nothing for too long, and those of the stream.
    #[inline]
    pub(crate) fn write_all(&mut self, pieces: &mut [IoSlice<'_>], counters: &Tally) -> io::Result<()> {
        let written = self.try_write_all(pieces, counters);
        if written.is_err() {
            self.session.gone();
            self.cut_off();
        }
        written
    }

    fn try_write_all(&mut self, mut slices: &mut [IoSlice<'_>], counters: &Tally) -> io::Result<()> {
        IoSlice::advance_slices(&mut slices, 0);
        self.limit_writes(self.patience.map_or(0, |limit| clock::millis(limit).max(LEAST)))?;
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
                        self.wait_to_write(counters)?;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => self.wait_to_write(counters)?,
                Err(error) => return Err(error),
            }
        }
        self.flush_stream(counters)?;
        self.activity.unsent = false;
        Ok(())
    }

    /// A stream may keep what it took, as TLS does where its peer does not read. Nobody would send it later.
    #[inline]
    fn flush_stream(&mut self, counters: &Tally) -> io::Result<()> {
        loop {
            let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            match stream.flush() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => self.wait_to_write(counters)?,
                done => return done,
            }
        }
    }

    /// The stream took less than all: whether to go on, and for how long.
    fn wait_to_write(&mut self, counters: &Tally) -> io::Result<()> {
        let now = clock::now();
        if !self.activity.unsent {
            self.activity.unsent = true;
            // The clock is not read before each write. One that took nothing has waited for as long as it may.
            self.observe(Time(now.0.saturating_sub(self.write_limit)));
        }
        self.observe(now);
        match self.due(now, false) {
            Ok(left) => self.limit_writes(left.unwrap_or(0)),
            Err(got) => {
                if let Got::Late(expired) | Got::Over(expired) = got {
                    counters.time_limit(expired);
                }
                Err(io::ErrorKind::TimedOut.into())
            }
        }
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
