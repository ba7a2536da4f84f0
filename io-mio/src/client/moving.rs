//! The bytes of a call that is run: written as the socket takes them, read and shown to the machine.
//!
//! What is read next, and what follows from what was read, is said in `drive`.

use std::io::{self, ErrorKind as IoKind, IoSlice, Read, Write};

use h1wire_proto::calling::{Happened, Upload};
use h1wire_proto::{ClientEvent, Fields, Recv, Slots};

use super::active::{Active, Mode};
use super::drive::Run;
use super::engine::Scratch;
use super::error::ErrorKind;
use super::event::Event;
use super::link::Link;
use super::telling::With;

/// How many slices one `writev` takes.
const SLICES: usize = 32;

impl Run<'_, '_> {
    /// Writes what is queued.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let mut left = self.writes;
        let Some((active, link)) = self.both() else { return Ok(()) };
        let (mut sent, mut failed) = (0, Ok(()));
        while link.ready.writable && left > 0 && !active.out.is_empty() {
            match step(active, link) {
                Ok(n) => {
                    sent += n;
                    left = left.saturating_sub(n as u64);
                }
                Err(error) => {
                    failed = Err(error);
                    break;
                }
            }
        }
        if failed.is_ok() && link.ready.writable && link.stream.wants_flush() {
            match link.stream.flush() {
                Err(e) if e.kind() == IoKind::WouldBlock => link.ready.writable = false,
                Err(e) if e.kind() == IoKind::Interrupted => {}
                done => failed = done,
            }
        }
        self.writes = left;
        self.activity.sent += sent;
        self.engine.counters.bytes_sent += sent as u64;
        failed
    }

    /// Nothing more can be written.
    pub(super) fn write_failed(&mut self, error: io::Error) {
        if let Some((active, link)) = self.both() {
            if let Mode::Raw { .. } = active.mode {
                active.error.get_or_insert(ErrorKind::Socket(error));
                return;
            }
            active.call.write_failed();
            active.out.clear();
            active.broken.get_or_insert(error);
            link.ready.writable = false;
            link.ready.readable = true;
        }
    }

    /// Shows the machine what it left, if it may have events in it.
    pub(super) fn resume(&mut self, scratch: &mut Scratch) -> bool {
        let Some(active) = self.active() else { return false };
        if !active.flags.more || active.is_held() {
            return false;
        }
        let mut rest = std::mem::take(&mut active.rest);
        let mut input = rest.bytes();
        self.show(&mut input, &mut scratch.slots);
        let used = rest.len() - input.len();
        rest.consume(used);
        rest.release(&mut scratch.spare);
        if let Some(active) = self.active() {
            active.rest = rest;
        }
        true
    }

    /// Reads once, and shows the machine what came.
    pub(super) fn read(&mut self, scratch: &mut Scratch) {
        let Scratch { buffer, front, slots, spare } = scratch;
        let Some((active, link)) = self.both() else { return };
        let room = buffer.get_mut(*front..).unwrap_or_default();
        let len = room.len();
        let n = match link.stream.read(room) {
            Ok(0) => {
                active.flags.eof = true;
                if let Mode::Raw { ended, .. } = &mut active.mode {
                    *ended = true;
                    return self.say(Event::End(Fields::EMPTY));
                }
                active.call.recv_eof();
                active.flags.more = true;
                return;
            }
            Ok(n) => n,
            Err(e) if e.kind() == IoKind::WouldBlock => {
                link.ready.readable = false;
                return;
            }
            Err(e) if e.kind() == IoKind::Interrupted => return,
            Err(error) => {
                if let Mode::Raw { .. } = active.mode {
                    active.error.get_or_insert(ErrorKind::Socket(error));
                    return;
                }
                active.call.read_failed();
                active.broken.get_or_insert(error);
                active.flags.eof = true;
                return;
            }
        };
        link.ready.readable = n == len || link.ready.ends || !link.stream.short_read_is_last();
        self.activity.received += n;
        self.engine.counters.bytes_received += n as u64;
        let Some(active) = self.active() else { return };
        let end = *front + n;
        if active.rest.is_empty() {
            let fresh = buffer.get(*front..end).unwrap_or_default();
            let mut input = fresh;
            self.show(&mut input, slots);
            if let (Some(active), false) = (self.active(), input.is_empty()) {
                active.rest.keep_with(input.len(), fresh, spare);
            }
            return;
        }
        let mut rest = std::mem::take(&mut active.rest);
        let cap = active.most_input() + buffer.len();
        if let Some(mut input) = rest.join_in(buffer, *front..end, cap) {
            self.show(&mut input, slots);
            let left = input.len();
            rest.keep_with(left, buffer.get(..end).unwrap_or_default(), spare);
        } else {
            // Only if more was read than the machine can have asked for.
            active.call.read_failed();
        }
        if let Some(active) = self.active() {
            active.rest = rest;
        }
    }

    /// Takes events from the machine until it has no more for now.
    fn show(&mut self, input: &mut &[u8], slots: &mut Slots) {
        loop {
            let Some(active) = self.active() else { return };
            if active.is_held() || active.error.is_some() {
                active.flags.more = true;
                return;
            }
            active.flags.more = false;
            if let Mode::Raw { .. } = active.mode {
                let data = std::mem::take(input);
                if !data.is_empty() {
                    self.say(Event::Data(data));
                }
                return;
            }
            let held_back = active.call.upload() == Upload::Hold;
            match active.call.recv(input, slots) {
                Ok(Recv::Event(ClientEvent::Informational(head))) => {
                    let wanted = held_back && active.call.upload() == Upload::Send;
                    self.happen(Happened::Informational, With::Head(&head));
                    if wanted {
                        self.content_wanted();
                    }
                }
                Ok(Recv::Event(ClientEvent::Response(head))) => {
                    self.happen(Happened::Response, With::Head(&head));
                    self.tell_room();
                }
                Ok(Recv::Event(ClientEvent::Data(data))) => self.happen(Happened::Data, With::Data(data)),
                Ok(Recv::Event(ClientEvent::End(trailers))) => {
                    self.happen(Happened::Complete, With::Trailers(trailers));
                }
                Ok(_) | Err(_) => return,
            }
        }
    }
}

/// One system call. How many bytes it took.
fn step(active: &mut Active, link: &mut Link) -> io::Result<usize> {
    let (offered, written) = match active.out.only_slice() {
        Some(slice) => (slice.len(), link.stream.write(slice)),
        None => {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = active.out.fill(&mut slices, IoSlice::new);
            let slices = slices.get(..filled).unwrap_or_default();
            let offered: usize = slices.iter().map(|slice| slice.len()).sum();
            (offered, link.stream.write_slices(slices, (offered as u64) < active.out.len()))
        }
    };
    match written {
        Ok(0) => Err(IoKind::WriteZero.into()),
        Ok(n) => {
            active.out.advance(n);
            // What did not fit now would not fit in a second call; an event tells when it does.
            link.ready.writable = n == offered || !link.stream.short_write_is_last();
            Ok(n)
        }
        Err(e) if e.kind() == IoKind::WouldBlock => {
            link.ready.writable = false;
            Ok(0)
        }
        Err(e) if e.kind() == IoKind::Interrupted => Ok(0),
        Err(e) => Err(e),
    }
}
