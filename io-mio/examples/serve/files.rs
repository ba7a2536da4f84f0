//! Answering requests with files.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::sync::Arc;

use h1wire_mio::proto::{HttpDate, Method, SendError, Target};
use h1wire_mio::{Handler, Request, Response};

use super::beneath::{Found, Root};
use super::conditional::{Validators, Verdict};
use super::range::{Ranges, ranges};
use super::{listing, path};

/// A file that is shorter goes into memory and leaves with the head in one piece.
const SMALL: u64 = 16 * 1024;
/// What separates the parts of an answer with several ranges. Files may contain it: lengths are what counts.
const BOUNDARY: &str = "h1wire-part-of-a-file";

/// A folder to serve.
#[derive(Clone)]
pub struct Files {
    root: Arc<Root>,
}

/// Why a file is not sent.
enum Refusal {
    NotFound,
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
    pub fn new(root: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self { root: Arc::new(Root::new(root)?) })
    }

    fn answer(&self, req: &Request<'_>, res: &mut Response<'_>) -> Result<(), Refusal> {
        if !matches!(req.method, Method::Get | Method::Head) {
            let status = if req.method == Method::Options { 204 } else { 405 };
            return Ok(res.status(status).header("Allow", "GET, HEAD, OPTIONS").end("")?);
        }
        let target = match Target::parse(req.method, req.target) {
            Ok(Target::Origin { path, .. }) => path,
            Ok(Target::Absolute { path_and_query, .. }) => {
                path_and_query.split(|b| *b == b'?').next().unwrap_or_default()
            }
            _ => return Err(Refusal::NotFound),
        };
        let segments = path::segments(target).ok_or(Refusal::NotFound)?;
        match self.root.open(&segments)? {
            Found::File(..) if target.ends_with(b"/") => Err(Refusal::NotFound),
            Found::File(file, meta) => send(file, &meta, segments.last(), req, res),
            Found::Folder(_) if !target.ends_with(b"/") && !target.is_empty() => {
                Err(Refusal::Moved(link_to(&segments) + "/"))
            }
            Found::Folder(folder) => {
                let index = "index.html".to_owned();
                match self.root.open(&[&segments[..], std::slice::from_ref(&index)].concat()) {
                    Ok(Found::File(file, meta)) => send(file, &meta, Some(&index), req, res),
                    _ => {
                        let names = self.root.names(&folder, &segments)?;
                        let page = listing::page(&names, &format!("/{}", segments.join("/")));
                        Ok(res.header("Content-Type", "text/html; charset=utf-8").end(page)?)
                    }
                }
            }
        }
    }
}

impl Handler for Files {
    type Exchange = ();

    fn request(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<()> {
        let answered = match self.answer(req, res) {
            Ok(()) => Ok(()),
            Err(Refusal::Moved(to)) => res.status(301).header("Location", to).end(""),
            Err(Refusal::Io(e)) if e.kind() != io::ErrorKind::NotFound => {
                eprintln!("{}: {e}", req.target.escape_ascii());
                res.status(500).end("")
            }
            Err(Refusal::NotFound | Refusal::Io(_)) => {
                res.status(404).header("Content-Type", "text/plain").end("not found\n")
            }
            Err(Refusal::Send(e)) => Err(e),
        };
        // What could not be sent, although nothing here depends on the client: the server answers for us.
        if let Err(e) = answered {
            eprintln!("{}: {e}", req.target.escape_ascii());
        }
        None
    }
}

fn link_to(segments: &[String]) -> String {
    segments.iter().map(|segment| format!("/{}", path::encode(segment))).collect()
}

/// Sends a file, whose name tells its type.
fn send(
    file: File,
    meta: &Metadata,
    name: Option<&String>,
    req: &Request<'_>,
    res: &mut Response<'_>,
) -> Result<(), Refusal> {
    if !meta.is_file() {
        return Err(Refusal::NotFound);
    }
    let (len, content_type) = (meta.len(), name.map_or(OTHER, |name| type_of(name)));
    let validators = Validators::of(meta);
    let modified = HttpDate::from_unix(validators.modified);
    res.header("ETag", &validators.etag).header("Last-Modified", modified.as_str());
    match validators.judge(&req.fields) {
        Verdict::Send => {}
        Verdict::NotModified => return Ok(res.status(304).end("")?),
        Verdict::Failed => return Ok(res.status(412).end("")?),
    }
    res.header("Accept-Ranges", "bytes");
    let asked = match req.fields.get("range") {
        Some(field) if req.method == Method::Get && validators.allow_range(&req.fields) => ranges(field, len),
        _ => Ranges::All,
    };
    let parts = match asked {
        Ranges::All => {
            res.header("Content-Type", content_type);
            return part(file, 0, len, res);
        }
        Ranges::None => {
            return Ok(res.status(416).header("Content-Range", format!("bytes */{len}")).end("")?);
        }
        Ranges::Some(parts) => parts,
    };
    res.status(206);
    if let [(first, n)] = parts[..] {
        res.header("Content-Type", content_type).header("Content-Range", content_range(first, n, len));
        return part(file, first, n, res);
    }
    let head = |(first, n): (u64, u64)| {
        let range = content_range(first, n, len);
        format!("\r\n--{BOUNDARY}\r\nContent-Type: {content_type}\r\nContent-Range: {range}\r\n\r\n")
    };
    let end = format!("\r\n--{BOUNDARY}--\r\n");
    let total = parts.iter().map(|part| head(*part).len() as u64 + part.1).sum::<u64>() + end.len() as u64;
    res.header("Content-Type", format!("multipart/byteranges; boundary={BOUNDARY}")).content_length(total);
    let file = Arc::new(file);
    for (first, n) in parts {
        res.write(head((first, n)))?;
        res.write_file(file.clone(), first, n)?;
    }
    Ok(res.end(end)?)
}

fn content_range(first: u64, n: u64, len: u64) -> String {
    format!("bytes {first}-{}/{len}", first + n - 1)
}

/// Sends one part of a file as the whole content.
fn part(file: File, first: u64, n: u64, res: &mut Response<'_>) -> Result<(), Refusal> {
    if n > SMALL {
        res.content_length(n).write_file(Arc::new(file), first, n)?;
        return Ok(res.finish()?);
    }
    use io::{Read, Seek};
    let mut content = vec![0; n as usize];
    let mut file = file;
    file.seek(io::SeekFrom::Start(first))?;
    file.read_exact(&mut content)?;
    Ok(res.end(content)?)
}

const OTHER: &str = "application/octet-stream";

fn type_of(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "txt" | "md" | "log" => "text/plain; charset=utf-8",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "ttf" => "font/ttf",
        "wasm" => "application/wasm",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mp3" => "audio/mpeg",
        _ => OTHER,
    }
}
