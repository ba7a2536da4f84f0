//! `length`: a request with 1 MiB of content and its `Content-Length`. Connections also answer.

use super::Start;
use crate::peers::*;

pub(super) const ENGINES: &[(&str, Start)] = &[
    ("h1wire", h1wire::content),
    #[cfg(feature = "peers")]
    ("milo", milo::recv),
    #[cfg(feature = "peers")]
    ("ureq-proto", ureq_proto::cycle),
    #[cfg(feature = "peers")]
    ("actix", actix::cycle),
    #[cfg(feature = "peers")]
    ("hyper", hyper::cycle),
];
