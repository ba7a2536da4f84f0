//! `https://` over real sockets, with a certificate of its own: `cargo test -p h1wire-tls-tests --test std`.
#![cfg(feature = "tls")]

mod authority;
mod client;
mod proxies;
mod retry;
mod server;
mod slow;
