//! Lines about exchanges that went wrong, for the crate `log`: which connection, which request, and what it was.
//!
//! With the feature `log` only. Nothing is asked of the system unless somebody listens.

use log::Level;

use crate::server::report::{Failure, Report};
use crate::stream::Stream;

/// Says what a report tells of, if something went wrong.
pub(crate) fn note(connection: u32, stream: &Stream, report: &Report) {
    let level = match (report.failure, &report.error) {
        (None, None) => return,
        (Some(Failure::Handler | Failure::Panic), _) | (_, Some(_)) => Level::Warn,
        _ => Level::Info,
    };
    if !log::log_enabled!(target: "h1wire_mio", level) {
        return;
    }
    let peer = stream.peer_addr().map_or_else(|| "a peer".to_owned(), |addr| addr.to_string());
    let failure = report.failure.map(|failure| format!(": {failure}")).unwrap_or_default();
    let error = report.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
    let status = report.status.map(|status| format!(" ({status})")).unwrap_or_default();
    let number = report.number;
    log::log!(
        target: "h1wire_mio",
        level,
        "connection {connection} from {peer}: request {number}{status}{failure}{error}"
    );
}
