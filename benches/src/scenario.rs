//! What the load on a server looks like.

use crate::inputs;

/// One kind of load.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The name on the command line and in the results.
    pub name: &'static str,
    /// One request.
    pub request: Vec<u8>,
    /// How many requests are sent at once on a connection.
    pub depth: usize,
    /// Whether each request has a connection of its own.
    pub reconnect: bool,
}

/// The scenarios that are run when none is named.
pub const ORDINARY: [&str; 3] = ["small", "browser", "pipelined"];

impl Scenario {
    /// Every scenario.
    pub fn all() -> Vec<Self> {
        let one = |name, request: &[u8]| Self { name, request: request.to_vec(), depth: 1, reconnect: false };
        vec![
            one("small", inputs::A),
            one("browser", inputs::C),
            Self { depth: 16, ..one("pipelined", inputs::A) },
            one("64k", b"GET /64k HTTP/1.1\r\nHost: server\r\n\r\n"),
            one("1m", b"GET /1m HTTP/1.1\r\nHost: server\r\n\r\n"),
            one("file", b"GET /file HTTP/1.1\r\nHost: server\r\n\r\n"),
            one("upload", &inputs::cl_request()),
            one("upload-chunked", &inputs::chunked_request(65536)),
            Self {
                reconnect: true,
                ..one("connect", b"GET /plaintext HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n")
            },
        ]
    }
}
