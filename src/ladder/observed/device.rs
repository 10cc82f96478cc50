//! Whether the runtime has a device at all, asked in a child of its own.

use std::path::{Path, PathBuf};

use crate::interpose::Library;
use crate::ladder::setup::Setup;
use crate::probe::Child;

use super::run::Run;

/// Functions that count devices, each `int (*)(int *)`, and what they answer where there is none: hipErrorNoDevice and
/// cudaErrorNoDevice.
const COUNTING: [&str; 2] = ["hipGetDeviceCount", "cudaGetDeviceCount"];
const NO_DEVICE: &str = "error 100";

/// What the runtime says, where it says that there is no device.
pub(super) fn missing(given: Option<&Library>, native: &Run, setup: &Setup) -> Option<String> {
    let (runtime, function) = match given {
        Some(library) => (library.path.clone(), COUNTING.into_iter().find(|name| library.exports.contains_key(*name))?),
        None => used(native)?,
    };
    let said = ask(&runtime, function, setup)?;
    said.starts_with(NO_DEVICE).then(|| format!("{} has no device: {function} says {said}", runtime.display()))
}

/// The library that the native run would count devices with.
fn used(native: &Run) -> Option<(PathBuf, &'static str)> {
    let objects = native.observation.objects();
    let library = |path: &PathBuf| {
        let exports = Library::read(path).ok()?.exports;
        Some((path.clone(), COUNTING.into_iter().find(|name| exports.contains_key(*name))?))
    };
    objects.filter(|object| object.path.is_file()).find_map(|object| library(&object.path))
}

/// `error N`, or `N devices`, with the variables of the runs: some hide devices. `None` where it could not be asked.
fn ask(runtime: &Path, function: &str, setup: &Setup) -> Option<String> {
    let xdoctor = std::env::current_exe().ok()?;
    let words = ["load".as_ref(), "--count-devices".as_ref(), function.as_ref(), runtime.as_os_str()];
    let child = Child::new(xdoctor).args(words).limits(setup.limits);
    let ended = setup.env.iter().fold(child, |child, (name, value)| child.env(name, value)).run().ok()?;
    let line = ended.stdout.text().lines().find_map(|line| line.strip_prefix("xdoctor: ").map(ToOwned::to_owned));
    line.filter(|line| line.starts_with("error ") || line.ends_with(" devices"))
}
