//! `fetch`: gets a URL from the command line, or sends something there.
//!
//! ```text
//! fetch [options] URL
//!   -X METHOD            the method (default GET; POST with -d, PUT with -T)
//!   -H 'Name: value'     a field; may be repeated
//!   -d DATA | -d @FILE   content, from the command line or a file
//!   -T FILE              uploads a file ("-" is standard input, sent in chunks)
//!   -o FILE              writes the content to a file, with a progress bar when it is long
//!   -i                   shows the head as well
//!   -v                   shows what is on the wire, on standard error
//!   -w                   shows how long everything took, on standard error
//!   -m SECONDS           the most time for everything
//!   -u USER:PASSWORD     Basic credentials
//!   -x PROXY             goes through a proxy; without it, the environment says which
//!   --tunnel             asks the proxy for a tunnel also for http
//!   --unix-socket PATH   connects to a unix socket
//!   --insecure-parser    tolerates what should not be
//! ```

use std::env;
use std::error::Error;
use std::fs::File;
use std::io::{self, IoSlice, IsTerminal, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::BorrowedFd;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use h1wire_std::{Agent, Closer, Event, Proxies, Proxy, Request, Response, Transport, Wrote};
use indicatif::{ProgressBar, ProgressStyle};

fn main() -> ExitCode {
    ExitCode::from(fetch(env::args().skip(1)))
}

/// Does what the arguments say, and answers with the code to exit with: 2 if they say nothing that can be done, 22 for a
/// status of 400 and above, 1 for every other failure.
pub fn fetch(args: impl Iterator<Item = String>) -> u8 {
    let options = match Options::parse(args) {
        Ok(options) => options,
        Err(text) => {
            eprintln!(
                "fetch: {text}\nusage: fetch [-X METHOD] [-H FIELD] [-d DATA] [-T FILE] [-o FILE] [-ivw] URL"
            );
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

#[derive(Default)]
struct Options {
    url: String,
    method: Option<String>,
    fields: Vec<(String, String)>,
    data: Option<Vec<u8>>,
    upload: Option<String>,
    output: Option<String>,
    show_head: bool,
    verbose: bool,
    timing: bool,
    limit: Option<Duration>,
    user: Option<(String, String)>,
    proxy: Option<Proxy>,
    tunnel: bool,
    unix_socket: Option<String>,
    insecure: bool,
}

impl Options {
    fn parse(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        let mut args = args;
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match &*arg {
                "-X" => options.method = Some(value()?),
                "-H" => {
                    let field = value()?;
                    let (name, text) = field.split_once(':').ok_or("a field is 'Name: value'")?;
                    options.fields.push((name.to_owned(), text.trim().to_owned()));
                }
                "-d" => options.data = Some(data(value()?)?),
                "-T" => options.upload = Some(value()?),
                "-o" => options.output = Some(value()?),
                "-i" => options.show_head = true,
                "-v" => options.verbose = true,
                "-w" => options.timing = true,
                "-m" => {
                    let seconds: f64 = value()?.parse().map_err(|e| format!("-m: {e}"))?;
                    options.limit =
                        Some(Duration::try_from_secs_f64(seconds).map_err(|e| format!("-m: {e}"))?);
                }
                "-u" => {
                    let user = value()?;
                    let (name, password) = user.split_once(':').unwrap_or((&user, ""));
                    options.user = Some((name.to_owned(), password.to_owned()));
                }
                "-x" => options.proxy = Some(Proxy::new(&value()?).map_err(|e| e.to_string())?),
                "--tunnel" => options.tunnel = true,
                "--unix-socket" => options.unix_socket = Some(value()?),
                "--insecure-parser" => options.insecure = true,
                url if !url.starts_with('-') && options.url.is_empty() => options.url = url.to_owned(),
                other => return Err(format!("what is {other}?")),
            }
        }
        if options.url.is_empty() {
            return Err("no URL".into());
        }
        if !options.url.contains("://") {
            options.url.insert_str(0, "http://");
        }
        Ok(options)
    }

    fn run(self) -> Result<u16, Box<dyn Error>> {
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
        if self.show_head {
            show_head(&response)?;
        }
        self.save(&mut response)?;
        if self.timing {
            times.show();
        }
        Ok(response.status())
    }

    fn request(&self, agent: &Agent) -> Request {
        let usual = match (&self.data, &self.upload) {
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
            .total_timeout(self.limit.unwrap_or_default());
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
        request
    }

    fn send(&self, request: Request) -> Result<Response, Box<dyn Error>> {
        let Some(path) = &self.upload else {
            return Ok(match &self.data {
                Some(data) => request.send_bytes(data)?,
                None => request.send()?,
            });
        };
        if path == "-" {
            return Ok(request.send_reader(io::stdin().lock())?);
        }
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let bar = progress(Some(length), "sent");
        let response =
            request.header("Content-Length", length.to_string()).send_reader(bar.wrap_read(file))?;
        bar.finish_and_clear();
        Ok(response)
    }

    fn save(&self, response: &mut Response) -> io::Result<()> {
        let Some(path) = &self.output else {
            let mut out = io::stdout().lock();
            io::copy(response, &mut out)?;
            return out.flush();
        };
        let bar = progress(response.content_length(), "received");
        let mut file = File::create(path)?;
        io::copy(response, &mut bar.wrap_write(&mut file))?;
        bar.finish_and_clear();
        Ok(())
    }
}

fn data(text: String) -> Result<Vec<u8>, String> {
    match text.strip_prefix('@') {
        Some(path) => std::fs::read(path).map_err(|e| format!("{path}: {e}")),
        None => Ok(text.into_bytes()),
    }
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
