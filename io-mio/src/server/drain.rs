//! How connections are closed from outside: a shutdown with a deadline, those that are idle, all.

use std::time::Duration;

use h1wire_proto::Phase;

use crate::server::connection::Connection;
use crate::server::drive::Turn;
use crate::server::event_loop::EventLoop;
use crate::server::handler::Handler;

impl<H: Handler> EventLoop<H> {
    pub(crate) fn shut_down(&mut self, within: Duration) {
        if !self.cx.draining {
            self.cx.draining = true;
            self.closed_before = self.cx.counters.closed.get();
        }
        for listener in &mut self.listeners {
            if let Some(mut door) = listener.take() {
                let _ = self.registry.deregister(door.listener.source());
            }
        }
        self.cx.remote.stop_listening();
        self.close_idle();
        for (_, c) in &mut self.connections {
            c.link.session.wind_up();
        }
        self.each(|c| c.active.is_some(), |turn| turn.shutting_down());
        let at = self.cx.clock.now().after(within.as_millis().try_into().unwrap_or(u64::MAX));
        self.drain_until = Some(self.drain_until.map_or(at, |earlier| earlier.min(at)));
    }

    pub(crate) fn close_idle(&mut self) {
        let is_idle = |c: &Connection<H::Exchange>| {
            c.active.is_none() && c.link.session.machine().phase() == Phase::Idle
        };
        // A request that is there already is answered, as the last.
        self.each(is_idle, |turn| turn.look_once_more());
    }

    pub(crate) fn close_all(&mut self) {
        if self.cx.draining {
            let is_cut = |c: &Connection<H::Exchange>| !c.link.session.is_lingering();
            self.cut += self.connections.iter().filter(|(_, c)| is_cut(c)).count() as u64;
        }
        self.each(|_| true, |turn| turn.close());
    }

    fn each(&mut self, which: impl Fn(&Connection<H::Exchange>) -> bool, what: impl Fn(&mut Turn<'_, H>)) {
        let keys: Vec<_> = self.connections.iter().filter(|(_, c)| which(c)).map(|(key, _)| key).collect();
        for key in keys {
            self.run_with(key, &what);
        }
    }
}
