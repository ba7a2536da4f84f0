//! How long content is said to be: of a request by its fields, of a response by its head.

use crate::digits;
use crate::message::{BodyKind, ResponseHead};

/// How long the content of a response is said to be: of an answer to `HEAD`, and of a 304, that of the answer to `GET` (RFC
/// 9110 section 8.6). `None` if it is not said, or there is none.
pub fn announced_length(head: &ResponseHead<'_, '_>) -> Option<u64> {
    match head.body {
        BodyKind::Length(n) => Some(n),
        BodyKind::Chunked | BodyKind::UntilClose => None,
        BodyKind::None => {
            let mut lines = head.fields.get_all("content-length");
            let value = lines.next().filter(|_| lines.next().is_none())?;
            digits::number(value)
        }
    }
}
