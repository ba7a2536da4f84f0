//! An HTTP client on event loops: requests, the connections they share, and what happens to them, told as it happens.
//!
//! | you want it | see |
//! |---|---|
//! | in a loop you have already | [`ClientLoop`] |

mod active;
mod agent;
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
mod plan;
mod race;
mod request;
mod settings;
mod spec;
mod telling;
mod url;
mod wiring;

pub(crate) use active::Owner;
pub use call::Call;
pub use client_loop::{Caller, ClientLoop};
pub use engine::CallId;
pub use error::{Error, ErrorKind, Timeout};
pub use event::Event;
pub use options::{BoxError, CreateConnection, KeepConnection, Lookup, Options, ReuseConnection};
pub use request::Request;
