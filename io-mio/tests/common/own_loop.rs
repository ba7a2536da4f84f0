//! A server in the thread of its test, which says when it looks at what happened.
#![allow(dead_code)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use h1wire_mio::{EventLoop, Handler, Options};
use mio::{Events, Poll, Token, Waker};

use crate::common::PATIENCE;

pub struct OwnLoop<H: Handler> {
    pub server: EventLoop<H>,
    poll: Poll,
}

impl<H: Handler> OwnLoop<H> {
    pub fn new(options: Options, handler: H) -> Self {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let server = EventLoop::new(poll.registry(), waker, Token(1), options, handler).unwrap();
        Self { server, poll }
    }

    /// Polls once, and hands over what there is.
    pub fn turn(&mut self) {
        let mut events = Events::with_capacity(64);
        let soon = Duration::from_millis(10);
        self.poll.poll(&mut events, Some(self.server.timeout().map_or(soon, |at| at.min(soon)))).unwrap();
        for event in &events {
            self.server.event(event);
        }
        self.server.turn();
    }

    /// Polls until it is so.
    pub fn until(&mut self, what: &str, mut so: impl FnMut(&mut EventLoop<H>) -> bool) {
        let begun = Instant::now();
        while !so(&mut self.server) {
            assert!(begun.elapsed() < PATIENCE, "{what}");
            self.turn();
        }
    }
}
