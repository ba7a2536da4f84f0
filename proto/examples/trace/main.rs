//! Shows what the machine makes of a stream of bytes: for a person, or as verdicts for a program.
//!
//! `cargo run -p h1wire-proto --example trace -- --help` tells the rest. This file has the process: arguments, files,
//! terminal and exit code. The examples are programs, so the clocks, files and environment that the crate itself
//! may not touch are theirs to use.
#![allow(clippy::disallowed_methods)]

mod args;
mod batch;
mod excerpt;
mod page;
mod paint;
mod show;

use std::fs::File;
use std::io::{self, BufReader, BufWriter, ErrorKind, IsTerminal, Read, Write};
use std::process::ExitCode;

use args::{Args, Color, Side};
use batch::BatchError;
use h1wire_proto::{ClientConfig, ServerConfig};
use paint::Paint;
use show::{Role, Stream, Verdict};

fn main() -> ExitCode {
    let result = Args::parse(std::env::args_os().skip(1)).map_err(Failure::Usage).and_then(run);
    match result {
        Ok(code) => code,
        // Whoever read our output has seen enough.
        Err(Failure::Io(_, error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            let text = match failure {
                Failure::Usage(why) => format!("{why}\n`--help` tells how it is used"),
                Failure::Batch(why) => why,
                Failure::Io(what, error) => format!("{what}: {error}"),
            };
            eprintln!("trace: {text}");
            ExitCode::from(2)
        }
    }
}

enum Failure {
    Usage(String),
    /// A line that is no case.
    Batch(String),
    /// What was read or written, and why it failed.
    Io(String, io::Error),
}

impl Failure {
    fn output(error: io::Error) -> Self {
        Self::Io("standard output".to_owned(), error)
    }
}

fn run(args: Args) -> Result<ExitCode, Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    if args.help {
        out.write_all(args::help().as_bytes()).and_then(|()| out.flush()).map_err(Failure::output)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (name, mut input): (_, Box<dyn Read>) = match &args.file {
        None => ("standard input".to_owned(), Box::new(io::stdin().lock())),
        Some(path) => {
            let name = path.display().to_string();
            let file = File::open(path).map_err(|error| Failure::Io(name.clone(), error))?;
            (name, Box::new(file))
        }
    };
    if args.batch {
        let (server, client) = batch::wide();
        let server = ServerConfig { leniency: args.server_leniency(), ..server };
        let client = ClientConfig { leniency: args.client_leniency(), ..client };
        batch::run(BufReader::new(input), out, args.split, &server, &client).map_err(
            |error| match error {
                BatchError::Io(error) => Failure::Io(format!("{name}, or standard output"), error),
                line => Failure::Batch(format!("{name}, {line}")),
            },
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).map_err(|error| Failure::Io(name, error))?;
    let stream = Stream { bytes: &bytes, role: role(&args, &bytes)?, split: args.split, eof: !args.open };
    let verdict = show::show(&stream, paint(args.color), &mut out).map_err(Failure::output)?;
    out.flush().map_err(Failure::output)?;
    Ok(if verdict == Verdict::Complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn role(args: &Args, bytes: &[u8]) -> Result<Role, Failure> {
    let side = if args.is_client(bytes) { Side::Client } else { Side::Server };
    args.suits(side).map_err(Failure::Usage)?;
    Ok(match side {
        Side::Server => {
            Role::Server(ServerConfig { leniency: args.server_leniency(), ..ServerConfig::default() })
        }
        Side::Client => {
            let config = ClientConfig { leniency: args.client_leniency(), ..ClientConfig::default() };
            Role::Client(config, args.methods.clone())
        }
    })
}

/// Whether to colour: by default for a terminal, unless `NO_COLOR` is set to anything (no-color.org).
fn paint(color: Color) -> Paint {
    Paint(match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            !refused && io::stdout().is_terminal()
        }
    })
}
