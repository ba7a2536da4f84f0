//! `fetch`: gets a URL from the command line, or sends something there. `fetch --help` has the options.
//!
//! It ends with 0; with 22 for a status of 400 and above; with 2 if the command line says nothing that can be done; and
//! with 1 for every other failure, which it names with the URL or file that failed.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, IoSlice, IsTerminal, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use h1wire_std::{Agent, Closer, Event, Proxies, Proxy, Request, Response, Transport, Wrote};
use indicatif::{ProgressBar, ProgressStyle};
use lexopt::prelude::*;

const HELP: &str = "\
Gets a URL, or sends something there.

Usage: fetch [OPTIONS] URL

Options:
  -X, --request METHOD        the method (default GET; HEAD with -I, POST with -d, PUT with -T)
  -H, --header 'Name: value'  a field; may be repeated
  -d, --data DATA | @FILE     content, from the command line or a file
  -T, --upload-file FILE      uploads a file, under its name if the URL ends with a slash; '-' is standard input. What has
                              no length, such as a pipe, is sent in chunks
  -o, --output FILE           writes the content to a file, with a progress bar when it is long
  -i, --include               shows the head as well
  -I, --head                  asks for the head alone, and shows it
  -v, --verbose               shows what is on the wire, on standard error
  -w, --times                 shows how long everything took, on standard error
  -m, --max-time SECONDS      the most time for everything
  -u, --user USER:PASSWORD    Basic credentials
  -x, --proxy PROXY           goes through a proxy; without it, the environment says which
      --tunnel                asks the proxy for a tunnel also for http
      --unix-socket PATH      connects to a unix socket
      --head-limit BYTES      how long the head of the answer may be
      --insecure-parser       tolerates what should not be
  -h, --help                  this text
  -V, --version               the version

It ends with 0; 22 for a status of 400 and above; 2 for a command line that makes no sense; 1 for other failures.
";

fn main() -> ExitCode {
    ExitCode::from(fetch(env::args_os().skip(1)))
}

/// Does what the arguments say, and answers with the code to exit with.
pub fn fetch(args: impl Iterator<Item = OsString>) -> u8 {
    let options = match Options::parse(args) {
        Ok(Command::Fetch(options)) => options,
        Ok(Command::Say(text)) => {
            // Whoever asked may have read enough.
            let _ = io::stdout().write_all(text.as_bytes());
            return 0;
        }
        Err(error) => {
            eprintln!("fetch: {error}\nTry 'fetch --help'.");
            return 2;
        }
    };
    match options.run() {
        Ok(status) if status < 400 => 0,
        Ok(_) => 22,
        Err(error) => {
            eprintln!("fetch: {error}");
            1
        }
    }
}

/// What to do, or what to say instead.
enum Command {
    Fetch(Box<Options>),
    Say(&'static str),
}

#[derive(Default)]
struct Options {
    url: String,
    method: Option<String>,
    fields: Vec<(String, String)>,
    data: Option<Vec<u8>>,
    upload: Option<PathBuf>,
    output: Option<PathBuf>,
    show_head: bool,
    verbose: bool,
    timing: bool,
    limit: Option<Duration>,
    user: Option<(String, String)>,
    proxy: Option<Proxy>,
    tunnel: bool,
    unix_socket: Option<PathBuf>,
    head: bool,
    head_limit: Option<u32>,
    insecure: bool,
}

impl Options {
    fn parse(args: impl Iterator<Item = OsString>) -> Result<Command, Box<dyn Error>> {
        let (mut options, mut url) = (Self::default(), None);
        let mut args = lexopt::Parser::from_args(args);
        while let Some(arg) = args.next()? {
            match arg {
                Short('X') | Long("request") => options.method = Some(args.value()?.string()?),
                Short('H') | Long("header") => {
                    let field = args.value()?.string()?;
                    let split = field.split_once(':');
                    let (name, text) = split.ok_or_else(|| format!("{field:?} is not 'Name: value'"))?;
                    options.fields.push((name.to_owned(), text.trim().to_owned()));
                }
                Short('d') | Long("data") => options.data = Some(data(args.value()?.string()?)?),
                Short('T') | Long("upload-file") => options.upload = Some(args.value()?.into()),
                Short('o') | Long("output") => options.output = Some(args.value()?.into()),
                Short('i') | Long("include") => options.show_head = true,
                Short('I') | Long("head") => options.head = true,
                Short('v') | Long("verbose") => options.verbose = true,
                Short('w') | Long("times") => options.timing = true,
                Short('m') | Long("max-time") => {
                    let seconds: f64 = args.value()?.parse()?;
                    let limit = Duration::try_from_secs_f64(seconds);
                    options.limit = Some(limit.map_err(|e| format!("{seconds} seconds: {e}"))?);
                }
                Short('u') | Long("user") => {
                    let user = args.value()?.string()?;
                    let (name, password) = user.split_once(':').unwrap_or((&user, ""));
                    options.user = Some((name.to_owned(), password.to_owned()));
                }
                Short('x') | Long("proxy") => {
                    let proxy = args.value()?.string()?;
                    options.proxy = Some(Proxy::parse(&proxy).map_err(|e| format!("the proxy: {e}"))?);
                }
                Long("tunnel") => options.tunnel = true,
                Long("unix-socket") => options.unix_socket = Some(args.value()?.into()),
                Long("head-limit") => options.head_limit = Some(args.value()?.parse()?),
                Long("insecure-parser") => options.insecure = true,
                Short('h') | Long("help") => return Ok(Command::Say(HELP)),
                Short('V') | Long("version") => {
                    return Ok(Command::Say(concat!("fetch ", env!("CARGO_PKG_VERSION"), "\n")));
                }
                Value(text) if url.is_none() => url = Some(text.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        options.url = with_scheme(&url.filter(|url| !url.is_empty()).ok_or("which URL?")?);
        options.name_upload();
        Ok(Command::Fetch(Box::new(options)))
    }

    /// As with curl, a file goes under its name into what ends with a slash.
    fn name_upload(&mut self) {
        let Some(name) = self.upload.as_ref().and_then(|path| path.file_name()) else { return };
        let end = self.url.find(['?', '#']).unwrap_or(self.url.len());
        let (place, _) = self.url.split_at(end);
        let is_root = place.split_once("://").is_some_and(|(_, rest)| !rest.contains('/'));
        if name != "-" && (place.ends_with('/') || is_root) {
            let slash = if is_root { "/" } else { "" };
            self.url.insert_str(end, &format!("{slash}{}", escape(name.as_encoded_bytes())));
        }
    }

    fn run(&self) -> Result<u16, String> {
        let mut agent = Agent::builder().proxies(match &self.proxy {
            Some(proxy) => Proxies::all(proxy.clone()),
            None => Proxies::from_env(),
        });
        if self.verbose {
            agent = agent.create_connection(|to| {
                eprintln!("* connecting to {}", to.origin().name());
                Ok(Box::new(Traced(to.connect()?)))
            });
        }
        let times = Times::default();
        let mut response = self.send(times.watch(self.request(&agent.build())))?;
        if self.show_head || self.head {
            show_head(&response).map_err(|e| format!("standard output: {e}"))?;
        }
        self.save(&mut response)?;
        if self.timing {
            times.show();
        }
        Ok(response.status())
    }

    /// What failed is the exchange: where that was.
    fn failed(&self, error: impl Display) -> String {
        // Credentials are not shown.
        let (scheme, rest) = self.url.split_once("://").unwrap_or(("http", &self.url));
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        format!("{scheme}://{host}{target}: {error}")
    }

    fn request(&self, agent: &Agent) -> Request {
        let usual = match (&self.data, &self.upload) {
            _ if self.head => "HEAD",
            (_, Some(_)) => "PUT",
            (Some(_), None) => "POST",
            (None, None) => "GET",
        };
        let mut request = agent
            .request(self.method.as_deref().unwrap_or(usual), &self.url)
            .header("User-Agent", concat!("h1wire-fetch/", env!("CARGO_PKG_VERSION")))
            .header("Accept", "*/*")
            .insecure_http_parser(self.insecure)
            .tunnel(self.tunnel)
            .total_timeout(self.limit);
        for (name, value) in &self.fields {
            // As with curl, a field of one's own replaces the usual one.
            let is_usual = ["User-Agent", "Accept"].iter().any(|usual| usual.eq_ignore_ascii_case(name));
            request = if is_usual { request.header(name, value) } else { request.append_header(name, value) };
        }
        if let Some((user, password)) = &self.user {
            request = request.auth(user, password);
        }
        if let Some(path) = &self.unix_socket {
            request = request.socket_path(path);
        }
        if let Some(limit) = self.head_limit {
            request = request.max_header_size(limit);
        }
        request
    }

    fn send(&self, request: Request) -> Result<Response, String> {
        let Some(path) = &self.upload else {
            return match &self.data {
                Some(data) => request.send_bytes(data),
                None => request.send(),
            }
            .map_err(|e| self.failed(e.kind()));
        };
        if path == Path::new("-") {
            return request.send_reader(io::stdin().lock()).map_err(|e| self.failed(e.kind()));
        }
        let at = |e| format!("{}: {e}", path.display());
        let mut file = File::open(path).map_err(at)?;
        let meta = file.metadata().map_err(at)?;
        if meta.is_dir() {
            return Err(at(io::ErrorKind::IsADirectory.into()));
        }
        // The length of a pipe or a device is 0, and so is that of some files that are not empty.
        let mut first = [0];
        let mut begun = 0;
        let length = match meta.len() {
            0 => {
                begun = file.read(&mut first).map_err(at)?;
                (begun == 0 && meta.is_file()).then_some(0)
            }
            length => Some(length),
        };
        let bar = progress(length, "sent");
        let sent = match length {
            Some(length) => request
                .header("Content-Length", length.to_string())
                .send_reader(bar.wrap_read(file.take(length))),
            None => request.send_reader(bar.wrap_read(first[..begun].chain(file))),
        };
        let response = sent.map_err(|e| self.failed(e.kind()))?;
        bar.finish_and_clear();
        Ok(response)
    }

    fn save(&self, response: &mut Response) -> Result<(), String> {
        let Some(path) = &self.output else {
            return self.copy(response, &mut io::stdout().lock(), "standard output");
        };
        let at = path.display().to_string();
        let bar = progress(response.content_length(), "received");
        let file = File::create(path).map_err(|e| format!("{at}: {e}"))?;
        self.copy(response, &mut bar.wrap_write(file), &at)?;
        bar.finish_and_clear();
        Ok(())
    }

    /// Copies the content, and says which of both sides failed.
    fn copy(&self, response: &mut Response, to: &mut impl Write, name: &str) -> Result<(), String> {
        let mut piece = vec![0; 64 * 1024];
        loop {
            match response.read(&mut piece) {
                Ok(0) => return to.flush().map_err(|e| format!("{name}: {e}")),
                Ok(n) => to.write_all(&piece[..n]).map_err(|e| format!("{name}: {e}"))?,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    return Err(match h1wire_std::Error::of(&e) {
                        Some(error) => self.failed(error.kind()),
                        None => self.failed(e),
                    });
                }
            }
        }
    }
}

fn data(text: String) -> Result<Vec<u8>, String> {
    match text.strip_prefix('@') {
        Some(path) => std::fs::read(path).map_err(|e| format!("{path}: {e}")),
        None => Ok(text.into_bytes()),
    }
}

/// A URL, which may be given without its scheme. One that is there ends before the first `/`, `?` and `#`.
fn with_scheme(url: &str) -> String {
    let is_scheme = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    match url.split_once("://") {
        Some((scheme, _)) if is_scheme(scheme) => url.to_owned(),
        _ => format!("http://{}", url.trim_start_matches("//")),
    }
}

fn escape(name: &[u8]) -> String {
    let mut escaped = String::new();
    for byte in name {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            escaped.push(char::from(*byte));
        } else {
            escaped += &format!("%{byte:02X}");
        }
    }
    escaped
}

fn show_head(response: &Response) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "HTTP/1.{} {} {}", response.head().minor, response.status(), response.reason())?;
    for (name, value) in response.fields() {
        writeln!(out, "{}: {}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))?;
    }
    writeln!(out)
}

/// A bar for long transfers, on a terminal.
fn progress(length: Option<u64>, verb: &str) -> ProgressBar {
    const LONG: u64 = 1 << 20;
    if !io::stderr().is_terminal() || length.is_some_and(|length| length < LONG) {
        return ProgressBar::hidden();
    }
    let known = "{wide_bar} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}";
    let (bar, template) = match length {
        Some(length) => (ProgressBar::new(length), known),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes} {binary_bytes_per_sec}"),
    };
    let style = ProgressStyle::with_template(&format!("{verb} {template}"));
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// When what happened.
#[derive(Clone, Default)]
struct Times(Arc<Mutex<Vec<(&'static str, Instant)>>>);

impl Times {
    fn watch(&self, request: Request) -> Request {
        let times = self.0.clone();
        let note = move |what| times.lock().unwrap().push((what, Instant::now()));
        note("begun");
        request.observe(move |event| match event {
            Event::Connected { .. } => note("connected"),
            Event::Sent => note("sent"),
            Event::Response(_) => note("answered"),
            Event::Close => note("complete"),
            _ => {}
        })
    }

    fn show(&self) {
        let times = self.0.lock().unwrap();
        let Some((_, begun)) = times.first() else { return };
        for (what, at) in times.iter().skip(1) {
            eprintln!("{what:>10} {:>10.3} ms", at.duration_since(*begun).as_secs_f64() * 1000.0);
        }
    }
}

/// Shows what goes through a stream.
struct Traced(Box<dyn Transport>);

fn show(mark: char, bytes: &[u8]) {
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        eprintln!("{mark} {}", line.escape_ascii());
    }
}

impl Read for Traced {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(buf)?;
        show('<', &buf[..n]);
        Ok(n)
    }
}

impl Write for Traced {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.0.write(buf)?;
        show('>', &buf[..n]);
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Transport for Traced {
    fn write_or_readable(&mut self, slices: &[IoSlice<'_>]) -> io::Result<Wrote> {
        let wrote = self.0.write_or_readable(slices)?;
        if let Wrote::Bytes(n) = wrote {
            let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).take(n).collect();
            show('>', &bytes);
        }
        Ok(wrote)
    }
    fn set_read_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.0.set_read_timeout(limit)
    }
    fn set_write_timeout(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.0.set_write_timeout(limit)
    }
    fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }
    fn closer(&self) -> Option<Closer> {
        self.0.closer()
    }
    fn local_addr(&self) -> Option<SocketAddr> {
        self.0.local_addr()
    }
    fn peer_addr(&self) -> Option<SocketAddr> {
        self.0.peer_addr()
    }
    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.0.poll_fd()
    }
    fn is_readable(&mut self) -> bool {
        self.0.is_readable()
    }
}
