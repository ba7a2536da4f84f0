//! The pure helpers beside the machine, each held against a naive model of itself.

mod date;
mod headers;
mod inbuf;
mod queue;
