//! The output queue against the plain bytes that were put into it.

use bytes::Bytes;
use h1wire_proto::{Out, OutQueue};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::io::IoSlice;

static PAGE: [u8; 9000] = [b's'; 9000];

/// All bytes up to the first external segment, taken with room for `room` slices.
fn front<B: AsRef<[u8]>>(queue: &OutQueue<B>, room: usize) -> Vec<u8> {
    let mut slices = vec![&b""[..]; room];
    let n = queue.slices(&mut slices);
    assert!(slices[..n].iter().all(|s| !s.is_empty()), "an empty slice");
    slices[..n].concat()
}

#[test]
fn a_new_queue_owns_no_memory_and_gives_it_back_when_asked() {
    let mut queue = OutQueue::<Bytes>::new();
    assert_eq!((queue.capacity(), queue.len(), queue.is_empty()), (0, 0, true));
    queue.put(b"abc");
    queue.put_static(&PAGE);
    queue.advance(9003);
    assert!(queue.is_empty() && queue.capacity() > 0);
    queue.shrink_to(0);
    assert_eq!(queue.capacity(), 0);
}

#[test]
fn small_payloads_of_every_kind_are_one_slice() {
    let mut queue = OutQueue::new();
    for i in 0..100 {
        queue.put(b"head");
        queue.put_static(b"static");
        queue.put_shared(Bytes::from(vec![i; 100]));
    }
    assert_eq!(queue.only_slice().map(<[u8]>::len), Some(11_000));
    assert_eq!(queue.slices(&mut [&b""[..]; 4]), 1);
}

#[test]
fn large_payloads_are_the_callers_own_memory() {
    let shared = Bytes::from(vec![b'x'; 4096]);
    let mut queue = OutQueue::new();
    queue.put(b"head");
    queue.put_shared(shared.clone());
    queue.put(b"tail");
    queue.put_static(&PAGE);
    let mut slices = [&b""[..]; 8];
    assert_eq!(queue.slices(&mut slices), 4);
    assert_eq!(slices[1].as_ptr(), shared.as_ptr());
    assert_eq!(slices[3].as_ptr(), PAGE.as_ptr());
    assert_eq!((slices[0], slices[2], queue.only_slice()), (&b"head"[..], &b"tail"[..], None));
}

#[test]
fn a_shared_payload_is_dropped_as_soon_as_it_is_sent() {
    let shared = std::sync::Arc::<[u8]>::from(vec![b'x'; 5000]);
    let mut queue = OutQueue::new();
    queue.put_shared(shared.clone());
    queue.put(b"rest");
    queue.advance(4999);
    assert_eq!(std::sync::Arc::strong_count(&shared), 2);
    queue.advance(1);
    assert_eq!(std::sync::Arc::strong_count(&shared), 1);
    assert_eq!(queue.only_slice(), Some(&b"rest"[..]));
}

#[test]
fn slices_are_made_in_the_callers_own_type() {
    let mut queue = OutQueue::<Bytes>::with_copy_below(2);
    queue.put(b"a");
    queue.put_static(b"bc");
    let mut io = [IoSlice::new(b""); 3];
    assert_eq!(queue.fill(&mut io, IoSlice::new), 2);
    assert_eq!((&*io[0], &*io[1]), (&b"a"[..], &b"bc"[..]));
}

#[test]
fn an_external_segment_waits_for_the_bytes_before_it_and_holds_back_those_after() {
    let mut queue = OutQueue::<Bytes>::new();
    queue.put(b"head");
    queue.put_external(7, 1 << 40);
    queue.put(b"next");
    assert_eq!((queue.len(), queue.buffered()), (8 + (1 << 40), 8));
    assert_eq!((front(&queue, 8), queue.front_external()), (b"head".to_vec(), None));
    assert!(!queue.advance_external(1));
    queue.advance(100);
    assert_eq!((front(&queue, 8), queue.front_external()), (vec![], Some((7, 1 << 40))));
    assert!(!queue.advance_external(1 << 39));
    assert_eq!(queue.front_external(), Some((7, 1 << 39)));
    assert!(queue.advance_external(u64::MAX));
    assert_eq!((front(&queue, 8), queue.front_external()), (b"next".to_vec(), None));
}

#[test]
fn empty_payloads_leave_no_trace() {
    let mut queue = OutQueue::<Bytes>::with_copy_below(0);
    queue.put(b"");
    queue.put_static(b"");
    queue.put_shared(Bytes::new());
    queue.put_external(1, 0);
    assert!(queue.is_empty());
    assert_eq!((queue.front_external(), queue.slices(&mut [&b""[..]; 2])), (None, 0));
}

#[test]
fn the_limit_counts_memory_only() {
    let mut queue = OutQueue::<Bytes>::new();
    queue.put_external(1, 1 << 30);
    assert!(!queue.is_full(1));
    queue.put(b"abc");
    assert!(!queue.is_full(4));
    assert!(queue.is_full(3) && queue.is_full(0));
}

#[test]
fn a_queue_that_never_runs_empty_reuses_its_memory() {
    let mut queue = OutQueue::<Bytes>::new();
    let round = |queue: &mut OutQueue| {
        queue.put(&[b'a'; 700]);
        queue.put_static(&PAGE);
        queue.advance(9700);
    };
    queue.put(&[b'a'; 300]);
    for _ in 0..10 {
        round(&mut queue);
    }
    let settled = queue.capacity();
    for _ in 0..1000 {
        round(&mut queue);
    }
    assert_eq!((queue.capacity(), queue.len()), (settled, 300));
    assert!(settled < 4096, "{settled}");
}

#[derive(Debug, Clone)]
enum Op {
    Put(usize),
    Static(usize),
    Shared(usize),
    External(u64),
    Take { room: usize, part: usize },
    Move(u64),
    Overrun,
    Shrink(usize),
    Clear,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0..40usize).prop_map(Op::Put),
        4 => (0..40usize).prop_map(Op::Static),
        4 => (0..40usize).prop_map(Op::Shared),
        2 => (0..40u64).prop_map(Op::External),
        8 => (0..5usize, 0..60usize).prop_map(|(room, part)| Op::Take { room, part }),
        4 => (0..30u64).prop_map(Op::Move),
        1 => Just(Op::Overrun),
        1 => (0..100usize).prop_map(Op::Shrink),
        1 => Just(Op::Clear),
    ]
}

/// The naive queue: one item for each byte, and one for each external segment.
#[derive(Debug, PartialEq, Clone, Copy)]
enum Item {
    Byte(u8),
    External(u64, u64),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn it_equals_a_naive_queue(ops in proptest::collection::vec(op(), 0..80), copy_below in 0..30usize) {
        let mut queue = OutQueue::<Bytes>::with_copy_below(copy_below);
        let mut model = VecDeque::<Item>::new();
        let mut next = 0u8;
        let mut ids = 0;
        let mut bytes = |n: usize| -> Vec<u8> {
            (0..n).map(|_| { next = next.wrapping_add(1); next }).collect()
        };
        for op in ops {
            let ready: Vec<u8> = model.iter().map_while(|i| match i { Item::Byte(b) => Some(*b), _ => None }).collect();
            match op {
                Op::Put(n) => {
                    let b = bytes(n);
                    queue.put(&b);
                    model.extend(b.into_iter().map(Item::Byte));
                }
                Op::Static(n) => {
                    queue.put_static(&PAGE[..n]);
                    model.extend(PAGE[..n].iter().copied().map(Item::Byte));
                }
                Op::Shared(n) => {
                    let b = bytes(n);
                    queue.put_shared(Bytes::from(b.clone()));
                    model.extend(b.into_iter().map(Item::Byte));
                }
                Op::External(len) => {
                    ids += 1;
                    queue.put_external(ids, len);
                    if len > 0 { model.push_back(Item::External(ids, len)); }
                }
                Op::Take { room, part } => {
                    let got = front(&queue, room);
                    prop_assert!(ready.starts_with(&got));
                    prop_assert!(!got.is_empty() || room == 0 || ready.is_empty());
                    let n = part.min(got.len());
                    queue.advance(n);
                    model.drain(..n);
                }
                Op::Overrun => {
                    queue.advance(usize::MAX);
                    model.drain(..ready.len());
                }
                Op::Move(n) => {
                    let done = queue.advance_external(n);
                    let left = match model.front_mut() {
                        Some(Item::External(_, len)) => { *len = len.saturating_sub(n); *len }
                        _ => u64::MAX,
                    };
                    if left == 0 { model.pop_front(); }
                    prop_assert_eq!(done, left == 0);
                }
                Op::Shrink(keep) => queue.shrink_to(keep),
                Op::Clear => { queue.clear(); model.clear(); }
            }
            let ready: Vec<u8> = model.iter().map_while(|i| match i { Item::Byte(b) => Some(*b), _ => None }).collect();
            prop_assert_eq!(&front(&queue, 200), &ready);
            prop_assert_eq!(queue.only_slice().is_some_and(|s| s != ready), false);
            let total: u64 = model.iter().map(|i| match i { Item::Byte(_) => 1, Item::External(_, n) => *n }).sum();
            let memory = model.iter().filter(|i| matches!(i, Item::Byte(_))).count();
            prop_assert_eq!((queue.len(), queue.buffered(), queue.is_empty()), (total, memory, model.is_empty()));
            let external = match model.front() { Some(Item::External(id, n)) => Some((*id, *n)), _ => None };
            prop_assert_eq!(queue.front_external(), external);
        }
    }
}
