//! What a program needs of the board and the debugger beneath it, and nothing about HTTP.
//!
//! The board is a Cortex-M4 without an operating system. A program has a function `firmware`, says what it has to say
//! by [`say`] and [`show`], and reports at its end how much memory it had.
#![no_std]

mod board;
mod heap;

pub use board::{number, say, show};
