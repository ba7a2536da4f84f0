//! What is told of an exchange.

use std::fmt;

/// A request, and what was answered.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Exchange {
    /// Method and target, escaped.
    pub request: String,
    /// The bytes of the request's content.
    pub sent: u64,
    /// The status of each response, the final one last.
    pub status: Vec<u16>,
    /// The bytes of the final response's content.
    pub received: u64,
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.request, self.sent)?;
        self.status.iter().try_for_each(|status| write!(f, " {status}"))?;
        write!(f, " ({} bytes)", self.received)
    }
}
