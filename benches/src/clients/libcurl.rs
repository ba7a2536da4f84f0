//! `libcurl`'s easy interface, one handle used again and again.

use std::error::Error;
use std::net::SocketAddr;

use curl::easy::{Easy, List};

use super::{ACCEPT, Fetch, TARGET, check};

pub(super) fn start(address: SocketAddr) -> Result<Fetch, Box<dyn Error>> {
    let mut easy = Easy::new();
    easy.url(&format!("http://{address}{TARGET}"))?;
    let mut fields = List::new();
    fields.append(&format!("Accept: {ACCEPT}"))?;
    easy.http_headers(fields)?;
    let mut content = Vec::new();
    Ok(Box::new(move || {
        content.clear();
        let mut transfer = easy.transfer();
        transfer.write_function(|bytes| {
            content.extend_from_slice(bytes);
            Ok(bytes.len())
        })?;
        transfer.perform()?;
        drop(transfer);
        check(&content)
    }))
}
