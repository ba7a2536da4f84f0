//! What a client is told that is turned away before anything was read from it.

use h1wire_proto::Status;

use super::link::Link;
use crate::clock::WallDate;

/// The bytes of a 503, as the machine writes them. None where the stream is still to be shown to its user, who may be the
/// one to know what is spoken on it.
pub(crate) fn refusal(link: &mut Link) -> Option<Vec<u8>> {
    if link.is_new && link.settings.hooks.connection.is_some() {
        return None;
    }
    let rules = link.rules.clone();
    let options = &rules.options;
    let mut out = Vec::new();
    let mut date = WallDate::new();
    let date = options.policy.date(|| date.now());
    let status = Status { code: 503, reason: None, date };
    let retry_after = [("Retry-After", options.retry_after.as_secs().to_string())];
    // Refused only where an answer is under way, and then there is nothing to say.
    let _ = link.session.conn().respond_with(status, &retry_after, b"", &mut out);
    Some(out)
}
