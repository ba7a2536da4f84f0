//! [`Errands`]: a few threads for what may block, such as resolving a name, so that no loop has to wait for it.
//!
//! It runs closures, as they come. What they do, and where they leave what came of it, is their own business.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

type Errand = Box<dyn FnOnce() + Send>;

/// How long a thread waits for the next errand before it ends.
const PATIENCE: Duration = Duration::from_secs(5);

/// Threads that are there while there is something to do, and a little longer.
pub(crate) struct Errands {
    shared: Arc<Shared>,
    most: usize,
}

struct Shared {
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Errand>,
    threads: usize,
    /// Threads that wait for an errand.
    idle: usize,
    /// Nobody wants anything any more.
    over: bool,
}

impl Errands {
    /// At most so many threads, and at least one.
    pub(crate) fn new(most: usize) -> Self {
        let shared = Shared { state: Mutex::new(State::default()), bell: Condvar::new() };
        Self { shared: Arc::new(shared), most: most.max(1) }
    }

    /// Has `errand` run, soon.
    ///
    /// # Errors
    /// If there is no thread, and the system gives none.
    pub(crate) fn run(&self, errand: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let mut state = self.shared.lock();
        if state.idle <= state.waiting.len() && state.threads < self.most {
            let shared = self.shared.clone();
            let begun = thread::Builder::new().name("h1wire-errand".into()).spawn(move || shared.work());
            match begun {
                Ok(_) => state.threads += 1,
                // Those that are there will do it, later.
                Err(_) if state.threads > 0 => {}
                Err(error) => return Err(error),
            }
        }
        state.waiting.push_back(Box::new(errand));
        drop(state);
        self.shared.bell.notify_one();
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut state = self.lock();
        loop {
            if let Some(errand) = state.waiting.pop_front() {
                drop(state);
                // A hook that panics costs its own request, which learns of it by what the closure drops.
                let _ = catch_unwind(AssertUnwindSafe(errand));
                state = self.lock();
                continue;
            }
            if state.over {
                break;
            }
            state.idle += 1;
            let (guard, waited) =
                self.bell.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            state = guard;
            state.idle -= 1;
            if waited.timed_out() && state.waiting.is_empty() {
                break;
            }
        }
        state.threads -= 1;
    }
}

/// Errands that were not begun are forgotten. One that blocks ends by itself, or not at all.
impl Drop for Errands {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.over = true;
        let left = std::mem::take(&mut state.waiting);
        drop(state);
        drop(left);
        self.shared.bell.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn no_more_threads_run_than_allowed_and_one_that_panics_costs_nothing_else() {
        let errands = Errands::new(2);
        let (tell, told) = channel();
        let gate = Arc::new(Mutex::new(()));
        let held = gate.lock().unwrap();
        for n in 0..8 {
            let (tell, gate) = (tell.clone(), gate.clone());
            let run = errands.run(move || {
                drop(gate.lock());
                tell.send((n, thread::current().id())).unwrap();
                assert!(n != 3, "as a hook may");
            });
            run.unwrap();
        }
        assert_eq!(errands.shared.lock().threads, 2);
        drop(held);
        let mut ran: Vec<_> = (0..8).map(|_| told.recv_timeout(PATIENCE).unwrap()).collect();
        ran.sort_by_key(|(n, _)| *n);
        assert_eq!(ran.iter().map(|(n, _)| *n).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
        let mut threads: Vec<_> = ran.into_iter().map(|(_, thread)| thread).collect();
        threads.sort_by_key(|id| format!("{id:?}"));
        threads.dedup();
        assert!(threads.len() <= 2, "{threads:?}");
    }
}
