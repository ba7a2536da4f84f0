//! [`ClientError`]: how a client broke the protocol, for the hook that may answer it. Plain data.

use h1wire_proto::RecvError;

/// What a client did wrong.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ClientError<'a> {
    /// What it is, and where in the stream. Its [status](RecvError::status) is what the client is answered with unless
    /// the hook answers.
    pub error: RecvError,
    /// The bytes in hand that were not accepted, from the start of the head or of the piece of framing with the error.
    /// The peer's, to be escaped before they are shown.
    pub raw: &'a [u8],
    /// How many bytes of the connection were accepted before.
    pub bytes_parsed: u64,
}
