//! The input remainder: nothing lost, nothing doubled, no memory held when empty.

use h1wire_proto::InBuf;
use proptest::prelude::*;

#[test]
fn an_idle_buffer_owns_nothing() {
    let mut rest = InBuf::new();
    assert_eq!(rest.join(b"GET / ", 100), Some(&b"GET / "[..]));
    rest.keep(0, b"GET / ");
    assert_eq!(rest.capacity(), 0);
    rest.keep(3, b"GET / ");
    assert_eq!(rest.join(b"HTTP", 100), Some(&b" / HTTP"[..]));
    rest.keep(0, b"HTTP");
    assert_eq!(rest.capacity(), 0);
}

#[test]
fn fresh_bytes_are_shown_without_a_copy_while_nothing_is_held() {
    let mut rest = InBuf::new();
    let fresh = [7; 100];
    assert_eq!(rest.join(&fresh, 0).map(<[u8]>::as_ptr), Some(fresh.as_ptr()));
    let mut buffer = [7; 100];
    let at = buffer[10..].as_ptr();
    assert_eq!(rest.join_in(&mut buffer, 10..20, 0).map(|s| (s.as_ptr(), s.len())), Some((at, 10)));
}

#[test]
fn more_than_the_cap_is_refused_and_changes_nothing() {
    let mut rest = InBuf::new();
    rest.keep(3, b"abc");
    assert_eq!(rest.join(b"defgh", 7), None);
    assert_eq!(rest.bytes(), b"abc");
    assert_eq!(rest.join(b"defg", 7), Some(&b"abcdefg"[..]));
    assert_eq!(rest.join(b"", 7), Some(&b"abcdefg"[..]));
    assert_eq!(rest.join(b"", 1), Some(&b"abcdefg"[..]));
}

#[test]
fn the_shorter_part_is_the_one_that_is_copied() {
    let mut rest = InBuf::new();
    let mut buffer = *b"........fresh bytes....";
    rest.keep(4, b"held");
    let at = buffer[4..].as_ptr();
    let joined = rest.join_in(&mut buffer, 8..19, 100).map(|s| (s.as_ptr(), s.to_vec()));
    assert_eq!(joined, Some((at, b"heldfresh bytes".to_vec())));
    rest.keep_with(13, &buffer[..19], &mut Vec::with_capacity(64));
    assert_eq!(rest.bytes(), b"ldfresh bytes");
    // Now more is held than arrives, and the fresh bytes move.
    let at = rest.bytes().as_ptr();
    buffer[8..10].copy_from_slice(b"!!");
    rest.join_in(&mut buffer, 8..10, 100).unwrap();
    rest.keep(4, &buffer[..10]);
    assert_eq!((rest.bytes(), rest.bytes().as_ptr()), (&b"es!!"[..], at.wrapping_add(11)));
}

#[test]
fn without_free_space_before_them_fresh_bytes_are_copied() {
    let mut rest = InBuf::new();
    rest.keep(4, b"held");
    let mut buffer = *b"...fresh";
    assert_eq!(rest.join_in(&mut buffer, 3..8, 9), Some(&b"heldfresh"[..]));
    assert_eq!(rest.join_in(&mut buffer, 3..8, 13), None);
    assert_eq!(rest.join_in(&mut buffer, 3..9, 100), None);
}

#[test]
fn memory_comes_from_the_spare_slot_and_returns_to_it_wiped() {
    let (mut spare, mut one, mut two) = (Vec::with_capacity(64), InBuf::new(), InBuf::new());
    let memory = spare.as_ptr();
    one.keep_with(6, b"secret", &mut spare);
    assert_eq!((one.bytes().as_ptr(), spare.capacity()), (memory, 0));
    one.join(b"s", 64).unwrap();
    one.keep_with(0, b"s", &mut spare);
    assert_eq!((one.capacity(), spare.as_ptr()), (0, memory));
    two.keep_with(1, b"x", &mut spare);
    assert_eq!(two.spare(6, 64), [0; 6]);
}

#[test]
fn a_read_buffer_keeps_its_memory_until_it_is_released() {
    let mut input = InBuf::new();
    for _ in 0..100 {
        let room = input.spare(4096, 4096);
        room[..5].copy_from_slice(b"bytes");
        input.filled(5);
        assert_eq!(input.bytes(), b"bytes");
        input.consume(5);
        assert_eq!(input.capacity(), 4096);
    }
    let mut spare = Vec::new();
    input.release(&mut spare);
    assert_eq!((input.capacity(), spare.capacity()), (0, 4096));
}

#[test]
fn a_read_buffer_never_offers_more_than_the_cap() {
    let mut input = InBuf::new();
    assert_eq!(input.spare(100, 10).len(), 10);
    input.filled(7);
    assert_eq!(input.spare(100, 10).len(), 3);
    input.filled(usize::MAX);
    assert_eq!((input.len(), input.spare(1, 10).len()), (10, 0));
    input.consume(1);
    assert_eq!(input.spare(100, 10).len(), 1);
    input.consume(usize::MAX);
    assert_eq!(input.spare(100, 10).len(), 10);
}

/// Feeds `total` bytes one by one with `held` of them unconsumed, and counts the bytes that changed their place.
fn moved(held: usize, total: usize, mut step: impl FnMut(&mut InBuf, u8)) -> usize {
    let (mut input, mut moved, mut place) = (InBuf::new(), 0, std::ptr::null());
    for i in 0..total {
        step(&mut input, i as u8);
        let last = input.bytes().as_ptr_range().end.wrapping_sub(1);
        if last != place {
            moved += input.len();
        }
        if input.len() > held {
            input.consume(1);
        }
        place = last.wrapping_add(1);
    }
    assert!(input.capacity() <= (2 * held).max(8), "{} for {held}", input.capacity());
    moved
}

#[test]
fn bytes_that_drip_in_are_not_moved_more_than_a_few_times_each() {
    for held in [0, 1, 100, 8192, 100_000] {
        let total = 50_000;
        let joined = moved(held, total, |input, byte| {
            input.join(&[byte], held + 1).unwrap();
            let n = input.len().max(1);
            input.keep(n, &[byte]);
        });
        let read = moved(held, total, |input, byte| {
            input.spare(1, held + 1)[0] = byte;
            input.filled(1);
        });
        assert!(joined <= 4 * total && read <= 4 * total, "{held}: {joined} and {read}");
    }
}

#[derive(Debug, Clone)]
enum Op {
    Join { fresh: Vec<u8>, left: usize },
    JoinIn { space: usize, fresh: Vec<u8>, left: usize },
    Read { ask: usize, got: usize },
    Consume(usize),
    Release,
}

fn op() -> impl Strategy<Value = Op> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..30);
    prop_oneof![
        (bytes(), 0..80usize).prop_map(|(fresh, left)| Op::Join { fresh, left }),
        (0..40usize, bytes(), 0..80usize).prop_map(|(space, fresh, left)| Op::JoinIn { space, fresh, left }),
        (0..50usize, 0..50usize).prop_map(|(ask, got)| Op::Read { ask, got }),
        (0..50usize).prop_map(Op::Consume),
        Just(Op::Release),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn it_equals_a_naive_buffer(ops in proptest::collection::vec(op(), 0..100), cap in 1..64usize) {
        let (mut input, mut spare, mut model) = (InBuf::new(), Vec::new(), Vec::new());
        for op in ops {
            match op {
                Op::Join { fresh, left } => {
                    let fits = model.is_empty() || fresh.is_empty() || model.len() + fresh.len() <= cap;
                    let joined = input.join(&fresh, cap).map(<[u8]>::to_vec);
                    prop_assert_eq!(joined.is_some(), fits);
                    if let Some(joined) = joined {
                        model.extend(&fresh);
                        prop_assert_eq!(&joined, &model);
                        input.keep_with(left, &fresh, &mut spare);
                        model.drain(..model.len().saturating_sub(left));
                    }
                }
                Op::JoinIn { space, fresh, left } => {
                    let mut buffer = vec![0xee; space];
                    buffer.extend(&fresh);
                    let end = buffer.len();
                    buffer.extend([0xdd; 3]);
                    let fits = model.is_empty() || fresh.is_empty() || model.len() + fresh.len() <= cap;
                    if let Some(joined) = input.join_in(&mut buffer, space..end, cap).map(<[u8]>::to_vec) {
                        prop_assert!(fits);
                        model.extend(&fresh);
                        prop_assert_eq!(&joined, &model);
                        let left = left.min(joined.len());
                        input.keep(left, &buffer[..end]);
                        model.drain(..model.len().saturating_sub(left));
                    } else {
                        prop_assert!(!fits);
                    }
                }
                Op::Read { ask, got } => {
                    let room = input.spare(ask, cap);
                    prop_assert_eq!(room.len(), ask.min(cap.saturating_sub(model.len())));
                    let got = got.min(room.len());
                    room[..got].fill(0xab);
                    input.filled(got);
                    model.extend(vec![0xab; got]);
                }
                Op::Consume(n) => {
                    input.consume(n);
                    model.drain(..n.min(model.len()));
                }
                Op::Release => input.release(&mut spare),
            }
            prop_assert_eq!(input.bytes(), &model[..]);
            prop_assert_eq!((input.len(), input.is_empty()), (model.len(), model.is_empty()));
            prop_assert!(input.capacity() <= 2 * cap.max(30));
        }
        input.keep(0, b"");
        prop_assert_eq!(input.capacity(), 0);
    }
}
