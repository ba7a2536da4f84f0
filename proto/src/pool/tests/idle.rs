//! Idle connections: which are kept, for how long, which is used.

use super::*;

fn hint(text: &str) -> Reuse {
    Reuse::Yes(KeepAlive::parse([text.as_bytes()]))
}

#[test]
fn fifo_uses_the_connection_idle_longest_and_lifo_the_one_used_last() {
    for (scheduling, order) in [(Scheduling::Fifo, [0, 1, 2]), (Scheduling::Lifo, [2, 1, 0])] {
        let mut rig = rig(PoolConfig { keep_alive: true, scheduling, ..PoolConfig::NODE });
        let conns: [_; 3] = rig.idle('a');
        for at in order {
            let (ticket, acts) = rig.acquire('a');
            assert_eq!(acts, [Assign { ticket, conn: conns[at], reused: true }]);
        }
    }
}

#[test]
fn at_most_max_idle_connections_of_an_origin_are_idle() {
    let mut rig = rig(PoolConfig { keep_alive: true, max_idle: Some(2), ..PoolConfig::NODE });
    let conns = [rig.busy('a'), rig.busy('a'), rig.busy('a')];
    let other = rig.busy('b');
    assert_eq!(rig.release(conns[0], KEEP), [Idle { conn: conns[0] }]);
    assert_eq!(rig.release(conns[1], KEEP), [Idle { conn: conns[1] }]);
    assert_eq!(rig.release(conns[2], KEEP), [Close { conn: conns[2] }]);
    assert_eq!(rig.release(other, KEEP), [Idle { conn: other }]);
    assert_eq!(rig.counts(), (0, 3, 0));
}

#[test]
fn a_connection_that_becomes_ready_when_enough_are_idle_is_closed() {
    let mut rig = rig(PoolConfig { keep_alive: true, max_idle: Some(1), ..PoolConfig::NODE });
    let freed = rig.busy('a');
    let (gone, made) = rig.begin('a');
    assert_eq!(rig.cancel(gone), (true, Vec::new()));
    assert_eq!(rig.release(freed, KEEP), [Idle { conn: freed }]);
    assert_eq!(rig.connected(made), [Close { conn: made }]);
}

#[test]
fn an_idle_connection_that_becomes_readable_leaves_at_once_and_the_next_request_opens_a_new_one() {
    let mut rig = keeping();
    let [conn] = rig.idle('a');
    assert_eq!(rig.readable(conn), [Close { conn }]);
    assert_eq!(rig.pool.totals(), Totals::default());
    let (_, fresh) = rig.begin('a');
    assert_ne!(fresh, conn);
}

#[test]
fn an_idle_connection_that_the_driver_closed_or_its_hook_refused_is_not_used() {
    let mut rig = keeping();
    let [conn] = rig.idle('a');
    assert_eq!(rig.closed(conn), []);
    rig.begin('a');
}

#[test]
fn an_idle_connection_is_closed_when_its_time_is_over() {
    let mut rig = rig(PoolConfig {
        keep_alive: true,
        idle_timeout: Some(Duration::from_millis(100)),
        ..PoolConfig::NODE
    });
    let [first] = rig.idle('a');
    assert_eq!(rig.pass(60), []);
    let [second] = rig.idle('b');
    assert_eq!(rig.pool.poll_timeout(), Some(rig.now.after(40)));
    assert_eq!(rig.pass(39), []);
    assert_eq!(rig.pass(1), [Close { conn: first }]);
    assert_eq!(rig.pool.poll_timeout(), Some(rig.now.after(60)));
    assert_eq!(rig.pass(100), [Close { conn: second }]);
    assert_eq!(rig.pool.poll_timeout(), None);
}

#[test]
fn a_connection_in_use_has_no_idle_deadline() {
    let mut rig = rig(PoolConfig {
        keep_alive: true,
        idle_timeout: Some(Duration::from_millis(100)),
        ..PoolConfig::NODE
    });
    let [conn] = rig.idle('a');
    rig.now = rig.now.after(99);
    let (ticket, acts) = rig.acquire('a');
    assert_eq!(acts, [Assign { ticket, conn, reused: true }]);
    assert_eq!((rig.pool.poll_timeout(), rig.pass(1_000)), (None, Vec::new()));
}

#[test]
fn a_connection_whose_time_is_over_is_not_used_even_if_the_timer_is_late() {
    let mut rig = rig(PoolConfig {
        keep_alive: true,
        idle_timeout: Some(Duration::from_millis(100)),
        ..PoolConfig::NODE
    });
    let [conn] = rig.idle('a');
    rig.now = rig.now.after(100);
    let (ticket, acts) = rig.acquire('a');
    assert_eq!(acts[0], Close { conn });
    assert!(matches!(acts[1..], [Connect { ticket: whose, .. }] if whose == ticket), "{acts:?}");
}

#[test]
fn a_timeout_of_zero_keeps_nothing_and_waits_for_nothing() {
    let mut rig =
        rig(PoolConfig { keep_alive: true, idle_timeout: Some(Duration::ZERO), ..PoolConfig::NODE });
    let conn = rig.busy('a');
    assert_eq!(rig.release(conn, KEEP), [Close { conn }]);

    let mut rig = self::rig(PoolConfig {
        max_connections: Some(1),
        acquire_timeout: Some(Duration::ZERO),
        ..PoolConfig::NODE
    });
    rig.busy('a');
    let ticket = rig.wait('a');
    assert_eq!(rig.pass(0), [Fail { ticket, why: PoolError::Timeout }]);
}

#[test]
fn the_peers_hint_ends_a_connection_a_buffer_before_the_peer_does() {
    let mut rig = rig(PoolConfig {
        keep_alive: true,
        idle_timeout: Some(Duration::from_millis(60_000)),
        ..PoolConfig::NODE
    });
    let conn = rig.busy('a');
    assert_eq!(rig.release(conn, hint("timeout=5")), [Idle { conn }]);
    assert_eq!(rig.pool.poll_timeout(), Some(rig.now.after(4_000)));
    assert_eq!(rig.pass(4_000), [Close { conn }]);
    // The shorter of the two counts.
    let conn = rig.busy('a');
    rig.release(conn, hint("timeout=600"));
    assert_eq!(rig.pool.poll_timeout(), Some(rig.now.after(60_000)));
}

#[test]
fn a_hint_no_longer_than_the_buffer_keeps_nothing_but_still_serves_the_queue() {
    let mut rig = rig(PoolConfig { keep_alive: true, max_connections: Some(1), ..PoolConfig::NODE });
    let conn = rig.busy('a');
    let ticket = rig.wait('a');
    assert_eq!(rig.release(conn, hint("timeout=1")), [Assign { ticket, conn, reused: true }]);
    assert_eq!(rig.release(conn, hint("timeout=1")), [Close { conn }]);
}

#[test]
fn a_hint_stands_until_the_next() {
    let mut rig = keeping();
    let conn = rig.busy('a');
    rig.release(conn, hint("timeout=9"));
    let _ = rig.acquire('a');
    assert_eq!(rig.release(conn, KEEP), [Idle { conn }]);
    assert_eq!(rig.pool.poll_timeout(), Some(rig.now.after(8_000)));
}

#[test]
fn a_peer_that_takes_no_more_requests_is_sent_none() {
    let mut rig = rig(PoolConfig { keep_alive: true, max_connections: Some(1), ..PoolConfig::NODE });
    let conn = rig.busy('a');
    let [second, third, fourth] = [rig.wait('a'), rig.wait('a'), rig.wait('a')];
    assert_eq!(rig.release(conn, hint("max=2")), [Assign { ticket: second, conn, reused: true }]);
    assert_eq!(rig.release(conn, KEEP), [Assign { ticket: third, conn, reused: true }]);
    let acts = rig.release(conn, KEEP);
    assert_eq!(acts[0], Close { conn });
    assert!(matches!(acts[1..], [Connect { ticket, .. }] if ticket == fourth), "{acts:?}");
}

#[test]
fn a_peer_that_says_max_0_has_refused_persistence() {
    let mut rig = keeping();
    let conn = rig.busy('a');
    assert_eq!(rig.release(conn, hint("timeout=5, max=0")), [Close { conn }]);
}

#[test]
fn idle_connections_can_be_closed_by_origin_or_all() {
    let mut rig = keeping();
    let ([a1, a2], [b]) = (rig.idle('a'), rig.idle('b'));
    let (_, acts) = rig.acquire('b');
    assert!(matches!(acts[..], [Assign { conn, .. }] if conn == b));
    let [b2] = rig.idle('b');
    rig.pool.close_idle(rig.now, Some(&'a'));
    assert_eq!(rig.acts(), [Close { conn: a1 }, Close { conn: a2 }]);
    rig.pool.close_idle(rig.now, Some(&'a'));
    rig.pool.close_idle(rig.now, None);
    assert_eq!(rig.acts(), [Close { conn: b2 }]);
    // The one in use is not concerned.
    assert_eq!(rig.release(b, KEEP), [Idle { conn: b }]);
}

#[test]
fn nothing_is_kept_without_keep_alive() {
    let mut rig = rig(PoolConfig { max_connections: Some(5), ..PoolConfig::NODE });
    let conn = rig.busy('a');
    assert_eq!(rig.release(conn, hint("timeout=60")), [Close { conn }]);
    assert_eq!(rig.pool.totals(), Totals::default());
}

#[test]
fn the_end_of_time_is_a_deadline_like_any_other() {
    let mut rig = rig(PoolConfig { keep_alive: true, idle_timeout: Some(Duration::MAX), ..PoolConfig::NODE });
    let [conn] = rig.idle('a');
    assert_eq!(rig.pool.poll_timeout(), Some(Time(u64::MAX)));
    assert_eq!(rig.pass(u64::MAX), [Close { conn }]);
}
