//! The folders of one climb and the children that run in them: one for each run, with the runtime's SONAME as a link and what
//! the run leaves behind.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::interpose::Library;
use crate::probe::Child;

use super::setup::{Deployment, Setup};

/// The folders, and what is run in them.
#[derive(Debug)]
pub(super) struct Stage<'s> {
    setup: &'s Setup,
    folder: PathBuf,
    /// The bundle, unpacked.
    bundled: PathBuf,
    /// The name that clients load the runtime by, where it is known.
    soname: Option<String>,
}

impl<'s> Stage<'s> {
    pub(super) fn new(setup: &'s Setup, folder: &Path, bundled: &Path, runtime: Option<&Library>) -> Stage<'s> {
        Stage { setup, folder: folder.to_owned(), bundled: bundled.to_owned(), soname: runtime.map(Library::name) }
    }

    /// The file of that name which the run leaves.
    pub(super) fn file(&self, run: &str, name: &str) -> PathBuf {
        self.folder.join(run).join(name)
    }

    /// A file of the bundle.
    pub(super) fn bundled(&self, name: &str) -> PathBuf {
        self.bundled.join(name)
    }

    /// The command without the shim.
    pub(super) fn native(&self, command: &[OsString]) -> io::Result<Child> {
        let runtime = self.setup.runtime.as_deref().zip(self.soname.clone());
        self.child("native", command, runtime, None)
    }

    /// The command with the shim in front.
    pub(super) fn shimmed(&self, command: &[OsString]) -> io::Result<Child> {
        let setup = self.setup;
        let runtime = setup.runtime.as_deref().zip(self.soname.clone());
        match setup.deploy {
            Deployment::Preload => {
                fs::create_dir_all(self.file("shimmed", "lib"))?;
                let shim = self.preloadable(&setup.shim)?;
                self.child("shimmed", command, runtime, Some(&shim))
            }
            Deployment::Replace => {
                let name = self.soname.clone().or_else(|| Some(Library::read(&setup.shim).ok()?.name()));
                let name =
                    name.ok_or_else(|| io::Error::other("the name that the shim is to stand in for is unknown"))?;
                let child = self.child("shimmed", command, Some((&setup.shim, name)), None)?;
                Ok(match &setup.runtime {
                    Some(runtime) => child.env("XDOCTOR_RUNTIME", fs::canonicalize(runtime)?),
                    None => child,
                })
            }
            Deployment::Itself => self.child("shimmed", command, runtime, None),
        }
    }

    /// A path of the shim without the characters at which LD_PRELOAD is split: a link to it, where its own has them.
    fn preloadable(&self, shim: &Path) -> io::Result<PathBuf> {
        let shim = fs::canonicalize(shim)?;
        let splits = |byte: &u8| byte.is_ascii_whitespace() || *byte == b':';
        if !shim.as_os_str().as_encoded_bytes().iter().any(splits) {
            return Ok(shim);
        }
        let link = self.file("shimmed", "libshim.so");
        symlink(shim, &link)?;
        Ok(link)
    }

    /// `library` is found first under this name; `preload` comes before what the setup's own LD_PRELOAD names.
    fn child(
        &self,
        run: &str,
        command: &[OsString],
        library: Option<(&Path, String)>,
        preload: Option<&Path>,
    ) -> io::Result<Child> {
        let (program, words) = command.split_first().ok_or_else(|| io::Error::other("no command"))?;
        let log = self.setup.log.as_ref().map(|stem| {
            let mut stem = stem.clone().into_os_string();
            stem.push(format!(".{run}"));
            PathBuf::from(stem)
        });
        fs::create_dir_all(self.folder.join(run))?;
        let mut child = Child::new(program).args(words).limits(self.setup.limits).log(log);
        for (name, value) in self.setup.env.iter().filter(|(name, _)| !LISTS.contains(&name.as_str())) {
            child = child.env(name, value);
        }
        let folder = library.map(|(library, name)| self.folder_with(run, library, &name)).transpose()?;
        let lists =
            [("LD_LIBRARY_PATH", folder.map(PathBuf::into_os_string)), ("LD_PRELOAD", preload.map(OsString::from))];
        for (name, first) in lists {
            if let Some(list) = self.list(name, first) {
                child = child.env(name, list);
            }
        }
        Ok(child.env(RUNTIME_COUNTERS, self.file(run, "runtime.%p")))
    }

    /// Ours first, then what the setup gives.
    fn list(&self, name: &str, first: Option<OsString>) -> Option<OsString> {
        let given =
            self.setup.env.iter().rev().find(|(given, _)| given == name).map(|(_, value)| OsString::from(value));
        match (first, given) {
            (Some(mut first), Some(given)) => {
                first.push(OsStr::new(":"));
                first.push(given);
                Some(first)
            }
            (first, given) => first.or(given),
        }
    }

    /// A folder in which the library is found by this name: its own, where it is called so there (its `$ORIGIN` then is what
    /// it was built for), else one with a link.
    fn folder_with(&self, run: &str, library: &Path, name: &str) -> io::Result<PathBuf> {
        let real = fs::canonicalize(library)?;
        if let Some(own) = std::path::absolute(library)?.parent().filter(|_| !self.setup.command.is_empty())
            && fs::canonicalize(own.join(name)).is_ok_and(|found| found == real)
        {
            return Ok(own.to_owned());
        }
        let folder = self.file(run, "lib");
        fs::create_dir_all(&folder)?;
        symlink(real, folder.join(name))?;
        Ok(folder)
    }
}

/// Names the file that a bundled runtime writes its counters to.
pub(super) const RUNTIME_COUNTERS: &str = "XDOCTOR_RUNTIME_COUNTERS";

/// The variables that the stage puts its own words before.
const LISTS: [&str; 2] = ["LD_LIBRARY_PATH", "LD_PRELOAD"];
