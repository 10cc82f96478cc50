//! Programs that observed processes became or started, and that did not shake hands themselves: they ran unobserved, or not at
//! all.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::image::Image;

/// A process that was to run another program: by a call that it made itself, or its parent on its behalf.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Departure {
    /// The process.
    pub pid: u32,
    /// The image whose memory the call was made in; a forked child's parent where that has no image of its own.
    pub(super) from: (u32, u32),
    /// The function that was called: `execve`, `execvp`, `posix_spawn`, …
    pub symbol: String,
    /// The program as it was named; `None` where only a descriptor was, or it could not be noted.
    pub program: Option<PathBuf>,
}

impl Departure {
    /// All that were recorded, in their order, by processes of these images.
    pub(super) fn read_all(folder: &Path, images: &[Image]) -> io::Result<Vec<Departure>> {
        let records = match fs::read(folder.join("departures")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        let unrecorded = images.iter().filter(|image| image.departed > 0).map(Departure::unrecorded);
        let departures = records.split_inclusive(|&byte| byte == 0);
        let departures = departures.filter_map(|record| parse(record.strip_suffix(b"\0")?));
        Ok(departures.map(|departure| departure.named_by(images)).chain(unrecorded).collect())
    }

    /// Of an image that could not write any more, so that nobody after it could shake hands.
    fn unrecorded(image: &Image) -> Departure {
        Departure { pid: image.pid, from: (image.pid, image.ordinal), symbol: "exec".to_owned(), program: None }
    }

    /// With its own program's file in the place of what only the process itself reads so.
    fn named_by(mut self, images: &[Image]) -> Departure {
        if self.program.as_deref() == Some(Path::new("/proc/self/exe")) {
            let own = images.iter().find(|image| (image.pid, image.ordinal) == self.from);
            self.program = own.and_then(Image::program).map(Path::to_owned);
        }
        self
    }

    /// The program's file, as far as its name tells: a relative one is taken from here, one without a slash from PATH.
    pub fn file(&self) -> Option<PathBuf> {
        let program = self.program.as_ref()?;
        let file = match program.components().count() {
            1 => {
                let path = std::env::var_os("PATH")?;
                std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
            }
            _ => std::path::absolute(program).ok(),
        };
        file.filter(|file| file.is_file() && !file.starts_with("/proc"))
    }

    /// Its parent: who made the call on its behalf, else its image's own.
    pub fn parent(&self, images: &[Image]) -> u32 {
        let own = images.iter().find(|image| (image.pid, image.ordinal) == self.from);
        if self.pid == self.from.0 { own.map_or(0, |image| image.parent) } else { self.from.0 }
    }

    /// Whether the process was observed from then on. A later image of the process that an exec began says so.
    pub(super) fn was_followed(&self, images: &[Image]) -> bool {
        let is_later = |image: &Image| self.pid != self.from.0 || image.ordinal > self.from.1;
        images.iter().any(|image| image.pid == self.pid && !image.forked && is_later(image))
    }

    /// Whether there is no such file, so that the call failed.
    pub(super) fn leads_nowhere(&self) -> bool {
        self.program.as_ref().is_some_and(|program| program.is_absolute() && !program.exists())
    }
}

impl fmt::Display for Departure {
    /// `process 17 became ./client (execvp) without the observer`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = match &self.program {
            Some(program) => crate::elf::escape(program.as_os_str().as_bytes()).to_string(),
            None => "an unnamed program".to_owned(),
        };
        write!(f, "process {} became {program} ({}) without the observer", self.pid, self.symbol)
    }
}

/// Process, image (`PID.N`), function, program.
pub(super) fn parse(record: &[u8]) -> Option<Departure> {
    let mut fields = record.splitn(4, |&byte| byte == b'\t');
    let mut field = || fields.next();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pid = text(field()?).parse().ok()?;
    let image = text(field()?);
    let (process, ordinal) = image.split_once('.')?;
    let from = (process.parse().ok()?, ordinal.parse().ok()?);
    let symbol = text(field()?);
    let program = field().filter(|program| *program != b"-").map(|program| OsStr::from_bytes(program).into());
    Some(Departure { pid, from, symbol, program })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn departure(record: &str) -> Departure {
        parse(record.as_bytes()).expect("a record")
    }

    #[test]
    fn what_was_cut_off_or_is_no_record_is_left_out() {
        assert_eq!(departure("7\t7.0\tfexecve\t-").program, None);
        for record in ["", "7", "7\t7", "x\t7.0\texecve\t/a", "7\t7.x\texecve\t/a"] {
            assert_eq!(parse(record.as_bytes()), None, "{record}");
        }
    }
}
