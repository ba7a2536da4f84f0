//! `cycle`: a request received and answered with a status line, `Date`, `Server`, `Content-Type`,
//! `Content-Length` and 13 bytes.
//!
//! `hyper` and `actix-http` are driven as connections over a transport in memory, because that is the only way to
//! use them. Machines without IO are driven as they are meant to be: bytes in, bytes out.

use super::Start;
use crate::peers::*;

pub(super) const ENGINES: &[(&str, Start)] = &[
    ("h1wire", h1wire::cycle),
    #[cfg(feature = "peers")]
    ("ureq-proto", ureq_proto::cycle),
    #[cfg(feature = "peers")]
    ("actix", actix::cycle),
    #[cfg(feature = "peers")]
    ("hyper", hyper::cycle),
];
