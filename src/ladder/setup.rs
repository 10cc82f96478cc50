//! Which shim stands before which runtime, how, and where the runs leave their evidence.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::interpose::Deploy;
use crate::probe::{Child, Limits};

/// What is to be climbed.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The shim.
    pub shim: PathBuf,
    /// The runtime that it is to forward to.
    pub runtime: PathBuf,
    /// How the shim gets there.
    pub deploy: Deploy,
    /// Variables for both runs.
    pub env: Vec<(String, String)>,
    /// What each run may use up.
    pub limits: Limits,
    /// A folder for the runs' files, which may be executed from.
    pub scratch: PathBuf,
    /// The stem of the files that keep what the runs print, where it is kept.
    pub log: Option<PathBuf>,
    /// Run the client without the shim first. Without that, a failure may be the client's own.
    pub native: bool,
    /// A missing device is a failure and no reason to skip.
    pub require_gpu: bool,
}

impl Setup {
    /// Both runs with the usual limits, the shim preloaded.
    pub fn new(shim: &Path, runtime: &Path, scratch: &Path) -> Setup {
        Setup {
            shim: shim.to_owned(),
            runtime: runtime.to_owned(),
            deploy: Deploy::Preload,
            env: Vec::new(),
            limits: Limits::default(),
            scratch: scratch.to_owned(),
            log: None,
            native: true,
            require_gpu: false,
        }
    }
}

/// The folders of one climb, one for each run: the runtime's SONAME as a link, and what the run leaves behind.
#[derive(Debug)]
pub(super) struct Stage {
    folder: PathBuf,
    soname: String,
}

impl Stage {
    pub(super) fn new(folder: &Path, soname: &str) -> Stage {
        Stage { folder: folder.to_owned(), soname: soname.to_owned() }
    }

    /// The file of that name which the run leaves.
    pub(super) fn file(&self, run: &str, name: &str) -> PathBuf {
        self.folder.join(run).join(name)
    }

    /// The client without the shim.
    pub(super) fn native(&self, setup: &Setup, client: &Path) -> io::Result<Child> {
        self.child("native", setup, client, &setup.runtime)
    }

    /// The client with the shim in front, and the loader telling what it does.
    pub(super) fn shimmed(&self, setup: &Setup, client: &Path) -> io::Result<Child> {
        let named = match setup.deploy {
            Deploy::Preload => &setup.runtime,
            Deploy::Replace => &setup.shim,
        };
        let child = self.child("shimmed", setup, client, named)?;
        let child = match setup.deploy {
            Deploy::Preload => child.env("LD_PRELOAD", self.preloadable(&setup.shim)?),
            Deploy::Replace => child.env("XDOCTOR_RUNTIME", fs::canonicalize(&setup.runtime)?),
        };
        Ok(child
            .env("LD_BIND_NOW", "1")
            .env("LD_DEBUG", "bindings")
            .env("LD_DEBUG_OUTPUT", self.file("shimmed", "ld"))
            .env("XDOCTOR_TRACE", "calls")
            .env("XDOCTOR_COUNTERS", self.file("shimmed", "shim.%p")))
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

    fn child(&self, run: &str, setup: &Setup, client: &Path, runtime: &Path) -> io::Result<Child> {
        let libraries = self.file(run, "lib");
        fs::create_dir_all(&libraries)?;
        symlink(fs::canonicalize(runtime)?, libraries.join(&self.soname))?;
        let log = setup.log.as_ref().map(|stem| {
            let mut stem = stem.clone().into_os_string();
            stem.push(format!(".{run}"));
            PathBuf::from(stem)
        });
        let mut child = Child::new(client).args(["--exec-child"]).limits(setup.limits).log(log);
        for (name, value) in &setup.env {
            child = child.env(name, value);
        }
        let counters = self.file(run, "runtime.%p");
        Ok(child.env("LD_LIBRARY_PATH", libraries).env("XDOCTOR_RUNTIME_COUNTERS", counters))
    }
}
