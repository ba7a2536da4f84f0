//! One line of the crate `log` for an exchange in which something went wrong.

use h1wire_proto::RequestHead;

use super::report::{Failure, Report};

/// A handler's fault is an error, a client's is not.
pub(super) fn exchange(head: Option<&RequestHead<'_, '_>>, report: &Report) {
    let Some(failure) = report.failure else { return };
    let level = match failure {
        Failure::Handler | Failure::Panic => log::Level::Error,
        Failure::Protocol(_) | Failure::Timeout(_) | Failure::Stream(_) => log::Level::Info,
    };
    let peer = report.peer.map_or_else(|| "a client".into(), |peer| peer.to_string());
    let request = head.map_or_else(
        || "no request".into(),
        |head| format!("{} {}", head.method, head.target.escape_ascii()),
    );
    log::log!(
        target: "h1wire_std::server",
        level,
        "connection of {peer}, exchange {}, {request}: {failure:?}: {}",
        report.number,
        report.error.as_deref().unwrap_or("no text"),
    );
}
