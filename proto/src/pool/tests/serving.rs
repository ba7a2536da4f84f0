//! Who is served by what: the queue, connects, failures, cancelling, leaving.

use super::*;

#[test]
fn one_connection_serves_its_queue_in_order_until_it_is_empty_and_is_then_kept_or_closed() {
    for keep_alive in [false, true] {
        let mut rig = rig(PoolConfig { keep_alive, max_connections: Some(1), ..PoolConfig::NODE });
        let conn = rig.busy('a');
        let queue = [rig.wait('a'), rig.wait('a'), rig.wait('a')];
        for ticket in queue {
            assert_eq!(rig.release(conn, KEEP), [Assign { ticket, conn, reused: true }]);
        }
        let end = if keep_alive { Idle { conn } } else { Close { conn } };
        assert_eq!(rig.release(conn, KEEP), [end]);
        assert_eq!(rig.counts(), (0, usize::from(keep_alive), 0));
    }
}

#[test]
fn each_request_gets_a_connection_of_its_own_while_nothing_limits_them() {
    let mut rig = keeping();
    let begun = [rig.begin('a'), rig.begin('a'), rig.begin('b')];
    assert_eq!(rig.counts(), (3, 0, 3));
    for (ticket, conn) in begun {
        assert_eq!(rig.connected(conn), [Assign { ticket, conn, reused: false }]);
    }
    assert_eq!(rig.counts(), (3, 0, 0));
}

#[test]
fn a_peer_that_refuses_persistence_gets_one_connection_for_each_request() {
    let mut rig = rig(PoolConfig { keep_alive: true, max_connections: Some(1), ..PoolConfig::NODE });
    let mut conn = rig.busy('a');
    for _ in 0..3 {
        let next = rig.wait('a');
        let acts = rig.release(conn, Reuse::No);
        let [Close { conn: old }, Connect { conn: new, key: 'a', ticket }] = acts[..] else {
            panic!("{acts:?}")
        };
        assert_eq!((old, ticket), (conn, next));
        assert_eq!(rig.connected(new), [Assign { ticket, conn: new, reused: false }]);
        conn = new;
    }
    assert_eq!(rig.release(conn, Reuse::No), [Close { conn }]);
    assert_eq!(rig.pool.totals(), Totals::default());
}

#[test]
fn the_connection_that_is_ready_first_serves_whoever_waited_longest() {
    let mut rig = keeping();
    let [(t1, c1), (t2, c2), (t3, c3)] = [rig.begin('a'), rig.begin('a'), rig.begin('a')];
    assert_eq!(rig.connected(c3), [Assign { ticket: t1, conn: c3, reused: false }]);
    assert_eq!(rig.connected(c2), [Assign { ticket: t2, conn: c2, reused: false }]);
    assert_eq!(rig.connected(c1), [Assign { ticket: t3, conn: c1, reused: false }]);
}

#[test]
fn a_connection_whose_ticket_was_served_by_a_freed_one_serves_the_next_or_becomes_idle() {
    let mut rig = keeping();
    let freed = rig.busy('a');
    let [(t1, c1), (t2, c2)] = [rig.begin('a'), rig.begin('a')];
    assert_eq!(rig.release(freed, KEEP), [Assign { ticket: t1, conn: freed, reused: true }]);
    assert_eq!(rig.connected(c1), [Assign { ticket: t2, conn: c1, reused: false }]);
    assert_eq!(rig.connected(c2), [Idle { conn: c2 }]);
    // Nobody used it yet, but the peer may have closed it meanwhile.
    let (ticket, acts) = rig.acquire('a');
    assert_eq!(acts, [Assign { ticket, conn: c2, reused: true }]);
}

#[test]
fn a_connection_being_made_for_nobody_is_taken_by_the_next_request() {
    let mut rig = keeping();
    let (gone, conn) = rig.begin('a');
    assert_eq!(rig.cancel(gone), (true, Vec::new()));
    assert_eq!(rig.counts(), (1, 0, 0));
    let ticket = rig.wait('a');
    assert_eq!(rig.connected(conn), [Assign { ticket, conn, reused: false }]);
}

#[test]
fn a_connection_being_made_for_nobody_is_given_up_if_it_could_not_be_kept() {
    let mut rig = rig(PoolConfig { keep_alive: false, ..PoolConfig::NODE });
    let (ticket, conn) = rig.begin('a');
    assert_eq!(rig.cancel(ticket), (true, [Close { conn }].into()));
    assert_eq!(rig.connected(conn), []);
    assert_eq!(rig.pool.totals(), Totals::default());
}

#[test]
fn a_failed_connect_fails_the_ticket_it_was_made_for_and_no_other() {
    let mut rig = keeping();
    let [(t1, c1), (t2, c2), (t3, c3)] = [rig.begin('a'), rig.begin('a'), rig.begin('a')];
    assert_eq!(rig.connect_failed(c2), [Fail { ticket: t2, why: PoolError::ConnectFailed }]);
    assert_eq!(rig.connected(c1), [Assign { ticket: t1, conn: c1, reused: false }]);
    assert_eq!(rig.connected(c3), [Assign { ticket: t3, conn: c3, reused: false }]);
}

#[test]
fn after_a_failed_connect_the_next_in_the_queue_gets_a_try_of_its_own() {
    let mut rig = rig(PoolConfig { max_connections: Some(1), ..PoolConfig::NODE });
    let (t1, c1) = rig.begin('a');
    let t2 = rig.wait('a');
    let acts = rig.connect_failed(c1);
    let [Fail { ticket, why: PoolError::ConnectFailed }, Connect { conn, ticket: next, .. }] = acts[..]
    else {
        panic!("{acts:?}")
    };
    assert_eq!((ticket, next), (t1, t2));
    assert_eq!(rig.connect_failed(conn), [Fail { ticket: t2, why: PoolError::ConnectFailed }]);
    assert_eq!(rig.pool.totals(), Totals::default());
}

#[test]
fn a_failed_connect_for_a_ticket_that_was_served_otherwise_fails_nobody() {
    let mut rig = keeping();
    let freed = rig.busy('a');
    let (t1, c1) = rig.begin('a');
    assert_eq!(rig.release(freed, KEEP), [Assign { ticket: t1, conn: freed, reused: true }]);
    assert_eq!(rig.connect_failed(c1), []);
}

#[test]
fn two_connections_that_become_ready_out_of_turn_change_tickets() {
    let mut rig = keeping();
    let [(t1, c1), (t2, c2)] = [rig.begin('a'), rig.begin('a')];
    assert_eq!(rig.connected(c2), [Assign { ticket: t1, conn: c2, reused: false }]);
    // The one begun for the first is now made for the second.
    assert_eq!(rig.connect_failed(c1), [Fail { ticket: t2, why: PoolError::ConnectFailed }]);
}

#[test]
fn a_cancelled_ticket_leaves_its_connection_to_the_next_without_one() {
    let mut rig = rig(PoolConfig { max_connections: Some(1), ..PoolConfig::NODE });
    let (t1, conn) = rig.begin('a');
    let [t2, t3] = [rig.wait('a'), rig.wait('a')];
    assert_eq!(rig.cancel(t2), (true, Vec::new()));
    assert_eq!(rig.cancel(t1), (true, Vec::new()));
    assert_eq!(rig.connected(conn), [Assign { ticket: t3, conn, reused: false }]);
}

#[test]
fn a_ticket_is_cancelled_once_and_only_while_it_waits() {
    let mut rig = keeping();
    let (ticket, conn) = rig.begin('a');
    assert!(rig.cancel(ticket).0);
    assert!(!rig.cancel(ticket).0);
    let served = rig.wait('a');
    assert_eq!(rig.connected(conn), [Assign { ticket: served, conn, reused: false }]);
    assert_eq!(rig.cancel(served), (false, Vec::new()));
    assert_eq!(rig.counts(), (1, 0, 0));
}

#[test]
fn a_connection_lost_in_use_makes_room_for_the_next() {
    let mut rig = rig(PoolConfig { max_connections: Some(1), ..PoolConfig::NODE });
    let conn = rig.busy('a');
    let next = rig.wait('a');
    let acts = rig.closed(conn);
    assert!(matches!(acts[..], [Connect { ticket, .. }] if ticket == next), "{acts:?}");
}

#[test]
fn a_connection_lost_while_it_was_being_made_counts_as_failed() {
    let mut rig = keeping();
    let (ticket, conn) = rig.begin('a');
    assert_eq!(rig.closed(conn), [Fail { ticket, why: PoolError::ConnectFailed }]);
}

#[test]
fn a_detached_connection_no_longer_counts_and_never_comes_back() {
    let mut rig = rig(PoolConfig { keep_alive: true, max_connections: Some(1), ..PoolConfig::NODE });
    let conn = rig.busy('a');
    let next = rig.wait('a');
    assert!(rig.pool.detach(rig.now, conn));
    let acts = rig.acts();
    let [Connect { conn: other, ticket, .. }] = acts[..] else { panic!("{acts:?}") };
    assert_eq!((ticket, rig.counts()), (next, (1, 0, 1)));
    assert_eq!(rig.release(conn, KEEP), []);
    assert_eq!(rig.readable(conn), []);
    assert!(!rig.pool.detach(rig.now, conn));
    // Still being made: there is nothing to hand out yet.
    assert!(!rig.pool.detach(rig.now, other));
    // Nor is it closed with the pool.
    rig.pool.destroy(rig.now);
    assert_eq!(rig.acts(), [Fail { ticket, why: PoolError::Destroyed }, Close { conn: other }]);
}

#[test]
fn an_idle_connection_can_be_detached() {
    let mut rig = keeping();
    let [conn] = rig.idle('a');
    assert!(rig.pool.detach(rig.now, conn));
    assert_eq!((rig.acts(), rig.pool.totals()), (Vec::new(), Totals::default()));
}

#[test]
fn destroying_closes_every_connection_and_fails_every_ticket_and_leaves_a_pool_to_use() {
    let mut rig = rig(PoolConfig { keep_alive: true, max_connections: Some(2), ..PoolConfig::NODE });
    let [idle] = rig.idle('b');
    let busy = rig.busy('a');
    let (t1, made) = rig.begin('a');
    let t2 = rig.wait('a');
    rig.pool.destroy(rig.now);
    let why = PoolError::Destroyed;
    assert_eq!(
        rig.acts(),
        [
            Fail { ticket: t1, why },
            Fail { ticket: t2, why },
            Close { conn: idle },
            Close { conn: busy },
            Close { conn: made }
        ]
    );
    assert_eq!((rig.pool.totals(), rig.pool.poll_timeout()), (Totals::default(), None));
    for stale in [idle, busy, made] {
        assert_eq!((rig.connected(stale), rig.release(stale, KEEP)), (Vec::new(), Vec::new()));
    }
    let fresh = rig.busy('a');
    assert!(![idle, busy, made].contains(&fresh));
}

#[test]
fn calls_with_stale_ids_or_in_the_wrong_state_do_nothing() {
    let mut rig = keeping();
    let (ticket, conn) = rig.begin('a');
    // Being made: not in use, not idle.
    assert_eq!((rig.release(conn, KEEP), rig.readable(conn)), (Vec::new(), Vec::new()));
    assert_eq!(rig.connected(conn), [Assign { ticket, conn, reused: false }]);
    // In use: connected already, not idle.
    assert_eq!((rig.connected(conn), rig.connect_failed(conn)), (Vec::new(), Vec::new()));
    assert_eq!((rig.readable(conn), rig.counts()), (Vec::new(), (1, 0, 0)));
    assert_eq!(rig.release(conn, KEEP), [Idle { conn }]);
    // Idle: not in use.
    assert_eq!((rig.release(conn, Reuse::No), rig.connect_failed(conn)), (Vec::new(), Vec::new()));
    assert_eq!(rig.readable(conn), [Close { conn }]);
    // Gone, and its place taken by another.
    let other = rig.busy('a');
    assert_eq!(other.index(), conn.index());
    assert_eq!((rig.closed(conn), rig.release(conn, Reuse::No)), (Vec::new(), Vec::new()));
    assert_eq!((rig.pool.key(conn), rig.pool.key(other)), (None, Some(&'a')));
    assert_eq!(rig.counts(), (1, 0, 0));
}

#[test]
fn what_there_is_can_be_seen_by_origin() {
    let mut rig = rig(PoolConfig { keep_alive: true, max_connections: Some(2), ..PoolConfig::NODE });
    let [b1, b2] = rig.idle('b');
    let a1 = rig.busy('a');
    let (t1, a2) = rig.begin('a');
    let t2 = rig.wait('a');
    let seen: Vec<_> = rig
        .pool
        .origins()
        .map(|origin| {
            let (busy, idle) = (origin.busy().collect::<Vec<_>>(), origin.idle().collect::<Vec<_>>());
            assert_eq!((origin.busy_count(), origin.idle_count()), (busy.len(), idle.len()));
            assert_eq!(origin.waiting_count(), origin.waiting().count());
            (*origin.key(), busy, idle, origin.waiting().collect::<Vec<_>>())
        })
        .collect();
    let [a, b] = [[a1, a2], [b1, b2]].map(Vec::from);
    assert_eq!(seen, [('a', a, Vec::new(), Vec::from([t1, t2])), ('b', Vec::new(), b, Vec::new())]);
    let totals = Totals { origins: 2, busy: 2, idle: 2, waiting: 2 };
    assert_eq!(rig.pool.totals(), totals);
    assert!(rig.pool.origin(&'c').is_none());
}

#[test]
fn a_ticket_for_a_fresh_connection_is_served_by_no_other_and_keeps_its_place() {
    let mut rig = keeping();
    let [idle] = rig.idle('a');
    let busy = {
        let (ticket, acts) = rig.acquire('a');
        assert_eq!(acts, [Assign { ticket, conn: idle, reused: true }]);
        idle
    };
    let [other] = rig.idle('a');
    assert_eq!(rig.pool.peek_idle(rig.now, &'a'), Some(other));
    let fresh = rig.pool.acquire_fresh(rig.now, &'a', None);
    let acts = rig.acts();
    let [Close { conn: closed }, Connect { conn: made, ticket, .. }] = acts[..] else { panic!("{acts:?}") };
    assert_eq!((closed, ticket), (other, fresh), "an idle connection is in doubt");
    assert_eq!(rig.pool.peek_idle(rig.now, &'a'), None);
    assert_eq!(
        rig.release(busy, KEEP),
        [Idle { conn: busy }],
        "not for the one that wants a fresh connection"
    );
    assert_eq!(rig.connected(made), [Assign { ticket: fresh, conn: made, reused: false }]);
}

#[test]
fn at_the_limit_a_released_connection_makes_room_for_a_fresh_one() {
    let mut rig = rig(PoolConfig { keep_alive: true, max_connections: Some(1), ..PoolConfig::NODE });
    let busy = rig.busy('a');
    let fresh = rig.pool.acquire_fresh(rig.now, &'a', None);
    assert_eq!(rig.acts(), []);
    let acts = rig.release(busy, KEEP);
    let [Close { conn }, Connect { ticket, .. }] = acts[..] else { panic!("{acts:?}") };
    assert_eq!((conn, ticket), (busy, fresh));
}

#[test]
fn an_idle_connection_whose_time_is_over_is_not_offered() {
    let mut rig = keeping();
    let conn = rig.busy('a');
    let hint = Reuse::Yes(KeepAlive { timeout: Some(3), max: None });
    assert_eq!(rig.release(conn, hint), [Idle { conn }]);
    assert_eq!(rig.pool.peek_idle(rig.now, &'a'), Some(conn));
    assert_eq!(rig.pool.peek_idle(rig.now.after(2_000), &'a'), None);
    assert_eq!(rig.pool.peek_idle(rig.now, &'b'), None);
}
