//! Opening files beneath a folder, so that the system itself refuses to leave it.
//!
//! A path that is looked at first and opened then can be another file by then. So it is never looked at: on Linux one
//! call (`openat2`) resolves it, follows links inside the folder, and fails at the first step out of it. Where that call
//! is missing, and for links that name their target from the root of the file system, the links are resolved first and
//! the result is opened step by step, following none.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// A folder, and nothing outside it.
pub struct Root {
    /// With every symbolic link resolved.
    path: PathBuf,
    #[cfg(unix)]
    dir: File,
}

/// What was opened.
pub enum Found {
    /// Something with bytes, and what is known of it.
    File(File, Metadata),
    /// A folder.
    Folder(Folder),
}

/// A folder that was opened.
pub struct Folder(#[cfg(unix)] File, #[cfg(not(unix))] PathBuf);

impl Root {
    /// # Errors
    /// Those of opening it, and of what is not a folder.
    pub fn new(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref().canonicalize()?;
        std::fs::read_dir(&path)?;
        Ok(Self {
            #[cfg(unix)]
            dir: File::open(&path)?,
            path,
        })
    }

    /// Opens a file or folder beneath for reading, without waiting for anybody. Links lead where they lead, as long as that
    /// is beneath.
    ///
    /// # Errors
    /// [`NotFound`](io::ErrorKind::NotFound) for what is not there or not beneath, and those of the system.
    pub fn open(&self, segments: &[String]) -> io::Result<Found> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(opened) = self.open_at_once(segments) {
            return found(opened?);
        }
        self.open_in_steps(segments)
    }

    /// The names in a folder that was opened by `segments`, in order, and which of them are folders. What leads out and
    /// names that are not UTF-8 are left out.
    ///
    /// # Errors
    /// Those of the system.
    pub fn names(&self, folder: &Folder, segments: &[String]) -> io::Result<Vec<(String, bool)>> {
        let mut names = Vec::new();
        for (name, is_folder) in folder.entries()? {
            let is_folder = match is_folder {
                Some(known) => known,
                None => match self.open(&[segments, std::slice::from_ref(&name)].concat()) {
                    Ok(found) => matches!(found, Found::Folder(_)),
                    Err(_) => continue,
                },
            };
            names.push((name, is_folder));
        }
        names.sort();
        Ok(names)
    }

    fn resolved(&self, segments: &[String]) -> io::Result<PathBuf> {
        let mut path = self.path.clone();
        path.extend(segments);
        let path = path.canonicalize()?;
        let beneath = path.strip_prefix(&self.path).map_err(|_| io::ErrorKind::NotFound)?;
        Ok(beneath.to_path_buf())
    }
}

#[cfg(unix)]
impl Folder {
    /// Names, and whether they are folders, if that is known: links may lead anywhere.
    fn entries(&self) -> io::Result<Vec<(String, Option<bool>)>> {
        use rustix::fs::{Dir, FileType};
        let mut entries = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            let is_folder = match entry.file_type() {
                FileType::Directory => Some(true),
                FileType::Symlink | FileType::Unknown => None,
                _ => Some(false),
            };
            if name != "." && name != ".." {
                entries.push((name.to_owned(), is_folder));
            }
        }
        Ok(entries)
    }
}

#[cfg(unix)]
fn found(opened: File) -> io::Result<Found> {
    let meta = opened.metadata()?;
    Ok(if meta.is_dir() { Found::Folder(Folder(opened)) } else { Found::File(opened, meta) })
}

#[cfg(unix)]
impl Root {
    /// None if this call cannot tell.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn open_at_once(&self, segments: &[String]) -> Option<io::Result<File>> {
        use rustix::fs::{Mode, ResolveFlags, openat2};
        use rustix::io::Errno;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let path = if segments.is_empty() { ".".to_owned() } else { segments.join("/") };
        // Somebody renames folders meanwhile: the system asks to be asked again.
        for _ in 0..8 {
            match openat2(&self.dir, path.as_str(), flags(), Mode::empty(), resolve) {
                Ok(opened) => return Some(Ok(opened.into())),
                Err(Errno::AGAIN) => {}
                // A step out, which may lead in again, or a system without the call, or one that forbids it.
                Err(Errno::XDEV | Errno::NOSYS | Errno::PERM) => return None,
                Err(e) => return Some(Err(refused(e))),
            }
        }
        None
    }

    /// [`open`](Self::open) with calls that every Unix has.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_in_steps(&self, segments: &[String]) -> io::Result<Found> {
        use rustix::fs::{Mode, OFlags, openat};
        let path = self.resolved(segments)?;
        let mut opened: File = openat(&self.dir, ".", flags(), Mode::empty())?.into();
        let mut names = path.iter().peekable();
        while let Some(name) = names.next() {
            let folder = if names.peek().is_some() { OFlags::DIRECTORY } else { OFlags::empty() };
            let flags = flags() | OFlags::NOFOLLOW | folder;
            opened = openat(&opened, name, flags, Mode::empty()).map_err(refused)?.into();
        }
        found(opened)
    }
}

/// A pipe without a writer is not waited for, and a terminal is not taken.
#[cfg(unix)]
fn flags() -> rustix::fs::OFlags {
    use rustix::fs::OFlags;
    OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY
}

/// What leads out, or nowhere, is not there.
#[cfg(unix)]
fn refused(error: rustix::io::Errno) -> io::Error {
    use rustix::io::Errno;
    match error {
        Errno::LOOP | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::NXIO => io::ErrorKind::NotFound.into(),
        other => other.into(),
    }
}

#[cfg(not(unix))]
impl Root {
    /// Here a folder that is replaced by a link between the two calls leads out.
    fn open_in_steps(&self, segments: &[String]) -> io::Result<Found> {
        let path = self.path.join(self.resolved(segments)?);
        if path.is_dir() {
            return Ok(Found::Folder(Folder(path)));
        }
        let file = File::open(path)?;
        let meta = file.metadata()?;
        Ok(Found::File(file, meta))
    }
}

#[cfg(not(unix))]
impl Folder {
    fn entries(&self) -> io::Result<Vec<(String, Option<bool>)>> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(&self.0)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            entries.push((name, (!kind.is_symlink()).then_some(kind.is_dir())));
        }
        Ok(entries)
    }
}
