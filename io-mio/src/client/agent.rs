//! What the pool decides, done: connections made, given to calls, kept and closed.
//!
//! Which connection goes where is the pool's decision alone.

use std::panic::{AssertUnwindSafe, catch_unwind};

use h1wire_proto::pool::{Action, ConnId, PoolError, Reuse, Ticket};

use super::active::Stand;
use super::engine::Engine;
use super::error::ErrorKind;
use super::link::{Link, Source};
use crate::stream::Stream;

/// Where a connection of the pool is.
pub(crate) struct Place {
    id: ConnId,
    at: At,
}

enum At {
    Making(usize),
    Link(usize),
}

/// What the pool is told as soon as its last decisions are done.
pub(crate) enum Later {
    Failed(ConnId, ErrorKind),
    Closed(ConnId),
    Readable(ConnId),
    Connected(ConnId),
}

/// How often a stream that keeps bytes of its own may say that it has none yet, although there were some below.
const NOBODYS: u32 = 16;

impl Engine {
    /// Asks the pool for a connection for a call.
    pub(crate) fn acquire(&mut self, key: u32, fresh: bool) {
        let now = self.clock.now();
        let Some(active) = self.calls.get_mut(key as usize) else { return };
        let Some(origin) = active.origin.clone() else { return };
        let limit = self.pool.config().acquire_timeout;
        let until = limit.map(|limit| now + limit);
        let ticket = if fresh {
            self.pool.acquire_fresh(now, &origin, until)
        } else {
            self.pool.acquire_until(now, &origin, until)
        };
        active.stand = Stand::Waiting(ticket);
        let at = ticket.index() as usize;
        if self.holders.len() <= at {
            self.holders.resize(at + 1, u32::MAX);
        }
        if let Some(holder) = self.holders.get_mut(at) {
            *holder = key;
        }
        self.obey();
    }

    /// Does what the pool decided.
    pub(crate) fn obey(&mut self) {
        loop {
            let mut why = None;
            while let Some(action) = self.pool.poll_action() {
                self.act(action, &mut why);
            }
            let now = self.clock.now();
            match self.later.pop_front() {
                Some(Later::Failed(id, kind)) => {
                    self.counters.connect_failures += 1;
                    why = Some(kind);
                    self.pool.connect_failed(now, id);
                    while let Some(action) = self.pool.poll_action() {
                        self.act(action, &mut why);
                    }
                }
                Some(Later::Closed(id)) => self.pool.closed(now, id),
                Some(Later::Readable(id)) => self.pool.idle_readable(now, id),
                Some(Later::Connected(id)) => {
                    self.counters.connections += 1;
                    self.pool.connected(now, id);
                }
                None => return,
            }
        }
    }

    fn act(
        &mut self,
        action: Action<std::sync::Arc<h1wire_proto::pool::Origin>>,
        why: &mut Option<ErrorKind>,
    ) {
        match action {
            Action::Connect { conn, key, ticket } => {
                let call = self.holder(ticket);
                self.make(conn, key, call);
            }
            Action::Assign { ticket, conn, reused } => self.assign(ticket, conn, reused),
            Action::Idle { conn } => self.rest(conn),
            Action::Close { conn } => match self.take_place(conn) {
                Some(At::Making(making)) => self.unmake(making),
                Some(At::Link(at)) => {
                    self.cut(at);
                    self.close_source(at);
                }
                None => {}
            },
            Action::Fail { ticket, why: error } => {
                let kind = match error {
                    PoolError::ConnectFailed => why.take(),
                    _ => None,
                };
                let kind = kind.unwrap_or(ErrorKind::Agent(error));
                if let Some(key) = self.holder(ticket)
                    && let Some(active) = self.calls.get_mut(key as usize)
                {
                    active.stand = Stand::Off;
                    active.error.get_or_insert(kind);
                    self.enqueue(key);
                }
            }
        }
    }

    /// The connection is about to be closed. If a call has it, the agent was destroyed.
    fn cut(&mut self, at: usize) {
        if let Some(Source::Link(Link { call: Some(key), .. })) = self.sources.get(at) {
            let key = *key;
            if let Some(active) = self.calls.get_mut(key as usize) {
                active.stand = Stand::Off;
                active.error.get_or_insert(ErrorKind::Agent(PoolError::Destroyed));
                self.enqueue(key);
            }
        }
    }

    /// The call that waits with this ticket.
    fn holder(&self, ticket: Ticket) -> Option<u32> {
        let key = *self.holders.get(ticket.index() as usize)?;
        let active = self.calls.get(key as usize)?;
        (active.stand == Stand::Waiting(ticket)).then_some(key)
    }

    /// A call gets its connection.
    fn assign(&mut self, ticket: Ticket, conn: ConnId, reused: bool) {
        let now = self.clock.now();
        let (Some(key), Some(at)) = (self.holder(ticket), self.link_of(conn)) else {
            self.later.push_back(Later::Closed(conn));
            return;
        };
        let Some(Source::Link(link)) = self.sources.get_mut(at) else { return };
        link.call = Some(key);
        let Some(active) = self.calls.get_mut(key as usize) else { return };
        if reused {
            if let Some(spec) = &active.spec {
                link.stream.tune(spec.no_delay, spec.keep_alive);
            }
            if let Some(hook) = self.options.reuse_connection.clone() {
                // What a hook does that panics is its own business.
                let _ = catch_unwind(AssertUnwindSafe(|| hook(&link.stream)));
            }
        }
        active.stand = Stand::On(at);
        active.call.assigned(now, reused);
        active.news.connected = Some(reused);
        self.counters.begin(reused);
        self.enqueue(key);
        self.schedule(key);
    }

    /// A connection that nobody uses now.
    fn rest(&mut self, conn: ConnId) {
        let Some(at) = self.link_of(conn) else { return };
        let Some(Source::Link(link)) = self.sources.get_mut(at) else { return };
        link.call = None;
        let kept = self
            .options
            .keep_connection
            .clone()
            .is_none_or(|hook| catch_unwind(AssertUnwindSafe(|| hook(&link.stream))).unwrap_or(false));
        if !kept || link.ready.ends {
            self.close_source(at);
            self.take_place(conn);
            self.later.push_back(Later::Closed(conn));
        } else if link.ready.readable {
            self.idle_ready(at);
        }
    }

    /// A connection that nobody uses may have something to read, which there is nobody for.
    pub(crate) fn idle_ready(&mut self, at: usize) {
        let Some(Source::Link(Link { stream, id: Some(id), call: None, ready, .. })) =
            self.sources.get_mut(at)
        else {
            return;
        };
        if !ready.readable {
            return;
        }
        let id = *id;
        let mut byte = [0; 1];
        let mut tries = 0;
        let quiet = loop {
            tries += 1;
            match std::io::Read::read(stream, &mut byte) {
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => break true,
                // News of a session, and nobody's bytes.
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted && tries < NOBODYS => {}
                _ => break false,
            }
        };
        if quiet && !ready.ends {
            ready.readable = false;
        } else {
            self.later.push_back(Later::Readable(id));
        }
    }

    /// Whether the connection of a call is dead already, although nothing was sent on it.
    pub(crate) fn is_dead(stream: &mut Stream) -> bool {
        let mut byte = [0; 1];
        !matches!(std::io::Read::read(stream, &mut byte), Err(e) if matches!(e.kind(),
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::Interrupted))
    }

    /// The exchange on a connection is over.
    pub(crate) fn release(&mut self, at: usize, reuse: Reuse) {
        let now = self.clock.now();
        let Some(Source::Link(link)) = self.sources.get_mut(at) else { return };
        link.call = None;
        match link.id {
            Some(id) => self.pool.release(now, id, reuse),
            None => self.close_source(at),
        }
        self.obey();
    }

    /// The stream of a connection, which leaves the loop.
    pub(crate) fn take_stream(&mut self, at: usize) -> Option<Stream> {
        let Some(Source::Link(mut link)) = self.sources.try_remove(at) else { return None };
        let _ = mio::event::Source::deregister(&mut link.stream, &self.registry);
        if let Some(id) = link.id {
            let now = self.clock.now();
            self.take_place(id);
            self.pool.detach(now, id);
            self.obey();
        }
        Some(link.stream)
    }

    /// Takes a connection out of the pool. It goes on being used, and is closed when that is over.
    pub(crate) fn detach(&mut self, at: usize) {
        let now = self.clock.now();
        if let Some(Source::Link(link)) = self.sources.get_mut(at)
            && let Some(id) = link.id.take()
        {
            self.take_place(id);
            self.pool.detach(now, id);
            self.obey();
        }
    }

    /// Closes a socket.
    pub(crate) fn close_source(&mut self, at: usize) {
        if let Some(source) = self.sources.try_remove(at) {
            let stream = match source {
                Source::Link(Link { stream, .. }) | Source::Wiring { stream, .. } => stream,
                // Sockets leave the registry when they are closed, which saves a system call.
                Source::Attempt { .. } => return,
            };
            if let Stream::Other(mut own) = stream {
                let _ = own.shutdown_write();
                let _ = self.registry.deregister(&mut **own);
            }
        }
    }

    pub(crate) fn place_making(&mut self, id: ConnId, making: usize) {
        self.put_place(Place { id, at: At::Making(making) });
    }

    pub(crate) fn place_link(&mut self, id: ConnId, at: usize) {
        self.put_place(Place { id, at: At::Link(at) });
    }

    fn put_place(&mut self, place: Place) {
        let at = place.id.index() as usize;
        if self.places.len() <= at {
            self.places.resize_with(at + 1, || None);
        }
        if let Some(slot) = self.places.get_mut(at) {
            *slot = Some(place);
        }
    }

    fn link_of(&self, id: ConnId) -> Option<usize> {
        match self.places.get(id.index() as usize)?.as_ref().filter(|place| place.id == id)?.at {
            At::Link(at) => Some(at),
            At::Making(_) => None,
        }
    }

    /// Forgets where a connection is that left the pool.
    fn take_place(&mut self, id: ConnId) -> Option<At> {
        let slot = self.places.get_mut(id.index() as usize)?;
        let at = slot.take_if(|place| place.id == id)?.at;
        while matches!(self.places.last(), Some(None)) {
            self.places.pop();
        }
        Some(at)
    }

    pub(crate) fn drop_place(&mut self, id: ConnId) {
        self.take_place(id);
    }
}
