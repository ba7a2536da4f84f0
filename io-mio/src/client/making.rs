//! [`Making`]: a connection that is being made, from its name to a socket.
//!
//! Names are resolved and hooks called in `errands`, which addresses are tried is decided by `race`. What is agreed on over
//! the socket is the business of `wiring`.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use h1wire_proto::Time;
use h1wire_proto::calling::{self, Late};
use h1wire_proto::pool::{ConnId, Origin};
use mio::net::TcpStream;
use mio::{Interest, Token};

use super::agent::Later;
use super::call::Call;
use super::engine::{CallId, Engine, MANY, millis};
use super::error::ErrorKind;
use super::link::{Link, Ready, Source};
use super::options::{BoxError, Lookup};
use super::plan::{End, Plan};
use super::race::{self, Race};
use super::wiring::Wiring;
use crate::stream::Stream;

/// How long the making of a connection may outlive the request it began for, in milliseconds: it may serve another.
const OUTLIVES: u64 = 1_000;
/// How long to wait where as many wait already as a unix socket lets.
const UNIX_PAUSE: u64 = 20;

/// A connection that is being made.
pub(crate) struct Making {
    id: ConnId,
    pub(crate) plan: Plan,
    ends_at: Option<Time>,
    pub(crate) step: Step,
}

pub(crate) enum Step {
    /// A thread resolves the name, or makes the stream.
    Away,
    /// Addresses are tried; those that were begun have these sources.
    Racing(Race, Vec<usize>),
    /// A unix socket is tried again.
    Unix(Time),
    /// The socket is there, and something is agreed on over it.
    Wiring(Wiring),
}

/// What a thread has for the loop.
pub(crate) enum Letter {
    /// The addresses of the host, and of the one behind the proxy if that was to be resolved.
    Resolved { making: usize, id: ConnId, found: io::Result<(Vec<SocketAddr>, Option<IpAddr>)> },
    /// The hook's stream.
    Made { making: usize, id: ConnId, made: Result<Stream, BoxError> },
    /// Somebody wants no more of a call.
    Abort(CallId),
}

impl Engine {
    /// Begins to make a connection to `origin`, for the sake of a call.
    pub(crate) fn make(&mut self, id: ConnId, origin: Arc<Origin>, call: Option<u32>) {
        let now = self.clock.now();
        let active = call.and_then(|key| self.calls.get_mut(key as usize));
        let plan = match active {
            Some(active) => {
                let whole = active.ends_at;
                if active.wait.connecting(now) {
                    active.news.socket = true;
                }
                let plan = match &active.spec {
                    Some(spec) => Plan::new(spec, &self.options),
                    None => Err(ErrorKind::Aborted),
                };
                plan.map(|plan| (plan, whole))
            }
            None => Err(ErrorKind::Aborted),
        };
        let (plan, whole) = match plan {
            Ok(plan) => plan,
            Err(kind) => return self.later.push_back(Later::Failed(id, kind)),
        };
        if let Some(key) = call {
            self.enqueue(key);
            self.schedule(key);
        }
        let limit = plan.limit.map(|limit| now.after(millis(limit).saturating_add(OUTLIVES)));
        let whole = whole.map(|at| at.after(OUTLIVES));
        let ends_at = [limit, whole].into_iter().flatten().min();
        let making = self.makings.insert(Box::new(Making { id, plan, ends_at, step: Step::Away }));
        self.place_making(id, making);
        self.begin(making, id, origin);
        self.schedule_making(making);
    }

    fn begin(&mut self, key: usize, id: ConnId, origin: Arc<Origin>) {
        let Some(making) = self.makings.get(key) else { return };
        let mailbox = self.mailbox.clone();
        let sent = if let Some(hook) = making.plan.hook.clone() {
            self.errands.run(move || {
                let made = catch_unwind(AssertUnwindSafe(|| hook(&origin)));
                let made = made.unwrap_or_else(|_| Err("the hook panicked".into()));
                let _ = mailbox.send(Letter::Made { making: key, id, made });
            })
        } else {
            let (end, behind) = (making.plan.end.clone(), making.plan.host_behind());
            match end {
                End::Unix(path) => {
                    self.try_unix(key, &path);
                    return;
                }
                End::Host(host, port) => match address(&host, port).filter(|_| behind.is_none()) {
                    Some(address) => {
                        self.race(key, vec![address]);
                        return;
                    }
                    None => {
                        let lookup = making.plan.lookup.clone();
                        self.errands.run(move || {
                            let found = catch_unwind(AssertUnwindSafe(|| {
                                let addresses = resolve(&host, port, lookup.as_deref())?;
                                let behind = match behind {
                                    Some((host, port)) => {
                                        resolve(&host, port, lookup.as_deref())?.first().map(SocketAddr::ip)
                                    }
                                    None => None,
                                };
                                Ok((addresses, behind))
                            }));
                            let found = found.unwrap_or_else(|_| Err(io::Error::other("the hook panicked")));
                            let _ = mailbox.send(Letter::Resolved { making: key, id, found });
                        })
                    }
                },
            }
        };
        if let Err(error) = sent {
            self.fail_making(key, ErrorKind::Dns(error));
        }
    }

    /// Something came from a thread.
    pub(crate) fn receive(&mut self, letter: Letter) {
        match letter {
            Letter::Abort(id) => Call::new(self, id).abort(),
            Letter::Resolved { making, id, found } => {
                let Some(of) = self.makings.get_mut(making).filter(|of| of.id == id) else { return };
                match found {
                    Ok((mut addresses, behind)) => {
                        if let Some(behind) = behind {
                            of.plan.lead_to(behind);
                        }
                        let family = of.plan.dial.family;
                        addresses.retain(|address| race::is_of(family, address));
                        if addresses.is_empty() {
                            let text = "the name has no address of the family asked for";
                            let error = io::Error::new(io::ErrorKind::NotFound, text);
                            return self.fail_making(making, ErrorKind::Dns(error));
                        }
                        self.race(making, addresses);
                    }
                    Err(error) => self.fail_making(making, ErrorKind::Dns(error)),
                }
            }
            Letter::Made { making, id, made } => {
                if self.makings.get(making).is_none_or(|of| of.id != id) {
                    return;
                }
                match made.map(|stream| self.adopt(making, stream)) {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => self.fail_making(making, ErrorKind::Connect(error)),
                    Err(error) => self.fail_making(making, ErrorKind::Hook(error)),
                }
            }
        }
    }

    /// Goes on with a stream that was made elsewhere.
    fn adopt(&mut self, making: usize, mut stream: Stream) -> io::Result<()> {
        let entry = self.sources.vacant_entry();
        let at = entry.key();
        let token = Token(self.first_token + at);
        self.registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        entry.insert(Source::Wiring { making, stream });
        self.wire_over(making, at);
        Ok(())
    }

    fn race(&mut self, key: usize, addresses: Vec<SocketAddr>) {
        let delay = self.options.attempt_delay;
        if let Some(making) = self.makings.get_mut(key) {
            making.step = Step::Racing(Race::new(addresses, delay), Vec::new());
        }
        self.try_next(key);
    }

    /// Tries the next address, if it is time for it, and gives up if there is none left to hope for.
    fn try_next(&mut self, key: usize) {
        let now = self.clock.now();
        loop {
            let Some(making) = self.makings.get_mut(key) else { return };
            let Making { plan, step: Step::Racing(race, running), .. } = &mut **making else { return };
            let Some(address) = race.next(now, running.len()) else {
                if running.is_empty() {
                    let error = race.error.take();
                    let error = error.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into());
                    return self.fail_making(key, ErrorKind::Connect(error));
                }
                break;
            };
            let begun = race::begin(address, plan.dial.local_address, plan.dial.local_port);
            let begun = begun.and_then(|mut tcp| {
                let entry = self.sources.vacant_entry();
                let token = Token(self.first_token + entry.key());
                self.registry.register(&mut tcp, token, Interest::READABLE | Interest::WRITABLE)?;
                running.push(entry.key());
                entry.insert(Source::Attempt { making: key, tcp });
                Ok(())
            });
            match begun {
                Ok(()) => break,
                Err(error) => race.error = Some(error),
            }
        }
        self.schedule_making(key);
    }

    /// The socket of an attempt had an event.
    pub(crate) fn attempt_ready(&mut self, key: usize, at: usize) {
        let Some(Source::Attempt { tcp, .. }) = self.sources.get(at) else { return };
        match race::is_connected(tcp) {
            Ok(false) => {}
            Ok(true) => {
                let Some(Source::Attempt { tcp, .. }) = self.sources.try_remove(at) else { return };
                self.win(key, at, tcp);
            }
            Err(error) => {
                self.sources.try_remove(at);
                if let Some(making) = self.makings.get_mut(key)
                    && let Step::Racing(race, running) = &mut making.step
                {
                    running.retain(|other| *other != at);
                    race.error = Some(error);
                }
                self.try_next(key);
            }
        }
    }

    /// The first address that answers is used.
    fn win(&mut self, key: usize, at: usize, tcp: TcpStream) {
        let Some(making) = self.makings.get_mut(key) else { return };
        let step = std::mem::replace(&mut making.step, Step::Away);
        let stream = Stream::Tcp(tcp);
        stream.tune(Some(making.plan.no_delay), making.plan.keep_alive);
        // Its token is that of this place, which was vacated last and so is the next to be taken.
        let again = self.sources.insert(Source::Wiring { making: key, stream });
        debug_assert_eq!(again, at);
        if let Step::Racing(_, running) = step {
            for other in running.into_iter().filter(|other| *other != at) {
                self.sources.try_remove(other);
            }
        }
        self.wire_over(key, again);
    }

    fn try_unix(&mut self, key: usize, path: &Path) {
        #[cfg(unix)]
        {
            let made = mio::net::UnixStream::connect(path);
            match made.map(|socket| self.adopt(key, Stream::Unix(socket))) {
                Ok(Ok(())) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    let at = self.clock.now().after(UNIX_PAUSE);
                    if let Some(making) = self.makings.get_mut(key) {
                        making.step = Step::Unix(at);
                    }
                    self.schedule_making(key);
                }
                Ok(Err(error)) | Err(error) => self.fail_making(key, ErrorKind::Connect(error)),
            }
        }
        #[cfg(not(unix))]
        {
            let _ = path;
            self.fail_making(key, ErrorKind::Connect(io::ErrorKind::Unsupported.into()));
        }
    }

    /// Time passed that matters to a connection that is being made.
    pub(crate) fn making_due(&mut self, key: usize) {
        let now = self.clock.now();
        let Some(making) = self.makings.get(key) else { return };
        if making.ends_at.is_some_and(|at| at <= now) {
            return self.fail_making(key, ErrorKind::Timeout(Late::Connect));
        }
        match &making.step {
            Step::Racing(..) => self.try_next(key),
            Step::Unix(at) if *at <= now => {
                if let End::Unix(path) = making.plan.end.clone() {
                    self.try_unix(key, &path);
                }
            }
            Step::Unix(_) | Step::Away | Step::Wiring(_) => {}
        }
        self.schedule_making(key);
    }

    fn schedule_making(&mut self, key: usize) {
        let Some(making) = self.makings.get(key) else { return };
        let step = match &making.step {
            Step::Racing(race, _) => race.deadline(),
            Step::Unix(at) => Some(*at),
            Step::Away | Step::Wiring(_) => None,
        };
        match [making.ends_at, step].into_iter().flatten().min() {
            Some(at) => self.making_wheel.schedule(key, at),
            None => self.making_wheel.cancel(key),
        }
    }

    /// The connection can carry a request.
    pub(crate) fn made(&mut self, key: usize, at: usize) {
        let Some(making) = self.take_making(key) else { return };
        if let Some(Source::Wiring { stream, .. }) = self.sources.try_remove(at) {
            // A stream of another kind may have something already that no event tells of.
            let readable = matches!(stream, Stream::Other(_));
            let link = Link {
                stream,
                id: Some(making.id),
                call: None,
                ready: Ready { readable, ..Ready::NEW },
                old: false,
            };
            let again = self.sources.insert(Source::Link(link));
            debug_assert_eq!(again, at);
            self.place_link(making.id, again);
            self.later.push_back(Later::Connected(making.id));
        }
    }

    /// The connection could not be made.
    pub(crate) fn fail_making(&mut self, key: usize, kind: ErrorKind) {
        if let Some(making) = self.take_making(key) {
            let id = making.id;
            self.close_making(making);
            self.drop_place(id);
            self.later.push_back(Later::Failed(id, kind));
        }
    }

    /// Nobody wants the connection any more.
    pub(crate) fn unmake(&mut self, key: usize) {
        if let Some(making) = self.take_making(key) {
            self.close_making(making);
        }
    }

    fn take_making(&mut self, key: usize) -> Option<Making> {
        self.making_wheel.cancel(key);
        let making = *self.makings.try_remove(key)?;
        if self.makings.is_empty() && self.makings.capacity() > MANY {
            self.makings.shrink_to_fit();
        }
        Some(making)
    }

    fn close_making(&mut self, making: Making) {
        match making.step {
            Step::Racing(_, running) => {
                for at in running {
                    self.sources.try_remove(at);
                }
            }
            Step::Wiring(wiring) => self.close_source(wiring.at),
            Step::Away | Step::Unix(_) => {}
        }
    }
}

/// The address that a host is, if it needs no resolver.
fn address(host: &str, port: u16) -> Option<SocketAddr> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(SocketAddr::new(address, port));
    }
    // The zone of an IPv6 address is for the system.
    if host.contains('%') {
        return None;
    }
    Some(SocketAddr::new(calling::address(host)?, port))
}

fn resolve(host: &str, port: u16, lookup: Option<&Lookup>) -> io::Result<Vec<SocketAddr>> {
    if let Some(address) = address(host, port) {
        return Ok(vec![address]);
    }
    match lookup {
        Some(lookup) => lookup(host, port),
        None => Ok((host, port).to_socket_addrs()?.collect()),
    }
}
