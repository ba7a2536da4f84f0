//! # Graceful drain: what a signal should bring about
//!
//! A server that is told to end stops accepting, closes the connections on which nothing is under way, lets every answer
//! that is be the last of its connection (`Connection: close`), and has a deadline for all that. The event loop does it
//! (`Handle::shutdown`); what is left is to listen for the signal. Whoever sends a second one does not want to wait.
//!
//! On sockets of your own it is `Conn::close_after_response` for each connection, and to close those whose `phase` is
//! `Idle`.

use crate::Result;
use h1wire_mio::{Drained, Running};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::time::Duration;

/// The signals that end a server. To be made before the server accepts, or one that comes in between ends the process.
pub fn signals() -> Result<Signals> {
    Ok(Signals::new([SIGTERM, SIGINT])?)
}

/// Waits until a signal ends the server, and for what is under way to be finished `within` some time. Says what was, and
/// what was cut off.
pub fn run(server: Running, mut signals: Signals, within: Duration) -> Result<Drained> {
    let (handle, watch) = (server.handle().clone(), signals.handle());
    let watching = std::thread::spawn(move || {
        let mut patience = within;
        for _signal in signals.forever() {
            handle.shutdown(patience);
            patience = Duration::ZERO;
        }
    });
    let drained = server.join();
    // The server may have ended for another reason.
    watch.close();
    watching.join().map_err(|_| "the thread that waits for signals panicked")?;
    Ok(drained?)
}
