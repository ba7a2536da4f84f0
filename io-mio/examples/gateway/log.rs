//! The access log: a line for each request, written in pieces by the event loop that served it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use h1wire_mio::proto::AccessLine;

/// How much gathers before it is written.
const PIECE: usize = 16 * 1024;
/// How long a line waits at most.
const EVERY: Duration = Duration::from_secs(1);

/// Where lines go, for all loops.
#[derive(Clone)]
pub struct AccessLog {
    sink: Arc<Mutex<Sink>>,
    combined: bool,
}

enum Sink {
    Standard,
    File(PathBuf, File),
}

impl AccessLog {
    /// Lines go to the end of `file`; `-` is standard output.
    pub fn open(file: &Path, combined: bool) -> Result<Self, String> {
        let sink = match file.to_str() {
            Some("-") => Sink::Standard,
            _ => Sink::File(file.to_owned(), append(file).map_err(|e| format!("{}: {e}", file.display()))?),
        };
        Ok(Self { sink: Arc::new(Mutex::new(sink)), combined })
    }

    /// Opens the file anew, which somebody moved away.
    pub fn reopen(&self) {
        let sink = &mut *self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        if let Sink::File(path, file) = sink {
            match append(path) {
                Ok(opened) => *file = opened,
                Err(error) => eprintln!("gateway: {}: {error}", path.display()),
            }
        }
    }

    /// Writes what gathered.
    fn write_all(&self, lines: &Mutex<Vec<u8>>) {
        let piece = std::mem::take(&mut *lines.lock().unwrap_or_else(PoisonError::into_inner));
        if !piece.is_empty() {
            self.write(&piece);
        }
    }

    fn write(&self, lines: &[u8]) {
        let sink = &mut *self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        let written = match sink {
            Sink::Standard => io::stdout().write_all(lines),
            Sink::File(_, file) => file.write_all(lines),
        };
        // A log that cannot be written is no reason to serve nobody.
        drop(written);
    }
}

fn append(file: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(file)
}

/// The lines of one event loop. What gathers is written when there is a piece of it, and otherwise every second.
pub struct Lines {
    log: AccessLog,
    lines: Arc<Mutex<Vec<u8>>>,
}

impl Lines {
    pub fn new(log: &AccessLog) -> Self {
        let lines = Arc::new(Mutex::new(Vec::with_capacity(2 * PIECE)));
        let (weak, log) = (Arc::downgrade(&lines), log.clone());
        let sink = log.clone();
        std::thread::spawn(move || {
            while let Some(lines) = weak.upgrade() {
                sink.write_all(&lines);
                drop(lines);
                std::thread::sleep(EVERY);
            }
        });
        Self { log, lines }
    }

    /// Adds a line.
    pub fn add(&self, line: AccessLine<'_>) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing that is written to memory fails.
        let _ = match self.log.combined {
            true => writeln!(lines, "{}", line.combined()),
            false => writeln!(lines, "{}", line.common()),
        };
        if lines.len() >= PIECE {
            let piece = std::mem::take(&mut *lines);
            drop(lines);
            self.log.write(&piece);
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.log.write_all(&self.lines);
    }
}
