//! `memchr` over the bytes: the physical reference, not a parser.

use std::hint::black_box;

use crate::{Input, Run};

pub(crate) fn recv(input: &'static Input) -> Run {
    input.each(|bytes, _| {
        black_box(memchr::memchr(0, bytes));
    })
}
