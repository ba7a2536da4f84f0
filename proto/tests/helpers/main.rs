//! The pure helpers beside the machine, each held against a naive model of itself.

mod date;
mod forward;
mod gateway;
mod headers;
mod inbuf;
mod queue;
mod target;
mod timers;
mod timers_model;
mod values;
mod wheel;
