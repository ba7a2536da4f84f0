//! How connections come into an event loop, and how many of them: accepted or injected, limited, given an age.

use std::hash::BuildHasher;
use std::io;

use mio::{Interest, Token};

use crate::server::census::peer_of;
use crate::server::connection::{Connection, Link};
use crate::server::event_loop::{EventLoop, LISTENERS};
use crate::server::handler::Handler;
use crate::stream::Stream;

/// How many connections are accepted before those that are open have their turn.
const ACCEPTS: usize = 64;
/// How many milliseconds to wait when the system has no more sockets to give. Connections wait in the backlog.
const ACCEPT_PAUSE: u64 = 100;

/// With news of urgent data where the system has them, which end reads early.
#[cfg(any(target_os = "linux", target_os = "android"))]
const INTERESTS: Interest = Interest::READABLE.add(Interest::WRITABLE).add(Interest::PRIORITY);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const INTERESTS: Interest = Interest::READABLE.add(Interest::WRITABLE);

impl<H: Handler> EventLoop<H> {
    pub(crate) fn accept(&mut self, at: usize) {
        for _ in 0..ACCEPTS {
            let Some(Some(door)) = self.listeners.get_mut(at) else { return };
            match door.listener.accept() {
                Ok(stream) => {
                    // What was asked for before the client connected holds for it.
                    if self.cx.remote.is_woken() {
                        self.obey_commands();
                    }
                    let limit = self.cx.options.max_connections;
                    if limit.is_some_and(|most| self.guests.open() >= most) {
                        self.turn_away(stream);
                    } else if self.open(stream).is_err() {
                        self.cx.counters.accept_errors.add(1);
                    }
                    if self.cx.draining {
                        // It came with the shutdown, which closed those that are idle before it was there.
                        self.close_idle();
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                // The connection was over before it was accepted, or a signal came.
                Err(e)
                    if matches!(e.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) =>
                {
                    self.cx.counters.accept_errors.add(1);
                }
                Err(_) => {
                    self.cx.counters.accept_errors.add(1);
                    self.accept_at = Some(self.cx.clock.now().after(ACCEPT_PAUSE));
                    return;
                }
            }
        }
        self.accepting.push_back(at);
    }

    /// The key of the connection, unless the handler does not want it.
    pub(crate) fn open(&mut self, stream: Stream) -> io::Result<Option<usize>> {
        let options = &self.cx.options;
        stream.set_options(options.no_delay, options.tcp_keep_alive);
        let handler = &mut self.handler;
        if self.cx.counters.guard(|| handler.connection(&stream)) != Some(true) {
            self.cx.counters.refused.add(1);
            return Ok(None);
        }
        let key = self.connections.vacant_key();
        if let Some(most) = self.cx.options.max_connections_per_peer
            && let Some(addr) = stream.peer_addr()
            && !self.guests.enter_of(key, peer_of(addr.ip()), most)
        {
            self.turn_away(stream);
            return Ok(None);
        }
        self.guests.enter();
        let opened = self.enter(key, stream);
        if opened.is_err() {
            self.guests.leave(key);
        }
        opened.map(|()| Some(key))
    }

    fn turn_away(&mut self, stream: Stream) {
        self.cx.counters.refused.add(1);
        let handler = &mut self.handler;
        self.cx.counters.guard(|| handler.drop_connection(stream));
    }

    /// Gives the stream its place, which has this key.
    fn enter(&mut self, key: usize, mut stream: Stream) -> io::Result<()> {
        let now = self.cx.clock.now();
        self.generation = self.generation.wrapping_add(1);
        let random = self.random.hash_one(self.generation);
        let token = Token(self.first_token + LISTENERS + key);
        self.registry.register(&mut stream, token, INTERESTS)?;
        let mut link = Link::new(stream, self.cx.options.clone(), self.generation, now, random);
        if self.cx.draining {
            link.session.wind_up();
        }
        self.connections.insert(Connection { link, active: None });
        self.cx.tallies.open(key, self.cx.options.count_connections, now);
        self.cx.counters.accepted.add(1);
        self.schedule(key);
        Ok(())
    }
}
