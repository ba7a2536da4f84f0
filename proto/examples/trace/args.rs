//! The command line of the trace: what was asked for, or why it cannot be.
//!
//! It reads no environment and touches no files.

use std::ffi::OsString;
use std::path::PathBuf;

use h1wire_proto::{ClientLeniency, ServerLeniency, validate_name};

/// What is printed for `--help`, before the names of the leniencies.
const HELP: &str = "\
Shows what the HTTP/1 machine makes of a stream of bytes.

usage: trace [--server | --client] [options] [FILE]
       trace --batch [--split N] [--lenient NAMES] [FILE]

The bytes are read from FILE, or from standard input. Without a role, bytes that begin as a status line are shown as
a client receives them, all others as a server does.

  --server            the bytes are requests
  --client            the bytes are responses
  --methods A,B       the requests that the responses answer, in order (default: GETs, as many as needed)
  --lenient NAMES     tolerate what these names say, with commas between them; `insecure` is the set that equals
                      Node's insecure parser
  --split N           give the machine N bytes at a time
  --open              the connection stays open behind the bytes
  --batch             read cases as lines of JSON and write verdicts as lines of JSON (docs/trace.md)
  --color WHEN        auto, always or never (default: auto, which obeys NO_COLOR)
  --help              this text

exit code: 0 if the bytes end between messages, 1 if they end inside one or break a rule, 2 if the command line or a
line of JSON is wrong, or nothing can be read or written
";

/// When to colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// Which role was asked for, if one was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    Server,
    Client,
}

/// The command line, understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Args {
    pub side: Option<Side>,
    pub methods: Option<Vec<String>>,
    pub lenient: Vec<String>,
    pub split: usize,
    pub open: bool,
    pub batch: bool,
    pub color: Color,
    pub help: bool,
    pub file: Option<PathBuf>,
}

impl Args {
    /// Understands the arguments behind the program's name.
    pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut args = Self {
            side: None,
            methods: None,
            lenient: Vec::new(),
            split: usize::MAX,
            open: false,
            batch: false,
            color: Color::Auto,
            help: false,
            file: None,
        };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let Some(text) = word.to_str().filter(|text| text.starts_with("--")) else {
                if args.file.replace(PathBuf::from(&word)).is_some() {
                    return Err(format!("a second file: {}", word.to_string_lossy()));
                }
                continue;
            };
            let (name, given) = match text.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (text.to_owned(), None),
            };
            args.option(&name, given, &mut words)?;
        }
        args.checked()
    }

    fn option(
        &mut self,
        name: &str,
        given: Option<String>,
        words: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), String> {
        let takes_value = matches!(name, "--methods" | "--lenient" | "--split" | "--color");
        let value = match (given, takes_value) {
            (Some(_), false) => return Err(format!("{name} takes no value")),
            (None, false) => String::new(),
            (Some(value), true) => value,
            (None, true) => words
                .next()
                .and_then(|word| word.into_string().ok())
                .ok_or_else(|| format!("{name} needs a value"))?,
        };
        let names = || value.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>();
        match name {
            "--server" => self.take_side(Side::Server)?,
            "--client" => self.take_side(Side::Client)?,
            "--methods" => self.methods = Some(names()),
            "--lenient" => self.lenient.extend(names()),
            "--split" => {
                let n = value.parse().ok().filter(|n| *n > 0);
                self.split = n.ok_or_else(|| format!("--split takes a number from 1, not `{value}`"))?;
            }
            "--color" => {
                self.color = match value.as_str() {
                    "auto" => Color::Auto,
                    "always" => Color::Always,
                    "never" => Color::Never,
                    _ => return Err(format!("--color takes auto, always or never, not `{value}`")),
                }
            }
            "--open" => self.open = true,
            "--batch" => self.batch = true,
            "--help" => self.help = true,
            _ => return Err(format!("no such option: {name}")),
        }
        Ok(())
    }

    fn take_side(&mut self, side: Side) -> Result<(), String> {
        match self.side.replace(side) {
            Some(other) if other != side => Err("--server and --client exclude each other".to_owned()),
            _ => Ok(()),
        }
    }

    fn checked(self) -> Result<Self, String> {
        if let Some(bad) = self.methods.iter().flatten().find(|method| validate_name(method).is_err()) {
            return Err(format!("not a method: `{bad}`"));
        }
        if self.methods.is_some() && (self.batch || self.side == Some(Side::Server)) {
            return Err("--methods is for responses".to_owned());
        }
        if self.batch && (self.side.is_some() || self.open) {
            return Err("each case of a batch has its own role and end".to_owned());
        }
        let known = |name: &str| is_name(name, ServerLeniency::NAMES) || is_name(name, ClientLeniency::NAMES);
        if let Some(bad) = self.lenient.iter().find(|name| !known(name)) {
            return Err(format!("no such leniency: `{bad}`"));
        }
        if let Some(side) = self.side {
            self.suits(side)?;
        }
        Ok(self)
    }

    /// Whether the bytes are responses.
    pub fn is_client(&self, bytes: &[u8]) -> bool {
        match self.side {
            Some(side) => side == Side::Client,
            None => self.methods.is_some() || bytes.trim_ascii_start().starts_with(b"HTTP/"),
        }
    }

    /// Whether every leniency is one of this side.
    pub fn suits(&self, side: Side) -> Result<(), String> {
        let own = |name: &str| match side {
            Side::Server => is_name(name, ServerLeniency::NAMES),
            Side::Client => is_name(name, ClientLeniency::NAMES),
        };
        match self.lenient.iter().find(|name| !own(name)) {
            None => Ok(()),
            Some(other) => Err(format!("the other side has the leniency `{other}`")),
        }
    }

    /// What a server tolerates, of the names that are for servers.
    pub fn server_leniency(&self) -> ServerLeniency {
        let pick = |name: &String| match name.as_str() {
            INSECURE => Some(ServerLeniency::INSECURE),
            name => ServerLeniency::NAMES.iter().find(|(n, _)| *n == name).map(|(_, one)| *one),
        };
        self.lenient.iter().filter_map(pick).fold(ServerLeniency::STRICT, ServerLeniency::union)
    }

    /// What a client tolerates, of the names that are for clients.
    pub fn client_leniency(&self) -> ClientLeniency {
        let pick = |name: &String| match name.as_str() {
            INSECURE => Some(ClientLeniency::INSECURE),
            name => ClientLeniency::NAMES.iter().find(|(n, _)| *n == name).map(|(_, one)| *one),
        };
        self.lenient.iter().filter_map(pick).fold(ClientLeniency::STRICT, ClientLeniency::union)
    }
}

/// The name of the set of leniencies that both sides have.
const INSECURE: &str = "insecure";

fn is_name<L>(name: &str, all: &'static [(&'static str, L)]) -> bool {
    name == INSECURE || all.iter().any(|(n, _)| *n == name)
}

/// The text of `--help`.
pub fn help() -> String {
    let mut text = HELP.to_owned();
    let mut list = |who: &str, names: &mut dyn Iterator<Item = &str>| {
        text.push_str(&format!("\nleniencies of a {who}:\n"));
        names.for_each(|name| text.push_str(&format!("  {name}\n")));
    };
    list("server", &mut ServerLeniency::NAMES.iter().map(|(name, _)| *name));
    list("client", &mut ClientLeniency::NAMES.iter().map(|(name, _)| *name));
    text
}
