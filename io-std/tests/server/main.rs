//! The blocking server over real sockets, one file for each subject.

mod announced;
mod basics;
mod clients;
mod crowd;
mod endings;
mod handlers;
mod hooks;
mod incoming;
mod life;
mod peer;
mod ready;
mod reports;
mod special;
mod timeouts;
