//! Where an upload goes: a file that has its name only once it is complete.

use h1wire_proto::{Method, RequestHead};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// An upload under way. Dropped before its end, it leaves nothing behind.
pub struct Upload {
    file: File,
    /// What the file is called until it is complete, and then.
    names: Option<(PathBuf, PathBuf)>,
}

impl Upload {
    /// The upload that a request asks for, to a file in `folder`, or the status that refuses it.
    pub fn begin(folder: &Path, head: &RequestHead<'_, '_>) -> Result<Self, u16> {
        let plain = |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let name = str::from_utf8(head.target).ok().and_then(|target| target.strip_prefix('/'));
        match (head.method, name.filter(plain).filter(|name| !name.is_empty())) {
            (Method::Put, Some(name)) => {
                let part = folder.join(format!("{name}.part"));
                // Who comes while another one is still sending has to come again.
                let file = File::options().write(true).create_new(true).open(&part).map_err(|_| 409u16)?;
                Ok(Self { file, names: Some((part, folder.join(name))) })
            }
            (Method::Put, None) => Err(403),
            _ => Err(405),
        }
    }

    /// An upload into something that is open already, and has no name.
    pub fn into_file(file: File) -> Self {
        Self { file, names: None }
    }

    /// Where to write.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Writes a piece of content.
    pub fn store(&self, data: &[u8]) -> io::Result<()> {
        (&self.file).write_all(data)
    }

    /// The content is complete.
    pub fn finish(mut self) -> io::Result<()> {
        if let Some((part, name)) = &self.names {
            self.file.sync_all()?;
            fs::rename(part, name)?;
        }
        self.names = None;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some((part, _)) = &self.names {
            let _ = fs::remove_file(part);
        }
    }
}
