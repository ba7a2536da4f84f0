//! `recv`: a request head from bytes to what the engine makes of it.
//!
//! `memchr` only looks for line feeds and is the physical reference. `httparse` and `picohttpparser` find tokens.
//! `milo` finds tokens, decides the framing and passes over the content. `h1wire` hands out a validated request
//! with its framing decided, and passes over the content.

use super::Start;
use crate::peers::*;

pub(super) const ENGINES: &[(&str, Start)] = &[
    ("memchr", memchr::recv),
    ("httparse", httparse::recv),
    ("h1wire", h1wire::recv),
    #[cfg(feature = "peers")]
    ("picohttpparser", picohttpparser::recv),
    #[cfg(feature = "peers")]
    ("milo", milo::recv),
];
