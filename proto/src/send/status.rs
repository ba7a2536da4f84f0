//! [`Status`]: what a response begins with. Which codes may be sent, and when, is decided in `respond`.

use crate::date::HttpDate;

/// The status line of a response, and the date it is sent at. A plain `u16` will do.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a> {
    /// The status code.
    pub code: u16,
    /// The reason phrase; `None` for the registered one.
    pub reason: Option<&'a [u8]>,
    /// When the response is made. `None` sends no `Date`, as a server without a clock must (RFC 9110 section
    /// 6.6.1). A `Date` among the fields wins.
    pub date: Option<&'a HttpDate>,
}

impl<'a> Status<'a> {
    /// This code with its registered phrase and no date.
    pub const fn new(code: u16) -> Self {
        Self { code, reason: None, date: None }
    }
    /// With this reason phrase, which may be empty.
    #[must_use]
    pub const fn reason(mut self, reason: &'a [u8]) -> Self {
        self.reason = Some(reason);
        self
    }
    /// With this `Date`.
    #[must_use]
    pub const fn date(mut self, date: &'a HttpDate) -> Self {
        self.date = Some(date);
        self
    }
}

impl From<u16> for Status<'_> {
    fn from(code: u16) -> Self {
        Self::new(code)
    }
}
