//! Which file a name means: the file itself, what ld.so would find, or what is bundled.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::cli::Unusable;
use crate::elf::{ElfError, Image, Mapped, Symbols};
use crate::loader::{Search, Where};

/// An opened file, and how it was come by.
pub struct Source {
    file: Mapped,
    /// What led to it, where the name was not the file itself.
    pub found: Option<Where>,
}

impl Source {
    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        self.file.bytes()
    }

    /// Gives back the memory behind bytes that have been used.
    pub fn release(&self, range: std::ops::Range<usize>) {
        self.file.release(range);
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
        let file = self.path();
        let message = format!("{}: {error}", file.display());
        Unusable { message, file: Some(file), line: None, column: None }
    }

    /// Its path, absolute.
    pub fn path(&self) -> PathBuf {
        std::path::absolute(self.file.path()).unwrap_or_else(|_| self.file.path().to_owned())
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
        let bare = name.components().count() == 1 && !name.exists();
        let found = if bare { Search::new(self.library_path.clone()).find(name.as_os_str()) } else { None };
        let path = found.as_ref().map_or(name, |found| &found.path);
        let file = Mapped::open(path).map_err(|error| Unusable {
            message: match bare && found.is_none() {
                true => format!("{}: no such file here, and none that ld.so would find", name.display()),
                false => error.to_string(),
            },
            file: Some(std::path::absolute(name).unwrap_or_else(|_| name.to_owned())),
            line: None,
            column: None,
        })?;
        Ok(Source { file, found: found.map(|found| found.by) })
    }
}
