//! [`Running`]: the threads of a server, each with an event loop in it.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};

use crate::server::census::Census;
use crate::server::event_loop::EventLoop;
use crate::server::handle::{Drained, Handle};
use crate::server::handler::Handler;
use crate::server::listener::{Door, Listening};
use crate::server::options::Options;

const WAKE: Token = Token(0);
const FIRST: Token = Token(1);
/// How many events one poll takes.
const EVENTS: usize = 1024;

/// A server whose event loops run. Dropped, it goes on running.
#[derive(Debug)]
pub struct Running {
    handle: Handle,
    threads: Vec<JoinHandle<io::Result<Drained>>>,
}

impl Running {
    /// For steering it, from any thread.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The TCP address of the first listener.
    ///
    /// # Errors
    /// As [`Server::local_addr`](crate::Server::local_addr).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.handle.local_addr()
    }

    /// As [`Handle::shutdown`].
    pub fn shutdown(&self, within: Duration) {
        self.handle.shutdown(within);
    }

    /// Waits for the end of the server, which [`Handle::shutdown`] brings about.
    ///
    /// # Errors
    /// Those of the system's event queue.
    pub fn join(self) -> io::Result<Drained> {
        let mut sum = Drained::default();
        for thread in self.threads {
            let drained = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            sum.finished += drained.finished;
            sum.cut += drained.cut;
        }
        Ok(sum)
    }
}

/// Starts event loops in threads of their own: all, or none.
pub(super) fn start<H, M>(
    shares: impl Iterator<Item = (usize, Vec<Door>)>,
    common: &Common,
    make: M,
) -> io::Result<Running>
where
    H: Handler + 'static,
    M: Fn(usize) -> H + Send + Sync + 'static,
{
    let make = Arc::new(make);
    let (tell, told) = mpsc::channel();
    let mut threads = Vec::new();
    for (number, doors) in shares {
        let poll = Poll::new()?;
        let (make, common, tell) = (make.clone(), common.clone(), tell.clone());
        let run = move || {
            let made = prepare(&poll, &common, doors, make(number));
            let event_loop = match made {
                Ok(event_loop) => event_loop,
                Err(e) => {
                    let _ = tell.send(Err(e));
                    return Ok(Drained::default());
                }
            };
            let _ = tell.send(Ok(event_loop.shared()));
            drop(tell);
            run(poll, event_loop)
        };
        threads.push(thread::Builder::new().name(format!("h1wire-mio-{number}")).spawn(run)?);
    }
    drop(tell);
    let (mut loops, mut error) = (Vec::new(), None);
    for made in told {
        match made {
            Ok(made) => loops.push(made),
            Err(e) => error = Some(e),
        }
    }
    let running = Running { handle: Handle::new(loops, &common.addr()), threads };
    match error {
        None => Ok(running),
        Some(error) => {
            // Those that could begin would go on for ever with nobody to end them.
            running.handle.shutdown(Duration::ZERO);
            running.join()?;
            Err(error)
        }
    }
}

/// What all event loops of a server have.
#[derive(Clone)]
pub(super) struct Common {
    options: Options,
    census: Arc<Census>,
    addr: Result<SocketAddr, io::ErrorKind>,
}

impl Common {
    pub(super) fn new(options: Options, addr: &io::Result<SocketAddr>) -> Self {
        Self { options, census: Arc::default(), addr: addr.as_ref().copied().map_err(io::Error::kind) }
    }

    fn addr(&self) -> io::Result<SocketAddr> {
        self.addr.map_err(io::Error::from)
    }

    /// The listeners of each worker.
    pub(super) fn share(&self, listening: Vec<Listening>, workers: usize) -> io::Result<Vec<Vec<Door>>> {
        let door = |listening: Listening| listening.into_door(self.options.backlog);
        let mut shares = Vec::new();
        for _ in 1..workers {
            shares.push(listening.iter().map(|l| l.again().and_then(door)).collect::<io::Result<_>>()?);
        }
        shares.push(listening.into_iter().map(door).collect::<io::Result<_>>()?);
        Ok(shares)
    }
}

pub(super) fn prepare<H: Handler>(
    poll: &Poll,
    common: &Common,
    doors: Vec<Door>,
    handler: H,
) -> io::Result<EventLoop<H>> {
    let Common { options, census, .. } = common.clone();
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    let mut event_loop = EventLoop::among(census, poll.registry(), waker, FIRST, options, handler)?;
    for door in doors {
        event_loop.open_door(door)?;
    }
    Ok(event_loop)
}

pub(super) fn run<H: Handler>(mut poll: Poll, mut event_loop: EventLoop<H>) -> io::Result<Drained> {
    let mut events = Events::with_capacity(EVENTS);
    while !event_loop.is_finished() {
        match poll.poll(&mut events, event_loop.timeout()) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            done => done?,
        }
        for event in &events {
            event_loop.event(event);
        }
        event_loop.turn();
    }
    Ok(event_loop.drained())
}
