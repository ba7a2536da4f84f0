//! The servers behind the gateway: which one takes the next request, and which ones rest.
//!
//! Each event loop has its own [`Origins`], so no counter is shared between threads. Time is an argument; nothing here
//! opens a connection.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use h1wire_mio::client::Request;

/// How the next origin is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Balance {
    /// One after another.
    #[default]
    RoundRobin,
    /// The one with the fewest requests under way; of those that are equal, one after another.
    LeastConnections,
}

/// When an origin rests, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Health {
    /// It rests after this many failures in a row. Never with 0.
    pub max_fails: u32,
    /// For how long, the first time. Each further failure doubles it, up to [`LONGEST_REST`] times.
    pub rest: Duration,
}

/// The longest rest, as a multiple of the first.
pub const LONGEST_REST: u32 = 16;

/// How many requests that are over are kept for each origin.
const SPARES: usize = 64;

/// What one request to an origin came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It answered, whatever the status.
    Answered,
    /// It could not be reached, broke the protocol, was too slow, or cut its answer off.
    Failed,
    /// The client left first, which says nothing about the origin.
    Left,
}

/// One server.
pub struct Origin {
    /// As it was given: `http://127.0.0.1:9000`.
    pub url: String,
    /// `host:port` for the `Host` field and the log.
    pub authority: String,
    under_way: Cell<u32>,
    fails: Cell<u32>,
    rests_until: Cell<Option<Instant>>,
    /// One request is trying whether it is back.
    is_tried: Cell<bool>,
    /// Requests to it that are over, to be made into the next ones.
    spares: RefCell<Vec<Request>>,
    /// Scheme, host and port, as requests have them.
    place: (&'static str, String, u16),
}

impl Origin {
    fn new(url: &str) -> Self {
        let (_, authority) = url.split_once("://").unwrap_or(("", url));
        let example = Request::get(url);
        Self {
            place: (example.protocol(), example.host_name().to_owned(), example.port_number()),
            url: url.to_owned(),
            authority: authority.trim_end_matches('/').to_owned(),
            under_way: Cell::new(0),
            fails: Cell::new(0),
            rests_until: Cell::new(None),
            is_tried: Cell::new(false),
            spares: RefCell::new(Vec::new()),
        }
    }

    /// A request to it. In steady state nothing is asked of the allocator for that.
    pub fn request(&self, method: &str, target: &str) -> Request {
        match self.spares.borrow_mut().pop() {
            Some(spare) => spare.renew(method, target),
            None => Request::new(method, &self.url).path(target).default_headers(false),
        }
    }

    /// Takes a request that is over, if it was one to this origin.
    fn keep(&self, request: Request) -> Result<(), Request> {
        let (scheme, host, port) = &self.place;
        if (request.protocol(), request.host_name(), request.port_number()) != (scheme, host, *port) {
            return Err(request);
        }
        let spares = &mut *self.spares.borrow_mut();
        if spares.len() < SPARES {
            spares.push(request);
        }
        Ok(())
    }

    /// Whether it may have a request at `now`: it is well, or its rest is over and nobody tries it yet.
    fn is_ready(&self, now: Instant) -> bool {
        self.rests_until.get().is_none_or(|until| until <= now && !self.is_tried.get())
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// A request under way at an origin. Its end must be told; dropped without, the client left.
#[derive(Debug)]
pub struct Ticket {
    origin: Rc<Origin>,
    health: Health,
    tries: bool,
    told: bool,
}

impl Ticket {
    /// The origin.
    pub fn origin(&self) -> &Rc<Origin> {
        &self.origin
    }

    /// What the request came to, at `now`.
    pub fn end(mut self, outcome: Outcome, now: Instant) {
        self.told = true;
        self.settle(outcome, Some(now));
    }

    fn settle(&self, outcome: Outcome, now: Option<Instant>) {
        let origin = &self.origin;
        origin.under_way.set(origin.under_way.get().saturating_sub(1));
        if self.tries {
            origin.is_tried.set(false);
        }
        match outcome {
            Outcome::Answered => {
                origin.fails.set(0);
                origin.rests_until.set(None);
            }
            Outcome::Failed => {
                origin.fails.set(origin.fails.get().saturating_add(1));
                let beyond = origin.fails.get().checked_sub(self.health.max_fails.max(1));
                if let (Some(beyond), Some(now), true) = (beyond, now, self.health.max_fails > 0) {
                    let times = 1u32.checked_shl(beyond).unwrap_or(LONGEST_REST).min(LONGEST_REST);
                    origin.rests_until.set(now.checked_add(self.health.rest.saturating_mul(times)));
                }
            }
            Outcome::Left => {}
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.told {
            self.settle(Outcome::Left, None);
        }
    }
}

/// All origins of one event loop.
#[derive(Debug)]
pub struct Origins {
    list: RefCell<Vec<Rc<Origin>>>,
    next: Cell<usize>,
    balance: Balance,
    health: Health,
}

impl Origins {
    /// The origins at `urls`, in this order.
    pub fn new(urls: &[String], balance: Balance, health: Health) -> Self {
        let list = urls.iter().map(|url| Rc::new(Origin::new(url))).collect();
        Self { list: RefCell::new(list), next: Cell::new(0), balance, health }
    }

    /// Puts `urls` in place of the present ones. Those that stay keep what is known of them; requests under way at the
    /// others go on to their end.
    pub fn replace(&self, urls: &[String]) {
        let mut list = self.list.borrow_mut();
        let kept = |url: &String| list.iter().find(|origin| origin.url == *url).cloned();
        *list = urls.iter().map(|url| kept(url).unwrap_or_else(|| Rc::new(Origin::new(url)))).collect();
        self.next.set(0);
    }

    /// Takes a request that is over, to be made into the next one to the same origin.
    pub fn keep(&self, mut request: Request) {
        for origin in self.list.borrow().iter() {
            match origin.keep(request) {
                Ok(()) => return,
                Err(other) => request = other,
            }
        }
    }

    /// The origin for a request that begins at `now` and was refused by those in `tried` before. `None` if every other
    /// one rests.
    pub fn pick(&self, now: Instant, tried: &[String]) -> Option<Ticket> {
        let list = self.list.borrow();
        let first = self.next.get();
        let in_turn =
            (0..list.len()).filter_map(|i| list.get((first + i) % list.len()).map(|origin| (i, origin)));
        let mut ready = in_turn.filter(|(_, origin)| origin.is_ready(now) && !tried.contains(&origin.url));
        let (steps, origin) = match self.balance {
            Balance::RoundRobin => ready.next()?,
            Balance::LeastConnections => ready.min_by_key(|(_, origin)| origin.under_way.get())?,
        };
        self.next.set((first + steps + 1) % list.len());
        let tries = origin.rests_until.get().is_some();
        origin.is_tried.set(origin.is_tried.get() || tries);
        origin.under_way.set(origin.under_way.get() + 1);
        Some(Ticket { origin: origin.clone(), health: self.health, tries, told: false })
    }

    /// When the first of those that rest may be tried again, for `Retry-After`.
    pub fn back_at(&self) -> Option<Instant> {
        self.list.borrow().iter().filter_map(|origin| origin.rests_until.get()).min()
    }
}
