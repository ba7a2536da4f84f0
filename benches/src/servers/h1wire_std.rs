//! The blocking server of this workspace, with a thread for each connection as the canned one has.

use std::io;
use std::net::SocketAddr;

use h1wire_std::Server;
use h1wire_std::server::{Options, Request};

use super::{CONTENT_TYPE, SERVER, content};

/// As many as connections in the scenarios, so that none waits for a thread.
const THREADS: usize = 64;

pub(super) fn serve(address: SocketAddr) -> io::Result<()> {
    let mut options = Options::default();
    options.policy.set_server(SERVER)?;
    // As the others: they do not advertise either.
    options.policy.advertise_keep_alive = false;
    options.batch_pipelined = true;
    Server::bind(address)?.threads(THREADS).options(options).serve(|req, res| {
        if !req.is_complete() {
            discard(req)?;
        }
        res.header("Content-Type", CONTENT_TYPE).end(content(req.target()))
    })
}

/// Apart, because its buffer would have every request touch two more pages of the stack.
#[cold]
#[inline(never)]
fn discard(req: &mut Request<'_>) -> io::Result<()> {
    io::copy(req, &mut io::sink()).map(drop)
}
