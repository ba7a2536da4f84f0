//! The client: requests, the exchanges they become, and responses.

mod abort;
mod early;
mod ending;
mod event;
mod exchange;
mod limits;
mod options;
mod plain;
mod receive;
mod request;
mod response;
mod send;
mod spec;
mod upgraded;
mod upload;
mod url;
mod wire;

pub use abort::AbortHandle;
pub use event::Event;
pub use request::Request;
pub use response::Response;
pub use upgraded::Upgraded;
pub use upload::Upload;
pub use url::IntoUrl;
pub(crate) use url::{basic, decode, without_zone};
pub(crate) use wire::{Flushed, Wire, is_timeout};
