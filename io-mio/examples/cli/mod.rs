//! The command line that the examples share: where to listen, and what to do about errors. It is no example itself.
#![allow(dead_code)]

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use h1wire_mio::Server;
use lexopt::prelude::*;

/// Runs an example that only has to be told where to listen: `NAME [--listen ADDRESS | ADDRESS]`.
pub fn run(scheme: &str, about: &str, serve: impl FnOnce(Server) -> io::Result<()>) -> ExitCode {
    main(scheme, about, false, |server, _| serve(server))
}

/// Runs an example on a folder: `NAME FOLDER [--listen ADDRESS | ADDRESS]`.
pub fn run_on_folder(about: &str, serve: impl FnOnce(Server, &Path) -> io::Result<()>) -> ExitCode {
    main("http", about, true, serve)
}

fn main(
    scheme: &str,
    about: &str,
    on_folder: bool,
    serve: impl FnOnce(Server, &Path) -> io::Result<()>,
) -> ExitCode {
    let mut args = std::env::args_os();
    let name = args.next().map(PathBuf::from).unwrap_or_default();
    let name = name.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let folder = if on_folder { "FOLDER " } else { "" };
    let config = match Config::parse(args, on_folder) {
        Ok(Some(config)) => config,
        Ok(None) => {
            say(&format!(
                "{about}\n\nUsage: {name} {folder}[ADDRESS]\n\nOptions:\n  -l, --listen ADDRESS  where to listen \
                 (default 127.0.0.1:8080; port 0 lets the system choose)\n  -h, --help            this text\n"
            ));
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{name}: {error}\nTry '{name} --help'.");
            return ExitCode::from(2);
        }
    };
    match config.serve(scheme, serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Config {
    folder: PathBuf,
    address: String,
}

impl Config {
    /// None if only help is asked for.
    fn parse(args: impl Iterator<Item = OsString>, on_folder: bool) -> Result<Option<Self>, lexopt::Error> {
        let (mut folder, mut address) = (None, None);
        let mut args = lexopt::Parser::from_args(args);
        while let Some(arg) = args.next()? {
            match arg {
                Short('l') | Long("listen" | "addr") => address = Some(args.value()?.string()?),
                Short('h') | Long("help") => return Ok(None),
                Value(path) if on_folder && folder.is_none() => folder = Some(PathBuf::from(path)),
                Value(at) if address.is_none() => address = Some(at.string()?),
                other => return Err(other.unexpected()),
            }
        }
        if on_folder && folder.is_none() {
            return Err("which folder?".into());
        }
        let address = address.unwrap_or_else(|| "127.0.0.1:8080".into());
        Ok(Some(Self { folder: folder.unwrap_or_default(), address }))
    }

    fn serve(self, scheme: &str, serve: impl FnOnce(Server, &Path) -> io::Result<()>) -> io::Result<()> {
        let Self { folder, address } = self;
        if folder != Path::new("") {
            folder.read_dir().map_err(about(folder.display()))?;
        }
        let server = Server::bind(&address).map_err(about(&address))?;
        say(&format!("{scheme}://{}/\n", server.local_addr()?));
        serve(server, &folder)
    }
}

/// Whoever started this may have read enough.
fn say(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Errors of the system do not say what they are about.
fn about(what: impl Display) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{what}: {error}"))
}
