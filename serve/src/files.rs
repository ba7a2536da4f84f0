//! Answering requests with files.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use h1wire_mio::proto::{Expired, METHODS, Method, SendError};
use h1wire_mio::{ClientError, Handler, Report, Request, Response};

use super::beneath::{Found, Root};
use super::conditional::{Validators, Verdict, single};
use super::content::{Content, pump};
use super::listing;
use super::log::{Line, note};
use super::path::{Asked, encode_query};
use super::range::{Ranges, ranges};
use super::types::type_of;

/// What every resource here can do.
const ALLOW: &str = "GET, HEAD, OPTIONS";
/// The most a listing shows: it is made in memory, while others wait.
const LISTED: usize = 10_000;

/// A folder to serve.
#[derive(Clone)]
pub struct Files {
    root: Arc<Root>,
    dot_files: bool,
    log: bool,
}

/// What is remembered of a request until its answer is sent.
pub struct Exchange {
    line: Option<Line>,
    /// What is still to come of a file whose size says nothing.
    rest: Option<File>,
}

/// Why a file is not sent.
enum Refusal {
    NotFound,
    /// With a query, if there was one.
    Moved(String),
    Io(io::Error),
    Send(SendError),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
impl From<SendError> for Refusal {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

impl Files {
    /// The folder at `root`. Names that begin with a dot are not found in it, but for `/.well-known/` (RFC 8615), and
    /// nothing is logged.
    ///
    /// # Errors
    /// Those of opening it, and of what is not a folder.
    pub fn new(root: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self { root: Arc::new(Root::new(root)?), dot_files: false, log: false })
    }

    /// Whether names that begin with a dot are served and listed, too. Default false: `.git` and `.env` are seldom
    /// meant for others.
    #[must_use]
    pub fn dot_files(mut self, yes: bool) -> Self {
        self.dot_files = yes;
        self
    }

    /// Whether each request is a line on standard error, in the common log format. Default false.
    #[must_use]
    pub fn log(mut self, yes: bool) -> Self {
        self.log = yes;
        self
    }

    /// Answers, up to what has to be sent later.
    fn answer(&self, req: &Request<'_>, res: &mut Response<'_>) -> Result<Option<File>, Refusal> {
        if let Some(status) = refused_method(req.method) {
            res.status(status).header("Allow", ALLOW);
            return Ok(res.end("").map(|()| None)?);
        }
        let asked = Asked::parse(req.path()).ok_or(Refusal::NotFound)?;
        if asked.is_hidden() && !self.dot_files {
            return Err(Refusal::NotFound);
        }
        match self.root.open(&asked.names)? {
            Found::File(..) if asked.is_folder => Err(Refusal::NotFound),
            Found::File(file, meta) => {
                let name = asked.names.last().map(OsString::as_os_str);
                send(file, meta, name.unwrap_or_default(), req, res)
            }
            Found::Folder(_) if !asked.is_folder => {
                let query = req.query().map(|query| format!("?{}", encode_query(query)));
                Err(Refusal::Moved(asked.as_folder() + &query.unwrap_or_default()))
            }
            Found::Folder(folder) => {
                let index = [&asked.names[..], &["index.html".into()]].concat();
                match self.root.open(&index) {
                    Ok(Found::File(file, meta)) => {
                        return send(file, meta, OsStr::new("index.html"), req, res);
                    }
                    Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e.into()),
                    _ => {}
                }
                let (mut entries, all) = self.root.entries(&folder, &asked.names, LISTED)?;
                if !self.dot_files {
                    entries.retain(|entry| !entry.name.as_encoded_bytes().starts_with(b"."));
                }
                let title = asked.names.iter().map(|name| format!("/{}", name.to_string_lossy()));
                let page = listing::page(&entries, all, &(title.collect::<String>() + "/"));
                send_page(&page, req, res)
            }
        }
    }
}

/// The status for a method that is not served: 501 for what nobody registered, 405 for the rest (RFC 9110 section 9.1).
fn refused_method(method: Method<'_>) -> Option<u16> {
    match method {
        Method::Get | Method::Head => None,
        // Section 9.3.7, also about `*`.
        Method::Options => Some(204),
        Method::Other(name) if METHODS.iter().all(|known| known.name.as_bytes() != name.as_bytes()) => {
            Some(501)
        }
        _ => Some(405),
    }
}

impl Handler for Files {
    type Exchange = Exchange;

    fn request(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Exchange> {
        let line = self.log.then(|| Line::of(req, res));
        let answered = self.answer(req, res).or_else(|refusal| {
            refuse(refusal, req, res)?;
            Ok(None)
        });
        match answered {
            Ok(None) if line.is_none() => None,
            Ok(rest) => Some(Exchange { line, rest }),
            // Nothing here depends on the client. The server answers for us.
            Err::<_, SendError>(e) => {
                note(format_args!("serve: {}: {e}", req.target.escape_ascii()));
                None
            }
        }
    }

    /// No content is wanted here, so nobody is told to send it.
    fn check_continue(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Exchange> {
        self.request(req, res)
    }

    fn drain(&mut self, exchange: &mut Exchange, res: &mut Response<'_>) {
        let Some(file) = &mut exchange.rest else { return };
        match pump(file, res) {
            Ok(false) => {}
            Ok(true) => exchange.rest = None,
            Err(e) => {
                note(format_args!("serve: a file could not be read to its end: {e}"));
                exchange.rest = None;
                res.abort();
            }
        }
    }

    fn report(&mut self, exchange: Option<&mut Exchange>, report: &Report) {
        if let Some(line) = exchange.and_then(|exchange| exchange.line.as_ref()) {
            line.write(report);
        }
    }

    fn client_error(&mut self, error: &ClientError<'_>, res: &mut Response<'_>) {
        if self.log {
            let peer = res.stream().peer_addr().map(|addr| addr.to_string()).unwrap_or_default();
            note(format_args!("serve: {peer}: {}: {}", error.error.status(), error.error));
        }
    }

    fn timeout(&mut self, expired: Expired, _: Option<&mut Exchange>, res: &mut Response<'_>) -> bool {
        if self.log && expired != Expired::KeepAlive {
            let peer = res.stream().peer_addr().map(|addr| addr.to_string()).unwrap_or_default();
            note(format_args!("serve: {peer}: a time limit passed: {expired:?}"));
        }
        false
    }
}

fn refuse(refusal: Refusal, req: &Request<'_>, res: &mut Response<'_>) -> Result<(), SendError> {
    let (status, text) = match refusal {
        Refusal::Moved(to) => {
            res.status(301).header("Location", &to).header("Content-Type", "text/html; charset=utf-8");
            let link = to.replace('&', "&amp;").replace('\'', "%27");
            return res.end(format!("<!DOCTYPE html>\n<a href='{link}'>It is here.</a>\n"));
        }
        Refusal::NotFound => (404, "not found\n"),
        Refusal::Io(e) if e.kind() == io::ErrorKind::NotFound => (404, "not found\n"),
        Refusal::Io(e) if e.kind() == io::ErrorKind::PermissionDenied => (403, "this may not be read\n"),
        Refusal::Io(e) => {
            note(format_args!("serve: {}: {e}", req.target.escape_ascii()));
            (500, "this could not be read\n")
        }
        Refusal::Send(e) => return Err(e),
    };
    res.status(status).header("Content-Type", "text/plain; charset=utf-8").end(text)
}

/// Answers what the conditions of a request decide. True if there is nothing more to send.
fn is_decided(validators: &Validators, req: &Request<'_>, res: &mut Response<'_>) -> Result<bool, SendError> {
    match validators.judge(&req.fields) {
        Verdict::Send => return Ok(false),
        // Section 15.4.5: the tag, and nothing else about the file.
        Verdict::NotModified => res.status(304).header("ETag", validators.etag()).end(""),
        Verdict::Failed => {
            res.status(412).header("Content-Type", "text/plain; charset=utf-8");
            res.end("this is not what the conditions say\n")
        }
    }?;
    Ok(true)
}

/// Sends a page that was made now.
fn send_page(page: &str, req: &Request<'_>, res: &mut Response<'_>) -> Result<Option<File>, Refusal> {
    let validators = Validators::of_page(page, SystemTime::now());
    if !is_decided(&validators, req, res)? {
        res.header("ETag", validators.etag()).header("Content-Type", "text/html; charset=utf-8").end(page)?;
    }
    Ok(None)
}

/// Sends a file, whose name tells its type.
fn send(
    file: File,
    meta: Metadata,
    name: &OsStr,
    req: &Request<'_>,
    res: &mut Response<'_>,
) -> Result<Option<File>, Refusal> {
    let content_type = type_of(name);
    let content = Content::of(file, meta)?;
    let meta = match content {
        Content::Memory(_, ref meta) | Content::Disk(_, ref meta) => meta,
        Content::Endless(mut file) => {
            res.header("Content-Type", content_type);
            return Ok((!pump(&mut file, res)?).then_some(file));
        }
    };
    let (len, validators) = (meta.len(), Validators::of(meta, SystemTime::now()));
    if is_decided(&validators, req, res)? {
        return Ok(None);
    }
    // Section 14.2: for other methods a range means nothing. A second field makes both invalid.
    let asked = match single(&req.fields, "range") {
        Some(field) if req.method == Method::Get && validators.allow_range(&req.fields) => ranges(field, len),
        _ => Ranges::All,
    };
    if let Ranges::None = asked {
        res.status(416).header("Content-Range", format!("bytes */{len}"));
        res.header("Content-Type", "text/plain; charset=utf-8").end("the file has no such part\n")?;
        return Ok(None);
    }
    res.header("ETag", validators.etag());
    if let Some(date) = validators.date() {
        res.header("Date", date.as_str());
    }
    // Section 15.3.7: who has a part already, and says so by `If-Range`, knows the rest.
    let is_known = matches!(asked, Ranges::Some(_)) && req.fields.has("if-range");
    if !is_known {
        res.header("Accept-Ranges", "bytes").header("Content-Type", content_type);
        if let Some(modified) = validators.last_modified() {
            res.header("Last-Modified", modified.as_str());
        }
    }
    match asked {
        Ranges::Some(parts) => send_parts(&content, &parts, content_type, len, res)?,
        Ranges::All | Ranges::None => {
            res.content_length(len);
            content.write(0, len, res)?;
            res.finish()?;
        }
    }
    Ok(None)
}

fn send_parts(
    content: &Content,
    parts: &[(u64, u64)],
    content_type: &str,
    len: u64,
    res: &mut Response<'_>,
) -> Result<(), SendError> {
    res.status(206);
    if let [(first, n)] = *parts {
        res.header("Content-Range", content_range(first, n, len)).content_length(n);
        content.write(first, n, res)?;
        return res.finish();
    }
    let boundary = boundary();
    let head = |(first, n): (u64, u64)| {
        let range = content_range(first, n, len);
        format!("\r\n--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: {range}\r\n\r\n")
    };
    let end = format!("\r\n--{boundary}--\r\n");
    let total = parts.iter().map(|part| head(*part).len() as u64 + part.1).sum::<u64>() + end.len() as u64;
    res.headers_mut()?.set("Content-Type", format!("multipart/byteranges; boundary={boundary}"))?;
    res.content_length(total);
    for &(first, n) in parts {
        res.write(head((first, n)))?;
        content.write(first, n, res)?;
    }
    res.end(end)
}

/// What separates parts. No file contains it but by guessing 128 bits drawn for this answer (RFC 2046 section 5.1.1).
fn boundary() -> String {
    let random = || RandomState::new().hash_one(0);
    format!("{:016x}{:016x}", random(), random())
}

fn content_range(first: u64, n: u64, len: u64) -> String {
    format!("bytes {first}-{}/{len}", first + n - 1)
}
