//! The client: requests, the exchanges they become, responses, and the [`Agent`] that keeps connections for them.

mod abort;
mod ending;
mod event;
mod exchange;
mod options;
mod receive;
mod report;
mod request;
mod response;
mod send;
mod spec;
mod upgraded;
mod upload;
mod url;
mod wire;

pub use crate::agent::{Agent, AgentBuilder, Destination, OriginCounts};
pub use crate::error::{Error, ErrorKind, Timeout};
pub use crate::proxy::{Proxies, Proxy, ProxyError};
pub use abort::AbortHandle;
pub(crate) use abort::Abortable;
pub use event::Event;
pub use report::Report;
pub use request::Request;
pub use response::Response;
pub(crate) use spec::Waits;
pub use upgraded::Upgraded;
pub use upload::Upload;
pub use url::IntoUrl;
pub(crate) use wire::{Flushed, Wire, is_timeout};
