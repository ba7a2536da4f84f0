//! Nothing: the crate is there for its tests, `cargo test -p h1wire-tls-tests`. They need more to compile than all others
//! together, so they are not among those that `cargo test` runs.
