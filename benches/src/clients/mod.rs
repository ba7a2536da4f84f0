//! The clients that are measured beside each other, one file each.
//!
//! Each makes `GET` requests with `Host` and `Accept` on one kept-alive connection and reads the 13 bytes that
//! come back. To add one, write its function and one line in [`CLIENTS`].

mod constant;
mod h1wire_mio;
mod h1wire_std;

#[cfg(feature = "peers")]
mod hyper;
#[cfg(feature = "peers")]
mod libcurl;
#[cfg(feature = "peers")]
mod ureq;

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::inputs;

/// Makes one request and checks its answer.
pub type Fetch = Box<dyn FnMut() -> Result<(), Box<dyn Error>>>;

/// One client: connects, and gives what makes a request.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// The name on the command line and in the results.
    pub name: &'static str,
    /// Prepares for a server.
    pub start: fn(SocketAddr) -> Result<Fetch, Box<dyn Error>>,
}

/// All clients. The first is what the others are compared with.
pub const CLIENTS: &[Client] = &[
    Client { name: "constant", start: constant::start },
    Client { name: "h1wire-std", start: h1wire_std::start },
    Client { name: "h1wire-mio", start: h1wire_mio::start },
    #[cfg(feature = "peers")]
    Client { name: "ureq", start: ureq::start },
    #[cfg(feature = "peers")]
    Client { name: "hyper", start: hyper::start },
    #[cfg(feature = "peers")]
    Client { name: "libcurl", start: libcurl::start },
];

/// The first argument that makes a program of this crate be a client.
pub const FETCH: &str = "fetch";

/// Is the client this process was started to be, if it was, and prints nanoseconds of processor time and of the
/// clock.
pub fn fetch_if_asked(args: &[&str]) -> Option<ExitCode> {
    let [FETCH, name, address, requests] = args else { return None };
    let client = CLIENTS.iter().find(|client| client.name == *name);
    let Some(((client, address), requests)) = client.zip(address.parse().ok()).zip(requests.parse().ok())
    else {
        eprintln!("no such client, address or number");
        return Some(ExitCode::FAILURE);
    };
    match fetch(client, address, requests) {
        Ok((cpu, elapsed)) => {
            println!("{} {}", cpu.as_nanos(), elapsed.as_nanos());
            Some(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("{error}");
            Some(ExitCode::FAILURE)
        }
    }
}

/// Processor time and time for so many requests, after some to warm up.
fn fetch(
    client: &Client,
    address: SocketAddr,
    requests: u64,
) -> Result<(Duration, Duration), Box<dyn Error>> {
    let mut fetch = (client.start)(address)?;
    for _ in 0..requests / 10 {
        fetch()?;
    }
    let (cpu, started) = (cpu(), Instant::now());
    for _ in 0..requests {
        fetch()?;
    }
    Ok((self::cpu() - cpu, started.elapsed()))
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The answer every request must get.
fn check(content: &[u8]) -> Result<(), Box<dyn Error>> {
    if content == inputs::RESP_BODY { Ok(()) } else { Err("not the expected answer".into()) }
}

const TARGET: &str = "/plaintext";
const ACCEPT: &str = "text/plain";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::free_address;
    use crate::servers::{SERVERS, Start};
    use std::{net, thread};

    #[test]
    fn every_client_gets_its_answers() {
        let Start::Inside(serve) = SERVERS[0].start else { panic!("the first server is ours") };
        let address = free_address().unwrap();
        thread::spawn(move || serve(address).unwrap());
        while net::TcpStream::connect(address).is_err() {
            thread::yield_now();
        }
        for client in CLIENTS {
            let fetched = fetch(client, address, 20);
            assert!(fetched.is_ok(), "{}: {fetched:?}", client.name);
        }
    }
}
