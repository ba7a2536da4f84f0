//! The proxies that are measured beside each other, one file each.
//!
//! Each passes requests on to one origin over kept connections, on one thread as far as it can. To add one, write its
//! function and one line in [`GATEWAYS`].

mod canned;
mod h1wire;
mod haproxy;
mod nginx;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs};

/// One proxy.
#[derive(Clone, Copy, Debug)]
pub struct Gateway {
    /// The name on the command line and in the results.
    pub name: &'static str,
    start: Start,
}

/// How a proxy is run, which listens at the first address and passes on to the second.
#[derive(Clone, Copy, Debug)]
enum Start {
    /// By this program, in a process of its own.
    Inside(fn(SocketAddr, SocketAddr) -> io::Result<()>),
    /// By the command, or not at all where it is not installed.
    Outside(fn(SocketAddr, SocketAddr) -> io::Result<Option<Command>>),
}

/// All proxies. The first is what the others are compared with.
pub const GATEWAYS: &[Gateway] = &[
    Gateway { name: "canned-relay", start: Start::Inside(canned::serve) },
    Gateway { name: "h1wire", start: Start::Outside(h1wire::command) },
    Gateway { name: "nginx", start: Start::Outside(nginx::command) },
    Gateway { name: "haproxy", start: Start::Outside(haproxy::command) },
];

/// The first argument that makes a program of this crate be a proxy.
const RELAY: &str = "relay";

impl Gateway {
    /// The command that runs this proxy at `address` in front of `origin`, or nothing where it is not installed. One
    /// that is run by this program needs the program to call [`relay_if_asked`] first.
    pub fn command(&self, address: SocketAddr, origin: SocketAddr) -> io::Result<Option<Command>> {
        match self.start {
            Start::Outside(command) => command(address, origin),
            Start::Inside(_) => {
                let mut command = Command::new(env::current_exe()?);
                command.args([RELAY, self.name, &address.to_string(), &origin.to_string()]);
                Ok(Some(command))
            }
        }
    }
}

/// Is the proxy this process was started to be, if it was.
pub fn relay_if_asked(args: &[&str]) -> Option<ExitCode> {
    let [RELAY, name, address, origin] = args else { return None };
    let gateway = GATEWAYS.iter().find(|gateway| gateway.name == *name);
    let ended = match (gateway.map(|gateway| gateway.start), address.parse(), origin.parse()) {
        (Some(Start::Inside(serve)), Ok(address), Ok(origin)) => serve(address, origin),
        _ => Err(io::Error::other("no such proxy or address")),
    };
    if let Err(error) = ended {
        eprintln!("{name} at {address}: {error}");
        return Some(ExitCode::FAILURE);
    }
    Some(ExitCode::SUCCESS)
}

/// Whether a program says its version.
fn is_installed(program: &str) -> bool {
    let status = Command::new(program).arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// The folder of a program's files, one for all runs, so that they leave little behind.
fn folder(program: &str) -> io::Result<PathBuf> {
    let folder = env::temp_dir().join(format!("h1wire-benches-gateway-{program}"));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Load;
    use crate::process::free_address;
    use crate::scenario::Scenario;
    use crate::servers::{SERVERS, Start as Serve};
    use std::net::TcpStream;
    use std::thread;

    /// Runs `serve` for as long as the test program runs, once it can be connected to.
    fn listening(serve: impl FnOnce(SocketAddr) -> io::Result<()> + Send + 'static) -> SocketAddr {
        let address = free_address().unwrap();
        thread::spawn(move || serve(address).unwrap());
        while TcpStream::connect(address).is_err() {
            thread::yield_now();
        }
        address
    }

    #[test]
    fn the_canned_relay_stands_every_load() {
        let Some(Serve::Inside(canned)) = SERVERS.first().map(|server| server.start) else { panic!() };
        let origin = listening(canned);
        let address = listening(move |address| canned::serve(address, origin));
        for scenario in Scenario::all() {
            let mut load = Load::new(address, &scenario, 4).unwrap();
            let requests = load.run_requests(40).unwrap().requests + load.drain().unwrap().requests;
            assert!(requests >= 40, "{}", scenario.name);
        }
    }
}
