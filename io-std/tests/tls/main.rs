//! `https://` over real sockets, with a certificate of its own.
#![cfg(feature = "tls")]

mod authority;
mod client;
mod proxies;
mod retry;
mod server;
mod slow;
