//! The example `gateway` of this workspace, where it was built in the profile of this program.

use std::net::SocketAddr;
use std::process::Command;
use std::{env, io};

pub(super) fn command(address: SocketAddr, origin: SocketAddr) -> io::Result<Option<Command>> {
    let program = env::current_exe()?;
    let Some(program) = program.parent().map(|folder| folder.join("examples").join("gateway")) else {
        return Ok(None);
    };
    if !program.exists() {
        return Ok(None);
    }
    let mut command = Command::new(program);
    command.args(["--listen", &address.to_string(), "--to", &format!("http://{origin}"), "--workers", "1"]);
    Ok(Some(command))
}
