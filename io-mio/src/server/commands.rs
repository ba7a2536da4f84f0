//! What an event loop does about the commands of other threads.

use crate::server::event_loop::EventLoop;
use crate::server::handler::Handler;
use crate::server::remote::{Command, ExchangeId};

impl<H: Handler> EventLoop<H> {
    pub(crate) fn obey_commands(&mut self) {
        let mut commands = std::mem::take(&mut self.commands);
        self.cx.remote.take(&mut commands);
        for command in commands.drain(..) {
            match command {
                Command::Act(id, action) if self.is_open(id) => {
                    self.run_with(id.key, |turn| turn.act(action));
                }
                // What it holds is the user's, and so is what it does as it goes.
                Command::Act(_, action) => drop(self.cx.counters.guard(|| drop(action))),
                Command::Forsake(id) if self.is_open(id) => self.run_with(id.key, |turn| turn.forsake()),
                Command::Forsake(_) => {}
                Command::Inject(stream) => {
                    if self.inject(stream).is_err() {
                        self.cx.counters.accept_errors.add(1);
                    }
                }
                Command::Shutdown(within) => self.shut_down(within),
                Command::CloseIdle => self.close_idle(),
                Command::CloseAll => self.close_all(),
                Command::Options(options) => self.cx.options = options,
            }
        }
        self.commands = commands;
    }

    /// Whether this exchange can still be answered.
    pub(super) fn is_open(&self, id: ExchangeId) -> bool {
        self.connections.get(id.key).is_some_and(|c| {
            c.link.generation == id.generation
                && c.link.session.requests() == id.number
                && c.active.as_ref().is_some_and(|active| active.answer.is_open())
        })
    }
}
