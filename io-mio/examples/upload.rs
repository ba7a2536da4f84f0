//! Stores uploads on disk: `cargo run -p h1wire-mio --example upload -- FOLDER`, then `curl -T FILE http://ADDRESS/`.
//!
//! Each upload has a thread that writes. While it lags, the content is not read, and so the client has to wait: memory
//! stays bounded however fast the one and however slow the other. A file appears under its name when it is complete, and
//! replaces one of that name at once; what breaks off leaves nothing.

mod cli;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{SystemTime, UNIX_EPOCH};

use h1wire_mio::proto::{Fields, HttpDate, Method};
use h1wire_mio::{Handler, Options, Request, Responder, Response, Server};

/// How many bytes may wait for the disk.
const AHEAD: u64 = 1 << 20;
/// How many uploads there may be at a time, each with its thread.
const MOST: usize = 64;

struct Uploads {
    folder: Arc<Path>,
    /// One for each upload there is, and one for this.
    count: Arc<()>,
}

/// The way to the thread that writes. `None` marks the end; a channel that closes without it, an abort.
struct Exchange {
    pieces: Sender<Option<Vec<u8>>>,
    waiting: Arc<AtomicU64>,
}

/// Where an upload goes, and whether only to a new name.
struct Place {
    path: PathBuf,
    only_new: bool,
}

/// Why nothing is stored: a status, and a word about it.
type Refusal = (u16, &'static str);

impl Uploads {
    /// What RFC 9110 sections 9.3.4, 13 and 14.5 ask before content is read.
    fn place(&self, req: &Request<'_>) -> Result<Place, Refusal> {
        if req.method != Method::Put {
            return Err((405, "PUT is for storing, and nothing else is done here\n"));
        }
        let name = req.path().strip_prefix(b"/").and_then(|name| std::str::from_utf8(name).ok());
        let is_plain = |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        let name = name.filter(|name| !name.starts_with('.') && !name.is_empty()).filter(is_plain);
        let name = name.ok_or((403, "a name of letters, digits, '-', '_' and '.'\n"))?;
        if req.fields.has("content-range") {
            return Err((400, "a part cannot be stored, send the whole\n"));
        }
        let path = self.folder.join(name);
        let meta = fs::metadata(&path).ok();
        if meta.as_ref().is_some_and(|meta| !meta.is_file()) {
            return Err((409, "there is something else of that name\n"));
        }
        let modified = meta.as_ref().and_then(|meta| meta.modified().ok()).map(unix);
        let date =
            |name| req.fields.get(name).and_then(|date| HttpDate::parse(date, unix(SystemTime::now())));
        // Files have no tags here, so none of a list is theirs.
        let only_new = req.fields.get("if-none-match") == Some(b"*");
        let failed = match req.fields.get("if-match") {
            Some(b"*") => meta.is_none(),
            Some(_) => true,
            None => {
                modified.zip(date("if-unmodified-since")).is_some_and(|(modified, since)| modified > since)
            }
        };
        if failed || only_new && meta.is_some() {
            return Err((412, "this is not what the conditions say\n"));
        }
        if Arc::strong_count(&self.count) > MOST {
            return Err((503, "there are too many uploads\n"));
        }
        Ok(Place { path, only_new })
    }
}

impl Handler for Uploads {
    type Exchange = Exchange;

    fn request(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Exchange> {
        match self.place(req) {
            Ok(place) => {
                let (pieces, written) = channel();
                let waiting = Arc::new(AtomicU64::new(0));
                let (responder, unwritten, count) = (res.responder(), waiting.clone(), self.count.clone());
                std::thread::spawn(move || {
                    store(&place, &written, &unwritten, &responder);
                    drop(count);
                });
                Some(Exchange { pieces, waiting })
            }
            Err((status, text)) => {
                match status {
                    405 => res.header("Allow", "PUT"),
                    503 => res.header("Retry-After", "10"),
                    _ => res,
                };
                if res.status(status).header("Content-Type", "text/plain").end(text).is_err() {
                    res.abort();
                }
                None
            }
        }
    }

    fn data(&mut self, exchange: &mut Exchange, data: &[u8], res: &mut Response<'_>) {
        let waiting = exchange.waiting.fetch_add(data.len() as u64, Ordering::AcqRel) + data.len() as u64;
        if waiting >= AHEAD {
            res.pause();
        }
        // A writer that failed has answered already.
        let _ = exchange.pieces.send(Some(data.to_vec()));
    }

    fn end(&mut self, exchange: &mut Exchange, _: Fields<'_, '_>, _: &mut Response<'_>) {
        let _ = exchange.pieces.send(None);
    }
}

fn store(place: &Place, pieces: &Receiver<Option<Vec<u8>>>, waiting: &AtomicU64, responder: &Responder) {
    let part = part_of(&place.path);
    let stored = write(&part, pieces, waiting, responder).and_then(|()| publish(&part, place));
    // After it has its name, it is not there under the other.
    let _ = fs::remove_file(&part);
    let status = match &stored {
        Ok(true) => 201,
        Ok(false) => 204,
        // Somebody was faster.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => 412,
        Err(e) => {
            eprintln!("upload: {}: {e}", place.path.display());
            if e.kind() == io::ErrorKind::StorageFull { 507 } else { 500 }
        }
    };
    responder.respond(status, Default::default(), "");
}

/// Gives a complete file its name. Says whether that is new.
fn publish(part: &Path, place: &Place) -> io::Result<bool> {
    match fs::hard_link(part, &place.path) {
        Ok(()) => Ok(true),
        Err(e) if place.only_new => Err(e),
        Err(e) => {
            let is_new = e.kind() != io::ErrorKind::AlreadyExists && !place.path.exists();
            fs::rename(part, &place.path).map(|()| is_new)
        }
    }
}

/// Where a file is while it is not complete: a name of its own for each upload, and none that can be asked for.
fn part_of(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let (process, number) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    path.with_file_name(format!(".{process}-{number}.part"))
}

fn write(
    part: &Path,
    pieces: &Receiver<Option<Vec<u8>>>,
    waiting: &AtomicU64,
    responder: &Responder,
) -> io::Result<()> {
    let mut file = File::create_new(part)?;
    loop {
        let cut = || io::Error::new(io::ErrorKind::UnexpectedEof, "the upload broke off");
        let piece = pieces.recv().map_err(|_| cut())?;
        let Some(piece) = piece else { return file.sync_all() };
        file.write_all(&piece)?;
        let before = waiting.fetch_sub(piece.len() as u64, Ordering::AcqRel);
        if before >= AHEAD && before - (piece.len() as u64) < AHEAD {
            responder.run(|res| res.resume());
        }
    }
}

fn unix(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn serve(server: Server, folder: &Path) -> io::Result<()> {
    let folder: Arc<Path> = folder.canonicalize()?.into();
    let mut options = Options::default();
    options.policy.protocol.limits.content_bytes = Some(16 << 30);
    let count = Arc::default();
    server.options(options).serve_with(move |_| Uploads { folder: folder.clone(), count: Arc::clone(&count) })
}

fn main() -> ExitCode {
    cli::run_on_folder("Stores what is uploaded with PUT in a folder.", serve)
}
