//! `ureq` with its default agent.

use std::error::Error;
use std::io::Read;
use std::net::SocketAddr;

use super::{ACCEPT, Fetch, TARGET, check};

pub(super) fn start(address: SocketAddr) -> Result<Fetch, Box<dyn Error>> {
    let agent = ureq::Agent::new_with_defaults();
    let url = format!("http://{address}{TARGET}");
    let mut content = Vec::new();
    Ok(Box::new(move || {
        let mut response = agent.get(&url).header("accept", ACCEPT).call()?;
        content.clear();
        response.body_mut().as_reader().read_to_end(&mut content)?;
        check(&content)
    }))
}
