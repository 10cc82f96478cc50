//! The folders that a file asks ld.so to search for what it needs, and those of them that are gone.

use std::path::{Path, PathBuf};

use crate::code::Code;
use crate::diagnosis::Diagnosis;

/// A folder in a file's RPATH or RUNPATH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchFolder {
    /// `RPATH` or `RUNPATH`.
    pub tag: &'static str,
    /// As it is written.
    pub written: String,
    /// Where it leads; `None` where that depends on the processor or the distribution (`$LIB`, `$PLATFORM`).
    pub place: Option<PathBuf>,
}

/// The folders, in the order of the search. RUNPATH cancels RPATH (glibc, elf/dl-load.c), yet what either names is wanted.
pub fn search_folders(file: &Path, rpath: Option<&str>, runpath: Option<&str>) -> Vec<SearchFolder> {
    let lists = [("RUNPATH", runpath), ("RPATH", rpath)];
    let of = |(tag, list): (&'static str, Option<&str>)| {
        let folders = list.unwrap_or_default().split(':').filter(|folder| !folder.is_empty());
        let folder = |written: &str| SearchFolder { tag, written: written.to_owned(), place: expand(written, file) };
        folders.map(folder).collect::<Vec<_>>()
    };
    lists.into_iter().flat_map(of).collect()
}

impl SearchFolder {
    /// What is wrong where the folder is gone: another copy comes from wherever ld.so looks next.
    pub fn dangling(&self, file: &Path) -> Option<Diagnosis> {
        let place = self.place.as_ref().filter(|place| !place.is_dir())?;
        let expected = format!("{} {} leads to a folder", self.tag, self.written);
        let fix =
            format!("link again with -Wl,-rpath,'$ORIGIN', or: patchelf --set-rpath '$ORIGIN' {}", file.display());
        let actual = format!("{} is not there", place.display());
        Some(Diagnosis::new(Code::RunpathDangling, expected, actual).mended_by(fix))
    }
}

/// Puts the file's own folder for $ORIGIN, as elf/dl-load.c does; `None` where the entry has $LIB or $PLATFORM.
fn expand(folder: &str, file: &Path) -> Option<PathBuf> {
    let real = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let origin = real.parent().unwrap_or(Path::new("/")).display().to_string();
    let text = folder.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin);
    (!text.contains("$LIB") && !text.contains("$PLATFORM") && !text.contains("${")).then(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_is_the_files_own_folder() {
        let file = Path::new("/nowhere/lib/libx.so");
        assert_eq!(expand("$ORIGIN/../lib", file), Some("/nowhere/lib/../lib".into()));
        assert_eq!(expand("${ORIGIN}", file), Some("/nowhere/lib".into()));
        assert_eq!(expand("/opt/$LIB", file), None);
    }
}
