//! [`Place`]: where a request goes, taken from the text of a URL by the crate `url`.
//!
//! What it means for the connection and for the wire is decided by `h1wire_proto::calling`.

use std::fmt;

use h1wire_proto::calling::{Credentials, Url};

use super::error::ErrorKind;

/// The place a request is for, and what it asks of it.
#[derive(Clone)]
pub(crate) struct Place {
    https: bool,
    /// Without brackets, if it is an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) default_port: Option<u16>,
    /// Path and query, as they stand on the wire.
    pub(crate) target: String,
    pub(crate) credentials: Option<Credentials>,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            https: false,
            host: "localhost".into(),
            port: None,
            default_port: None,
            target: "/".into(),
            credentials: None,
        }
    }
}

impl Place {
    /// As its parts.
    pub(crate) fn url(&self) -> Url<'_> {
        Url {
            https: self.https,
            host: &self.host,
            port: self.port,
            default_port: self.default_port,
            target: &self.target,
            credentials: self.credentials.as_ref(),
        }
    }
}

/// Where a URL leads.
pub(crate) fn place(text: &str) -> Result<Place, ErrorKind> {
    let url = url::Url::parse(text).map_err(|error| ErrorKind::invalid(format!("bad URL: {error}")))?;
    let https = match url.scheme() {
        "http" => false,
        "https" => true,
        other => return Err(ErrorKind::invalid(format!("the protocol \"{other}:\" is not supported"))),
    };
    let Some(host) = url.host_str() else { return Err(ErrorKind::invalid("the URL has no host")) };
    let has_user = !url.username().is_empty() || url.password().is_some();
    let mut target = String::with_capacity(url.path().len() + 1 + url.query().map_or(0, str::len));
    target.push_str(url.path());
    if let Some(query) = url.query() {
        target.push('?');
        target.push_str(query);
    }
    Ok(Place {
        https,
        host: host.trim_matches(['[', ']']).to_owned(),
        port: url.port(),
        default_port: None,
        target,
        credentials: has_user
            .then(|| Credentials::of_url(url.username(), url.password().unwrap_or_default())),
    })
}

/// Without the credentials, for logs.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url();
        let mut host = Vec::new();
        url.put_host(&mut host);
        write!(f, "{}://{}{}", url.scheme(), host.escape_ascii(), self.target)
    }
}
