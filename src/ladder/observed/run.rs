//! One run of the command under the observer.

use std::collections::BTreeSet;
use std::path::Path;

use crate::elf::{Image, Mapped, hex};
use crate::interpose::{Library, Selection, is_critical};
use crate::ladder::error::ClimbError;
use crate::ladder::same_file::same_file;
use crate::ladder::setup::Setup;
use crate::ladder::stage::Stage;
use crate::loader::Environment;
use crate::probe::{Child, Ended, Observation, Observer};

use super::recursion;

/// A run, and what was seen of it.
#[derive(Debug)]
pub(super) struct Run {
    pub ended: Ended,
    pub observation: Observation,
}

impl Run {
    /// Runs the child with the observer in it.
    pub(super) fn of(stage: &Stage<'_>, child: Child, run: &str, setup: &Setup) -> Result<Run, ClimbError> {
        let library = stage.bundled("lib/libxdoctor-observer.so");
        let folder = stage.file(run, "observed");
        let observer = Observer::set_up(&library, &folder, &setup.api.names)?;
        let child = observer.watch(setup.until_enough(child));
        let child = match run {
            "shimmed" => child.stop_when(recursion::watch(observer.clone(), setup.shim.clone())),
            _ => child,
        };
        let ended = child.run()?;
        Ok(Run { ended, observation: observer.read()? })
    }

    /// Whether any of its processes loaded this library, or another copy of the same build.
    pub(super) fn holds(&self, library: &Library) -> bool {
        let objects = self.observation.objects();
        let paths: BTreeSet<&Path> =
            objects.map(|object| object.path.as_path()).filter(|path| path.is_file()).collect();
        let build = |path: &Path| Some(hex(Image::parse(Mapped::open(path).ok()?.bytes()).ok()?.build_id()?));
        let is_it = |path: &Path| {
            same_file(path, &library.path) || library.build_id.is_some() && build(path) == library.build_id
        };
        paths.into_iter().any(is_it)
    }

    /// Whether it launched, allocated, freed or copied anything.
    pub(super) fn computes(&self, api: &Selection) -> bool {
        let calls = self.observation.images.iter().flat_map(|image| &image.calls);
        calls.filter(|call| call.count > 0).any(|call| is_critical(api.role(&call.symbol)))
    }
}

/// What ld.so looks at of the variables that the child gets.
pub(super) fn environment(child: &Child) -> Environment {
    let variable = |name| child.variable(name).map(ToOwned::to_owned);
    Environment { library_path: variable("LD_LIBRARY_PATH"), preload: variable("LD_PRELOAD"), ..Environment::default() }
}
