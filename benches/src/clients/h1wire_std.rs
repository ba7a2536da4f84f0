//! `h1wire-std` with an agent that keeps connections, which is off by default.

use std::error::Error;
use std::io::Read;
use std::net::SocketAddr;

use h1wire_std::Agent;

use super::{ACCEPT, Fetch, TARGET, check};

pub(super) fn start(address: SocketAddr) -> Result<Fetch, Box<dyn Error>> {
    let agent = Agent::builder().keep_alive(true).build();
    let url = format!("http://{address}{TARGET}");
    let mut content = Vec::new();
    Ok(Box::new(move || {
        let mut response = agent.get(&url).header("Accept", ACCEPT).send()?;
        content.clear();
        response.read_to_end(&mut content)?;
        check(&content)
    }))
}
