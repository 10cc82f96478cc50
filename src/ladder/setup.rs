//! Which shim stands before which runtime, how, under which command, and what is asked of it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::interpose::{Deploy, Selection};
use crate::probe::{Child, Limits};

use super::compare::Compare;
use super::enough::Enough;

/// How a shim gets into the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Deployment {
    /// LD_PRELOAD names it
    #[default]
    Preload,
    /// Its name stands in for the runtime's
    Replace,
    /// The command brings it in by itself: there is no native run then
    Itself,
}

impl From<Deploy> for Deployment {
    fn from(deploy: Deploy) -> Deployment {
        match deploy {
            Deploy::Preload => Deployment::Preload,
            Deploy::Replace => Deployment::Replace,
        }
    }
}

/// What is to be climbed.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The shim.
    pub shim: PathBuf,
    /// The runtime that it is to forward to. A command brings its own where none is given; the bundled client needs one.
    pub runtime: Option<PathBuf>,
    /// How the shim gets there.
    pub deploy: Deployment,
    /// The program and its arguments; the bundled client where empty.
    pub command: Vec<OsString>,
    /// The functions that are watched.
    pub api: Selection,
    /// Variables for both runs.
    pub env: Vec<(String, String)>,
    /// What each run may use up.
    pub limits: Limits,
    /// A folder for the runs' files, which may be executed from and belongs to nobody else: the bundle is unpacked into it once,
    /// and what lies there as `bundle` is run.
    pub scratch: PathBuf,
    /// The stem of the files that keep what the runs print, where it is kept.
    pub log: Option<PathBuf>,
    /// Run the client without the shim first. Without that, a failure may be the client's own.
    pub native: bool,
    /// A missing device is a failure and no reason to skip.
    pub require_gpu: bool,
    /// What of the two runs must be equal.
    pub compare: Compare,
    /// Lines that the shimmed run must print.
    pub expected_lines: Vec<Regex>,
    /// Lines of the shimmed run that are counted, by the name to count them under.
    pub trace_lines: Vec<(String, Regex)>,
    /// The exit status with which the command says that it cannot be run here; its last line on stdout is the reason.
    pub skip_exit: Option<i32>,
    /// When each run of a command that does not end by itself is ended.
    pub enough: Option<Enough>,
}

impl Setup {
    /// The child as it is to be watched: ended once it has shown enough, where that is told by what it prints.
    pub(super) fn until_enough(&self, child: Child) -> Child {
        match &self.enough {
            Some(enough) => enough.of(child),
            None => child,
        }
    }

    /// The bundled client before this runtime, with the usual limits, the shim preloaded.
    pub fn new(shim: &Path, runtime: &Path, scratch: &Path) -> Setup {
        Setup { runtime: Some(runtime.to_owned()), ..Setup::of_command(shim, std::iter::empty::<OsString>(), scratch) }
    }

    /// A command with the runtime that it finds by itself, with the usual limits, the shim preloaded.
    pub fn of_command(shim: &Path, command: impl IntoIterator<Item = impl Into<OsString>>, scratch: &Path) -> Setup {
        Setup {
            shim: shim.to_owned(),
            runtime: None,
            deploy: Deployment::Preload,
            command: command.into_iter().map(Into::into).collect(),
            api: Selection::hip(),
            env: Vec::new(),
            limits: Limits::default(),
            scratch: scratch.to_owned(),
            log: None,
            native: true,
            require_gpu: false,
            compare: Compare::default(),
            expected_lines: Vec::new(),
            trace_lines: Vec::new(),
            skip_exit: None,
            enough: None,
        }
    }
}
