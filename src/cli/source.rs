//! Which file a name means: the file itself, what ld.so would find, or what is bundled.

use std::ffi::OsString;
use std::fmt::{self, Display};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::Unusable;
use crate::bundle;
use crate::elf::{ElfError, Image, Mapped, Symbols};
use crate::loader::{Where, locate};

/// An opened file, and how it was come by.
pub struct Source {
    content: Content,
    found: Option<How>,
}

enum Content {
    File(Mapped),
    Bundled(&'static bundle::Entry),
}

/// What led to a file, where the name was not the file itself.
#[derive(Clone, Copy)]
pub enum How {
    /// The search that ld.so would make.
    Searched(Where),
    /// Nothing but the bundle has it.
    Bundled,
}

impl Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            How::Searched(place) => place.fmt(f),
            How::Bundled => f.write_str("in the bundle: `xdoctor bundle DIR` writes it out"),
        }
    }
}

impl Source {
    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::File(file) => file.bytes(),
            Content::Bundled(entry) => entry.bytes,
        }
    }

    /// What led to it, where the name was not the file itself.
    pub fn found(&self) -> Option<How> {
        self.found
    }

    /// Gives back the memory behind bytes that have been used.
    pub fn release(&self, range: Range<usize>) {
        if let Content::File(file) = &self.content {
            file.release(range);
        }
    }

    /// The file as ELF.
    pub fn image(&self) -> Result<Image<'_>, Unusable> {
        Image::parse(self.bytes()).map_err(|error| self.unusable(&error))
    }

    /// Its dynamic symbols.
    pub fn symbols(&self) -> Result<Symbols<'_>, Unusable> {
        self.image()?.symbols().map_err(|error| self.unusable(&error))
    }

    /// An error of what is in it, with its name.
    pub fn unusable(&self, error: &ElfError) -> Unusable {
        unusable(&self.path(), format!("{}: {error}", self.path().display()))
    }

    /// Its path, absolute; within the bundle for what is bundled.
    pub fn path(&self) -> PathBuf {
        match &self.content {
            Content::File(file) => absolute(file.path()),
            Content::Bundled(entry) => PathBuf::from(entry.path),
        }
    }
}

/// Where names are looked for.
pub struct Sources {
    library_path: Option<OsString>,
}

impl Sources {
    /// With this environment's `LD_LIBRARY_PATH`, or without.
    pub fn new(inherit_env: bool) -> Sources {
        Sources { library_path: std::env::var_os("LD_LIBRARY_PATH").filter(|_| inherit_env) }
    }

    /// Opens a file, or what a bare name that is no file here stands for.
    pub fn open(&self, name: &Path) -> Result<Source, Unusable> {
        if name.components().count() != 1 || name.exists() {
            return open(name, None);
        }
        if let Some(found) = locate(name.as_os_str(), self.library_path.clone()) {
            return open(&found.path, Some(How::Searched(found.by)));
        }
        let bundled =
            bundle::entries().iter().find(|entry| Path::new(entry.path).file_name() == Some(name.as_os_str()));
        let missing =
            || format!("{}: no such file here, none that ld.so would find, none in the bundle", name.display());
        let entry = bundled.ok_or_else(|| unusable(name, missing()))?;
        Ok(Source { content: Content::Bundled(entry), found: Some(How::Bundled) })
    }
}

fn open(path: &Path, found: Option<How>) -> Result<Source, Unusable> {
    let file = Mapped::open(path).map_err(|error| unusable(path, error.to_string()))?;
    Ok(Source { content: Content::File(file), found })
}

fn unusable(file: &Path, message: String) -> Unusable {
    Unusable { message, file: Some(absolute(file)), line: None, column: None }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
