//! The timing wheel against a sorted map.

use h1wire_proto::{Time, Wheel};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const TICK: u64 = Wheel::TICK_MS;

fn poll_all(wheel: &mut Wheel, now: Time) -> BTreeSet<usize> {
    let mut keys = BTreeSet::new();
    while let Some(key) = wheel.poll(now) {
        assert!(keys.insert(key), "{key} twice");
    }
    keys
}

#[test]
fn a_deadline_is_never_early_and_less_than_a_tick_late() {
    for at in (0..2000).chain([4096 * TICK - 1, 4096 * TICK, 4096 * TICK + 1, 1 << 40]) {
        let mut wheel = Wheel::new(Time(0));
        wheel.schedule(0, Time(at));
        assert_eq!(at.checked_sub(1).and_then(|early| wheel.poll(Time(early))), None, "{at}");
        assert_eq!(wheel.poll(Time(at + TICK - 1)), Some(0), "{at}");
        assert!(wheel.is_empty());
    }
}

#[test]
fn a_past_deadline_is_due_at_once() {
    let mut wheel = Wheel::new(Time(1_000_000));
    wheel.schedule(7, Time(5));
    assert!(wheel.next() <= Some(Time(1_000_000)));
    assert_eq!(wheel.poll(Time(1_000_000)), Some(7));
}

#[test]
fn a_due_deadline_can_still_be_moved_or_cancelled() {
    let mut wheel = Wheel::new(Time(1_000));
    for key in 0..3 {
        wheel.schedule(key, Time(500));
    }
    wheel.schedule(0, Time(9_000));
    wheel.cancel(1);
    assert_eq!(poll_all(&mut wheel, Time(1_000)), BTreeSet::from([2]));
    assert_eq!(poll_all(&mut wheel, Time(9_063)), BTreeSet::from([0]));
}

#[test]
fn a_deadline_moved_earlier_is_met() {
    let mut wheel = Wheel::new(Time(0));
    wheel.schedule(0, Time(120_000));
    wheel.schedule(0, Time(6_000));
    assert!(wheel.next() <= Some(Time(6_016)));
    assert_eq!(wheel.poll(Time(6_063)), Some(0));
    assert_eq!((wheel.len(), wheel.next()), (0, None));
}

#[test]
fn the_end_of_time_is_a_deadline() {
    let mut wheel = Wheel::new(Time(0));
    wheel.schedule(0, Time(u64::MAX));
    wheel.schedule(1, Time(u64::MAX - 1000));
    assert_eq!(poll_all(&mut wheel, Time(u64::MAX - 2000)), BTreeSet::new());
    assert_eq!(poll_all(&mut wheel, Time(u64::MAX - 900)), BTreeSet::from([1]));
    assert_eq!(wheel.len(), 1);
    assert!(wheel.next() > Some(Time(u64::MAX - 900)));
    assert_eq!(wheel.poll(Time(u64::MAX)), Some(0));
}

#[test]
fn a_clock_that_goes_back_delays_but_loses_nothing() {
    let mut wheel = Wheel::new(Time(100_000));
    wheel.schedule(0, Time(110_000));
    assert_eq!(wheel.poll(Time(5)), None);
    wheel.schedule(1, Time(50));
    assert_eq!(wheel.poll(Time(60)), Some(1));
    assert_eq!(wheel.poll(Time(110_063)), Some(0));
}

#[test]
fn keys_that_were_never_scheduled_can_be_cancelled() {
    let mut wheel = Wheel::new(Time(0));
    wheel.cancel(0);
    wheel.cancel(usize::MAX);
    wheel.schedule(usize::MAX, Time(5));
    wheel.schedule(u32::MAX as usize, Time(5));
    assert_eq!((wheel.len(), wheel.next()), (0, None));
}

#[test]
fn ten_thousand_busy_connections_wake_the_loop_for_their_deadlines_only() {
    let mut wheel = Wheel::new(Time(0));
    let (mut now, mut woken) = (0, 0);
    for key in 0..10_000 {
        wheel.schedule(key, Time(6_000));
    }
    // Each is used every second, so that none is ever due; the loop sleeps until the next of both.
    for second in 1..=60u64 {
        while let Some(Time(next)) = wheel.next().filter(|next| next.0 < second * 1_000) {
            assert!(next > now, "the loop spins at {now}");
            now = next;
            woken += 1;
            assert_eq!(wheel.poll(Time(now)), None);
        }
        for key in 0..10_000 {
            wheel.schedule(key, Time(second * 1_000 + 6_000));
        }
    }
    assert_eq!(wheel.len(), 10_000);
    assert!(woken <= 60, "{woken}");
}

#[derive(Debug, Clone)]
enum Op {
    Schedule { key: usize, after: u64 },
    Past { key: usize, before: u64 },
    Cancel { key: usize },
    Sleep(u64),
    SleepUntilNext,
}

fn op() -> impl Strategy<Value = Op> {
    let span = || {
        prop_oneof![
            0..200u64,
            0..5_000u64,
            0..300_000u64,
            0..20_000_000u64,
            0..2_000_000_000u64,
            0..u64::MAX >> 10
        ]
    };
    prop_oneof![
        8 => (0..12usize, span()).prop_map(|(key, after)| Op::Schedule { key, after }),
        1 => (0..12usize, span()).prop_map(|(key, before)| Op::Past { key, before }),
        1 => (0..12usize).prop_map(|key| Op::Cancel { key }),
        3 => span().prop_map(Op::Sleep),
        3 => Just(Op::SleepUntilNext),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn it_equals_a_sorted_map(start in 0..1u64 << 50, ops in proptest::collection::vec(op(), 0..120)) {
        let mut now = Time(start);
        let mut wheel = Wheel::new(now);
        let mut model = BTreeMap::<usize, Time>::new();
        for op in ops {
            match op {
                Op::Schedule { key, after } => {
                    wheel.schedule(key, now.after(after));
                    model.insert(key, now.after(after));
                }
                Op::Past { key, before } => {
                    let at = Time(now.0.saturating_sub(before));
                    wheel.schedule(key, at);
                    model.insert(key, at);
                }
                Op::Cancel { key } => {
                    wheel.cancel(key);
                    model.remove(&key);
                }
                Op::Sleep(ms) => now = now.after(ms),
                Op::SleepUntilNext => {
                    // Asked and waited for often enough, it gets to the earliest deadline, and no further.
                    let before: BTreeSet<_> = model.keys().copied().collect();
                    for turn in 0.. {
                        let Some(next) = wheel.next() else { break };
                        now = now.max(next);
                        if let Some(key) = wheel.poll(now) {
                            prop_assert!(before.contains(&key));
                            let at = model.remove(&key);
                            prop_assert!(at.is_some_and(|at| at <= now));
                            break;
                        }
                        prop_assert!(turn < 12 * 10, "the loop spins");
                    }
                }
            }
            let passed = |at: Time| at.0 <= now.0 / TICK * TICK;
            let due: BTreeSet<usize> = model.iter().filter(|(_, at)| passed(**at)).map(|(key, _)| *key).collect();
            prop_assert_eq!(poll_all(&mut wheel, now), due);
            model.retain(|_, at| !passed(*at));
            prop_assert_eq!(wheel.len(), model.len());
            let earliest = model.values().min().map(|at| at.0.div_ceil(TICK));
            let next = wheel.next();
            prop_assert_eq!(next.is_some(), earliest.is_some());
            if let (Some(next), Some(earliest)) = (next, earliest) {
                prop_assert!(next.0 / TICK <= earliest && next > now, "{:?} {} {:?}", next, earliest, now);
            }
        }
    }
}
