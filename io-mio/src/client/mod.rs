//! An HTTP client on event loops: requests, the connections they share, and what happens to them, told as it happens.
//!
//! | you want it | see |
//! |---|---|
//! | from any thread: waited for, awaited, or told by a callback | [`Client`], [`get`] |
//! | in a loop you have already | [`ClientLoop`] |
//! | in the loop of a server, for its handler | [`Response::upstream`](crate::Response::upstream) |
//!
//! Whichever it is, a request is a [`Request`], what can be set for all of them is in [`Options`], what happens to one is told
//! as an [`Event`], what can be done about it by its [`Call`], and what can go wrong is an [`Error`].

mod abort;
mod active;
mod agent;
mod asked;
mod call;
mod client_loop;
mod drive;
pub(crate) mod engine;
mod errands;
mod error;
mod event;
mod link;
mod mailbox;
mod making;
mod moving;
mod options;
mod pending;
mod plan;
mod race;
mod request;
mod response;
mod settings;
mod shared;
mod spec;
mod telling;
mod upload;
mod url;
mod wiring;

pub use abort::AbortHandle;
pub(crate) use active::Owner;
pub use call::Call;
pub use client_loop::{Caller, ClientLoop};
pub use engine::CallId;
pub use error::{Error, ErrorKind, Timeout};
pub use event::Event;
pub use options::{BoxError, CreateConnection, KeepConnection, Lookup, Options, ReuseConnection};
pub use pending::Pending;
pub use request::Request;
pub use response::{Content, Piece, Response, Text};
pub use shared::{Client, OriginCounts, get};
pub use upload::{Room, Upload};
