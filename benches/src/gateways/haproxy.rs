//! HAProxy where it is installed: one thread, connections to the origin shared by all clients.

use std::net::SocketAddr;
use std::process::Command;
use std::{fs, io};

pub(super) fn command(address: SocketAddr, origin: SocketAddr) -> io::Result<Option<Command>> {
    if !super::is_installed("haproxy") {
        return Ok(None);
    }
    let file = super::folder("haproxy")?.join(format!("{}.cfg", address.port()));
    fs::write(&file, configuration(address, origin))?;
    let mut command = Command::new("haproxy");
    command.args(["-q", "-db", "-f"]).arg(file);
    Ok(Some(command))
}

fn configuration(address: SocketAddr, origin: SocketAddr) -> String {
    format!(
        "global
    nbthread 1
    maxconn 8192
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    http-reuse always
frontend clients
    bind {address} backlog 16384
    default_backend origin
backend origin
    server origin {origin} pool-max-conn 1024
"
    )
}
