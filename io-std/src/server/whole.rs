//! Handlers that want the content in one piece.

use std::io::{self, Read};

use super::{Request, Response};

/// The handler that reads all content, as far as it is no more than `limit`, before it calls another.
pub(super) fn reading(
    limit: usize,
    handler: impl Fn(&mut Request<'_>, &[u8], &mut Response<'_>) -> io::Result<()> + Send + Sync + 'static,
) -> impl Fn(&mut Request<'_>, &mut Response<'_>) -> io::Result<()> + Send + Sync + 'static {
    move |request, response| match content(request, limit)? {
        Some(content) => handler(request, &content, response),
        None => response.status(413).end(b""),
    }
}

/// All of the content; `None` if it is more than `limit`, known before it is read where its length was said.
pub(super) fn content(request: &mut Request<'_>, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    if request.content_length().is_some_and(|length| length > most) {
        return Ok(None);
    }
    let mut content = Vec::new();
    request.take(most.saturating_add(1)).read_to_end(&mut content)?;
    Ok((content.len() <= limit).then_some(content))
}
