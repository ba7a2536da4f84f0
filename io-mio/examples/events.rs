//! Server-sent events: `cargo run --example events -- [ADDRESS]`, then open the page in a browser.
//!
//! One thread ticks, and writes to every client that listens. A client that does not read is left out until it does,
//! and forgotten when it is gone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use h1wire_mio::{Responder, Server};

const PAGE: &str = "<!DOCTYPE html>\n<pre id=out></pre>\n<script>\n\
    new EventSource('/events').onmessage = event => out.textContent += event.data + '\\n'\n</script>\n";

fn main() -> std::io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".into());
    let server = Server::bind(addr)?;
    println!("http://{}/", server.local_addr()?);
    let listeners: Arc<Mutex<Vec<Responder>>> = Arc::default();
    let writing = listeners.clone();
    std::thread::spawn(move || {
        for tick in 0u64.. {
            let event = format!("id: {tick}\ndata: tick {tick}\n\n");
            writing.lock().unwrap_or_else(PoisonError::into_inner).retain(|listener| {
                // No time to wait here: whoever is behind misses this one.
                !listener.writable(Duration::ZERO) && listener.is_open() || listener.write(event.clone())
            });
            std::thread::sleep(Duration::from_secs(1));
        }
    });
    server.serve(move |req, res| {
        if req.target != b"/events" {
            return res.header("Content-Type", "text/html").end(PAGE);
        }
        res.header("Content-Type", "text/event-stream").header("Cache-Control", "no-store");
        // Nothing may come for longer than the idle time.
        res.set_timeout(0);
        res.send_head()?;
        listeners.lock().unwrap_or_else(PoisonError::into_inner).push(res.responder());
        Ok(())
    })
}
