//! A line for each request, in the common log format, on standard error.

use std::io::Write;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use h1wire_mio::proto::{AccessLine, Version};
use h1wire_mio::{Report, Request, Response};

/// What is remembered of a request until its answer is sent.
pub struct Line {
    peer: Option<IpAddr>,
    unix_secs: u64,
    method: Vec<u8>,
    target: Vec<u8>,
    version: Version,
}

impl Line {
    pub fn of(req: &Request<'_>, res: &Response<'_>) -> Self {
        Self {
            peer: res.stream().peer_addr().map(|addr| addr.ip()),
            unix_secs: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            method: req.method.as_bytes().to_vec(),
            target: req.target.to_vec(),
            version: req.version,
        }
    }

    pub fn write(&self, report: &Report) {
        let Self { peer, unix_secs, method, target, version } = self;
        let line = AccessLine {
            peer: *peer,
            unix_secs: *unix_secs,
            method,
            target,
            version: *version,
            status: report.status,
            sent: report.sent,
            ..AccessLine::default()
        };
        note(format_args!("{}", line.common()));
    }
}

/// Whoever reads standard error may have gone, which is no reason to stop.
pub fn note(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
