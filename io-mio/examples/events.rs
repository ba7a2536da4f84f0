//! Server-sent events: `cargo run -p h1wire-mio --example events`, then open the page in a browser.
//!
//! One thread ticks, and writes to every client that listens. A client that does not read is left out until it does, and
//! forgotten when it is gone. One that comes back says what it saw last (`Last-Event-ID`) and gets what it missed. At
//! `SIGTERM` and `SIGINT` every stream is brought to its end, and then the server.

mod cli;

use std::collections::VecDeque;
use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use h1wire_mio::proto::{Method, SendError};
use h1wire_mio::{Request, Responder, Response, Server};

/// How many events are kept for those who come back.
const KEPT: usize = 100;
const PERIOD: Duration = Duration::from_secs(1);
const PAGE: &str = "<!DOCTYPE html>\n<pre id=out></pre>\n<script>\n\
    new EventSource('/events').onmessage = event => out.textContent += event.data + '\\n'\n</script>\n";

/// Who listens, and what was said lately, by number.
#[derive(Default)]
struct Channel {
    listeners: Vec<Responder>,
    said: VecDeque<(u64, String)>,
    /// Nothing more will be said.
    over: bool,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Channel>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Channel> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick(&self, number: u64) {
        let event = format!("id: {number}\ndata: tick {number}\n\n");
        let mut channel = self.lock();
        channel.listeners.retain(|listener| {
            // No time to wait here: whoever lags misses this one.
            !listener.wait_writable(Duration::ZERO) && listener.is_open() || listener.write(event.clone())
        });
        if channel.said.len() == KEPT {
            channel.said.pop_front();
        }
        channel.said.push_back((number, event));
    }

    fn answer(&self, req: &Request<'_>, res: &mut Response<'_>) -> Result<(), SendError> {
        if !matches!(req.method, Method::Get | Method::Head) {
            return res.status(405).header("Allow", "GET, HEAD").end("");
        }
        match req.path() {
            b"/" => return res.header("Content-Type", "text/html; charset=utf-8").end(PAGE),
            b"/events" => {}
            _ => return res.status(404).header("Content-Type", "text/plain").end("not found\n"),
        }
        // Held until the listener is among the others, so that nothing is said in between.
        let mut channel = self.lock();
        if channel.over {
            return res.status(503).header("Retry-After", "2").end("");
        }
        res.header("Content-Type", "text/event-stream").header("Cache-Control", "no-store");
        if req.method == Method::Head {
            return res.send_head().and_then(|()| res.finish());
        }
        // Nothing may come for longer than the idle time.
        res.set_timeout(None);
        // A client that loses the connection comes back after this many milliseconds.
        res.write("retry: 2000\n\n")?;
        let last = req.fields.get("last-event-id").and_then(|id| std::str::from_utf8(id).ok()?.parse().ok());
        if let Some(last) = last {
            for (_, event) in channel.said.iter().filter(|(number, _)| *number > last) {
                res.write(event)?;
            }
        }
        channel.listeners.push(res.responder());
        Ok(())
    }
}

fn serve(server: Server) -> io::Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, stop.clone())?;
    }
    let shared = Shared::default();
    let answering = shared.clone();
    let running = server.start(move |req, res| answering.answer(req, res))?;
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        shared.tick(number);
        thread::sleep(PERIOD);
    }
    // A stream has no end of its own, and would hold the server until it is cut.
    let mut channel = shared.lock();
    channel.over = true;
    for listener in channel.listeners.drain(..) {
        listener.finish();
    }
    drop(channel);
    running.handle().shutdown(Duration::from_secs(5));
    running.join().map(drop)
}

fn main() -> ExitCode {
    cli::run("http", "Sends an event each second to every client that listens.", serve)
}
