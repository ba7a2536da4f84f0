//! How connections are closed from outside: a shutdown with a deadline, those that are idle, all.

use std::time::Duration;

use h1wire_proto::Phase;

use crate::connection::Connection;
use crate::event_loop::EventLoop;
use crate::handler::Handler;

impl<H: Handler> EventLoop<H> {
    pub(crate) fn shut_down(&mut self, within: Duration) {
        if !self.cx.draining {
            self.cx.draining = true;
            self.closed_before = self.cx.counters.closed.get();
        }
        for listener in &mut self.listeners {
            if let Some(mut listener) = listener.take() {
                let _ = self.registry.deregister(listener.source());
            }
        }
        self.close_idle();
        for (_, c) in &mut self.connections {
            c.link.conn.close_after_response();
        }
        let at = self.cx.clock.now().after(within.as_millis().try_into().unwrap_or(u64::MAX));
        self.drain_until = Some(self.drain_until.map_or(at, |earlier| earlier.min(at)));
    }

    pub(crate) fn close_idle(&mut self) {
        self.close_each(|c| c.active.is_none() && c.link.conn.phase() == Phase::Idle);
    }

    pub(crate) fn close_all(&mut self) {
        if self.cx.draining {
            self.cut += self.connections.len() as u64;
        }
        self.close_each(|_| true);
    }

    fn close_each(&mut self, which: impl Fn(&Connection<H::Exchange>) -> bool) {
        let keys: Vec<_> = self.connections.iter().filter(|(_, c)| which(c)).map(|(key, _)| key).collect();
        for key in keys {
            self.run_with(key, |turn| turn.close());
        }
    }
}
