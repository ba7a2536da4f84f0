//! The engines, one file each: a function for each kind of work that takes an input and returns a run.

pub(crate) mod h1wire;
pub(crate) mod httparse;
pub(crate) mod memchr;

#[cfg(feature = "peers")]
pub(crate) mod actix;
#[cfg(feature = "peers")]
pub(crate) mod hyper;
#[cfg(feature = "peers")]
mod memory;
#[cfg(feature = "peers")]
pub(crate) mod milo;
#[cfg(feature = "peers")]
pub(crate) mod picohttpparser;
#[cfg(feature = "peers")]
pub(crate) mod ureq_proto;

/// `Server` field of every answer, so that all answers have the same length.
const SERVER: &str = "bench";
/// `Content-Type` field of every answer.
const CONTENT_TYPE: &str = "text/plain";
/// The date for engines that are handed a time.
const UNIX_SECS: u64 = 1_763_849_400;
/// The same for engines that are handed a text. A server renews it once a second.
#[cfg(feature = "peers")]
const DATE: &str = "Sat, 22 Nov 2025 22:10:00 GMT";
