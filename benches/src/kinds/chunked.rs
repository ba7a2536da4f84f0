//! `chunked`: a request with 1 MiB of content in chunks of the size that names the input.
//!
//! `httparse` is a loop over `parse_chunk_size` that checks nothing after the size line and skips the data.
//! `picohttpparser` decodes in place and would need its input copied for each message, so it is left out.
//! Machines and connections also take the head and answer; `h1wire-decode` is the chunks alone, as `httparse` is.

use super::Start;
use crate::peers::*;

pub(super) const ENGINES: &[(&str, Start)] = &[
    ("httparse", httparse::chunked),
    ("h1wire", h1wire::content),
    ("h1wire-decode", h1wire::decode),
    #[cfg(feature = "peers")]
    ("milo", milo::recv),
    #[cfg(feature = "peers")]
    ("ureq-proto", ureq_proto::cycle),
    #[cfg(feature = "peers")]
    ("actix", actix::cycle),
    #[cfg(feature = "peers")]
    ("hyper", hyper::cycle),
];
