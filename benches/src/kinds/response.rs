//! `response`: the client side. Parsers parse the head; machines and connections send a request of two fields and
//! receive the response with its content.

use super::Start;
use crate::peers::*;

pub(super) const ENGINES: &[(&str, Start)] = &[
    ("httparse", httparse::response),
    ("h1wire", h1wire::response),
    #[cfg(feature = "peers")]
    ("picohttpparser", picohttpparser::response),
    #[cfg(feature = "peers")]
    ("milo", milo::response),
    #[cfg(feature = "peers")]
    ("ureq-proto", ureq_proto::response),
    #[cfg(feature = "peers")]
    ("hyper", hyper::response),
];
