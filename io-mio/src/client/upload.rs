//! [`Upload`]: content that another thread writes, piece by piece, as there is room.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::asked::{Asked, wait, wake};
use super::pending::Pending;

/// A request whose content is written. Dropped before [`finish`](Self::finish), it is aborted.
pub struct Upload(Option<Arc<Asked>>);

impl Upload {
    pub(crate) fn new(asked: Arc<Asked>) -> Self {
        Self(Some(asked))
    }

    /// Sends a piece of the content, after those before it. `false`: nobody wants it any more, because the request is over
    /// or the server answered and closes. A writer that has much to say waits for [`room`](Self::room) before each piece.
    pub fn write(&self, content: impl Into<Bytes>) -> bool {
        let content = content.into();
        let Some(asked) = self.0.clone() else { return false };
        {
            let mut state = asked.state();
            if state.over || state.unwanted {
                return false;
            }
            state.room = false;
        }
        let tasks = asked.tasks.clone();
        let sent = tasks.send(Box::new(move |client| {
            let Some(id) = asked.state().id else { return };
            let mut call = client.call(id);
            let written = call.write_shared(content);
            let mut state = asked.state();
            match written {
                // Otherwise there will be an event.
                Ok(true) => state.room = true,
                Ok(false) => {}
                Err(error) => {
                    state.fault.get_or_insert(error);
                    state.room = true;
                    drop(state);
                    call.abort();
                    state = asked.state();
                }
            }
            wake(state);
        }));
        sent.is_ok()
    }

    /// A future of room for the next piece: `false` if nobody wants it.
    pub fn room(&self) -> Room<'_> {
        Room(self)
    }

    /// Completes the content. What comes of the request can be waited for, or awaited.
    pub fn finish(mut self) -> Pending {
        let asked = self.0.take();
        if let Some(asked) = asked.clone() {
            let tasks = asked.tasks.clone();
            let _ = tasks.send(Box::new(move |client| {
                let Some(id) = asked.state().id else { return };
                let mut call = client.call(id);
                if let Err(error) = call.finish() {
                    asked.state().fault.get_or_insert(error);
                    call.abort();
                }
            }));
        }
        Pending(asked)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(asked) = &self.0 {
            asked.leave();
        }
    }
}

/// A future of room in an [`Upload`].
#[must_use = "nothing is waited for before it is awaited or waited for"]
pub struct Room<'u>(&'u Upload);

impl Room<'_> {
    /// Waits for it. Not in the thread of a loop.
    pub fn wait(self) -> bool {
        wait(self)
    }
}

impl Future for Room<'_> {
    type Output = bool;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        match &self.0.0 {
            Some(asked) => asked.poll_room(cx),
            None => Poll::Ready(false),
        }
    }
}
