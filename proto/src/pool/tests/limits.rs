//! The limits: for an origin, over all, of the queue; and who comes first where they bind.

use super::*;

fn limited(max_connections: Option<u32>, max_total_connections: Option<u32>) -> Rig {
    rig(PoolConfig { keep_alive: true, max_connections, max_total_connections, ..PoolConfig::NODE })
}

/// The only thing to do is to connect for `ticket`.
fn connects_for(acts: &[Act], whose: Ticket) -> ConnId {
    let [Connect { conn, ticket, .. }] = acts else { panic!("{acts:?}") };
    assert_eq!(*ticket, whose);
    *conn
}

#[test]
fn an_origin_has_at_most_max_connections_and_others_are_not_concerned() {
    let mut rig = limited(Some(2), None);
    let conns = [rig.busy('a'), rig.busy('a')];
    let queue = [rig.wait('a'), rig.wait('a')];
    rig.busy('b');
    assert_eq!(rig.release(conns[1], KEEP), [Assign { ticket: queue[0], conn: conns[1], reused: true }]);
    assert_eq!(rig.release(conns[0], KEEP), [Assign { ticket: queue[1], conn: conns[0], reused: true }]);
}

#[test]
fn a_limit_of_zero_allows_no_connection_and_nobody_waits_for_one() {
    for mut rig in [limited(Some(0), None), limited(None, Some(0))] {
        let (ticket, acts) = rig.acquire('a');
        assert_eq!(acts, [Fail { ticket, why: PoolError::NoneAllowed }]);
        assert_eq!(rig.pool.totals(), Totals::default());
    }
}

#[test]
fn all_origins_together_have_at_most_max_total_connections_connections() {
    let mut rig = limited(None, Some(2));
    let [a, _b] = [rig.busy('a'), rig.busy('b')];
    let ticket = rig.wait('c');
    let acts = rig.release(a, Reuse::No);
    assert_eq!(acts[0], Close { conn: a });
    connects_for(&acts[1..], ticket);
    assert_eq!(rig.counts(), (2, 0, 1));
}

#[test]
fn room_among_all_origins_goes_to_the_longest_waiting_ticket() {
    let mut rig = limited(None, Some(1));
    let mut conn = rig.busy('a');
    let queue = [rig.wait('c'), rig.wait('b'), rig.wait('c'), rig.wait('a')];
    // While somebody waits for 'a' its connection goes on serving 'a'; that is the last of them.
    assert_eq!(rig.release(conn, KEEP), [Assign { ticket: queue[3], conn, reused: true }]);
    let acts = rig.release(conn, KEEP);
    assert_eq!(acts[0], Close { conn });
    conn = connects_for(&acts[1..], queue[0]);
    assert_eq!(rig.connected(conn), [Assign { ticket: queue[0], conn, reused: false }]);
    // 'c' keeps its connection for its second ticket, although 'b' waited longer.
    assert_eq!(rig.release(conn, KEEP), [Assign { ticket: queue[2], conn, reused: true }]);
    let acts = rig.release(conn, KEEP);
    connects_for(&acts[1..], queue[1]);
}

#[test]
fn at_the_total_limit_the_longest_idle_connection_of_another_origin_makes_room() {
    let mut rig = limited(None, Some(3));
    let ([a], [b]) = (rig.idle('a'), rig.idle('b'));
    rig.busy('c');
    // 'a' has been idle longest, until it is used again.
    let (_, acts) = rig.acquire('a');
    assert!(matches!(acts[..], [Assign { .. }]));
    assert_eq!(rig.release(a, KEEP), [Idle { conn: a }]);
    let (ticket, acts) = rig.acquire('c');
    assert_eq!(acts[0], Close { conn: b });
    connects_for(&acts[1..], ticket);
    let (ticket, acts) = rig.acquire('d');
    assert_eq!(acts[0], Close { conn: a });
    connects_for(&acts[1..], ticket);
    // Connections in use, or being made for somebody, are left alone.
    rig.wait('e');
}

#[test]
fn at_the_total_limit_a_connection_being_made_for_nobody_makes_room() {
    let mut rig = limited(None, Some(1));
    let (gone, conn) = rig.begin('a');
    assert!(rig.cancel(gone).0);
    let (ticket, acts) = rig.acquire('b');
    assert_eq!(acts[0], Close { conn });
    connects_for(&acts[1..], ticket);
}

#[test]
fn a_connection_that_another_origin_needs_the_room_of_does_not_become_idle() {
    let mut rig = limited(None, Some(1));
    let conn = rig.busy('a');
    let ticket = rig.wait('b');
    let acts = rig.release(conn, KEEP);
    assert_eq!(acts[0], Close { conn });
    connects_for(&acts[1..], ticket);
}

#[test]
fn an_idle_connection_is_not_given_up_for_a_ticket_that_its_own_origin_limits() {
    let mut rig = limited(Some(1), Some(2));
    rig.busy('a');
    rig.idle::<1>('b');
    rig.wait('a');
    assert_eq!(rig.counts(), (1, 1, 1));
}

#[test]
fn an_origin_at_its_own_limit_does_not_hold_up_the_others() {
    let mut rig = limited(Some(1), Some(2));
    let [a, b] = [rig.busy('a'), rig.busy('b')];
    let [more_a, c] = [rig.wait('a'), rig.wait('c')];
    // 'a' waited longer, but may not have a second connection.
    let acts = rig.release(b, Reuse::No);
    connects_for(&acts[1..], c);
    assert_eq!(rig.release(a, KEEP), [Assign { ticket: more_a, conn: a, reused: true }]);
}

#[test]
fn a_full_queue_refuses_the_next_ticket_and_only_that() {
    let mut rig = rig(PoolConfig { max_connections: Some(1), max_queued: Some(2), ..PoolConfig::NODE });
    // A ticket with a connection being made for it is not in the queue.
    let (_, conn) = rig.begin('a');
    let queue = [rig.wait('a'), rig.wait('a')];
    let (refused, acts) = rig.acquire('a');
    assert_eq!(acts, [Fail { ticket: refused, why: PoolError::QueueFull }]);
    assert_eq!(rig.cancel(refused), (false, Vec::new()));
    rig.begin('b');
    let (refused, acts) = rig.acquire('b');
    assert_eq!(acts, [Fail { ticket: refused, why: PoolError::QueueFull }]);
    // There is room again once one of them is gone.
    assert!(rig.cancel(queue[0]).0);
    rig.wait('b');
    rig.connected(conn);
    assert_eq!(rig.release(conn, KEEP), [Assign { ticket: queue[1], conn, reused: true }]);
}

#[test]
fn a_queue_of_zero_serves_what_can_be_served_at_once() {
    let mut rig = rig(PoolConfig {
        keep_alive: true,
        max_connections: Some(1),
        max_queued: Some(0),
        ..PoolConfig::NODE
    });
    let [conn] = rig.idle('a');
    let (ticket, acts) = rig.acquire('a');
    assert_eq!(acts, [Assign { ticket, conn, reused: true }]);
    let (refused, acts) = rig.acquire('a');
    assert_eq!(acts, [Fail { ticket: refused, why: PoolError::QueueFull }]);
}

#[test]
fn a_refused_ticket_leaves_no_origin_behind() {
    let mut rig = rig(PoolConfig { max_total_connections: Some(1), max_queued: Some(0), ..PoolConfig::NODE });
    rig.busy('a');
    assert_eq!(rig.acquire('b').1.len(), 1);
    assert_eq!(rig.pool.totals().origins, 1);
}

#[test]
fn a_ticket_that_waited_too_long_fails() {
    let mut rig = rig(PoolConfig {
        max_connections: Some(1),
        acquire_timeout: Some(Duration::from_millis(50)),
        ..PoolConfig::NODE
    });
    let (first, conn) = rig.begin('a');
    assert_eq!(rig.pool.poll_timeout(), Some(rig.now.after(50)));
    assert_eq!(rig.pass(20), []);
    let second = rig.wait('a');
    let third = rig.pool.acquire_until(rig.now, &'a', Some(rig.now.after(10)));
    assert_eq!(rig.pool.poll_timeout(), Some(rig.now.after(10)));
    assert_eq!(rig.pass(29), [Fail { ticket: third, why: PoolError::Timeout }]);
    // The connection made for the first is now made for the second.
    assert_eq!(rig.pass(1), [Fail { ticket: first, why: PoolError::Timeout }]);
    assert_eq!(rig.connected(conn), [Assign { ticket: second, conn, reused: false }]);
    assert_eq!(rig.pool.poll_timeout(), None);
}

#[test]
fn tickets_that_time_out_together_all_fail_and_nothing_is_begun_for_them() {
    let mut rig = rig(PoolConfig { max_connections: Some(1), ..PoolConfig::NODE });
    let now = rig.now;
    let tickets = [5, 3, 4].map(|ms| rig.pool.acquire_until(now, &'a', Some(now.after(ms))));
    let conn = connects_for(&rig.acts(), tickets[0]);
    let why = PoolError::Timeout;
    let fails = [tickets[1], tickets[2], tickets[0]].map(|ticket| Fail { ticket, why });
    let acts = rig.pass(5);
    assert_eq!(acts[..3], fails);
    assert_eq!(acts[3..], [Close { conn }]);
}

#[test]
fn nothing_is_left_of_many_origins_and_requests() {
    let mut pool =
        Pool::new(PoolConfig { keep_alive: true, max_total_connections: Some(100), ..PoolConfig::NODE });
    let (mut conns, mut closed) = (Vec::new(), 0);
    for key in 0..5_000u32 {
        let _ = pool.acquire(Time(0), &key);
    }
    loop {
        while let Some(action) = pool.poll_action() {
            match action {
                Connect { conn, .. } => conns.push(conn),
                Close { .. } => closed += 1,
                _ => {}
            }
        }
        assert!(conns.len() <= 100);
        let Some(conn) = conns.pop() else { break };
        pool.connected(Time(0), conn);
        pool.release(Time(0), conn, Reuse::No);
    }
    assert_eq!((closed, pool.totals()), (5_000, Totals::default()));
    assert!(pool.actions.capacity() <= 64);
    assert_eq!((pool.tickets.iter().count(), pool.lanes.iter().count()), (0, 0));
}
