//! The command line that the examples share which only have to be told where to listen. It is no example itself.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use h1wire_std::Server;
use lexopt::prelude::*;

/// Runs an example: `NAME [--listen ADDRESS | ADDRESS]`.
pub fn run(about: &str, serve: impl FnOnce(Server) -> io::Result<()>) -> ExitCode {
    let mut args = std::env::args_os();
    let name = args.next().map(PathBuf::from).unwrap_or_default();
    let name = name.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let address = match parse(args) {
        Ok(Some(address)) => address,
        Ok(None) => {
            say(&format!(
                "{about}\n\nUsage: {name} [ADDRESS]\n\nOptions:\n  -l, --listen ADDRESS  where to listen (default \
                 127.0.0.1:8080; port 0 lets the system choose)\n  -h, --help            this text\n"
            ));
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{name}: {error}\nTry '{name} --help'.");
            return ExitCode::from(2);
        }
    };
    // Errors of the system do not say what they are about.
    let bound = Server::bind(&*address).map_err(|e| io::Error::new(e.kind(), format!("{address}: {e}")));
    let served = bound.and_then(|server| {
        say(&format!("http://{}/\n", server.local_addr()?));
        serve(server)
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The address. None if only help is asked for.
fn parse(args: impl Iterator<Item = OsString>) -> Result<Option<String>, lexopt::Error> {
    let mut address = None;
    let mut args = lexopt::Parser::from_args(args);
    while let Some(arg) = args.next()? {
        match arg {
            Short('l') | Long("listen") => address = Some(args.value()?.string()?),
            Short('h') | Long("help") => return Ok(None),
            Value(at) if address.is_none() => address = Some(at.string()?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(address.unwrap_or_else(|| "127.0.0.1:8080".into())))
}

/// Whoever started this may have read enough.
fn say(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}
