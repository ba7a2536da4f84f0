//! Opening files beneath a folder, so that the system itself refuses to leave it.
//!
//! A path that is looked at first and opened then can be another file by then. So it is never looked at: on Linux one
//! call (`openat2`) resolves it, follows links inside the folder, and fails at the first step out of it. Where that call
//! is missing, and for links that name their target from the root of the file system, the links are resolved first and
//! the result is opened step by step, following none.
//!
//! Only files and folders are opened at all: to open a device can set it going, and to open a pipe lets its writer go on.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
#[cfg(unix)]
use std::time::{Duration, UNIX_EPOCH};

#[cfg(all(test, unix))]
mod tests;

/// A folder, and nothing outside it.
pub struct Root {
    /// With every symbolic link resolved.
    path: PathBuf,
    #[cfg(unix)]
    dir: File,
}

/// What was opened.
pub enum Found {
    /// A file, and what is known of it.
    File(File, Metadata),
    /// A folder.
    Folder(Folder),
}

/// A folder that was found.
pub struct Folder {
    #[cfg(unix)]
    dir: File,
    #[cfg(not(unix))]
    path: PathBuf,
    meta: Metadata,
}

/// A file or folder in a folder.
pub struct Entry {
    pub name: OsString,
    pub about: About,
}

/// What a listing says of it.
pub struct About {
    pub is_folder: bool,
    pub len: u64,
    pub modified: Option<SystemTime>,
}

impl From<&Metadata> for About {
    fn from(meta: &Metadata) -> Self {
        Self { is_folder: meta.is_dir(), len: meta.len(), modified: meta.modified().ok() }
    }
}

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
    /// [`NotFound`](io::ErrorKind::NotFound) for what is not there, not beneath, or neither file nor folder, and those of
    /// the system.
    pub fn open(&self, names: &[OsString]) -> io::Result<Found> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(opened) = self.open_at_once(names) {
            return opened;
        }
        self.open_in_steps(names)
    }

    /// What is in a folder that was opened by `names`, in order, at most `most` of it. What leads out, and what is neither
    /// file nor folder, is left out. And whether that is all.
    ///
    /// # Errors
    /// Those of the system.
    pub fn entries(
        &self,
        folder: &Folder,
        names: &[OsString],
        most: usize,
    ) -> io::Result<(Vec<Entry>, bool)> {
        let (mut entries, mut all) = (Vec::new(), true);
        for name in folder.names()? {
            let name = name?;
            if entries.len() == most {
                all = false;
                break;
            }
            let about = match folder.look(&name) {
                Look::Known(about) => about,
                Look::Special => continue,
                // It may lead anywhere, so it is followed as a request would be.
                Look::Link => match self.open(&[names, std::slice::from_ref(&name)].concat()) {
                    Ok(Found::File(_, meta) | Found::Folder(Folder { meta, .. })) => About::from(&meta),
                    Err(_) => continue,
                },
            };
            entries.push(Entry { name, about });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok((entries, all))
    }

    fn resolved(&self, names: &[OsString]) -> io::Result<PathBuf> {
        let mut path = self.path.clone();
        path.extend(names);
        let path = path.canonicalize().map_err(refused)?;
        let beneath = path.strip_prefix(&self.path).map_err(|_| io::ErrorKind::NotFound)?;
        Ok(beneath.to_path_buf())
    }
}

/// What one look at a name comes to.
enum Look {
    /// A file or folder.
    Known(About),
    /// A symbolic link.
    Link,
    /// Neither, or gone.
    Special,
}

/// What leads out, in a circle, or through what is no folder is not there.
fn refused(error: io::Error) -> io::Error {
    #[cfg(unix)]
    if let Some(rustix::io::Errno::LOOP | rustix::io::Errno::NAMETOOLONG | rustix::io::Errno::NXIO) =
        rustix::io::Errno::from_io_error(&error)
    {
        return io::ErrorKind::NotFound.into();
    }
    match error.kind() {
        io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => io::ErrorKind::NotFound.into(),
        _ => error,
    }
}

#[cfg(unix)]
impl Root {
    /// None if this way cannot tell.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn open_at_once(&self, names: &[OsString]) -> Option<io::Result<Found>> {
        use rustix::fs::{Mode, OFlags, ResolveFlags, open, openat2};
        use rustix::io::Errno;
        use std::os::fd::AsRawFd;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let path = if names.is_empty() { OsString::from(".") } else { names.join(OsStr::new("/")) };
        // Somebody renames folders meanwhile: the system asks to be asked again.
        for _ in 0..8 {
            // Found, and not opened: what it is is seen first.
            match openat2(&self.dir, path.as_os_str(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)
            {
                Ok(found) => {
                    let found = File::from(found);
                    let meta = match found.metadata() {
                        Ok(meta) => meta,
                        Err(e) => return Some(Err(e)),
                    };
                    if !meta.is_file() {
                        return Some(folder(found, meta));
                    }
                    // This is that very file, whatever has its name by now.
                    return match open(format!("/proc/self/fd/{}", found.as_raw_fd()), flags(), Mode::empty())
                    {
                        Ok(opened) => Some(Ok(Found::File(opened.into(), meta))),
                        // Nothing is mounted there.
                        Err(Errno::NOENT | Errno::NOTDIR) => None,
                        Err(e) => Some(Err(refused(e.into()))),
                    };
                }
                Err(Errno::AGAIN) => {}
                // A step out, which may lead in again, or a system without the call, or one that forbids it.
                Err(Errno::XDEV | Errno::NOSYS | Errno::PERM) => return None,
                Err(e) => return Some(Err(refused(e.into()))),
            }
        }
        None
    }

    /// [`open`](Self::open) with calls that every Unix has.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_in_steps(&self, names: &[OsString]) -> io::Result<Found> {
        use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, statat};
        let path = self.resolved(names)?;
        let mut opened: File = openat(&self.dir, ".", flags(), Mode::empty())?.into();
        let mut names = path.iter().peekable();
        while let Some(name) = names.next() {
            let here = statat(&opened, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| refused(e.into()))?;
            let is_folder = match FileType::from_raw_mode(here.st_mode) {
                FileType::Directory => OFlags::DIRECTORY,
                FileType::RegularFile if names.peek().is_none() => OFlags::empty(),
                _ => return Err(io::ErrorKind::NotFound.into()),
            };
            let flags = flags() | OFlags::NOFOLLOW | is_folder;
            opened = openat(&opened, name, flags, Mode::empty()).map_err(|e| refused(e.into()))?.into();
        }
        let meta = opened.metadata()?;
        if meta.is_file() { Ok(Found::File(opened, meta)) } else { folder(opened, meta) }
    }
}

#[cfg(unix)]
fn folder(dir: File, meta: Metadata) -> io::Result<Found> {
    if meta.is_dir() {
        return Ok(Found::Folder(Folder { dir, meta }));
    }
    Err(io::ErrorKind::NotFound.into())
}

/// Should it be something else by then: a pipe without a writer is not waited for, and a terminal is not taken.
#[cfg(unix)]
fn flags() -> rustix::fs::OFlags {
    use rustix::fs::OFlags;
    OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY
}

#[cfg(unix)]
impl Folder {
    fn names(&self) -> io::Result<impl Iterator<Item = io::Result<OsString>>> {
        use rustix::fs::{Dir, Mode, OFlags, openat};
        use std::os::unix::ffi::OsStringExt;
        let entries = Dir::new(openat(&self.dir, ".", flags() | OFlags::DIRECTORY, Mode::empty())?)?;
        let names = entries.map(|entry| Ok(OsString::from_vec(entry?.file_name().to_bytes().to_vec())));
        Ok(names.filter(|name| !matches!(name, Ok(name) if name == "." || name == "..")))
    }

    fn look(&self, name: &OsStr) -> Look {
        use rustix::fs::{AtFlags, FileType, statat};
        let Ok(stat) = statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW) else { return Look::Special };
        let is_folder = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => true,
            FileType::RegularFile => false,
            FileType::Symlink => return Look::Link,
            _ => return Look::Special,
        };
        let since = u64::try_from(stat.st_mtime).ok().map(Duration::from_secs);
        let modified = since.map(|since| UNIX_EPOCH + since);
        Look::Known(About { is_folder, len: stat.st_size.try_into().unwrap_or_default(), modified })
    }
}

#[cfg(not(unix))]
impl Root {
    /// Here a folder that is replaced by a link between the two calls leads out.
    fn open_in_steps(&self, names: &[OsString]) -> io::Result<Found> {
        let path = self.path.join(self.resolved(names)?);
        let meta = path.metadata()?;
        if meta.is_dir() {
            return Ok(Found::Folder(Folder { path, meta }));
        }
        if !meta.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let file = File::open(path)?;
        let meta = file.metadata()?;
        Ok(Found::File(file, meta))
    }
}

#[cfg(not(unix))]
impl Folder {
    fn names(&self) -> io::Result<impl Iterator<Item = io::Result<OsString>>> {
        Ok(std::fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name())))
    }

    fn look(&self, name: &OsStr) -> Look {
        match self.path.join(name).symlink_metadata() {
            Ok(meta) if meta.is_symlink() => Look::Link,
            Ok(meta) if meta.is_dir() || meta.is_file() => Look::Known(About::from(&meta)),
            _ => Look::Special,
        }
    }
}
