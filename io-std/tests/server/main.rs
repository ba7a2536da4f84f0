//! The blocking server over real sockets, one file for each subject.

mod basics;
mod peer;
mod special;
