//! [`Pending`]: a request under way, as a future that a thread can also wait for.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::asked::{Asked, gone, wait};
use super::error::Error;
#[cfg(doc)]
use super::error::ErrorKind;
use super::response::Response;

/// A request under way: a future of its [`Response`], or of why there is none. Dropped, the request is aborted.
#[must_use = "dropped, it aborts the request"]
pub struct Pending(pub(super) Option<Arc<Asked>>);

impl Pending {
    pub(crate) fn new(asked: Arc<Asked>) -> Self {
        Self(Some(asked))
    }

    /// Waits for the response to begin. Not in the thread of a loop.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub fn wait(self) -> Result<Response, Error> {
        wait(self)
    }

    /// Ends the request, wherever it is.
    pub fn abort(&self) {
        if let Some(asked) = &self.0 {
            asked.act(|call| call.abort());
        }
    }
}

impl Future for Pending {
    type Output = Result<Response, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(asked) = &self.0 else { return Poll::Ready(Err(gone())) };
        match asked.poll_head(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(head) => {
                let asked = self.0.take();
                Poll::Ready(head.and_then(|head| Ok(Response::new(head, asked.ok_or_else(gone)?))))
            }
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(asked) = &self.0 {
            asked.leave();
        }
    }
}
