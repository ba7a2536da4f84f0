//! Clients' exchanges, their pool and a server that does what the bytes say, on simulated time and over pipes that carry
//! any number of bytes at once.
//!
//! [`calling`] checks: every request ends exactly once and says why, what is complete is whole, nothing waits without a
//! deadline, and nothing is sent twice unless the verdict on repeating it says so, and then over a fresh connection.

use std::collections::BTreeMap;
use std::time::Duration;

use h1wire_proto::calling::{Call, Counters, Happened, Lapse, Order, Patience, Tell, Wait};
use h1wire_proto::pool::{Action, ConnId, Pool, PoolConfig, Ticket};
use h1wire_proto::retry::Attempt;
use h1wire_proto::{ClientConfig, Method, Time};
use server::Server;

use crate::choices::Choices;

mod client;
mod server;

/// Runs the requests that `data` spells against the server that it spells. Panics where a promise is broken.
pub fn calling(data: &[u8]) {
    let mut world = World::new(Choices(data));
    while !world.choices.is_empty() {
        world.step();
    }
    // Nobody interferes any more: what is on its way arrives, and when nothing moves, time does.
    for _ in 0..2_000 {
        if world.requests.iter().all(|request| request.is_over()) {
            return world.end();
        }
        if !world.settle() {
            world.pass_time();
        }
    }
    panic!("a request waits for ever: {:?}", world.requests.iter().map(|of| &of.state).collect::<Vec<_>>());
}

struct World<'d> {
    choices: Choices<'d>,
    now: Time,
    pool: Pool<u8>,
    links: BTreeMap<ConnId, Link>,
    requests: Vec<Ask>,
    counters: Counters,
}

/// A request and what became of it.
struct Ask {
    method: &'static str,
    content: usize,
    attempt: Attempt,
    order: Order,
    state: State,
    /// How many attempts had a byte sent.
    sends: u32,
    status: Option<u16>,
    got: Vec<u8>,
    closes: u32,
}

#[derive(Debug)]
enum State {
    New,
    Waiting(Ticket, Wait),
    On(ConnId),
    Over,
    Failed,
}

impl Ask {
    fn is_over(&self) -> bool {
        matches!(self.state, State::Over | State::Failed)
    }

    fn happened(&mut self, what: Happened) {
        self.closes += self.order.on(what).iter().filter(|tell| **tell == Tell::Close).count() as u32;
    }
}

/// A connection, with both ends of it.
struct Link {
    call: Call,
    out: Vec<u8>,
    input: Vec<u8>,
    server: Server,
    /// What is on its way.
    there: Vec<u8>,
    back: Vec<u8>,
    whose: Option<usize>,
    /// What was read since the client looked.
    received: usize,
    saw_end: bool,
    connected: bool,
}

const METHODS: [&str; 4] = ["GET", "POST", "HEAD", "PUT"];

impl<'d> World<'d> {
    fn new(mut choices: Choices<'d>) -> Self {
        let config =
            PoolConfig { max_connections: [None, Some(1), Some(2)][choices.below(3)], ..PoolConfig::DEFAULT };
        let requests = (0..1 + choices.below(5)).map(|_| {
            let method = METHODS[choices.below(4)];
            let content = if matches!(method, "GET" | "HEAD") { 0 } else { choices.below(40) };
            Ask {
                method,
                content,
                attempt: Attempt::new(Method::from(method), false),
                order: Order::new(),
                state: State::New,
                sends: 0,
                status: None,
                got: Vec::new(),
                closes: 0,
            }
        });
        let requests = requests.collect();
        Self {
            choices,
            now: Time(0),
            pool: Pool::new(config),
            links: BTreeMap::new(),
            requests,
            counters: Counters::NONE,
        }
    }

    fn patience() -> Patience {
        let idle = Some(Duration::from_secs(5));
        Patience { idle, connect: Some(Duration::from_secs(2)), ..Patience::NONE }
    }

    /// One thing happens.
    fn step(&mut self) {
        let kind = self.choices.below(8);
        let links: Vec<ConnId> = self.links.keys().copied().collect();
        let link = (!links.is_empty()).then(|| links[self.choices.below(links.len())]);
        match (kind, link) {
            (0, _) => {
                let at = self.choices.below(self.requests.len());
                self.begin(at);
            }
            (1, _) => self.now = self.now.after(self.choices.byte() as u64 * 8),
            (2, Some(id)) => self.connect(id),
            (3, Some(id)) => self.client(id),
            (4 | 5, Some(id)) => {
                let most = 1 + self.choices.byte() as usize;
                self.carry(id, most);
            }
            (6, Some(id)) => self.serve(id),
            (7, Some(id)) if self.choices.below(6) == 0 => {
                // The user has enough.
                let link = self.links.get_mut(&id).expect("listed");
                match self.choices.flip() {
                    true => link.call.abort(),
                    false => link.call.discard(self.choices.byte() as u64),
                }
                self.client(id);
            }
            _ => self.expire(),
        }
        self.obey();
    }

    /// Everything that can move moves. Says whether anything did.
    fn settle(&mut self) -> bool {
        for at in 0..self.requests.len() {
            self.begin(at);
        }
        let before = self.fingerprint();
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            self.connect(id);
            self.client(id);
            self.carry(id, usize::MAX);
            self.serve(id);
            self.carry(id, usize::MAX);
            self.client(id);
            self.obey();
        }
        before != self.fingerprint()
    }

    fn fingerprint(&self) -> String {
        let links = self.links.iter().map(|(id, l)| {
            (
                id.index(),
                l.out.len(),
                l.there.len(),
                l.back.len(),
                l.input.len(),
                l.saw_end,
                l.connected,
                l.server.heard,
            )
        });
        let states: Vec<_> =
            self.requests.iter().map(|of| (format!("{:?}", of.state), of.got.len())).collect();
        format!("{:?} {states:?}", links.collect::<Vec<_>>())
    }

    /// Nothing moves, so somebody has to have a deadline.
    fn pass_time(&mut self) {
        let mut next = self.pool.poll_timeout();
        for request in &self.requests {
            let (deadline, what) = match &request.state {
                // A connection in use by others, which have deadlines.
                State::Waiting(_, wait) => (wait.deadline().or(next), "for a connection"),
                State::On(id) => (self.links[id].call.deadline(), "on a connection"),
                _ => continue,
            };
            let others = self.requests.iter().any(|other| matches!(other.state, State::On(_)));
            assert!(
                deadline.is_some() || others && what == "for a connection",
                "waits {what} without a deadline"
            );
            next = next.into_iter().chain(deadline).min();
        }
        self.now = self.now.max(next.expect("somebody waits, so something has a deadline"));
        self.expire();
        self.obey();
    }

    fn begin(&mut self, at: usize) {
        let ask = &mut self.requests[at];
        if !matches!(ask.state, State::New) {
            return;
        }
        let fresh = ask.attempt.is_retry;
        let idle = self.pool.peek_idle(self.now, &0);
        let ticket = match fresh {
            true => self.pool.acquire_fresh(self.now, &0, None),
            false => self.pool.acquire_until(self.now, &0, None),
        };
        ask.state = State::Waiting(ticket, Wait::new(&Self::patience(), None, false));
        self.obey();
        if idle.is_some() && !fresh {
            assert!(
                !matches!(self.requests[at].state, State::Waiting(..)),
                "an idle connection serves at once"
            );
        }
    }

    /// Does what the pool decides.
    fn obey(&mut self) {
        while let Some(action) = self.pool.poll_action() {
            match action {
                Action::Connect { conn, ticket, .. } => {
                    let server = Server::new(self.choices.byte());
                    let link = Link {
                        call: Call::new(&ClientConfig::default()),
                        out: Vec::new(),
                        input: Vec::new(),
                        server,
                        there: Vec::new(),
                        back: Vec::new(),
                        whose: None,
                        received: 0,
                        saw_end: false,
                        connected: false,
                    };
                    self.links.insert(conn, link);
                    let now = self.now;
                    for ask in &mut self.requests {
                        if let State::Waiting(of, wait) = &mut ask.state
                            && *of == ticket
                            && wait.connecting(now)
                        {
                            ask.happened(Happened::Socket);
                        }
                    }
                }
                Action::Assign { ticket, conn, reused } => self.assign(ticket, conn, reused),
                Action::Idle { .. } => {}
                Action::Close { conn } => {
                    assert!(self.links.remove(&conn).is_some_and(|link| link.whose.is_none()));
                }
                Action::Fail { ticket, .. } => {
                    let at = self.waiting(ticket);
                    self.requests[at].state = State::Failed;
                    self.requests[at].happened(Happened::Failed);
                }
            }
        }
    }

    fn waiting(&self, ticket: Ticket) -> usize {
        let is = |ask: &Ask| matches!(&ask.state, State::Waiting(of, _) if *of == ticket);
        self.requests.iter().position(is).expect("a ticket of somebody who waits")
    }

    fn connect(&mut self, id: ConnId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if !std::mem::replace(&mut link.connected, true) {
            self.pool.connected(self.now, id);
            self.obey();
        }
    }

    fn carry(&mut self, id: ConnId, most: usize) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let n = most.min(link.there.len());
        link.server.input.extend(link.there.drain(..n));
        if link.server.reset {
            link.back.clear();
        }
        let n = most.min(link.back.len());
        link.input.extend(link.back.drain(..n));
        link.received += n;
        link.saw_end |= link.server.ended && link.back.is_empty();
    }

    fn serve(&mut self, id: ConnId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.server.turn(&mut self.choices, &mut link.back);
    }

    /// Time limits that passed are obeyed.
    fn expire(&mut self) {
        self.pool.handle_timeout(self.now);
        self.obey();
        for at in 0..self.requests.len() {
            let now = self.now;
            match &mut self.requests[at].state {
                State::Waiting(ticket, wait) => {
                    if let Some(Lapse::Over(_)) = wait.expire(now) {
                        assert!(self.pool.cancel(now, *ticket));
                        self.requests[at].state = State::Failed;
                        self.requests[at].happened(Happened::Failed);
                        self.obey();
                    }
                }
                State::On(id) => {
                    let id = *id;
                    let link = self.links.get_mut(&id).expect("in use");
                    while link.call.expire(now).is_some() {}
                    assert!(link.call.deadline().is_none_or(|at| at > now), "a limit passes once");
                    self.client(id);
                }
                _ => {}
            }
        }
    }

    fn end(&self) {
        for (at, ask) in self.requests.iter().enumerate() {
            assert_eq!(ask.closes, 1, "closed once");
            assert!(ask.order.is_over());
            assert!(ask.sends <= 2, "one retry at most");
            if !Method::from(ask.method).is_idempotent() {
                assert!(ask.sends <= 1, "what is not idempotent is sent once: {at}");
            }
        }
        let ended = self.counters.complete + self.counters.aborted + self.counters.hung_up;
        let late: u64 =
            h1wire_proto::calling::Late::ALL.iter().map(|late| self.counters.timeouts(*late)).sum();
        let broken = |kind| self.counters.protocol_errors(kind);
        let protocol: u64 = h1wire_proto::RecvErrorKind::ALL.iter().map(|kind| broken(*kind)).sum();
        assert_eq!(ended + late + protocol, self.counters.exchanges, "every exchange is counted once");
    }
}
