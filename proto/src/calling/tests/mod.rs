//! Tests over the parts of `calling` together.

mod call;
mod proxies;
mod request;
