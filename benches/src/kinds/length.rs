//! `length`: a request with 1 MiB of content and its `Content-Length`. Connections also answer.

use super::Start;
#[allow(unused_imports, reason = "without peers only our own engine remains")]
use crate::peers::*;

pub(super) const ENGINES: &[(&str, Start)] = &[
    #[cfg(feature = "peers")]
    ("milo", milo::recv),
    #[cfg(feature = "peers")]
    ("ureq-proto", ureq_proto::cycle),
    #[cfg(feature = "peers")]
    ("actix", actix::cycle),
    #[cfg(feature = "peers")]
    ("hyper", hyper::cycle),
];
