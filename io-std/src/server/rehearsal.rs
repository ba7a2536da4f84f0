//! [`Rehearsal`]: a server with one connection that is played from a script, without sockets, threads, or waiting.
//!
//! The worker is the one that serves real connections. The stream gives what the script says, and time passes when the
//! script or a limit says so.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use h1wire_proto::OwnedRequest;

use super::answer::{Handler, Handlers};
use super::core::Core;
use super::door::Door;
use super::front;
use super::link::Link;
use super::options::Options;
use super::report::Report;
use super::serve::Worker;
use super::settings::{Hooks, Settings};
use crate::clock;
use crate::stream::{Closer, Transport};

/// What a client does, to see what a server makes of it: [`Server::rehearse`](crate::Server::rehearse).
///
/// Time is the script's: nothing waits, and a handler that looks at the clock sees another. The `Date` of answers begins
/// at `Sun, 09 Sep 2001 01:46:40 GMT`.
///
/// ```
/// # use h1wire_std::Server;
/// # use std::time::Duration;
/// let played = Server::new()
///     .rehearse(|request, response| response.end(request.target()))
///     .bytes("GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HT")
///     .pause(Duration::from_secs(61))
///     .play()?;
/// let sent = String::from_utf8_lossy(&played.sent);
/// assert!(sent.contains("\r\n\r\n/a") && sent.contains("HTTP/1.1 408 "));
/// assert_eq!(played.reports[1].1.status, Some(408));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Rehearsal {
    options: Options,
    hooks: Hooks,
    handlers: Handlers,
    handler: Arc<Handler>,
    script: VecDeque<Step>,
}

/// What came of a [`Rehearsal`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Played {
    /// All that the server sent.
    pub sent: Vec<u8>,
    /// Its reports, with the requests where there were any.
    pub reports: Vec<(Option<OwnedRequest>, Report)>,
    /// How long it took, in the time of the script.
    pub took: Duration,
    /// Whether the server ended the connection in order. If not, it cut it off, or gave it away.
    pub is_ended: bool,
}

/// What a client does next.
#[derive(Debug)]
enum Step {
    Bytes(Vec<u8>),
    Pause(Duration),
    End,
    Reset,
}

impl Rehearsal {
    pub(super) fn new(options: Options, hooks: Hooks, handlers: Handlers, handler: Arc<Handler>) -> Self {
        Self { options, hooks, handlers, handler, script: VecDeque::new() }
    }

    /// The client sends these bytes, which the server receives in one piece if it asks for as many.
    #[must_use]
    pub fn bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.script.push_back(Step::Bytes(bytes.into()));
        self
    }

    /// The client does nothing for so long.
    #[must_use]
    pub fn pause(mut self, time: Duration) -> Self {
        self.script.push_back(Step::Pause(time));
        self
    }

    /// The client ends its half of the connection. Without this, it says nothing more and waits to be given up.
    #[must_use]
    pub fn end(mut self) -> Self {
        self.script.push_back(Step::End);
        self
    }

    /// The client is gone, and reading and writing fail.
    #[must_use]
    pub fn reset(mut self) -> Self {
        self.script.push_back(Step::Reset);
        self
    }

    /// Plays the script to the end of the connection. A handler that panics is answered for as ever.
    ///
    /// # Errors
    /// Those of the system's event queue, of which a server has one although nobody looks at it here.
    pub fn play(self) -> io::Result<Played> {
        clock::in_own_time(|| self.play_now())
    }

    fn play_now(mut self) -> io::Result<Played> {
        let reports = Arc::new(Mutex::new(Vec::new()));
        let (log, own) = (reports.clone(), self.hooks.report.take());
        self.hooks.report = Some(Box::new(move |head, report| {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push((head.map(OwnedRequest::from), report.clone()));
            if let Some(hook) = &own {
                hook(head, report);
            }
        }));
        let settings = Arc::new(Settings::new(self.options, self.hooks));
        let (_poll, door) = Door::open(front::WAKER)?;
        let core = Arc::new(Core::new(settings, 1, door));
        let scene = Arc::new(Mutex::new(Scene::default()));
        let client = Client { script: self.script, read_limit: None, scene: scene.clone() };
        let link = Link::accept(&core.settings, &core.connections, Box::new(client));
        let mut worker = Worker::new(core, Arc::new(self.handlers), self.handler);
        // Nobody can watch such a stream, so that the worker keeps it to its end.
        drop(worker.serve(link));
        let scene = std::mem::take(&mut *scene.lock().unwrap_or_else(PoisonError::into_inner));
        let reports = std::mem::take(&mut *reports.lock().unwrap_or_else(PoisonError::into_inner));
        let took = Duration::from_micros(clock::micros());
        Ok(Played { sent: scene.sent, reports, took, is_ended: scene.is_ended && !scene.is_cut })
    }
}

impl std::fmt::Debug for Rehearsal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rehearsal").field("script", &self.script).finish_non_exhaustive()
    }
}

/// What the server did.
#[derive(Debug, Default)]
struct Scene {
    sent: Vec<u8>,
    is_ended: bool,
    is_cut: bool,
}

/// The stream of a client that follows a script.
struct Client {
    script: VecDeque<Step>,
    read_limit: Option<Duration>,
    scene: Arc<Mutex<Scene>>,
}

impl Client {
    fn scene<T>(&self, part: impl FnOnce(&mut Scene) -> T) -> T {
        part(&mut self.scene.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Read for Client {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.scene(|scene| scene.is_cut) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        loop {
            match self.script.front_mut() {
                Some(Step::Bytes(bytes)) if bytes.is_empty() => _ = self.script.pop_front(),
                Some(Step::Bytes(bytes)) => {
                    let n = bytes.as_slice().read(buf)?;
                    bytes.drain(..n);
                    return Ok(n);
                }
                Some(Step::Pause(time)) => match self.read_limit.filter(|limit| limit < time) {
                    Some(limit) => {
                        *time -= limit;
                        clock::pass(limit);
                        return Err(io::ErrorKind::WouldBlock.into());
                    }
                    None => {
                        clock::pass(*time);
                        self.script.pop_front();
                    }
                },
                Some(Step::End) => return Ok(0),
                Some(Step::Reset) => return Err(io::ErrorKind::ConnectionReset.into()),
                None => match self.read_limit {
                    Some(limit) => {
                        clock::pass(limit);
                        return Err(io::ErrorKind::WouldBlock.into());
                    }
                    // Where nothing limits the wait, it is over with the script.
                    None => return Ok(0),
                },
            }
        }
    }
}

impl Write for Client {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if matches!(self.script.front(), Some(Step::Reset)) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.scene(|scene| match scene.is_ended || scene.is_cut {
            true => Err(io::ErrorKind::BrokenPipe.into()),
            false => {
                scene.sent.extend_from_slice(buf);
                Ok(buf.len())
            }
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Client {
    fn set_read_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.read_limit = limit;
        Ok(())
    }
    fn set_write_timeout(&mut self, _limit: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
    fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        self.scene(|scene| scene.is_ended |= how != Shutdown::Read);
        Ok(())
    }
    fn closer(&self) -> Option<Closer> {
        let scene = self.scene.clone();
        Some(Closer::new(move || scene.lock().unwrap_or_else(PoisonError::into_inner).is_cut = true))
    }
    fn is_readable(&mut self) -> bool {
        !matches!(self.script.front(), None | Some(Step::Pause(_)))
    }
}
