//! Requests that the gateway answers by itself, and with what.

use h1wire_mio::Response;
use h1wire_mio::proto::SendError;

use crate::answers::Own;

/// A request that is answered here.
pub enum Refused {
    With(u16, String),
    Here(Own),
    /// Nobody is there; come back after so many seconds.
    Unavailable(u64),
}

impl Refused {
    pub fn with(status: u16, text: &str) -> Self {
        Self::With(status, text.to_owned())
    }

    pub fn answer(self, res: &mut Response<'_>) -> Result<(), SendError> {
        let (status, text) = match self {
            Self::With(status, text) => (status, text),
            Self::Here(own) => return own.answer(res),
            Self::Unavailable(seconds) => {
                res.header("Retry-After", seconds.to_string());
                (503, "no server is there for this at the moment\n".to_owned())
            }
        };
        res.status(status).header("Content-Type", "text/plain").end(text)
    }
}

/// What was received as text. The machine lets nothing but ASCII through in what is asked for here.
pub fn text(bytes: &[u8]) -> Result<&str, Refused> {
    std::str::from_utf8(bytes).map_err(|_| Refused::with(400, "not text\n"))
}
