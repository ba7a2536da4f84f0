//! HTTP/1.1 as a state machine without IO: bytes in, events out, and back again.
#![cfg_attr(not(test), no_std)]
// What is disallowed, and why, is in `clippy.toml`.
#![deny(clippy::disallowed_methods)]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod advice;
mod authority;
mod chunked;
mod class;
mod conn;
mod cycle;
mod date;
mod error;
mod fields;
mod forward;
mod framing;
mod head;
mod headers;
mod inbuf;
mod leniency;
mod limits;
mod list;
mod message;
mod out;
mod owned;
pub mod pool;
mod queue;
pub mod retry;
#[allow(unsafe_code)]
mod scan;
mod send;
mod tables;
mod target;
mod time;
mod timeouts;
mod timers;
mod upgrade;
mod validate;
mod views;
mod visits;
mod wheel;

pub use advice::{Advice, Phase};
pub use authority::Authority;
pub use conn::{
    Client, ClientConfig, ClientEvent, Conn, Need, Pause, Recv, Role, Server, ServerConfig, ServerEvent,
};
pub use date::{DateCache, HttpDate};
pub use error::{RecvError, RecvErrorKind, SendError};
pub use fields::{Escaped, Fields, FieldsIter, Slots};
pub use forward::{EndToEnd, ForwardRequest, ForwardResponse, Forwarding, HopByHop, NextHop, NotForwarded};
pub use headers::{Headers, Merged};
pub use inbuf::InBuf;
pub use leniency::{ClientLeniency, ServerLeniency};
pub use limits::Limits;
pub use list::{
    KeepAlive, Members, Parameter, Parameters, members, members_with_comments, split_parameters, tokens,
    unquote,
};
pub use message::{BodyKind, Expect, Method, RequestHead, ResponseHead, Version};
pub use out::{BodyLen, Count, FieldSource, Frame, Out};
pub use owned::{OwnedFields, OwnedRequest, OwnedResponse};
pub use queue::OutQueue;
#[doc(hidden)]
pub use scan::{ScanDigest, scan_twins};
pub use send::{BodyTx, Prepared, Status};
pub use tables::{METHODS, MethodInfo, STATUS_CODES, reason_phrase};
pub use target::Target;
pub use time::Time;
pub use timeouts::Timeouts;
pub use timers::{Activity, Expired, Timers};
pub use validate::{Strictness, validate_name, validate_value};
pub use views::{Distinct, Duplicates, Named, View};
pub use wheel::Wheel;
