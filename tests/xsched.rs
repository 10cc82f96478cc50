//! `xdoctor check xsched-hip`: the environment of the first users (source at a commit, build, install), sound, and then
//! broken one way at a time.

#[path = "support/settled.rs"]
mod settled;
#[path = "support/shims.rs"]
mod shims;
mod support;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use ::xdoctor::sample::Sample;
use serde_json::Value;
use settled::settled;
use shims::{Shim, version_script};
use tempfile::TempDir;
use xdoctor::{Run, command, outcome};

/// The three trees, laid out as XSched's are.
struct Environment {
    root: TempDir,
    python: PathBuf,
    commit: String,
}

impl Environment {
    fn new() -> Environment {
        let root = tempfile::tempdir().expect("scratch");
        Sample::unpack(root.path()).expect("the sample");
        let repository = git2::Repository::open(root.path().join("source")).expect("a repository");
        let commit = repository.head().expect("HEAD").target().expect("a commit").to_string();
        let environment = Environment { python: "/no/such/python3".into(), commit: commit[..7].to_owned(), root };
        environment.link_library("libpreempt.so", "int XHintPriority(void) { return 0; }", &[]);
        environment
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn link_library(&self, name: &str, source: &str, flags: &[&str]) {
        let file = self.path("library.c");
        fs::write(&file, source).expect("written");
        let library = self.path("install/lib").join(name);
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-w", &format!("-Wl,-soname,{name}"), "-o"]).arg(library).arg(file).args(flags);
        assert!(cc.status().expect("gcc").success(), "{cc:?}");
    }

    /// libhalhip.so anew, from the sample's source and more.
    fn link_hal(&self, more: &str, flags: &[&str]) {
        let source = fs::read_to_string(self.path("source/src/hal.c")).expect("the sample's source");
        self.link_library("libhalhip.so", &(source + more), flags);
    }

    /// libshimhip.so anew, with another version script.
    fn link_shim(&self, map: String) {
        let shim = Shim::in_folder(&self.path("shim")).with_map(map).link();
        fs::copy(shim, self.path("install/lib/libshimhip.so")).expect("copied");
    }

    /// A python3 that does this instead.
    fn fake_python(&mut self, script: &str) {
        self.python = self.path("python3");
        fs::write(&self.python, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&self.python, fs::Permissions::from_mode(0o755)).expect("set");
    }

    fn check(&self, more: &[&str]) -> Run {
        self.check_in("json", more)
    }

    fn check_in(&self, format: &str, more: &[&str]) -> Run {
        let var = |name: &str, value: &Path| format!("{name}={}", value.display());
        let vars = [
            var("source", &self.path("source")),
            var("build", &self.path("build")),
            var("install", &self.path("install")),
            var("map", &self.path("source/hip_version.map")),
            var("python", &self.python),
            format!("commit={}", self.commit),
        ];
        let mut command = command(["check", "xsched-hip", "--format", format]);
        for var in vars {
            command.args(["--var", &var]);
        }
        Run::of(command.args(more).output().expect("runs"))
    }

    /// That check fails with this code.
    #[track_caller]
    fn fails(&self, id: &str, code: &str) -> Value {
        let document = self.check(&[]).exits(1).json();
        let found = outcome(&document, id).clone();
        assert_eq!((&found["status"], &found["code"]), (&"fail".into(), &code.into()), "{document:#}");
        found
    }
}

#[test]
fn a_sound_environment_passes_and_torch_is_skipped_where_python_is_missing() {
    let document = Environment::new().check(&[]).exits(0).json();
    let matmul = outcome(&document, "matmul");
    assert_eq!(matmul["status"], "skip");
    assert!(matmul["reason"].as_str().expect("a reason").contains("/no/such/python3"), "{matmul:#}");
    let counts = ["skipped", "warned", "failed", "undetermined"].map(|name| document["summary"][name].as_u64());
    assert_eq!(counts, [Some(2), Some(0), Some(0), Some(0)], "{document:#}");
    assert!(outcome(&document, "coverage")["reason"].as_str().expect("a reason").contains("is not there"));
}

#[test]
fn without_its_source_the_checklist_says_which_variable_to_give() {
    let mut command = command(["check", "xsched-hip"]);
    let run = Run::of(command.env_remove("XSCHED_SOURCE").output().expect("runs")).exits(1);
    assert!(run.stdout.contains("--var source=DIR"), "{}", run.stdout);
}

mod the_source_tree {
    use super::*;

    #[test]
    fn at_another_commit_fails() {
        let mut environment = Environment::new();
        environment.commit = "ff5298c".into();
        let found = environment.fails("source.commit", "wrong-commit");
        assert_eq!(found["expected"], "commit ff5298c");
    }

    #[test]
    fn with_a_changed_file_is_dirty() {
        let environment = Environment::new();
        fs::write(environment.path("source/README.md"), "changed").expect("written");
        fs::write(environment.path("source/new.c"), "").expect("written");
        let found = environment.fails("source.commit", "tree-dirty");
        assert_eq!(found["actual"], "changed: README.md; new: new.c");
    }

    #[test]
    fn without_its_submodule_fails() {
        let environment = Environment::new();
        let module = environment.path("source/3rdparty/hip-headers");
        fs::remove_dir_all(&module).expect("removed");
        fs::create_dir(&module).expect("made");
        let found = environment.fails("source.submodules", "submodule-missing");
        assert!(found["fix"].as_str().expect("a mend").contains("submodule update --init"), "{found:#}");
    }

    #[test]
    fn that_is_no_repository_fails() {
        let environment = Environment::new();
        fs::remove_dir_all(environment.path("source/.git")).expect("removed");
        environment.fails("source.there", "file-missing");
    }

    #[test]
    fn of_somebody_else_is_undetermined_with_the_line_that_mends_it() {
        let root = fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
        if !support::require(root, "root, to give a folder away") {
            return;
        }
        let environment = Environment::new();
        let source = environment.path("source");
        assert!(Command::new("chown").args(["-R", "12345"]).arg(&source).status().expect("chown").success());
        let document = environment.check(&[]).exits(3).json();
        let found = outcome(&document, "source.commit");
        assert_eq!((&found["status"], &found["code"]), (&"undetermined".into(), &"repository-not-trusted".into()));
        let fix =
            format!("git config --global --add safe.directory {}", source.canonicalize().expect("there").display());
        assert_eq!(found["fix"], fix);
    }
}

mod the_build_tree {
    use super::*;

    #[test]
    fn of_another_source_fails() {
        let environment = Environment::new();
        fs::write(environment.path("build/CMakeCache.txt"), "CMAKE_HOME_DIRECTORY:INTERNAL=/elsewhere\n")
            .expect("written");
        let found = environment.fails("build", "build-of-other-source");
        assert_eq!(found["actual"], "configured from /elsewhere");
    }

    #[test]
    fn that_is_missing_or_was_never_configured_fails() {
        let environment = Environment::new();
        fs::remove_file(environment.path("build/CMakeCache.txt")).expect("removed");
        environment.fails("build", "file-missing");
        fs::remove_dir_all(environment.path("build")).expect("removed");
        environment.fails("build", "file-missing");
    }

    #[test]
    fn older_than_the_sources_is_a_warning() {
        let environment = Environment::new();
        let source = fs::File::options().write(true).open(environment.path("source/README.md")).expect("opened");
        source.set_modified(SystemTime::now() + Duration::from_secs(3600)).expect("set");
        let document = environment.check(&[]).exits(0).json();
        let found = outcome(&document, "not-stale");
        assert_eq!((&found["status"], &found["code"]), (&"warn".into(), &"stale-build".into()), "{document:#}");
        environment.check(&["--fail-on", "warn"]).exits(1);
    }
}

mod the_installed_libraries {
    use super::*;

    #[test]
    fn that_are_missing_are_named() {
        for (id, name) in
            [("libhalhip", "libhalhip.so"), ("libshimhip", "libshimhip.so"), ("libpreempt", "libpreempt.so")]
        {
            let environment = Environment::new();
            fs::remove_file(environment.path("install/lib").join(name)).expect("removed");
            let found = environment.fails(id, "library-missing");
            assert!(found["fix"].as_str().expect("a mend").starts_with("cmake --install"));
        }
    }

    #[test]
    fn that_are_no_elf_files_are_named() {
        let environment = Environment::new();
        fs::write(environment.path("install/lib/libpreempt.so"), "version https://git-lfs\n").expect("written");
        environment.fails("libpreempt", "wrong-type");
    }
}

mod symbol_versioning {
    use super::*;

    #[test]
    fn of_a_shim_that_exports_nothing_fails() {
        let environment = Environment::new();
        environment.link_shim("X { global: xdoctor_shim_*; local: *; };".into());
        let found = environment.fails("nodes", "symbol-missing");
        assert_eq!(found["expected"], "hipMalloc@@hip_4.2");
        environment.fails("map", "version-mismatch");
    }

    #[test]
    fn of_a_shim_in_the_wrong_nodes_fails() {
        let environment = Environment::new();
        environment.link_shim(version_script().replace("hip_", "hop_"));
        let found = environment.fails("nodes", "version-mismatch");
        assert_eq!(found["actual"], "hipMalloc@@hop_4.2");
    }

    #[test]
    fn of_a_shim_with_one_function_astray_fails_against_the_map() {
        let environment = Environment::new();
        let name = "hipGetDevicePropertiesR0600";
        let map =
            version_script().replace(&format!(" {name};"), "").replacen("global:", &format!("global: {name};"), 1);
        environment.link_shim(map);
        let found = environment.fails("map", "version-mismatch");
        assert!(found["actual"].as_str().expect("words").contains(&format!("{name}@@hip_6.0 (found {name}@@hip_4.2)")));
    }

    #[test]
    fn of_a_hal_that_hides_what_the_shim_needs_names_the_symbols_and_the_cause() {
        let environment = Environment::new();
        let script = environment.path("hide.map");
        fs::write(&script, "{ local: *; };").expect("written");
        environment.link_hal("", &[&format!("-Wl,--version-script={}", script.display())]);
        let found = environment.fails("hal-symbols", "undefined-symbol");
        assert!(found["actual"].as_str().expect("words").contains("as local symbols only: _Z"), "{found:#}");
        assert!(found["fix"].as_str().expect("a mend").contains("local: *"), "{found:#}");
        environment.fails("loads", "undefined-symbol");
    }

    #[test]
    fn of_a_hal_that_has_the_api_itself_fails() {
        let environment = Environment::new();
        environment.link_hal("\nint hipMalloc(void) { return 0; }\n", &[]);
        let found = environment.fails("hal-symbols", "symbol-unexpected");
        assert_eq!(found["actual"], "hipMalloc");
    }
}

mod coverage {
    use super::*;

    /// The bundled matmul and the CPU runtime, where PyTorch's libraries and ROCm's runtime would lie.
    fn with_framework(environment: &Environment) -> Vec<String> {
        let bundle = environment.path("bundle");
        xdoctor::xdoctor(["bundle".as_ref(), bundle.as_os_str()]).exits(0);
        let var = |name: &str, path: &str| format!("{name}={}", bundle.join(path).display());
        ["--var".into(), var("runtime", "lib/libamdhip64.so.7"), "--var".into(), var("torch", "bin")].into()
    }

    #[test]
    fn holds_for_a_shim_that_gets_every_call_of_the_frameworks_libraries() {
        let environment = Environment::new();
        let vars = with_framework(&environment);
        let document = environment.check(&vars.iter().map(String::as_str).collect::<Vec<_>>()).exits(0).json();
        // The matmul also looks functions up by name, which no file can rule out: a warning.
        let found = outcome(&document, "coverage");
        assert_eq!((&found["status"], &found["code"]), (&"warn".into(), &"dlsym-bypass".into()), "{found:#}");
        let seen = found["evidence"].as_array().expect("evidence");
        assert!(
            seen.iter().any(|line| line.as_str().expect("words").starts_with("every reference of every client binds"))
        );
    }

    #[test]
    fn names_the_launch_function_that_a_shim_has_under_its_cxx_name_only() {
        let environment = Environment::new();
        let mangled = "_Z21hipModuleLaunchKernelPvj";
        let map = version_script().replace(" hipModuleLaunchKernel;", &format!(" {mangled};"));
        let alias = format!("-Wl,--defsym={mangled}=hipModuleLaunchKernel");
        let shim = Shim::in_folder(&environment.path("shim")).with_map(map).with_flag(alias).link();
        fs::copy(shim, environment.path("install/lib/libshimhip.so")).expect("copied");
        let vars = with_framework(&environment);
        let document = environment.check(&vars.iter().map(String::as_str).collect::<Vec<_>>()).exits(1).json();
        let found = outcome(&document, "coverage");
        assert_eq!((&found["status"], &found["code"]), (&"fail".into(), &"mangled-name".into()), "{found:#}");
    }
}

mod the_matmul {
    use super::*;

    #[test]
    fn is_skipped_with_the_interpreters_own_reason() {
        let mut environment = Environment::new();
        environment.fake_python("echo 'torch is missing: No module named torch'; exit 77");
        let document = environment.check(&[]).exits(0).json();
        let found = outcome(&document, "matmul.binds");
        assert_eq!(
            (&found["status"], &found["reason"]),
            (&"skip".into(), &"torch is missing: No module named torch".into())
        );
    }

    /// An interpreter that says what it is told, multiplies with the bundled client, and prints whether that is right.
    fn multiplies(environment: &mut Environment, says: &str) {
        let bundle = environment.path("bundle");
        xdoctor::xdoctor(["bundle".as_ref(), bundle.as_os_str()]).exits(0);
        let (bin, lib) = (bundle.join("bin/hip-matmul"), bundle.join("lib"));
        let multiply = format!("LD_LIBRARY_PATH=$LD_LIBRARY_PATH:{} {} > /dev/null", lib.display(), bin.display());
        environment.fake_python(&format!("{says}\n{multiply} && echo right"));
    }

    const STARTED: &str = "echo '[INFO] using app-managed scheduler' >&2";

    #[test]
    fn climbs_the_whole_ladder_for_the_shim_that_is_installed() {
        let mut environment = Environment::new();
        multiplies(&mut environment, STARTED);
        let document = environment.check(&[]).exits(0).json();
        for rung in ["present", "loads", "binds", "called", "forwards", "correct"] {
            assert_eq!(outcome(&document, &format!("matmul.{rung}"))["status"], "pass", "{document:#}");
        }
        // sh runs the client, and carries the shim, too.
        let survives = outcome(&document, "matmul.survives");
        assert_eq!((&survives["status"], &survives["code"]), (&"warn".into(), &"preload-leaks".into()), "{survives:#}");
    }

    #[test]
    fn is_on_the_page_of_the_checklist_as_it_is_said() {
        let mut environment = Environment::new();
        multiplies(&mut environment, STARTED);
        let said = environment.check_in("text", &[]).exits(0).stdout;
        let said = said.replace(environment.root.path().to_str().expect("text"), "/home/me");
        let said = said.replace(&environment.commit, "ff5298c");
        let page = include_str!("../docs/checks/xsched-hip.md");
        let shown = page.split("```console\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a console");
        let (_, shown) = shown.split_once('\n').expect("the command, then what it says");
        assert_eq!(settled(&said), settled(shown), "{said}");
    }

    #[test]
    fn that_is_right_with_the_start_up_line_proves_neither_binding_nor_call() {
        let mut environment = Environment::new();
        environment.fake_python(&format!("{STARTED}; echo right"));
        let document = environment.check(&[]).exits(3).json();
        assert_eq!(outcome(&document, "matmul.loads")["status"], "pass");
        for rung in ["matmul.binds", "matmul.called", "matmul.forwards"] {
            assert_eq!(outcome(&document, rung)["status"], "undetermined", "{document:#}");
        }
    }

    #[test]
    fn fails_at_binds_where_the_shim_hides_the_api_although_all_is_right() {
        let mut environment = Environment::new();
        environment.link_shim("X { global: xdoctor_shim_*; local: *; };".to_owned());
        multiplies(&mut environment, STARTED);
        let document = environment.check(&["--only", "matmul"]).exits(1).json();
        let found = outcome(&document, "matmul.binds");
        assert_eq!((&found["status"], &found["code"]), (&"fail".into(), &"exports-nothing".into()), "{document:#}");
    }

    #[test]
    fn that_does_not_say_that_the_shim_started_fails() {
        let mut environment = Environment::new();
        multiplies(&mut environment, "true");
        let found = environment.fails("matmul.loads", "command-failed");
        assert!(found["expected"].as_str().expect("words").contains("using app-managed scheduler"));
    }

    #[test]
    fn that_is_wrong_without_the_shim_too_says_nothing_about_the_shim() {
        let mut environment = Environment::new();
        environment.fake_python("echo WRONG >&2; exit 1");
        let document = environment.check(&[]).exits(3).json();
        let reason = outcome(&document, "matmul.loads")["reason"].as_str().expect("a reason").to_owned();
        assert!(reason.contains("fails without the shim, too") && reason.contains("WRONG"), "{reason}");
    }
}
