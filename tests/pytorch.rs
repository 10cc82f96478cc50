//! `xdoctor check pytorch-rocm` where there is no device: each check is skipped with PyTorch's own reason. What it says where
//! there is one is in docs/gpu.md.

#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use xdoctor::{Run, command, outcome};

/// A PyTorch that is as much of it as the script asks for before it has a device.
fn torch(source: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("scratch");
    fs::create_dir(folder.path().join("torch")).expect("made");
    fs::write(folder.path().join("torch/__init__.py"), source).expect("written");
    folder
}

const WITHOUT_DEVICE: &str = "
__version__ = '9.9'
class version: hip, cuda = None, '13.0'
class cuda: is_available = staticmethod(lambda: False)
";

fn check(modules: &Path, more: &[&str]) -> Run {
    let mut command = command(["check", "pytorch-rocm", "--format", "json"]);
    Run::of(command.env("PYTHONPATH", modules).args(more).output().expect("runs"))
}

#[track_caller]
fn skipped_because(document: &Value, id: &str, reason: &str) {
    let found = outcome(document, id);
    assert_eq!(found["status"], "skip", "{found:#}");
    assert!(found["reason"].as_str().expect("a reason").contains(reason), "{found:#}");
}

#[test]
fn without_pytorch_all_is_skipped_with_the_interpreters_reason() {
    let modules = torch("raise ImportError('no torch here')");
    let document = check(modules.path(), &[]).exits(0).json();
    skipped_because(&document, "version", "torch is missing: no torch here");
    skipped_because(&document, "matmul[128]", "needs `device`");
    assert_eq!(document["summary"]["passed"], 0, "{document:#}");
}

#[test]
fn without_a_device_the_version_is_told_and_the_rest_skipped() {
    let modules = torch(WITHOUT_DEVICE);
    let document = check(modules.path(), &[]).exits(0).json();
    assert_eq!(outcome(&document, "version")["status"], "pass");
    skipped_because(&document, "hip", "built for CUDA 13.0, not for HIP");
    skipped_because(&document, "device", "no device: torch.cuda.is_available() is False (PyTorch 9.9)");
    skipped_because(&document, "shimmed", "needs `device`");
}

#[test]
fn a_device_that_is_required_fails_where_it_is_missing() {
    let modules = torch(WITHOUT_DEVICE);
    let document = check(modules.path(), &["--require", "gpu"]).exits(1).json();
    assert_eq!(outcome(&document, "device")["code"], "device-missing");
}

#[test]
fn hip_is_not_asked_for_where_the_api_is_cuda() {
    let modules = torch(WITHOUT_DEVICE);
    let document = check(modules.path(), &["--var", "api=cuda"]).exits(0).json();
    skipped_because(&document, "hip", "`api` is `cuda`");
}

#[test]
fn the_script_is_in_the_bundle_and_the_checklist_finds_it_there() {
    let (bundle, modules) = (tempfile::tempdir().expect("scratch"), torch(WITHOUT_DEVICE));
    let folder = bundle.path().to_str().expect("text");
    xdoctor::xdoctor(["bundle", folder]).exits(0);
    let mut command = command(["check", &format!("{folder}/share/checks/pytorch-rocm.yaml"), "--format", "json"]);
    let run = Run::of(command.env("PYTHONPATH", modules.path()).output().expect("runs"));
    assert_eq!(outcome(&run.exits(0).json(), "version")["status"], "pass");
}
