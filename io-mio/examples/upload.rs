//! Stores uploads on disk: `cargo run --example upload -- FOLDER [ADDRESS]`, then `curl -T FILE http://ADDRESS/NAME`.
//!
//! Each upload has a thread that writes. While it is behind, the content is not read, and so the client has to wait:
//! memory stays bounded however fast the one and however slow the other. A file appears under its name when it is
//! complete.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use h1wire_mio::proto::{Fields, Method};
use h1wire_mio::{Handler, Options, Request, Responder, Response, Server};

/// How many bytes may wait for the disk.
const AHEAD: u64 = 1 << 20;

struct Uploads {
    folder: Arc<Path>,
}

/// The way to the thread that writes. `None` marks the end; a channel that closes without it, an abort.
struct Exchange {
    pieces: Sender<Option<Vec<u8>>>,
    waiting: Arc<AtomicU64>,
}

impl Handler for Uploads {
    type Exchange = Exchange;

    fn request(&mut self, req: &Request<'_>, res: &mut Response<'_>) -> Option<Exchange> {
        let name = std::str::from_utf8(req.target).ok().and_then(|target| target.strip_prefix('/'));
        let is_plain = |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        let name = name.filter(|name| !name.starts_with('.') && !name.is_empty()).filter(is_plain);
        let refused = match (req.method, name) {
            (Method::Put, Some(name)) => {
                let (pieces, written) = channel();
                let waiting = Arc::new(AtomicU64::new(0));
                let (path, responder, behind) = (self.folder.join(name), res.responder(), waiting.clone());
                std::thread::spawn(move || store(&path, &written, &behind, &responder));
                return Some(Exchange { pieces, waiting });
            }
            (Method::Put, None) => res.status(403).end("a name of letters, digits, '-', '_' and '.'\n"),
            _ => res.status(405).header("Allow", "PUT").end(""),
        };
        if refused.is_err() {
            res.abort();
        }
        None
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

fn store(path: &Path, pieces: &Receiver<Option<Vec<u8>>>, waiting: &AtomicU64, responder: &Responder) {
    let part = part_of(path);
    let stored = write(&part, pieces, waiting, responder).and_then(|()| fs::rename(&part, path));
    if let Err(e) = &stored {
        eprintln!("{}: {e}", path.display());
        let _ = fs::remove_file(&part);
    }
    let status = if stored.is_ok() { 201 } else { 500 };
    responder.respond(status, Default::default(), "");
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
    let mut file = File::create(part)?;
    loop {
        let piece = pieces.recv().map_err(|_| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        let Some(piece) = piece else { return file.sync_all() };
        file.write_all(&piece)?;
        let before = waiting.fetch_sub(piece.len() as u64, Ordering::AcqRel);
        if before >= AHEAD && before - (piece.len() as u64) < AHEAD {
            responder.run(|res| res.resume());
        }
    }
}

fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().ok_or_else(|| io::Error::other("usage: upload FOLDER [ADDRESS]"))?;
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:8080".into());
    let folder: Arc<Path> = Path::new(&folder).canonicalize()?.into();
    let mut options = Options::default();
    options.protocol.limits.content_bytes = 16 << 30;
    let server = Server::bind(addr)?.options(options);
    println!("http://{}/", server.local_addr()?);
    server.serve_with(move |_| Uploads { folder: folder.clone() })
}
