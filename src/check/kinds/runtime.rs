//! What a GPU's runtime library asks of the kernel driver below it: of which release it is, and whether the two fit.

use std::fs;
use std::path::Path;

use super::drivers::{self, Fit};
use super::machine::Machine;

/// Whether a HIP runtime fits AMD's driver of that version.
pub(super) fn over_amdgpu(library: &Path, driver: &str) -> Fit {
    match rocm_release(library) {
        Ok(release) => drivers::amdgpu(driver, &release),
        Err(why) => Fit::Unsaid(why),
    }
}

/// Whether one of NVIDIA's libraries fits its driver of that version. The driver's own (libcuda, libnvidia-ml) refuse any
/// driver but that of their own version; the toolkit's libcudart takes that of its release and any later one.
pub(super) fn over_nvidia(library: &Path, driver: &str, machine: &Machine) -> Fit {
    let name = file_name(library);
    let version = version_of(&name);
    if name.starts_with("libcudart") {
        return match version.map(|version| drivers::cuda(driver, version)) {
            None => Fit::Unsaid("its name does not say its version".to_owned()),
            Some(Fit::Differs(_)) if has_compat(library, machine) => Fit::Unsaid(format!(
                "a package cuda-compat is here, with which it may run over an older driver: driver nvidia {driver}"
            )),
            Some(fit) => fit,
        };
    }
    match version.filter(|version| version.contains('.')) {
        _ if !name.starts_with("libcuda.so") && !name.starts_with("libnvidia-") => {
            Fit::Unsaid("what it asks of the driver is not known here".to_owned())
        }
        None => Fit::Unsaid("its name does not say its version".to_owned()),
        Some(version) if version == driver => Fit::Fits(format!("{name} is of the driver's own version")),
        // <https://docs.nvidia.com/deploy/cuda-compatibility/forward-compatibility.html>
        Some(_) if library.parent().is_some_and(|folder| folder.ends_with("compat")) => Fit::Unsaid(
            "it is of a package cuda-compat, which runs over older drivers on the GPUs that NVIDIA names".to_owned(),
        ),
        Some(_) => Fit::Differs(format!("a driver of the version of {name}")),
    }
}

/// What makes a library and a driver fit.
pub(super) fn mend(nvidia: bool, library: &Path) -> &'static str {
    match (nvidia, file_name(library).starts_with("libcudart")) {
        (true, true) => {
            "update the driver, or use a CUDA runtime that it takes; on a data-centre GPU the package cuda-compat does too"
        }
        (true, false) => {
            "reboot, or unload the old kernel module: the libraries were updated and it was not (or this container \
             brings its own)"
        }
        (false, _) => {
            "install a driver (amdgpu-dkms) and a ROCm that AMD supports together; in a container the host has the driver"
        }
    }
}

/// The ROCm that a HIP runtime is of: `6.2.4`, or `6.2` where its name says no more.
///
/// AMD's own packages name it libamdhip64.so.6.4.60402 for ROCm 6.4.2 and put `6.4.2-120` into .info/version of that tree;
/// elsewhere the third number is one of HIP's builds (libamdhip64.so.5.2.21153), and its first two are ROCm's too.
fn rocm_release(library: &Path) -> Result<String, String> {
    let name = file_name(library);
    if !name.starts_with("libamdhip64.so") {
        return Err("what it asks of the driver is not known here".to_owned());
    }
    let numbers: Vec<u64> = version_of(&name).and_then(numbers).unwrap_or_default();
    let tree = installed_release(library);
    match (numbers.as_slice(), tree) {
        ([major, minor, packed], _) if packed / 100 == major * 100 + minor && *packed >= 10_000 => {
            Ok(format!("{major}.{minor}.{}", packed % 100))
        }
        ([major, minor, ..], Some(tree)) if !tree.starts_with(&format!("{major}.{minor}.")) => {
            Err(format!("{name} lies in a tree of ROCm {tree}"))
        }
        (_, Some(tree)) => Ok(tree),
        ([major, minor, _], None) => Ok(format!("{major}.{minor}")),
        _ => Err("neither its name nor a .info/version beside it says which ROCm it is of".to_owned()),
    }
}

/// What `.info/version` says in the tree whose `lib` a library lies in: `6.2.4-139` is 6.2.4.
fn installed_release(library: &Path) -> Option<String> {
    let text = fs::read_to_string(library.parent()?.parent()?.join(".info/version")).ok()?;
    let release = text.trim().split('-').next()?;
    (numbers(release)?.len() == 3).then(|| release.to_owned())
}

/// What stands behind `.so.`, where only numbers do.
fn version_of(name: &str) -> Option<&str> {
    let (_, version) = name.split_once(".so.")?;
    version.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())).then_some(version)
}

fn numbers(version: &str) -> Option<Vec<u64>> {
    version.split('.').map(|part| part.parse::<u32>().ok().map(u64::from)).collect()
}

fn file_name(library: &Path) -> String {
    library.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether a package cuda-compat is installed, beside the library or where NVIDIA's packages put it.
fn has_compat(library: &Path, machine: &Machine) -> bool {
    let beside = library.ancestors().take(5).any(|folder| folder.join("compat/libcuda.so.1").exists());
    let installed = fs::read_dir(machine.path("/usr/local")).into_iter().flatten().flatten();
    beside || installed.into_iter().any(|entry| entry.path().join("compat/libcuda.so.1").exists())
}
