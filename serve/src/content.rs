//! The bytes of a file, as they are sent: from memory if they are few, else by the system, from the disk to the socket.
//!
//! A file can change between two looks at it, and some have a size that means nothing (`/proc`). Whatever is sent as
//! complete has the length, and in memory the bytes, of one state of the file; otherwise the connection is cut.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::sync::Arc;

use h1wire_mio::Response;
use h1wire_mio::proto::SendError;

/// A file that is shorter goes into memory and leaves with the head in one piece.
const SMALL: u64 = 16 * 1024;
/// How often a small file is read anew because it changed meanwhile.
const TRIES: usize = 4;

/// What there is of a file.
pub enum Content {
    /// All of it, and what is known of that state.
    Memory(Vec<u8>, Box<Metadata>),
    /// It is long, and stays where it is.
    Disk(Arc<File>, Box<Metadata>),
    /// Its size says nothing: what there is comes until it ends.
    Endless(File),
}

impl Content {
    /// Looks at a file.
    ///
    /// # Errors
    /// Those of reading.
    pub fn of(mut file: File, meta: Metadata) -> io::Result<Self> {
        let mut before = Box::new(meta);
        for _ in 0..TRIES {
            if before.len() > SMALL {
                return Ok(Self::Disk(Arc::new(file), before));
            }
            let mut bytes = Vec::with_capacity(before.len() as usize);
            file.rewind()?;
            (&file).take(SMALL + 1).read_to_end(&mut bytes)?;
            let after = Box::new(file.metadata()?);
            if is_same(&before, &after) {
                if after.len() == bytes.len() as u64 {
                    return Ok(Self::Memory(bytes, after));
                }
                break;
            }
            before = after;
        }
        file.rewind()?;
        Ok(Self::Endless(file))
    }

    /// Sends one part of what has a length, after what was sent before.
    ///
    /// # Errors
    /// As [`Response::write_file`].
    pub fn write(&self, first: u64, n: u64, res: &mut Response<'_>) -> Result<(), SendError> {
        match self {
            Self::Memory(bytes, _) => {
                let part = bytes.get(first as usize..(first + n) as usize);
                res.write(part.unwrap_or_default()).map(drop)
            }
            Self::Disk(file, _) => res.write_file(file.clone(), first, n).map(drop),
            Self::Endless(_) => Ok(()),
        }
    }
}

fn is_same(before: &Metadata, after: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let times = |meta: &Metadata| (meta.ctime(), meta.ctime_nsec());
        if times(before) != times(after) {
            return false;
        }
    }
    before.len() == after.len() && before.modified().ok() == after.modified().ok()
}

/// Sends more of a file that comes until it ends, as much as there is room for. True when it has ended.
///
/// # Errors
/// Those of reading, and as [`Response::write`].
pub fn pump(file: &mut File, res: &mut Response<'_>) -> io::Result<bool> {
    let mut piece = [0; SMALL as usize];
    loop {
        let n = match file.read(&mut piece) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if n == 0 {
            res.finish().map_err(io::Error::other)?;
            return Ok(true);
        }
        if !res.write(piece.get(..n).unwrap_or_default()).map_err(io::Error::other)? {
            return Ok(false);
        }
    }
}
