//! A forwarding proxy, for `http` in absolute form and for everything else by `CONNECT`: `proxy --help`, then
//! `curl -x 127.0.0.1:3128 http://example.org/`.
//!
//! What is sent on is decided by `h1wire_proto::Forwarding` alone: hop-by-hop fields stay here, framing is rebuilt from
//! what was understood and never copied, `Via` is added, loops are found. The other files move bytes: `exchange` those of
//! a request and its response, both ways at once and as they come; `origin` has the connections for that, and `tunnel`
//! copies what is none of our business.
//!
//! It lets anybody connect anywhere. Do not run it where that matters.

mod answers;
mod exchange;
mod origin;
mod tunnel;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use h1wire_std::Server;
use h1wire_std::proto::Forwarding;
use h1wire_std::server::{Options, Running};
use lexopt::prelude::*;

use origin::Origins;

const HELP: &str = "\
Forwards requests for http, and tunnels what is asked for by CONNECT.

Usage: proxy [OPTIONS] [ADDRESS [NAME]]

Options:
  -l, --listen ADDRESS    where to listen (default 127.0.0.1:3128; port 0 lets the system choose)
  -n, --name NAME         what it is called in Via (default proxy); no other on the way may have the same
      --head-limit BYTES  how long the head of a request or a response may be
  -h, --help              this text
  -V, --version           the version
";

/// Each exchange has a thread, be it a stream of events that lasts.
const THREADS: usize = 64;

/// What the command line says.
struct Config {
    address: String,
    name: String,
    head_limit: Option<u32>,
}

/// What all threads share.
struct Proxy {
    forwarding: Forwarding,
    origins: Origins,
}

fn main() -> ExitCode {
    let config = match parse(std::env::args_os().skip(1)) {
        Ok(Ok(config)) => config,
        Ok(Err(text)) => {
            say(text);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("proxy: {error}\nTry 'proxy --help'.");
            return ExitCode::from(2);
        }
    };
    match run(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("proxy: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What to do, or what to say instead.
fn parse(args: impl Iterator<Item = OsString>) -> Result<Result<Config, &'static str>, lexopt::Error> {
    let (mut address, mut name, mut head_limit) = (None, None, None);
    let mut args = lexopt::Parser::from_args(args);
    while let Some(arg) = args.next()? {
        match arg {
            Short('l') | Long("listen") => address = Some(args.value()?.string()?),
            Short('n') | Long("name") => name = Some(args.value()?.string()?),
            Long("head-limit") => head_limit = Some(args.value()?.parse()?),
            Short('h') | Long("help") => return Ok(Err(HELP)),
            Short('V') | Long("version") => {
                return Ok(Err(concat!("proxy ", env!("CARGO_PKG_VERSION"), "\n")));
            }
            Value(text) if address.is_none() => address = Some(text.string()?),
            Value(text) if name.is_none() => name = Some(text.string()?),
            other => return Err(other.unexpected()),
        }
    }
    let address = address.unwrap_or_else(|| "127.0.0.1:3128".into());
    Ok(Ok(Config { address, name: name.unwrap_or_else(|| "proxy".into()), head_limit }))
}

fn run(config: &Config) -> io::Result<()> {
    let running = serve(config)?;
    say(&format!("http://{}/\n", running.local_addr()?));
    running.join().map(drop)
}

/// Starts the proxy, known as `name` to others.
pub fn start(address: &str, name: &str) -> io::Result<Running> {
    serve(&Config { address: address.into(), name: name.into(), head_limit: None })
}

fn serve(config: &Config) -> io::Result<Running> {
    let Config { address, name, head_limit } = config;
    let about = |what: &str, error: &dyn std::fmt::Display| io::Error::other(format!("{what}: {error}"));
    let forwarding = Forwarding::new(name).map_err(|e| about(name, &e))?.keep_upgrade(true);
    let (mut options, mut limits) = (Options::default(), Default::default());
    if let Some(limit) = head_limit {
        options.policy.protocol.limits.head_bytes = *limit;
        limits = options.policy.protocol.limits;
    }
    let proxy = Proxy { forwarding, origins: Origins::new(limits) };
    let server = Server::bind(&**address).map_err(|e| about(address, &e))?;
    server
        .threads(THREADS)
        .options(options)
        .on_connect(tunnel::connect)
        .start(move |request, response| exchange::forward(&proxy, request, response))
}

/// Whoever started this may have read enough.
fn say(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}
