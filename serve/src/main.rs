//! `serve`: the files of a folder over HTTP. This file has the command line; what is served and how is the library's.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use h1wire_mio::{Options, Server};
use h1wire_serve::Files;
use lexopt::prelude::*;

const HELP: &str = "\
Serves the files of a folder over HTTP.

Usage: serve [OPTIONS] FOLDER

Options:
  -p, --port PORT         the port (default 8080; 0 lets the system choose)
  -l, --listen ADDRESS    (or --addr) the address, or address and port (default 127.0.0.1; [::] is everybody's)
  -w, --workers N         threads (default 1)
      --dotfiles          also serve names that begin with a dot
      --head-limit BYTES  how long the head of a request may be
  -q, --quiet             no line for each request on standard error
  -h, --help              this text
  -V, --version           the version
";

/// What the command line says.
struct Config {
    folder: PathBuf,
    listen: String,
    port: Option<u16>,
    workers: usize,
    dot_files: bool,
    head_limit: Option<u32>,
    log: bool,
}

/// What to do, or what to say instead.
enum Command {
    Serve(Config),
    Say(String),
}

fn main() -> ExitCode {
    let config = match parse(std::env::args_os().skip(1)) {
        Ok(Command::Serve(config)) => config,
        Ok(Command::Say(text)) => {
            say(&text);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("serve: {error}\nTry 'serve --help'.");
            return ExitCode::from(2);
        }
    };
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("serve: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, lexopt::Error> {
    let (mut folder, mut listen, mut port, mut head_limit) = (None, "127.0.0.1".to_owned(), None, None);
    let (mut workers, mut dot_files, mut log) = (1, false, true);
    let mut args = lexopt::Parser::from_args(args.into_iter().collect::<Vec<_>>());
    while let Some(arg) = args.next()? {
        match arg {
            Short('p') | Long("port") => port = Some(args.value()?.parse()?),
            Short('l') | Long("listen" | "addr") => listen = args.value()?.string()?,
            Short('w') | Long("workers") => workers = args.value()?.parse()?,
            Long("dotfiles") => dot_files = true,
            Long("head-limit") => head_limit = Some(args.value()?.parse()?),
            Short('q') | Long("quiet") => log = false,
            Short('h') | Long("help") => return Ok(Command::Say(HELP.into())),
            Short('V') | Long("version") => {
                return Ok(Command::Say(concat!("serve ", env!("CARGO_PKG_VERSION"), "\n").into()));
            }
            Value(path) if folder.is_none() => folder = Some(PathBuf::from(path)),
            other => return Err(other.unexpected()),
        }
    }
    let folder = folder.ok_or("which folder?")?;
    Ok(Command::Serve(Config { folder, listen, port, workers, dot_files, head_limit, log }))
}

impl Config {
    /// The address to listen on, with its port.
    fn address(&self) -> String {
        let has_port = self.listen.rsplit_once(':').is_some_and(|(host, port)| {
            !port.is_empty()
                && port.bytes().all(|b| b.is_ascii_digit())
                && (!host.contains(':') || host.ends_with(']'))
        });
        match (has_port, self.port) {
            (true, None) => self.listen.clone(),
            (true, Some(port)) => {
                let host = self.listen.rsplit_once(':').map_or("", |(host, _)| host);
                format!("{host}:{port}")
            }
            // An IPv6 address without its brackets.
            (false, port) if self.listen.contains(':') && !self.listen.ends_with(']') => {
                format!("[{}]:{}", self.listen, port.unwrap_or(8080))
            }
            (false, port) => format!("{}:{}", self.listen, port.unwrap_or(8080)),
        }
    }
}

fn run(config: Config) -> io::Result<()> {
    let files = Files::new(&config.folder).map_err(about(config.folder.display()))?;
    let files = files.dot_files(config.dot_files).log(config.log);
    let mut options = Options::default();
    options.policy.set_server("h1wire").map_err(io::Error::from)?;
    if let Some(limit) = config.head_limit {
        options.policy.protocol.limits.head_bytes = limit;
    }
    let address = config.address();
    let server = Server::bind(&address).map_err(about(&address))?.workers(config.workers).options(options);
    say(&format!("http://{}/\n", server.local_addr()?));
    server.serve_with(move |_| files.clone()).map_err(about(&address))
}

/// Whoever started this may have read enough.
fn say(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Errors of the system do not say what they are about.
fn about(what: impl Display) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{what}: {error}"))
}
