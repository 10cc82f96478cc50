//! The checklists that ship for a ROCm install and for a shim's repository: over what is sound they pass, and what is broken
//! they name by its code.

#[path = "support/bundle.rs"]
mod bundle;
mod support;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use xdoctor::{Run, command, outcome};

fn statuses(document: &Value) -> Vec<(String, String)> {
    let steps = document["steps"].as_array().expect("steps").iter();
    let checks = steps.flat_map(|step| step["checks"].as_array().expect("checks"));
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    checks.map(|check| (text(&check["id"]), text(&check["status"]))).collect()
}

#[track_caller]
fn is(document: &Value, id: &str, status: &str, code: Option<&str>) {
    let check = outcome(document, id);
    assert_eq!((check["status"].as_str(), check["code"].as_str()), (Some(status), code), "{check:#}");
}

mod rocm {
    use super::*;

    /// A ROCm tree whose runtime is the bundled one.
    fn tree() -> TempDir {
        let root = tempfile::tempdir().expect("scratch");
        fs::create_dir(root.path().join("lib")).expect("made");
        fs::copy(bundle::file("lib/libamdhip64.so.7"), root.path().join("lib/libamdhip64.so")).expect("copied");
        root
    }

    fn check(vars: &[String], path: Option<&Path>) -> Command {
        let mut command = command(["check", "rocm", "--format", "json"]);
        command.args(vars.iter().flat_map(|var| ["--var", var]));
        command.env_remove("LD_PRELOAD").env_remove("ROCM_PATH").env_remove("HSA_OVERRIDE_GFX_VERSION");
        if let Some(path) = path {
            command.env("PATH", path);
        }
        command
    }

    fn run(mut command: Command) -> Run {
        Run::of(command.output().expect("runs"))
    }

    fn var(root: &TempDir) -> Vec<String> {
        vec![format!("rocm={}", root.path().display())]
    }

    #[test]
    fn is_skipped_where_there_is_no_rocm_and_the_reason_says_where_it_was_looked_for() {
        let vars = ["rocm=/no/rocm".to_owned()];
        let document = run(check(&vars, None)).exits(0).json();
        for id in ["packages", "runtime", "runtime.api", "runtime.deps", "runtime.loads"] {
            assert_eq!(outcome(&document, id)["status"], "skip", "{document:#}");
        }
        let reason = outcome(&document, "runtime")["reason"].as_str().expect("a reason").to_owned();
        assert!(reason.contains("/no/rocm/lib/libamdhip64.so is not there"), "{reason}");
    }

    #[test]
    fn passes_over_a_runtime_that_is_there_once_and_loads() {
        let root = tree();
        let document = run(check(&var(&root), None)).json();
        for id in ["runtime", "runtime.api", "runtime.deps", "runtime.loads"] {
            assert_eq!(outcome(&document, id)["status"], "pass", "{document:#}");
        }
    }

    #[test]
    fn names_a_second_runtime() {
        let root = tree();
        fs::create_dir(root.path().join("lib64")).expect("made");
        fs::copy(bundle::file("lib/libamdhip64.so.6"), root.path().join("lib64/libamdhip64.so.6")).expect("copied");
        let document = run(check(&var(&root), None)).exits(1).json();
        is(&document, "one-runtime", "fail", Some("wrong-runtime"));
    }

    #[test]
    fn names_packages_of_two_releases() {
        let root = tree();
        let bin = root.path().join("bin");
        fs::create_dir(&bin).expect("made");
        // The words of dpkg-query, where the name is the last argument.
        let script = "#!/bin/sh\nfor name; do :; done\ncase $name in\n\
            rocm-core) printf 'rocm-core\\t6.2.2.60202-116~22.04\\tii \\n';;\n\
            hip-runtime-amd) printf 'hip-runtime-amd\\t6.1.40093.60103-122~22.04\\tii \\n';;\n\
            *) exit 1;;\nesac\n";
        fs::write(bin.join("dpkg-query"), script).expect("written");
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(bin.join("dpkg-query"), fs::Permissions::from_mode(0o755)).expect("set");
        let document = run(check(&var(&root), Some(&bin))).exits(1).json();
        is(&document, "packages", "fail", Some("wrong-version"));
        let found = outcome(&document, "packages")["actual"].as_str().expect("found").to_owned();
        assert!(found.contains("60103: hip-runtime-amd 6.1.40093") && found.contains("60202: rocm-core"), "{found}");
    }

    #[test]
    fn passes_over_debians_package_as_far_as_that_goes() {
        const RUNTIME: &str = "/usr/lib/x86_64-linux-gnu/libamdhip64.so.5";
        if !support::require(Path::new(RUNTIME).exists(), "libamdhip64.so.5 (Debian's package libamdhip64-5)") {
            return;
        }
        let document = run(check(&[format!("runtime={RUNTIME}")], None)).exits(0).json();
        for id in ["packages.distribution", "one-runtime", "runtime", "runtime.api", "runtime.deps", "runtime.loads"] {
            assert_eq!(outcome(&document, id)["status"], "pass", "{document:#}");
        }
        if support::require(!Path::new("/dev/kfd").exists(), "machine without an AMD GPU") {
            is(&document, "device", "skip", Some("device-missing"));
            let mut required = check(&[format!("runtime={RUNTIME}")], None);
            required.args(["--require", "gpu"]);
            is(&run(required).exits(1).json(), "device", "fail", Some("device-missing"));
        }
    }

    #[test]
    fn warns_of_an_environment_that_reaches_too_far() {
        let root = tree();
        let mut command = check(&var(&root), None);
        command.env("HSA_OVERRIDE_GFX_VERSION", "10.3.0");
        let document = run(command).json();
        is(&document, "env.override", "warn", Some("wrong-environment"));
    }
}

mod shim_project {
    use super::*;

    fn check(shim: &Path, runtime: &Path, more: &[String]) -> Run {
        let folder = tempfile::tempdir().expect("scratch");
        let mut command = command(["check", "shim-project", "--format", "json"]);
        for var in [format!("shim={}", shim.display()), format!("runtime={}", runtime.display())].iter().chain(more) {
            command.args(["--var", var]);
        }
        Run::of(command.current_dir(folder.path()).output().expect("runs"))
    }

    #[test]
    fn passes_over_the_bundled_shim_before_the_bundled_runtime() {
        let run = check(&bundle::file("lib/libshimhip.so"), &bundle::file("lib/libamdhip64.so.7"), &[]);
        let document = run.exits(0).json();
        for (id, status) in statuses(&document) {
            let skipped = ["source", "source.submodules", "build", "build.script", "map"].contains(&id.as_str());
            assert_eq!(status, if skipped { "skip" } else { "pass" }, "{id}: {document:#}");
        }
        assert!(document["verdict"].as_str().expect("words").starts_with("interception proven"), "{document:#}");
    }

    #[test]
    fn wants_to_be_told_which_shim_and_which_runtime() {
        let run = Run::of(command(["check", "shim-project"]).output().expect("runs")).exits(2);
        assert!(run.stderr.contains("shim") && run.stderr.contains("--var"), "{}", run.stderr);
    }

    /// A folder of the zoo, built as its own lines say.
    fn exhibit(name: &str) -> (TempDir, PathBuf, PathBuf) {
        let zoo = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/zoo");
        let place = tempfile::tempdir().expect("scratch");
        for folder in ["common", name] {
            for entry in fs::read_dir(zoo.join(folder)).expect("readable") {
                let file = entry.expect("readable").path();
                fs::copy(&file, place.path().join(file.file_name().expect("a name"))).expect("copied");
            }
        }
        for folder in ["lib", "shim"] {
            fs::create_dir(place.path().join(folder)).expect("made");
        }
        for source in ["runtime.c", "shim.c"] {
            let text = fs::read_to_string(place.path().join(source)).expect("text");
            for line in text.lines().filter_map(|line| line.strip_prefix("//# link: ")) {
                let script = format!("set -e; ORIGIN='$ORIGIN'; {line}");
                let output = Command::new("sh").args(["-c", &script]).current_dir(&place).output().expect("sh");
                assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
            }
        }
        let (shim, runtime) = (place.path().join("shim/libshimhip.so"), place.path().join("lib/libamdhip64.so.7"));
        (place, shim, runtime)
    }

    /// This check finds what is wrong with that exhibit.
    #[track_caller]
    fn finds(name: &str, id: &str, status: &str, code: &str) {
        let (_place, shim, runtime) = exhibit(name);
        is(&check(&shim, &runtime, &[]).json(), id, status, Some(code));
    }

    #[test]
    fn finds_what_is_wrong_with_the_shims_of_the_zoo() {
        finds("exports-nothing", "nodes", "fail", "exports-nothing");
        finds("version-mismatch", "nodes", "fail", "version-mismatch");
        finds("version-partial", "nodes", "warn", "version-partial");
        finds("undefined-symbol", "fit", "fail", "undefined-symbol");
        finds("missing-library", "fit", "fail", "missing-library");
        finds("missing-version", "fit", "fail", "missing-version");
        finds("runpath-dangling", "shim", "fail", "runpath-dangling");
    }

    #[test]
    fn passes_over_a_sound_one_of_the_zoo_up_to_the_matmul_that_its_toy_runtime_cannot_do() {
        let (place, shim, runtime) = exhibit("sound-versioned");
        let map = format!("map={}", place.path().join("shim.map").display());
        let document = check(&shim, &runtime, &[map]).json();
        for id in ["shim", "runpath", "fit", "loads", "nodes", "map"] {
            assert_eq!(outcome(&document, id)["status"], "pass", "{document:#}");
        }
    }
}
