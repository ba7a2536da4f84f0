//! The command line: what the gateway is told to do. Nothing is opened here but the file of origins.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use h1wire_mio::proto::ForwardedForm;
use lexopt::prelude::*;

use crate::origins::{Balance, Health};

pub const HELP: &str = "\
Passes HTTP/1.1 requests on to other servers, one event loop for each worker.

usage: gateway --listen ADDRESS --to URL [--to URL]... [OPTION]...
       gateway --listen ADDRESS --forward [OPTION]...

Where to listen and what for:
  --listen ADDRESS        address and port; may be given several times
  --to URL                an origin, http://HOST[:PORT] or https://HOST[:PORT]; several share the load
  --origins FILE          a file with an origin on each line; SIGHUP reads it anew
  --forward               a proxy that clients choose: absolute targets, and CONNECT
  --connect-ports LIST    ports that CONNECT may reach, such as 443,8443, or all   [443]
  --workers N             event loops, each a thread                               [one for each processor]

How origins share the load:
  --balance HOW           round-robin or least-connections                         [round-robin]
  --max-fails N           an origin rests after so many failures in a row, 0 never [3]
  --rest SECONDS          for so long, longer with each failure                    [5]
  --retries N             other origins to try when one cannot be reached          [2]

What is said of the client, and to whom:
  --name NAME             this gateway in Via                                      [h1wire]
  --forwarded HOW         none, forwarded (RFC 7239) or x-forwarded                [x-forwarded]
  --trust-forwarded       clients are proxies of yours: believe what they say
  --keep-host             send the client's Host on, not the origin's
  --accept-proxy          connections begin with the PROXY protocol, version 1 or 2
  --send-proxy VERSION    begin connections to origins with it, v1 or v2

Limits, in seconds unless said otherwise:
  --head-limit BYTES      largest head of a request or response                    [16384]
  --per-peer N            connections from one address                             [no limit]
  --connections N         connections from all clients                             [no limit]
  --connect-timeout S     to reach an origin                                       [5]
  --timeout S             without a byte from client or origin                     [60]
  --drain S               to finish what is under way after SIGTERM                [30]

TLS (in builds with the feature tls):
  --tls-cert FILE         certificate chain, PEM; with --tls-key FILE, clients speak TLS
  --origin-ca FILE        roots to trust origins by, PEM

What is told about it:
  --access-log FILE       a line for each request, - for standard output
  --log-format FORMAT     common or combined                                       [combined]
  --metrics ADDRESS       counters in Prometheus' text form, at /metrics of this address

  -h, --help              this text
  -V, --version           the version
";

/// Everything the gateway is told.
#[derive(Clone, Debug)]
pub struct Args {
    pub listen: Vec<SocketAddr>,
    pub origins: Vec<String>,
    pub origins_file: Option<PathBuf>,
    pub forward: bool,
    /// `None`: every port.
    pub connect_ports: Option<Vec<u16>>,
    pub workers: usize,
    pub balance: Balance,
    pub health: Health,
    pub retries: u32,
    pub name: String,
    pub forwarded: Option<ForwardedForm>,
    pub trust_forwarded: bool,
    pub keep_host: bool,
    pub accept_proxy: bool,
    pub send_proxy: Option<ProxyVersion>,
    pub head_limit: u32,
    pub per_peer: Option<usize>,
    pub connections: Option<usize>,
    pub connect_timeout: Duration,
    pub timeout: Duration,
    pub drain: Duration,
    pub tls: Option<(PathBuf, PathBuf)>,
    pub origin_ca: Option<PathBuf>,
    pub access_log: Option<PathBuf>,
    pub combined: bool,
    pub metrics: Option<SocketAddr>,
}

/// A version of the PROXY protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProxyVersion {
    V1,
    V2,
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Asked {
    Run(Box<Args>),
    Help,
    Version,
}

type Error = Box<dyn std::error::Error + Send + Sync>;

impl Asked {
    /// Reads the arguments of this process.
    pub fn from_env() -> Result<Self, Error> {
        Self::parse(lexopt::Parser::from_env())
    }

    fn parse(mut parser: lexopt::Parser) -> Result<Self, Error> {
        let mut args = Args::new();
        let (mut cert, mut key) = (None, None);
        while let Some(arg) = parser.next()? {
            match arg {
                Short('h') | Long("help") => return Ok(Self::Help),
                Short('V') | Long("version") => return Ok(Self::Version),
                Long("listen") => args.listen.push(value(&mut parser, "--listen")?),
                Long("to") => args.origins.push(origin(&parser.value()?.string()?)?),
                Long("origins") => args.origins_file = Some(parser.value()?.into()),
                Long("forward") => args.forward = true,
                Long("connect-ports") => args.connect_ports = ports(&parser.value()?.string()?)?,
                Long("workers") => args.workers = at_least_one(&mut parser, "--workers")?,
                Long("balance") => {
                    args.balance = match parser.value()?.string()?.as_str() {
                        "round-robin" => Balance::RoundRobin,
                        "least-connections" => Balance::LeastConnections,
                        other => return Err(unknown("--balance", other, "round-robin or least-connections")),
                    }
                }
                Long("max-fails") => args.health.max_fails = value(&mut parser, "--max-fails")?,
                Long("rest") => args.health.rest = seconds(&mut parser, "--rest")?,
                Long("retries") => args.retries = value(&mut parser, "--retries")?,
                Long("name") => args.name = parser.value()?.string()?,
                Long("forwarded") => {
                    args.forwarded = match parser.value()?.string()?.as_str() {
                        "none" => None,
                        "forwarded" => Some(ForwardedForm::Forwarded),
                        "x-forwarded" => Some(ForwardedForm::XForwarded),
                        other => return Err(unknown("--forwarded", other, "none, forwarded or x-forwarded")),
                    }
                }
                Long("trust-forwarded") => args.trust_forwarded = true,
                Long("keep-host") => args.keep_host = true,
                Long("accept-proxy") => args.accept_proxy = true,
                Long("send-proxy") => {
                    args.send_proxy = match parser.value()?.string()?.as_str() {
                        "v1" => Some(ProxyVersion::V1),
                        "v2" => Some(ProxyVersion::V2),
                        other => return Err(unknown("--send-proxy", other, "v1 or v2")),
                    }
                }
                Long("head-limit") => args.head_limit = value(&mut parser, "--head-limit")?,
                Long("per-peer") => args.per_peer = Some(value(&mut parser, "--per-peer")?),
                Long("connections") => args.connections = Some(value(&mut parser, "--connections")?),
                Long("connect-timeout") => args.connect_timeout = seconds(&mut parser, "--connect-timeout")?,
                Long("timeout") => args.timeout = seconds(&mut parser, "--timeout")?,
                Long("drain") => args.drain = seconds(&mut parser, "--drain")?,
                Long("tls-cert") => cert = Some(PathBuf::from(parser.value()?)),
                Long("tls-key") => key = Some(PathBuf::from(parser.value()?)),
                Long("origin-ca") => args.origin_ca = Some(parser.value()?.into()),
                Long("access-log") => args.access_log = Some(parser.value()?.into()),
                Long("log-format") => {
                    args.combined = match parser.value()?.string()?.as_str() {
                        "common" => false,
                        "combined" => true,
                        other => return Err(unknown("--log-format", other, "common or combined")),
                    }
                }
                Long("metrics") => args.metrics = Some(value(&mut parser, "--metrics")?),
                _ => return Err(arg.unexpected().into()),
            }
        }
        args.tls = match (cert, key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            _ => return Err("--tls-cert and --tls-key belong together".into()),
        };
        args.checked().map(|args| Self::Run(Box::new(args)))
    }
}

impl Args {
    fn new() -> Self {
        Self {
            listen: Vec::new(),
            origins: Vec::new(),
            origins_file: None,
            forward: false,
            connect_ports: Some(vec![443]),
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            balance: Balance::RoundRobin,
            health: Health { max_fails: 3, rest: Duration::from_secs(5) },
            retries: 2,
            name: "h1wire".to_owned(),
            forwarded: Some(ForwardedForm::XForwarded),
            trust_forwarded: false,
            keep_host: false,
            accept_proxy: false,
            send_proxy: None,
            head_limit: 16 * 1024,
            per_peer: None,
            connections: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(60),
            drain: Duration::from_secs(30),
            tls: None,
            origin_ca: None,
            access_log: None,
            combined: true,
            metrics: None,
        }
    }

    fn checked(mut self) -> Result<Self, Error> {
        if let Some(file) = &self.origins_file {
            self.origins.extend(read_origins(file)?);
        }
        if self.listen.is_empty() {
            return Err("nowhere to listen: give --listen ADDRESS, such as --listen 127.0.0.1:8080".into());
        }
        match (self.forward, self.origins.is_empty()) {
            (false, true) => Err("nowhere to pass requests on to: give --to URL, or --forward".into()),
            _ if self.send_proxy.is_some() && self.origins.iter().any(|url| url.starts_with("https")) => {
                Err("--send-proxy is not for origins that speak TLS".into())
            }
            (true, false) => {
                Err("--forward goes where clients ask; it has no use for --to or --origins".into())
            }
            _ => Ok(self),
        }
    }
}

/// The origins in a file, one on each line. Empty lines and those that begin with `#` are none.
pub fn read_origins(file: &Path) -> Result<Vec<String>, Error> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let origins: Result<Vec<_>, _> = lines.map(origin).collect();
    let origins = origins.map_err(|error| format!("{}: {error}", file.display()))?;
    if origins.is_empty() {
        return Err(format!("{}: no origins", file.display()).into());
    }
    Ok(origins)
}

/// The URL of an origin: a scheme and an authority, and nothing after it.
fn origin(text: &str) -> Result<String, Error> {
    let wrong = |why: &str| Err(format!("{text:?} is no origin: {why}").into());
    let Some((scheme, rest)) = text.split_once("://") else {
        return wrong("it begins with neither http:// nor https://");
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    match scheme.to_ascii_lowercase().as_str() {
        "http" => {}
        "https" if cfg!(feature = "tls") => {}
        "https" => return wrong("this build has no TLS (feature tls)"),
        _ => return wrong("the scheme is neither http nor https"),
    }
    if authority.contains(['/', '?', '#', '@']) || authority.is_empty() {
        return wrong("after the scheme there is a host and perhaps a port, and nothing else");
    }
    Ok(format!("{}://{authority}", scheme.to_ascii_lowercase()))
}

fn ports(text: &str) -> Result<Option<Vec<u16>>, Error> {
    if text == "all" {
        return Ok(None);
    }
    let ports: Result<Vec<u16>, _> = text.split(',').map(|port| port.trim().parse()).collect();
    ports.map(Some).map_err(|_| unknown("--connect-ports", text, "ports with commas between, or all"))
}

fn value<T: std::str::FromStr>(parser: &mut lexopt::Parser, name: &str) -> Result<T, Error>
where
    T::Err: std::fmt::Display,
{
    let text = parser.value()?.string()?;
    text.parse().map_err(|error| format!("{name} {text:?}: {error}").into())
}

fn at_least_one(parser: &mut lexopt::Parser, name: &str) -> Result<usize, Error> {
    match value(parser, name)? {
        0 => Err(format!("{name} 0: there must be at least one").into()),
        n => Ok(n),
    }
}

fn seconds(parser: &mut lexopt::Parser, name: &str) -> Result<Duration, Error> {
    let text = parser.value()?.string()?;
    let seconds: Result<f64, _> = text.parse();
    let wrong = || format!("{name} {text:?} is no number of seconds").into();
    seconds.ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).ok_or_else(wrong)
}

fn unknown(name: &str, value: &str, known: &str) -> Error {
    format!("{name} {value:?}: it is {known}").into()
}
