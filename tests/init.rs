//! `xdoctor init`: the checklist that it writes passes where all is well, and fails for the right reason where it is not.

#[path = "support/libraries.rs"]
mod libraries;
#[path = "support/remembered.rs"]
mod remembered;
#[path = "support/schema.rs"]
mod schema;
#[path = "support/shims.rs"]
mod shims;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fs;
use std::path::Path;
use std::process::Command;

use remembered::{Remembered, SHIM, said};
use serde_json::Value;
use shims::{Shim, version_script};
use tempfile::TempDir;
use xdoctor::{Run, command, outcome};

/// The sample without a checklist.
struct Sample(Remembered);

impl Sample {
    fn new() -> Sample {
        let sample = Remembered::with("");
        fs::remove_file(sample.path("xdoctor.yaml")).expect("gone");
        Sample(sample)
    }

    /// Writes a checklist for what is there, and runs it.
    #[track_caller]
    fn checked(&self, status: i32) -> Value {
        self.0.run(&["init"]).exits(0);
        self.0.run(&["check", "--format", "json"]).exits(status).json()
    }

    /// Replaces the installed shim by one that is linked in another way.
    fn relink(&self, with: impl Fn(Shim) -> Shim) {
        fs::remove_file(self.0.path(SHIM)).expect("gone");
        let built = with(Shim::in_folder(&self.0.path("elsewhere"))).link();
        fs::copy(built, self.0.path(SHIM)).expect("installed");
        fs::remove_dir_all(self.0.path("elsewhere")).expect("gone");
    }
}

#[test]
fn an_installed_library_must_go_on_being_the_build_that_is_there() {
    let sample = Sample::new();
    let document = sample.checked(0);
    assert_eq!(outcome(&document, "libshimhip")["status"], "pass");
    let list = fs::read_to_string(sample.0.path("xdoctor.yaml")).expect("written");
    assert!(list.contains("        same_build_as: build/libshimhip.so\n"), "{list}");
    let built = Shim::in_folder(&sample.0.path("elsewhere")).link();
    fs::copy(built, sample.0.path("build/libshimhip.so")).expect("built");
    let document = sample.0.run(&["check", "--format", "json"]).exits(1).json();
    is(&document, "libshimhip", "fail", "stale-build");
}

fn in_folder(folder: &Path, args: &[&str]) -> Run {
    Run::of(command(args).current_dir(folder).output().expect("runs"))
}

fn scratch() -> TempDir {
    tempfile::tempdir().expect("scratch")
}

/// Asserts status, code and words of a check.
#[track_caller]
fn is(document: &Value, id: &str, status: &str, code: &str) {
    let check = outcome(document, id);
    let code = if code.is_empty() { Value::Null } else { code.into() };
    assert_eq!((&check["status"], &check["code"]), (&status.into(), &code), "{check:#}");
}

mod a_sound_environment {
    use super::*;

    #[test]
    fn gets_a_checklist_that_passes_and_asks_for_all_that_is_there() {
        let sample = Sample::new();
        let document = sample.checked(0);
        assert_eq!(document["summary"]["warned"], 0, "{document:#}");
        assert_eq!(document["summary"]["skipped"], 0, "{document:#}");
        for id in ["source", "build", "libshimhip", "libhalhip", "libamdhip64", "libshimhip.symbols", "libshimhip.map"]
        {
            is(&document, id, "pass", "");
        }
        for id in ["libhalhip.symbols", "libshimhip.loads", "libshimhip.matmul.binds", "libshimhip.matmul.survives"] {
            is(&document, id, "pass", "");
        }
        let verdict = document["verdict"].as_str().expect("a verdict");
        assert!(verdict.starts_with("interception proven for 12 of 12 roles"), "{verdict}");
        let text = fs::read_to_string(sample.0.path("xdoctor.yaml")).expect("written");
        assert!(text.starts_with("# Written by `xdoctor init`"), "{text}");
        assert!(!text.contains(sample.0.folder.path().to_str().expect("text")), "an absolute path: {text}");
    }

    #[test]
    fn gets_the_same_bytes_each_time_and_a_document_as_its_schema_says() {
        let sample = Sample::new();
        let document = sample.0.run(&["init", "--format", "json"]).exits(0).json();
        schema::assert_valid("init", &document);
        let text = fs::read_to_string(sample.0.path("xdoctor.yaml")).expect("written");
        assert_eq!(document["text"], text);
        sample.0.run(&["init", "--force"]).exits(0);
        assert_eq!(fs::read_to_string(sample.0.path("xdoctor.yaml")).expect("written"), text);
        let shim = document["found"].as_array().expect("found").iter().find(|found| found["what"] == "shim");
        assert!(shim.expect("a shim")["path"].as_str().expect("a path").ends_with(SHIM));
    }

    #[test]
    fn can_be_remembered_at_once() {
        let sample = Sample::new();
        sample.0.run(&["init"]).exits(0);
        sample.0.run(&["lock"]).exits(0);
        let document = sample.0.run(&["check", "--format", "json"]).exits(0).json();
        is(&document, &format!("lock.{SHIM}"), "pass", "");
    }

    #[test]
    fn that_lies_elsewhere_is_named_by_whole_paths() {
        let sample = Sample::new();
        let here = scratch();
        in_folder(here.path(), &["init", sample.0.folder.path().to_str().expect("text")]).exits(0);
        let document = in_folder(here.path(), &["check", "--format", "json"]).exits(0).json();
        is(&document, "libshimhip.matmul.correct", "pass", "");
    }
}

mod a_broken_shim {
    use super::*;

    #[test]
    fn that_exports_nothing_fails_as_that() {
        let sample = Sample::new();
        sample.relink(|shim| shim.with_map("hip_4.2 { global: X*; local: *; };"));
        let document = sample.checked(1);
        is(&document, "libshimhip.symbols", "fail", "exports-nothing");
        is(&document, "libshimhip.matmul.binds", "fail", "exports-nothing");
    }

    #[test]
    fn with_functions_in_the_wrong_node_fails_as_that() {
        let sample = Sample::new();
        sample.relink(|shim| shim.with_map(version_script().replace("hip_4.2", "hip_9.9")));
        let document = sample.checked(1);
        let check = outcome(&document, "libshimhip.symbols");
        assert_eq!(check["status"], "fail", "{check:#}");
        assert!(said(check).contains("hip_9.9"), "{check:#}");
        assert!(
            ["version-mismatch", "version-partial"].contains(&check["code"].as_str().expect("a code")),
            "{check:#}"
        );
        is(&document, "libshimhip.map", "fail", "version-mismatch");
    }

    #[test]
    fn that_needs_a_symbol_which_is_nowhere_fails_as_that() {
        let sample = Sample::new();
        let source = "extern void nowhere(void); void hipNowhere(void) { nowhere(); }";
        sample.relink(|shim| {
            let map = version_script().replacen("global:", "global: hipNowhere;", 1);
            shim.with_map(map).with_source("nowhere.c", source)
        });
        is(&sample.checked(1), "libshimhip.loads", "fail", "undefined-symbol");
    }

    #[test]
    fn whose_hardware_layer_is_hidden_by_the_shims_script_fails_as_that() {
        let sample = Sample::new();
        let hal = sample.0.path("install/lib/libhalhip.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sample/src/hal.c");
        fs::remove_file(&hal).expect("gone");
        let map = sample.0.path("source/hip_version.map");
        let script = format!("-Wl,-soname,libhalhip.so,--version-script={}", map.display());
        libraries::run(Command::new("cc").args(["-shared", "-fPIC", "-w", "-o"]).arg(hal).arg(source).arg(script));
        let document = sample.checked(1);
        is(&document, "libhalhip.symbols", "fail", "undefined-symbol");
        is(&document, "libshimhip.loads", "fail", "undefined-symbol");
    }

    #[test]
    fn that_covers_a_part_of_the_api_is_asked_for_that_part_in_the_right_nodes() {
        let folder = scratch();
        let source = "void hipMalloc(){} void hipFree(){} void hipGetDevicePropertiesR0600(){}";
        let map = "hip_4.2 { global: hipMalloc; hipFree; hipGetDevicePropertiesR0600; local: *; };";
        libraries::library(folder.path(), "libmine.so", source, Some(map));
        in_folder(folder.path(), &["init"]).exits(0);
        let text = fs::read_to_string(folder.path().join("xdoctor.yaml")).expect("written");
        for name in ["hipMalloc@@hip_4.2", "hipFree@@hip_4.2", "hipGetDevicePropertiesR0600@@hip_6.0"] {
            assert!(text.contains(name), "{text}");
        }
        let document = in_folder(folder.path(), &["check", "--format", "json"]).exits(1).json();
        is(&document, "libmine.symbols", "fail", "version-mismatch");
        is(&document, "libmine.loads", "pass", "");
        assert!(text.contains("No runtime was found"), "{text}");
    }
}

mod a_library_that_is_no_shim_of_this_api {
    use super::*;

    #[test]
    fn is_not_asked_for_it_whatever_it_is_called() {
        let folder = scratch();
        for name in ["libshimcuda.so", "libshim_utils.so"] {
            libraries::library(folder.path(), name, "void cuInit(){}", None);
        }
        let document = in_folder(folder.path(), &["init", "--format", "json"]).exits(0).json();
        let found = document["found"].as_array().expect("found");
        assert!(found.iter().all(|found| found["what"] == "library"), "{found:?}");
        in_folder(folder.path(), &["check"]).exits(0);
    }
}

mod a_source_tree {
    use super::*;

    #[test]
    fn whose_submodule_is_missing_fails_as_that() {
        let sample = Sample::new();
        fs::remove_dir_all(sample.0.path("source/3rdparty/hip-headers")).expect("gone");
        is(&sample.checked(1), "source", "fail", "submodule-missing");
    }

    #[test]
    fn that_is_dirty_passes_and_the_checklist_says_what_it_does_not_ask_for() {
        let sample = Sample::new();
        fs::write(sample.0.path("source/new.c"), "new").expect("written");
        sample.0.run(&["init"]).exits(0);
        let text = fs::read_to_string(sample.0.path("xdoctor.yaml")).expect("written");
        assert!(text.contains("# clean: true      1 file is not as committed now"), "{text}");
    }

    #[test]
    fn that_holds_its_checklist_does_not_fail_for_it() {
        let sample = Sample::new();
        let source = sample.0.path("source");
        in_folder(&source, &["init"]).exits(0);
        in_folder(&source, &["check"]).exits(0);
    }

    #[test]
    fn that_the_build_was_not_made_from_fails_as_that() {
        let sample = Sample::new();
        fs::rename(sample.0.path("source"), sample.0.path("other")).expect("moved");
        is(&sample.checked(1), "build", "fail", "file-missing");
    }
}

mod a_python_with_pytorch {
    use super::*;

    #[test]
    fn is_a_client_as_a_whole_and_its_interpreter_is_asked_to_import_it() {
        let sample = Sample::new();
        let packages = sample.0.path("venv/lib/python3.11/site-packages");
        let lib = packages.join("torch/lib");
        fs::create_dir_all(&lib).expect("folders");
        let map = "hip_4.2 { global: hipMalloc; };";
        let stub = libraries::library(&lib, "libstub.so", "void hipMalloc(){}", Some(map));
        fs::write(lib.join("hip.c"), "extern void hipMalloc(); void go(){ hipMalloc(); }").expect("written");
        let mut cc = Command::new("cc");
        libraries::run(
            cc.args(["-shared", "-fPIC", "-w", "-o"])
                .arg(lib.join("libtorch_hip.so"))
                .arg(lib.join("hip.c"))
                .arg(&stub),
        );
        fs::remove_file(stub).expect("gone");
        fs::write(packages.join("torch/__init__.py"), "").expect("written");
        let python = sample.0.path("venv/bin/python3");
        fs::create_dir_all(python.parent().expect("a folder")).expect("folders");
        let script = format!("#!/bin/sh\nPYTHONPATH='{}' exec python3 \"$@\"\n", packages.display());
        fs::write(&python, script).expect("written");
        libraries::run(Command::new("chmod").arg("+x").arg(&python));
        let document = sample.checked(0);
        is(&document, "libshimhip.coverage", "pass", "");
        is(&document, "torch.import", "pass", "");
        let text = fs::read_to_string(sample.0.path("xdoctor.yaml")).expect("written");
        assert!(text.contains("- venv/lib/python3.11/site-packages/torch/lib"), "{text}");
    }
}

mod where_it_writes {
    use super::*;

    #[test]
    fn nothing_is_written_where_nothing_is_found() {
        let folder = scratch();
        let run = in_folder(folder.path(), &["init"]).exits(4);
        assert!(run.stderr.contains("found no git tree, build tree, library or GPU framework in "), "{}", run.stderr);
        let document = in_folder(folder.path(), &["init", "--format", "json"]).exits(4).json();
        schema::assert_valid("init", &document);
        let nothing = serde_json::json!({
            "schema": "xdoctor/init/1", "checklist": null, "found": [], "checks": [], "text": null
        });
        assert_eq!(document, nothing);
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
    }

    #[test]
    fn a_folder_that_may_not_be_read_is_named() {
        use std::os::unix::fs::PermissionsExt;
        let folder = scratch();
        let closed = folder.path().join("closed");
        fs::create_dir(&closed).expect("made");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).expect("closed");
        let mut init = command(["init"]);
        if fs::read_dir(&closed).is_ok() {
            // Root may read all; without its capabilities it is a user as any other.
            let mut powerless = Command::new("setpriv");
            powerless.args(["--inh-caps=-all", "--bounding-set=-all"]).arg(init.get_program()).args(init.get_args());
            init = powerless;
        }
        let run = Run::of(init.current_dir(folder.path()).output().expect("runs")).exits(4);
        assert!(run.stderr.contains("/closed: Permission denied"), "{}", run.stderr);
    }

    #[test]
    fn what_is_there_already_is_kept_unless_forced() {
        let sample = Sample::new();
        fs::write(sample.0.path("xdoctor.yaml"), "mine").expect("written");
        let document = sample.0.run(&["init", "--format", "json"]).exits(2).json();
        assert!(document["message"].as_str().expect("a message").contains("is there already; --force replaces it"));
        assert_eq!(fs::read_to_string(sample.0.path("xdoctor.yaml")).expect("readable"), "mine");
        sample.0.run(&["init", "--force"]).exits(0);
        sample.0.run(&["check"]).exits(0);
    }

    #[test]
    fn a_dash_is_stdout_and_no_file() {
        let sample = Sample::new();
        let printed = sample.0.run(&["init", "-"]).exits(0).stdout;
        assert_eq!(sample.0.run(&["init", "-o", "-"]).exits(0).stdout, printed);
        assert!(!sample.0.path("xdoctor.yaml").exists());
        fs::write(sample.0.path("xdoctor.yaml"), printed).expect("written");
        sample.0.run(&["check"]).exits(0);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let folder = scratch();
        let run = in_folder(folder.path(), &["init", "nowhere"]).exits(2);
        assert!(run.stderr.contains("cannot read nowhere"), "{}", run.stderr);
    }

    #[test]
    fn names_that_yaml_or_a_checklist_could_take_for_something_else_are_quoted() {
        let folder = scratch();
        let odd = folder.path().join("a #b: ${HOME} - 'c' \"d\"\n");
        fs::create_dir(&odd).expect("a folder");
        libraries::library(&odd, "libx.so", "void x(){}", None);
        libraries::library(&odd, "true.so", "void x(){}", None);
        in_folder(folder.path(), &["init"]).exits(0);
        let document = in_folder(folder.path(), &["check", "--format", "json"]).exits(0).json();
        is(&document, "libx", "pass", "");
        assert_eq!(document["summary"]["passed"], 2);
    }
}
