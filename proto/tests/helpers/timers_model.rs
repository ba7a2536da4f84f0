//! The timers against the eager ones everybody writes first.

use core::time::Duration;

use h1wire_proto::{Activity, Expired, Phase, Time, Timeouts, Timers};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const ALL: [Expired; 8] = [
    Expired::Idle,
    Expired::Head,
    Expired::KeepAlive,
    Expired::Body,
    Expired::Request,
    Expired::Continue,
    Expired::Write,
    Expired::Linger,
];

/// What a connection does in one batch.
#[derive(Debug, Clone, Copy)]
enum Step {
    BeginHead,
    EndHead { body: bool },
    EndBody,
    Answered,
    Linger,
    Switch,
}

#[derive(Debug, Clone)]
struct Batch {
    after: u64,
    steps: Vec<Step>,
    received: usize,
    sent: usize,
    unsent: bool,
    paused: bool,
}

/// The eager timers everybody writes first: a table of armed deadlines, set and cut as things happen. It is told
/// when messages begin; the real ones must conclude it from phases and heads.
struct Naive {
    limits: Timeouts,
    client: bool,
    idle: Option<Duration>,
    phase: Phase,
    armed: BTreeMap<Expired, Time>,
    reported: BTreeSet<Expired>,
    seen: bool,
    alive: Time,
    received: Time,
    sent: Time,
    entered: Time,
    message: Time,
    window: Time,
    bytes: u64,
    unsent: bool,
    paused: bool,
}

impl Naive {
    fn new(client: bool, limits: Timeouts) -> Self {
        let (zero, phase) = (Time(0), Phase::Idle);
        let (armed, reported) = (BTreeMap::new(), BTreeSet::new());
        let (alive, received, sent, entered, message, window) = (zero, zero, zero, zero, zero, zero);
        let (seen, bytes, unsent, paused, idle) = (client, 0, false, false, limits.idle);
        let mut naive = Self {
            limits,
            client,
            idle,
            phase,
            armed,
            reported,
            seen,
            alive,
            received,
            sent,
            entered,
            message,
            window,
            bytes,
            unsent,
            paused,
        };
        naive.rearm(&[]);
        naive
    }

    fn observe(&mut self, now: Time, phase: Phase, activity: Activity, begun: u32) {
        let first = !self.seen && begun == 1;
        let mut set = vec![];
        let rises = activity.unsent && !self.unsent;
        if activity.received > 0 {
            (self.received, self.alive) = (now, now);
            set.extend([Expired::Idle, Expired::Body]);
            self.bytes += activity.received as u64;
        }
        if activity.sent > 0 || rises {
            (self.sent, self.alive) = (now, now);
            set.extend([Expired::Idle, Expired::KeepAlive, Expired::Write, Expired::Linger]);
            if self.client {
                set.push(Expired::Head);
            }
        }
        let resumed = self.paused && !activity.paused;
        let restart = (begun > 0 && !first) || (resumed && phase == Phase::Head);
        if restart {
            (self.message, self.window, self.bytes) = (now, now, activity.received as u64);
            set.extend([Expired::Head, Expired::Request]);
        } else if resumed && phase == Phase::Body {
            (self.window, self.bytes) = (now, activity.received as u64);
            set.push(Expired::Request);
        }
        if phase != self.phase || restart || (resumed && phase == Phase::Body) {
            (self.entered, self.alive) = (now, now);
            set.extend([Expired::Idle, Expired::KeepAlive, Expired::Body]);
        }
        if phase != self.phase || restart {
            set.extend([Expired::Continue, Expired::Linger]);
        }
        self.seen |= activity.heads > 0 || phase != Phase::Idle;
        (self.phase, self.unsent, self.paused) = (phase, activity.unsent, activity.paused);
        self.rearm(&set);
    }

    fn rearm(&mut self, set: &[Expired]) {
        for expired in set {
            self.reported.remove(expired);
        }
        self.armed.clear();
        for expired in ALL {
            if let Some(at) = self.deadline(expired).filter(|_| !self.reported.contains(&expired)) {
                self.armed.insert(expired, at);
            }
        }
    }

    fn deadline(&self, expired: Expired) -> Option<Time> {
        use Phase::{AwaitContinue, Body, Closed, Head, Idle, Linger, Respond, Switched};
        let l = &self.limits;
        let kept = self.phase == Idle && self.seen && !self.unsent && l.keep_alive.is_some();
        let rated = self.phase == Body && l.body_rate.is_some();
        let (runs, since, limit) = match expired {
            Expired::Idle => (!kept && !matches!(self.phase, Switched | Closed), self.alive, self.idle),
            Expired::Head if self.client => {
                (self.phase == Head && !self.unsent, self.sent.max(self.message), l.headers)
            }
            Expired::Head => (self.phase == Head && !self.paused, self.message, l.headers),
            Expired::KeepAlive if kept => {
                (true, self.sent.max(self.entered), l.keep_alive.map(|limit| limit + l.keep_alive_buffer))
            }
            Expired::KeepAlive => (self.phase == Idle && !self.seen, Time(0), l.headers),
            Expired::Body => (self.phase == Body && !self.paused, self.received.max(self.entered), l.body),
            Expired::Request if rated && self.window > self.message && l.request.is_some() => {
                let window = self.window + l.body_window.max(Duration::from_secs(1));
                return l.request.filter(|_| !self.paused).map(|limit| window.max(self.message + limit));
            }
            Expired::Request => {
                let runs = match self.phase {
                    Head => self.client || !self.paused,
                    Body => !(rated && self.paused),
                    AwaitContinue | Respond => self.client,
                    _ => false,
                };
                (runs, self.message, l.request)
            }
            Expired::Continue => (self.phase == AwaitContinue, self.entered, l.continue_wait),
            Expired::Write => (self.unsent && self.phase != Switched, self.sent, l.write),
            Expired::Linger => (self.phase == Linger && !self.unsent, self.sent.max(self.entered), l.linger),
        };
        limit.filter(|_| runs).map(|limit| since + limit)
    }

    fn poll(&mut self, now: Time) -> Option<Expired> {
        loop {
            let (at, expired) = self.armed.iter().map(|(e, at)| (*at, *e)).min()?;
            if at > now {
                return None;
            }
            let enough = |rate| self.bytes * 1000 >= u64::from(rate) * at.since(self.window);
            let rated = self.phase == Phase::Body && self.limits.body_rate.is_some_and(enough);
            if expired == Expired::Request && rated {
                (self.window, self.bytes) = (now, 0);
            } else {
                self.reported.insert(expired);
            }
            self.rearm(&[]);
            if self.reported.contains(&expired) {
                return Some(expired);
            }
        }
    }
}

/// Plays `steps` from `phase`: the phase after them, the heads completed, and how many messages began, if the last is
/// still under way.
fn play(client: bool, mut phase: Phase, steps: &[Step]) -> (Phase, u32, u32) {
    let (mut heads, mut begun) = (0, 0);
    for step in steps {
        phase = match (step, phase) {
            (Step::BeginHead, Phase::Idle) => {
                begun += 1;
                Phase::Head
            }
            (Step::EndHead { body }, Phase::Head) => {
                heads += 1;
                if *body { Phase::Body } else { Phase::Respond }
            }
            (Step::EndBody, Phase::Body) => Phase::Respond,
            (Step::Answered, Phase::Respond) => Phase::Idle,
            (Step::Answered, Phase::Head) if client => Phase::AwaitContinue,
            (Step::EndBody, Phase::AwaitContinue) => Phase::Head,
            (Step::Linger, Phase::Head | Phase::Body) => Phase::Linger,
            (Step::Switch, Phase::Respond) => Phase::Switched,
            (_, other) => other,
        };
    }
    (phase, heads, if phase == Phase::Idle { 0 } else { begun })
}

fn batch() -> impl Strategy<Value = Batch> {
    let step = prop_oneof![
        8 => Just(Step::BeginHead),
        8 => any::<bool>().prop_map(|body| Step::EndHead { body }),
        6 => Just(Step::EndBody),
        8 => Just(Step::Answered),
        1 => Just(Step::Linger),
        1 => Just(Step::Switch),
    ];
    let bytes = || prop_oneof![2 => Just(0usize), 3 => 1..4000usize];
    let after = prop_oneof![3 => 0..50u64, 2 => 0..5_000u64];
    let flag = || proptest::bool::weighted(0.25);
    (after, proptest::collection::vec(step, 0..8), bytes(), bytes(), flag(), flag()).prop_map(
        |(after, steps, received, sent, unsent, paused)| Batch {
            after,
            steps,
            received,
            sent,
            unsent,
            paused,
        },
    )
}

fn limits() -> impl Strategy<Value = Timeouts> {
    let some = || (0..8_000u64).prop_map(Duration::from_millis);
    let ms = || prop_oneof![1 => Just(None), 4 => some().prop_map(Some)];
    let rate = prop_oneof![1 => Just(None), 4 => (0..800u32).prop_map(Some)];
    ((ms(), ms(), ms(), some(), ms()), (ms(), rate, some(), ms(), ms(), ms())).prop_map(
        |(
            (headers, idle, keep_alive, keep_alive_buffer, request),
            (body, body_rate, body_window, continue_wait, write, linger),
        )| {
            Timeouts {
                headers,
                idle,
                keep_alive,
                keep_alive_buffer,
                request,
                body,
                body_rate,
                body_window,
                continue_wait,
                write,
                linger,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]
    #[test]
    fn they_equal_a_naive_table_of_deadlines(
        client: bool,
        limits in limits(),
        batches in proptest::collection::vec(batch(), 0..40),
    ) {
        let mut naive = Naive::new(client, limits);
        let mut timers =
            if client { Timers::client(Time(0), &limits) } else { Timers::server(Time(0), &limits) };
        let mut now = Time(0);
        for Batch { after, steps, mut received, sent, unsent, paused } in batches {
            now = now.after(after);
            loop {
                let (ours, theirs) = (timers.poll(now, &limits), naive.poll(now));
                prop_assert_eq!(ours, theirs, "at {:?}", now);
                if ours.is_none() { break; }
            }
            let before = timers.next(&limits);
            let (phase, heads, begun) = play(client, naive.phase, &steps);
            if heads > 0 || begun > 0 { received = received.max(1); }
            let activity = Activity { received, sent, heads, unsent, paused };
            naive.observe(now, phase, activity, begun);
            let earlier = timers.observe(now, phase, activity);
            let after = timers.next(&limits);
            prop_assert_eq!(after, naive.armed.values().min().copied());
            let later = match (before, after) { (_, None) => true, (None, Some(_)) => false, (Some(b), Some(a)) => a >= b };
            prop_assert!(earlier || later, "{:?} became {:?} without a word", before, after);
        }
    }
}
