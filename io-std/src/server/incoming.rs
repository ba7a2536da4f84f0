//! [`Incoming`] and [`Call`]: requests that are taken from the server instead of being handed to a handler, and answered
//! from whatever thread has them.
//!
//! The thread that serves the connection stays with it, and does what the [`Call`] asks of it, one thing after another.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use h1wire_proto::{Fields, Headers, Method, OwnedRequest, RequestHead};

use super::handle::Handle;
use super::queue::Queue;
use super::running::Running;
use super::whole;
use super::{Request, Response};

/// The requests of a server, to be taken one by one, by any number of threads: [`Server::incoming`](crate::Server::incoming).
///
/// Dropped, it shuts the server down: nobody would answer.
///
/// ```no_run
/// # use h1wire_std::Server;
/// let incoming = Server::bind("127.0.0.1:8080")?.incoming()?;
/// for call in &incoming {
///     println!("{}", call.target().escape_ascii());
///     call.end(200, "hello\n")?;
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Incoming {
    running: Running,
    calls: Arc<Queue<Call>>,
}

/// A request that waits for its answer, and the way to it. It can be sent to another thread.
///
/// Dropped without a complete answer, it is answered 500, or cut off if the answer was begun.
pub struct Call {
    head: OwnedRequest,
    peer: Option<SocketAddr>,
    number: u32,
    jobs: Sender<Job>,
}

/// What the thread with the connection is asked to do.
type Job = Box<dyn FnOnce(&mut Request<'_>, &mut Response<'_>) + Send>;

impl Incoming {
    pub(super) fn new(running: Running, calls: Arc<Queue<Call>>) -> Self {
        Self { running, calls }
    }

    /// For steering the server, from any thread.
    pub fn handle(&self) -> &Handle {
        self.running.handle()
    }

    /// The TCP address of the first listener.
    ///
    /// # Errors
    /// As [`Server::local_addr`](crate::Server::local_addr).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.running.local_addr()
    }

    /// Waits for the next request. `None` once the server has ended.
    pub fn recv(&self) -> Option<Call> {
        self.calls.take()
    }

    /// Waits for the next request, and for no longer than `limit`. `None` then, and once the server has ended.
    pub fn recv_timeout(&self, limit: Duration) -> Option<Call> {
        self.calls.take_within(limit)
    }

    /// The next request, if there is one.
    pub fn try_recv(&self) -> Option<Call> {
        self.recv_timeout(Duration::ZERO)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        drop(self.calls.stop());
        self.running.shutdown(Duration::ZERO);
    }
}

/// Ends when the server has ended.
impl<'a> IntoIterator for &'a Incoming {
    type Item = Call;
    type IntoIter = Calls<'a>;

    fn into_iter(self) -> Calls<'a> {
        Calls(self)
    }
}

/// The requests of a server, one after another: the iterator of [`Incoming`].
#[derive(Debug)]
pub struct Calls<'a>(&'a Incoming);

impl Iterator for Calls<'_> {
    type Item = Call;

    fn next(&mut self) -> Option<Call> {
        self.0.recv()
    }
}

impl Call {
    /// Everything that was said before the content.
    pub fn head(&self) -> RequestHead<'_, '_> {
        self.head.head()
    }

    /// The method.
    pub fn method(&self) -> Method<'_> {
        self.head.method()
    }

    /// The target as it was sent.
    pub fn target(&self) -> &[u8] {
        self.head.target()
    }

    /// The fields of the head.
    pub fn fields(&self) -> Fields<'_, '_> {
        self.head.fields()
    }

    /// The address of the client; none on Unix sockets, and on streams that have none.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Which request of its connection this is, counted from 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// All of the content. `None` if it is more than `limit` bytes: answer 413 then.
    ///
    /// # Errors
    /// As reading from a [`Request`].
    pub fn content(&mut self, limit: usize) -> io::Result<Option<Vec<u8>>> {
        self.run(move |request, _| whole::content(request, limit))?
    }

    /// Answers with this status and content, and no fields but the server's own.
    ///
    /// # Errors
    /// As [`Response::end`].
    pub fn end(self, status: u16, content: impl Into<Vec<u8>>) -> io::Result<()> {
        self.respond(status, Headers::new(), content)
    }

    /// Answers with this status, these fields and this content.
    ///
    /// # Errors
    /// As [`Response::end`].
    pub fn respond(mut self, status: u16, headers: Headers, content: impl Into<Vec<u8>>) -> io::Result<()> {
        let content = content.into();
        self.run(move |_, response| response.status(status).fields(&headers).end(&content))?
    }

    /// Has the thread with the connection do `job`, and waits for what comes of it: for all that a handler can do, such
    /// as an answer in pieces, or a switch of protocols.
    ///
    /// # Errors
    /// `BrokenPipe` if that thread has given up, because an earlier job panicked.
    pub fn run<T: Send + 'static>(
        &mut self,
        job: impl FnOnce(&mut Request<'_>, &mut Response<'_>) -> T + Send + 'static,
    ) -> io::Result<T> {
        let (tell, told) = channel();
        let job = move |request: &mut Request<'_>, response: &mut Response<'_>| {
            // Whoever asked is waiting.
            let _ = tell.send(job(request, response));
        };
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        self.jobs.send(Box::new(job)).map_err(|_gone| gone())?;
        told.recv().map_err(|_gone| gone())
    }
}

/// Reads content, by way of the thread with the connection.
impl Read for Call {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let most = buf.len();
        let piece = self.run(move |request, _| {
            let mut piece = vec![0; most];
            request.read(&mut piece).map(|n| {
                piece.truncate(n);
                piece
            })
        })??;
        piece.as_slice().read(buf)
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.head.fmt(f)
    }
}

/// Stops the queue with the last of the threads that could put something there.
struct Source(Arc<Queue<Call>>);

impl Drop for Source {
    fn drop(&mut self) {
        drop(self.0.stop());
    }
}

/// The handler that puts requests into `calls`, and does for each what is asked of it until it is dropped.
pub(super) fn handler(
    calls: Arc<Queue<Call>>,
) -> impl Fn(&mut Request<'_>, &mut Response<'_>) -> io::Result<()> + Send + Sync + 'static {
    let source = Source(calls);
    move |request, response| {
        let (jobs, orders) = channel::<Job>();
        let head = OwnedRequest::from(request.head());
        source.0.push_anyway(Call { head, peer: request.peer_addr(), number: request.number(), jobs });
        for job in orders {
            job(request, response);
        }
        if response.is_complete() {
            return Ok(());
        }
        Err(io::Error::other("dropped without a complete answer"))
    }
}
