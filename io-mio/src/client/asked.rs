//! [`Asked`]: a request of another thread: what came of it, until somebody takes it, and who waits for that.
//!
//! No more content is kept than [`FULL`] bytes and one read: then the call pauses until some was taken. What its owner holds is
//! in `pending`, `response` and `upload`.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use bytes::Bytes;
use h1wire_proto::pool::PoolError;
use h1wire_proto::retry::{Retry, Unsafe};
use h1wire_proto::{OwnedFields, OwnedResponse, SendError};

use super::call::Call;
use super::engine::CallId;
use super::error::{Error, ErrorKind};
use super::event::Event;
use super::mailbox::Mailbox;
use super::shared::{Callback, Task};

/// How much content waits before the call pauses.
const FULL: usize = 64 * 1024;

/// A request that was asked for, seen from outside of the loop.
pub(crate) struct Asked {
    state: Mutex<State>,
    pub(crate) tasks: Mailbox<Task>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) id: Option<CallId>,
    pub(crate) head: Option<OwnedResponse>,
    pub(crate) content: VecDeque<Bytes>,
    pub(crate) held: usize,
    pub(crate) trailers: OwnedFields,
    /// Why it failed, until somebody is told.
    pub(crate) error: Option<Error>,
    pub(crate) paused: bool,
    pub(crate) ended: bool,
    pub(crate) is_complete: bool,
    /// Nothing more will come.
    pub(crate) over: bool,
    /// There is room for content to send.
    pub(crate) room: bool,
    pub(crate) unwanted: bool,
    /// What the caller did that could not be done.
    pub(crate) fault: Option<SendError>,
    pub(crate) wakers: Vec<Waker>,
}

impl State {
    fn wait<T>(&mut self, cx: &Context<'_>) -> Poll<T> {
        if !self.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// Wakes who waits, outside of the lock: what a runtime does then is its own business.
pub(crate) fn wake(mut state: MutexGuard<'_, State>) {
    let wakers = std::mem::take(&mut state.wakers);
    drop(state);
    wakers.into_iter().for_each(Waker::wake);
}

impl Asked {
    pub(crate) fn new(tasks: Mailbox<Task>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { room: true, ..State::default() }), tasks })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The loop began it.
    pub(crate) fn started(&self, id: CallId) {
        self.state().id = Some(id);
    }

    /// What the loop tells it.
    pub(crate) fn callback(self: &Arc<Self>) -> Callback {
        let keeper = Keeper(self.clone());
        Box::new(move |event, call| keeper.0.keep(event, call))
    }

    fn keep(&self, event: Event<'_>, call: &mut Call<'_>) {
        let mut state = self.state();
        match event {
            Event::Response(head) => state.head = Some(OwnedResponse::from(head)),
            Event::Data(data) => {
                state.held += data.len();
                state.content.push_back(Bytes::copy_from_slice(data));
                if state.held >= FULL {
                    state.paused = true;
                    call.pause();
                }
            }
            Event::End(trailers) => {
                state.trailers.copy_from(&trailers);
                state.is_complete = state.error.is_none();
                state.ended = true;
            }
            Event::Drain => state.room = true,
            Event::Unwanted => (state.unwanted, state.room) = (true, true),
            Event::Error(error) => {
                state.error = Some(match state.fault.take() {
                    Some(fault) => Error::new(ErrorKind::Refused(fault), error.retry(), None),
                    None => error,
                });
            }
            Event::Close => (state.over, state.room) = (true, true),
            _ => return,
        }
        wake(state);
    }

    /// Has something done with the call.
    pub(crate) fn act(self: &Arc<Self>, act: impl FnOnce(&mut Call<'_>) + Send + 'static) {
        let asked = self.clone();
        // It was begun by then.
        let _ = self.tasks.send(Box::new(move |client| {
            let id = asked.state().id;
            if let Some(id) = id {
                act(&mut client.call(id));
            }
        }));
    }

    /// Nobody will look any more.
    pub(crate) fn leave(self: &Arc<Self>) {
        if !self.state().over {
            self.act(|call| {
                if call.is_answered() {
                    call.discard();
                } else {
                    call.abort();
                }
            });
        }
    }

    pub(crate) fn poll_head(&self, cx: &Context<'_>) -> Poll<Result<OwnedResponse, Error>> {
        let mut state = self.state();
        if let Some(head) = state.head.take() {
            return Poll::Ready(Ok(head));
        }
        if let Some(error) = state.error.take() {
            return Poll::Ready(Err(error));
        }
        if state.over { Poll::Ready(Err(gone())) } else { state.wait(cx) }
    }

    pub(crate) fn poll_piece(self: &Arc<Self>, cx: &Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        let mut state = self.state();
        if let Some(piece) = state.content.pop_front() {
            state.held -= piece.len();
            let resumes = state.held < FULL / 2 && std::mem::take(&mut state.paused);
            drop(state);
            if resumes {
                self.act(|call| call.resume());
            }
            return Poll::Ready(Ok(Some(piece)));
        }
        if let Some(error) = state.error.take() {
            return Poll::Ready(Err(error));
        }
        if state.ended || state.over { Poll::Ready(Ok(None)) } else { state.wait(cx) }
    }

    pub(crate) fn poll_room(&self, cx: &Context<'_>) -> Poll<bool> {
        let mut state = self.state();
        if state.over || state.unwanted {
            return Poll::Ready(false);
        }
        if state.room { Poll::Ready(true) } else { state.wait(cx) }
    }
}

/// The loop's hold on what was asked. Dropped without a last word, the loop is gone.
struct Keeper(Arc<Asked>);

impl Drop for Keeper {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if !std::mem::replace(&mut state.over, true) && !state.ended {
            state.error.get_or_insert_with(gone);
        }
        wake(state);
    }
}

pub(crate) fn gone() -> Error {
    Error::new(ErrorKind::Agent(PoolError::Destroyed), Retry::Unsafe(Unsafe::Answered), None)
}

/// Wakes a thread that waits.
struct Bell(Thread);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls a future in this thread until it is ready.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Bell(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(ready) = future.as_mut().poll(&mut cx) {
            return ready;
        }
        thread::park();
    }
}
