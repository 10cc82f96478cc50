//! Drift: what has become of what worked, at the level that matters, and whether anything must be built again.

#[path = "support/libraries.rs"]
mod libraries;
#[path = "support/remembered.rs"]
mod remembered;
#[path = "support/schema.rs"]
mod schema;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use libraries::{library, run};
use remembered::{RUNTIME, Remembered, SHIM, git, said};
use serde_json::Value;
use tempfile::TempDir;

/// Sets a file's time, seconds from now, as a copy or a build does.
#[track_caller]
fn touch(path: &Path, seconds: i64) {
    let now = SystemTime::now();
    let span = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 { now - span } else { now + span };
    File::options().append(true).open(path).expect("a file").set_modified(time).expect("set");
}

/// Asserts status, code, and what must be said of it.
#[track_caller]
fn is(check: &Value, status: &str, code: &str, words: &[&str]) {
    let code = if code.is_empty() { Value::Null } else { code.into() };
    assert_eq!((&check["status"], &check["code"]), (&status.into(), &code), "{check:#}");
    let said = said(check);
    for word in words {
        assert!(said.contains(word), "`{word}` is not said:\n{said}");
    }
}

mod nothing_has_changed {
    use super::*;

    #[test]
    fn and_every_thing_is_said_to_be_as_it_was() {
        let sample = Remembered::locked();
        let document = sample.drift(0);
        schema::assert_valid("check", &document);
        let step = &document["steps"][0];
        assert_eq!(step["title"], "Memory");
        let checks = step["checks"].as_array().expect("checks");
        let ids: Vec<&str> = checks.iter().filter_map(|check| check["id"].as_str()).collect();
        let expected = [
            "lock",
            "lock.build/libshimhip.so",
            "lock.install/lib/libamdhip64.so.7",
            "lock.install/lib/libhalhip.so",
            "lock.install/lib/libshimhip.so",
            "lock.source",
            "lock.source/hip_version.map",
        ];
        assert_eq!(ids, expected);
        checks.iter().for_each(|check| is(check, "pass", "", &[]));
        is(
            &checks[0],
            "pass",
            "",
            &["6 things remembered", "everything is as it was when it worked", "nothing has to be built again"],
        );
        is(&checks[5], "pass", "", &["commit d5c0c4f on main, clean"]);
    }

    #[test]
    fn though_the_whole_environment_was_moved_and_got_new_times() {
        let sample = Remembered::locked();
        let elsewhere = sample.folder.path().with_extension("moved");
        run(Command::new("cp").arg("-r").arg(sample.folder.path()).arg(&elsewhere));
        let args = ["check", "--only", "lock", "--format", "json"];
        let run = xdoctor::Run::of(xdoctor::command(args).current_dir(&elsewhere).output().expect("runs"));
        fs::remove_dir_all(&elsewhere).expect("removed");
        let document = run.exits(0).json();
        assert_eq!(document["summary"]["passed"], 7, "{document:#}");
    }
}

/// A folder with a shim, its runtime and a client, whose lock is written.
struct Trio {
    folder: TempDir,
}

const API: &str = "void hipMalloc(){} void hipFree(){} void hipMemcpy(){} void hipLaunchKernel(){}";
const MAP: &str = "hip_4.2 { global: hipMalloc; hipFree; hipMemcpy; hipLaunchKernel; local: *; };";

impl Trio {
    fn new() -> Trio {
        let trio = Trio { folder: tempfile::tempdir().expect("scratch") };
        trio.write("libshim.so", API, Some(MAP));
        trio.write("libruntime.so", API, Some(MAP));
        trio.write("libclient.so", "extern void hipMalloc(); void go(){ hipMalloc(); }", None);
        let checklist = "title: Trio\nsteps:\n  - title: All\n    checks:\n      \
                         - {id: c, kind: coverage, shim: libshim.so, runtime: libruntime.so, clients: libclient.so}\n";
        fs::write(trio.path("xdoctor.yaml"), checklist).expect("written");
        trio.xdoctor(&["lock"]).exits(0);
        trio
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Compiles a library, and makes it as large as others are with which it is to compare.
    fn write(&self, name: &str, source: &str, map: Option<&str>) {
        let path = library(self.folder.path(), name, source, map);
        File::options().append(true).open(path).expect("a file").set_len(32 * 1024).expect("grown");
    }

    fn xdoctor(&self, args: &[&str]) -> xdoctor::Run {
        xdoctor::Run::of(xdoctor::command(args).current_dir(self.folder.path()).output().expect("runs"))
    }

    #[track_caller]
    fn drift_of(&self, thing: &str, status: i32) -> Value {
        let document = self.xdoctor(&["check", "--only", "lock", "--format", "json"]).exits(status).json();
        schema::assert_valid("check", &document);
        xdoctor::outcome(&document, &format!("lock.{thing}")).clone()
    }
}

mod a_library {
    use super::*;

    #[test]
    fn whose_functions_moved_to_the_base_is_told_which_and_how_many() {
        let trio = Trio::new();
        trio.write("libshim.so", API, Some("hip_4.2 { global: hipLaunchKernel; };"));
        let shim = trio.drift_of("libshim.so", 0);
        let moved = "same size, 3 functions moved from hip_4.2 to base: hipFree, hipMalloc, hipMemcpy";
        // ld.so takes a definition in the base for a reference to any node: the shim still intercepts.
        let words = ["a reference with a version takes a definition that has none", "no rebuild: "];
        is(&shim, "warn", "drifted", &words);
        assert_eq!(shim["actual"], moved);
    }

    #[test]
    fn that_lost_a_function_or_a_node_fails() {
        let trio = Trio::new();
        trio.write("libshim.so", &API.replace("void hipFree(){}", ""), Some(MAP));
        is(&trio.drift_of("libshim.so", 1), "fail", "abi-changed", &["1 function gone from hip_4.2: hipFree"]);
        trio.write("libshim.so", API, Some(&MAP.replace("hip_4.2", "hip_9.9")));
        let words = ["4 functions moved from hip_4.2 to hip_9.9", "node hip_4.2 gone"];
        is(&trio.drift_of("libshim.so", 1), "fail", "abi-changed", &words);
    }

    #[test]
    fn that_was_rebuilt_and_exports_the_same_need_not_be_built_again() {
        let trio = Trio::new();
        trio.write("libshim.so", &API.replace("hipFree(){}", "hipFree(){ static volatile int n; n++; }"), Some(MAP));
        let words = ["rebuilt (same size): build id differs, exports the same", "no rebuild: "];
        is(&trio.drift_of("libshim.so", 0), "warn", "drifted", &words);
    }

    #[test]
    fn that_was_stripped_is_the_same_build() {
        let trio = Trio::new();
        run(Command::new("strip").arg(trio.path("libshim.so")));
        let words = ["build id and exports the same: stripped, patched or signed afterwards", "no rebuild"];
        is(&trio.drift_of("libshim.so", 0), "warn", "drifted", &words);
    }

    #[test]
    fn that_gained_a_function_breaks_nobody() {
        let trio = Trio::new();
        let map = MAP.replace("hipFree;", "hipFree; hipMemset;");
        trio.write("libshim.so", &format!("{API} void hipMemset(){{}}"), Some(&map));
        is(&trio.drift_of("libshim.so", 0), "warn", "drifted", &["1 function new in hip_4.2: hipMemset", "no rebuild"]);
    }

    #[test]
    fn that_needs_another_library_or_searches_elsewhere_says_which_and_where() {
        let trio = Trio::new();
        library(trio.folder.path(), "libfoo.so", "void foo(){}", None);
        let (shim, source) = (trio.path("libshim.so"), trio.path("libshim.so.c"));
        let map = format!("-Wl,--version-script={}", trio.path("libshim.so.map").display());
        let mut cc = Command::new("cc");
        cc.current_dir(trio.folder.path()).args([
            "-shared",
            "-fPIC",
            "-w",
            "-Wl,-rpath,/opt/lib",
            "-Wl,--no-as-needed",
        ]);
        run(cc.arg(map).arg("-o").arg(shim).arg(source).args(["-L.", "-lfoo"]));
        let words = ["NEEDED gained libfoo.so", "RUNPATH none → /opt/lib"];
        is(&trio.drift_of("libshim.so", 0), "warn", "drifted", &words);
    }

    #[test]
    fn that_is_gone_is_missing_and_must_be_built() {
        let trio = Trio::new();
        fs::remove_file(trio.path("libshim.so")).expect("gone");
        let words = ["libshim.so, 32768 bytes, as it was", "file gone", "rebuild: it is gone"];
        is(&trio.drift_of("libshim.so", 1), "fail", "library-missing", &words);
    }

    #[test]
    fn that_is_damaged_is_no_library_any_more() {
        let trio = Trio::new();
        fs::write(trio.path("libshim.so"), "<html>404</html>").expect("written");
        let words = ["32768 → 16 bytes, no ELF file any more that can be read", "rebuild: it is no library any more"];
        is(&trio.drift_of("libshim.so", 1), "fail", "hash-differs", &words);
    }

    #[test]
    fn of_which_only_the_time_moved_is_as_it_was() {
        let trio = Trio::new();
        touch(&trio.path("libshim.so"), -1_000_000);
        let words = ["only its time moved: ", "no rebuild: only its time moved, as in a copy or a clone"];
        is(&trio.drift_of("libshim.so", 0), "pass", "", &words);
    }

    #[test]
    fn whose_size_and_time_are_the_same_is_hashed_all_the_same() {
        let trio = Trio::new();
        let path = trio.path("libshim.so");
        let time = fs::metadata(&path).and_then(|file| file.modified()).expect("a time");
        let mut bytes = fs::read(&path).expect("readable");
        let last = bytes.len() - 1;
        bytes[last] = 1;
        fs::write(&path, bytes).expect("written");
        File::options().append(true).open(&path).expect("a file").set_modified(time).expect("set");
        is(&trio.drift_of("libshim.so", 0), "warn", "drifted", &["same size, build id and exports the same"]);
    }

    #[test]
    fn that_may_not_be_read_is_undetermined_and_never_passes() {
        let trio = Trio::new();
        let shim = trio.path("libshim.so");
        fs::remove_file(&shim).expect("gone");
        symlink("libshim.so", &shim).expect("a link to itself");
        let check = trio.drift_of("libshim.so", 3);
        is(&check, "undetermined", "", &["symbolic links"]);
    }
}

mod a_runtime {
    use super::*;

    #[test]
    fn that_moved_what_the_shim_uses_makes_the_shim_to_be_built_again() {
        let trio = Trio::new();
        trio.write("libruntime.so", API, Some(&MAP.replace("hip_4.2", "hip_6.0")));
        is(&trio.drift_of("libruntime.so", 1), "fail", "abi-changed", &["4 functions moved from hip_4.2 to hip_6.0"]);
        let words = ["libruntime.so has lost or moved what the shim uses", "hipFree@@hip_4.2 → hipFree@@hip_6.0"];
        is(&trio.drift_of("libshim.so", 1), "fail", "rebuild-needed", &words);
        is(&trio.drift_of("libclient.so", 1), "pass", "", &[]);
        // Built against the new runtime, it is another shim, and not one to be built again.
        trio.write("libshim.so", API, Some(&MAP.replace("hip_4.2", "hip_6.0")));
        let shim = trio.drift_of("libshim.so", 1);
        is(&shim, "fail", "abi-changed", &["4 functions moved from hip_4.2 to hip_6.0"]);
        assert!(!said(&shim).contains("has lost or moved"), "{shim:#}");
    }

    #[test]
    fn that_lost_what_the_shim_does_not_use_leaves_the_shim_alone() {
        let trio = Trio::new();
        let map = MAP.replace("hipFree;", "hipFree; hipMemset;");
        trio.write("libruntime.so", &format!("{API} void hipMemset(){{}}"), Some(&map));
        trio.xdoctor(&["lock"]).exits(0);
        trio.write("libruntime.so", API, Some(MAP));
        is(&trio.drift_of("libruntime.so", 1), "fail", "abi-changed", &["1 function gone from hip_4.2: hipMemset"]);
        is(&trio.drift_of("libshim.so", 1), "pass", "", &["no rebuild"]);
    }

    #[test]
    fn that_gained_functions_needs_no_rebuild_but_coverage_to_be_checked() {
        let trio = Trio::new();
        let map = format!("{MAP}\nhip_6.0 {{ global: hipMemset; }} hip_4.2;");
        trio.write("libruntime.so", &format!("{API} void hipMemset(){{}}"), Some(&map));
        let words = [
            "1 function new in hip_6.0: hipMemset",
            "node hip_6.0 new",
            "no rebuild: all that libshim.so uses is still there; 1 function new in the runtime: check coverage again",
        ];
        is(&trio.drift_of("libruntime.so", 0), "warn", "drifted", &words);
        is(&trio.drift_of("libshim.so", 0), "pass", "", &[]);
    }
}

mod a_client {
    use super::*;

    #[test]
    fn that_was_updated_needs_no_rebuild_but_coverage_to_be_checked() {
        let trio = Trio::new();
        let source = "extern void hipMalloc(), hipFree(); void go(){ hipMalloc(); hipFree(); } void more(){}";
        trio.write("libclient.so", source, None);
        let words = [
            "asks for 1 function more of the API: hipFree",
            "no rebuild: only a client changed; check coverage again: xdoctor coverage --shim ",
        ];
        is(&trio.drift_of("libclient.so", 0), "warn", "drifted", &words);
        is(&trio.drift_of("libshim.so", 0), "pass", "", &[]);
    }

    #[test]
    fn that_is_a_folder_says_which_files_are_new_gone_and_others() {
        let trio = Trio::new();
        let clients = trio.path("clients");
        fs::create_dir(&clients).expect("a folder");
        for name in ["a", "b", "c"] {
            fs::write(clients.join(name), name).expect("written");
        }
        let checklist = fs::read_to_string(trio.path("xdoctor.yaml")).expect("readable");
        fs::write(trio.path("xdoctor.yaml"), checklist.replace("libclient.so", "clients")).expect("written");
        trio.xdoctor(&["lock"]).exits(0);
        is(&trio.drift_of("clients/", 0), "pass", "", &["all 3 files as they were"]);
        fs::write(clients.join("a"), "other").expect("written");
        fs::remove_file(clients.join("b")).expect("gone");
        fs::write(clients.join("d"), "d").expect("written");
        let words = ["1 file changed: a; 1 file gone: b; 1 file new: d", "check coverage again"];
        is(&trio.drift_of("clients/", 0), "warn", "drifted", &words);
    }
}

/// A folder of libraries that is remembered, and its drift after a change.
mod a_folder_of_libraries {
    use super::*;

    /// `xdoctor.yaml` over `lib/` with these files in it: names, and C.
    fn locked(checks: &str, libraries: &[(&str, &str)]) -> TempDir {
        let folder = tempfile::tempdir().expect("scratch");
        fs::create_dir(folder.path().join("lib")).expect("a folder");
        let text = format!(
            "title: T\nsteps:\n- title: S\n  checks:\n  - {{id: f, kind: tree, path: lib, lock: true}}\n{checks}"
        );
        fs::write(folder.path().join("xdoctor.yaml"), text).expect("written");
        for (name, source) in libraries {
            build(&folder, name, source);
        }
        folder
    }

    fn build(folder: &TempDir, name: &str, source: &str) {
        let built = library(folder.path(), "built.so", source, Some("v1 { global: *; };"));
        fs::rename(built, folder.path().join("lib").join(name)).expect("moved");
    }

    fn xdoctor(folder: &TempDir, args: &[&str]) -> xdoctor::Run {
        xdoctor::Run::of(xdoctor::command(args).current_dir(folder.path()).output().expect("runs"))
    }

    #[track_caller]
    fn drift(folder: &TempDir, thing: &str, status: i32) -> Value {
        let document = xdoctor(folder, &["check", "--only", "lock", "--format", "json"]).exits(status).json();
        xdoctor::outcome(&document, &format!("lock.{thing}")).clone()
    }

    #[test]
    fn says_of_each_that_is_another_which_functions_are() {
        let folder =
            locked("", &[("liba.so", "void one(){} void two(){}"), ("libb.so", "void b(){}"), ("libc.so", "")]);
        let written = xdoctor(&folder, &["lock"]).exits(0).stdout;
        assert!(written.contains("lib/: 3 files, 3 of them with their exports"), "{written}");
        is(&drift(&folder, "lib/", 0), "pass", "", &["all 3 files as they were"]);
        build(&folder, "liba.so", "void one(){} void three(){}");
        build(&folder, "libb.so", "void b(){ __builtin_trap(); }");
        let words = [
            "2 files changed: liba.so, libb.so",
            "liba.so: ",
            "1 function gone from v1: two; 1 function new in v1: three",
            "libb.so: rebuilt (",
        ];
        is(&drift(&folder, "lib/", 1), "fail", "hash-differs", &words);
    }

    #[test]
    fn leaves_to_a_check_of_its_own_what_has_one() {
        let folder = locked("  - {id: a, kind: library, path: lib/liba.so}\n", &[("liba.so", "void one(){}")]);
        xdoctor(&folder, &["lock"]).exits(0);
        let lock = fs::read_to_string(folder.path().join("xdoctor.lock")).expect("readable");
        assert_eq!(lock.matches("\"what\":\"elf\"").count(), 1, "{lock}");
        build(&folder, "liba.so", "void two(){}");
        is(&drift(&folder, "lib/liba.so", 1), "fail", "abi-changed", &["1 function gone from v1: one"]);
        let whole = drift(&folder, "lib/", 1);
        is(&whole, "fail", "hash-differs", &["1 file changed: liba.so"]);
        assert!(!whole.to_string().contains("gone from v1"), "{whole:#}");
    }

    #[test]
    fn of_too_many_remembers_their_hashes_alone() {
        let folder = locked("", &[("lib0.so", "void one(){}")]);
        for number in 1..=48 {
            fs::copy(folder.path().join("lib/lib0.so"), folder.path().join(format!("lib/lib{number}.so")))
                .expect("copied");
        }
        let elf_lines = || {
            xdoctor(&folder, &["lock"]).exits(0);
            let lock = fs::read_to_string(folder.path().join("xdoctor.lock")).expect("readable");
            lock.matches("\"what\":\"elf\"").count()
        };
        assert_eq!(elf_lines(), 0);
        fs::remove_file(folder.path().join("lib/lib48.so")).expect("removed");
        assert_eq!(elf_lines(), 48);
        // Of names that would fill the lock, too.
        let many: String = (0..450).map(|number| format!("void f{number}(){{}}")).collect();
        build(&folder, "lib0.so", &many);
        for number in 1..=47 {
            fs::copy(folder.path().join("lib/lib0.so"), folder.path().join(format!("lib/lib{number}.so")))
                .expect("copied");
        }
        assert_eq!(elf_lines(), 0);
    }
}

mod a_source_tree {
    use super::*;

    /// Changes a source file and commits it.
    fn commit(sample: &Remembered, text: &str) {
        fs::write(sample.path("source/CMakeLists.txt"), text).expect("written");
        sample.git(&["commit", "-qam", text]);
    }

    const OLD: &str = "d5c0c4f";

    #[test]
    fn that_moved_on_says_how_far_and_what_must_be_built_again() {
        let sample = Remembered::locked();
        ["one", "two", "three"].iter().for_each(|text| commit(&sample, text));
        fs::write(sample.path("source/hip_version.map"), "other").expect("written");
        fs::write(sample.path("source/new.c"), "new").expect("written");
        let document = sample.drift(1);
        let of = |id: &str| xdoctor::outcome(&document, id);
        let moved = format!("commit {OLD} → ");
        let words = [
            moved.as_str(),
            "3 commits ahead, 2 files dirty",
            "files that differ: CMakeLists.txt, hip_version.map, new.c",
        ];
        is(of("lock.source"), "warn", "drifted", &words);
        let words = ["it is the build of before: source is commit d5c0c4f → ", "3 commits ahead, 2 files dirty"];
        is(of("lock.build/libshimhip.so"), "fail", "rebuild-needed", &words);
        // The installed one is a copy of that product: its build id says so.
        is(of("lock.install/lib/libshimhip.so"), "fail", "rebuild-needed", &words);
        is(of("lock.install/lib/libhalhip.so"), "pass", "", &["no rebuild"]);
        is(of("lock"), "pass", "", &["to be built again: build/libshimhip.so, install/lib/libshimhip.so"]);
    }

    #[test]
    fn that_was_built_since_needs_no_rebuild_until_it_changes_again() {
        let sample = Remembered::locked();
        commit(&sample, "one");
        touch(&sample.path("source/CMakeLists.txt"), -60);
        let product = sample.path("build/libshimhip.so");
        run(Command::new("strip").arg(&product));
        let words = ["no rebuild: it was built after its sources changed"];
        is(&sample.drift_of("build/libshimhip.so", 1), "warn", "drifted", &words);
        touch(&sample.path("source/CMakeLists.txt"), 60);
        is(&sample.drift_of("build/libshimhip.so", 1), "fail", "rebuild-needed", &["and a source changed at "]);
    }

    #[test]
    fn that_changed_no_byte_of_what_was_built_again_leaves_it_open() {
        let sample = Remembered::locked();
        commit(&sample, "one");
        touch(&sample.path("source/CMakeLists.txt"), -60);
        touch(&sample.path("build/libshimhip.so"), 30);
        let words = ["after its sources changed: built again to the same, or copied", "cannot be told"];
        is(&sample.drift_of("build/libshimhip.so", 1), "warn", "drifted", &words);
    }

    #[test]
    fn of_which_only_the_commit_or_the_times_are_others_needs_no_rebuild() {
        let sample = Remembered::locked();
        sample.git(&["commit", "-q", "--amend", "-m", "Other words"]);
        touch(&sample.path("source/CMakeLists.txt"), 3600);
        let words = ["commit d5c0c4f → ", "no rebuild: no source file differs"];
        is(&sample.drift_of("source", 0), "pass", "", &words);
        is(&sample.drift_of("build/libshimhip.so", 0), "pass", "", &["no rebuild"]);
    }

    #[test]
    fn that_was_edited_and_is_as_it_was_again_needs_no_rebuild() {
        let sample = Remembered::locked();
        commit(&sample, "one");
        sample.git(&["revert", "--no-edit", "HEAD"]);
        is(&sample.drift_of("source", 0), "pass", "", &["2 commits ahead", "no source file differs"]);
    }

    #[test]
    fn that_was_dirty_counts_from_what_it_was() {
        let sample = Remembered::with(remembered::CHECKLIST);
        fs::write(sample.path("source/CMakeLists.txt"), "edited").expect("written");
        sample.run(&["lock"]).exits(0);
        is(&sample.drift_of("source", 0), "pass", "", &["1 file dirty"]);
        sample.git(&["commit", "-qam", "Commit what worked"]);
        is(&sample.drift_of("source", 0), "pass", "", &["1 commit ahead", "no source file differs"]);
        sample.git(&["checkout", "-q", "HEAD~1"]);
        let words = ["main → no branch", "files that differ: CMakeLists.txt"];
        is(&sample.drift_of("source", 1), "warn", "drifted", &words);
        is(&sample.drift_of("build/libshimhip.so", 1), "fail", "rebuild-needed", &["the build of before"]);
    }

    #[test]
    fn whose_old_commit_is_not_in_this_clone_says_so() {
        let sample = Remembered::locked();
        fs::remove_dir_all(sample.path("source/.git")).expect("gone");
        sample.git(&["init", "-q", "-b", "main"]);
        sample.git(&["add", "CMakeLists.txt"]);
        sample.git(&["commit", "-qm", "Begin anew"]);
        let words = ["the old one is not in this clone"];
        is(&sample.drift_of("source", 1), "warn", "drifted", &words);
        is(&sample.drift_of("build/libshimhip.so", 1), "fail", "rebuild-needed", &words);
    }

    #[test]
    fn whose_submodule_moved_says_from_where_to_where() {
        let sample = Remembered::locked();
        let module = sample.path("source/3rdparty/hip-headers");
        fs::write(module.join("hip_error.h"), "other").expect("written");
        git(&module, &["commit", "-qam", "other"]);
        is(&sample.drift_of("source", 1), "warn", "drifted", &["submodule 3rdparty/hip-headers 8789249 → "]);
    }

    #[test]
    fn asks_for_a_rebuild_of_what_the_files_that_differ_went_into_and_of_nothing_else() {
        let both = remembered::CHECKLIST.replace("[libshimhip.so]", "[libshimhip.so, libhalhip.so]");
        let sample = Remembered::with(&both);
        for (target, source) in [("shimhip", "src/use_hal.c"), ("halhip", "src/hal.c")] {
            let folder = sample.path(&format!("build/CMakeFiles/{target}.dir"));
            fs::create_dir_all(&folder).expect("made");
            fs::write(folder.join("link.txt"), format!("cc -o lib{target}.so CMakeFiles/{target}.dir/a.c.o\n"))
                .expect("written");
            fs::write(folder.join("a.c.o.d"), format!("a.c.o: {}\n", sample.path("source").join(source).display()))
                .expect("written");
        }
        sample.run(&["lock"]).exits(0);
        fs::write(sample.path("source/src/hal.c"), "int other;").expect("written");
        let document = sample.drift(1);
        let of = |thing: &str| xdoctor::outcome(&document, &format!("lock.{thing}")).clone();
        for folder in ["build", "install/lib"] {
            is(&of(&format!("{folder}/libhalhip.so")), "fail", "rebuild-needed", &["1 file dirty"]);
            is(&of(&format!("{folder}/libshimhip.so")), "pass", "", &["no rebuild"]);
        }
        fs::write(sample.path("source/CMakeLists.txt"), "# other").expect("written");
        is(&sample.drift_of("build/libshimhip.so", 1), "fail", "rebuild-needed", &[]);
    }

    #[test]
    fn whose_submodule_was_edited_names_the_file_and_asks_for_a_rebuild() {
        let sample = Remembered::locked();
        let file = sample.path("source/3rdparty/hip-headers/hip_error.h");
        let before = fs::read(&file).expect("readable");
        fs::write(&file, "other").expect("written");
        touch(&file, 60);
        is(&sample.drift_of("source", 1), "warn", "drifted", &["files that differ: 3rdparty/hip-headers/hip_error.h"]);
        is(&sample.drift_of("build/libshimhip.so", 1), "fail", "rebuild-needed", &["1 file dirty"]);
        fs::write(&file, before).expect("written");
        is(&sample.drift_of("source", 0), "pass", "", &[]);
        fs::write(&file, "known").expect("written");
        sample.run(&["lock"]).exits(0);
        is(&sample.drift_of("source", 0), "pass", "", &["1 file dirty"]);
        fs::write(&file, "other").expect("written");
        is(&sample.drift_of("source", 1), "warn", "drifted", &["3rdparty/hip-headers/hip_error.h"]);
    }

    #[test]
    fn that_is_gone_is_no_repository_any_more() {
        let sample = Remembered::locked();
        fs::remove_dir_all(sample.path("source/.git")).expect("gone");
        is(&sample.drift_of("source", 1), "fail", "not-a-repository", &["a git repository at source"]);
    }

    #[test]
    fn that_keeps_its_own_lock_is_not_dirtied_by_it() {
        let sample = Remembered::with(remembered::CHECKLIST);
        let checklist = "title: T\nsteps:\n  - title: S\n    checks:\n      - {id: here, kind: git, path: .}\n";
        fs::write(sample.path("source/xdoctor.yaml"), checklist).expect("written");
        sample.git(&["add", "."]);
        sample.git(&["commit", "-qm", "Add a checklist"]);
        let xdoctor = |args: &[&str]| {
            xdoctor::Run::of(xdoctor::command(args).current_dir(sample.path("source")).output().expect("runs"))
        };
        xdoctor(&["lock"]).exits(0);
        let drift = || {
            let document = xdoctor(&["check", "--only", "lock", "--format", "json"]).exits(0).json();
            xdoctor::outcome(&document, "lock..").clone()
        };
        is(&drift(), "pass", "", &["clean"]);
        sample.git(&["add", "xdoctor.lock"]);
        sample.git(&["commit", "-qm", "Add the lock"]);
        is(&drift(), "pass", "", &["1 commit ahead", "no source file differs"]);
    }
}

mod any_other_thing {
    use super::*;

    fn one(check: &str) -> TempDir {
        let folder = tempfile::tempdir().expect("scratch");
        let text = format!("title: T\nsteps:\n  - title: S\n    checks:\n      - {check}\n");
        fs::write(folder.path().join("xdoctor.yaml"), text).expect("written");
        folder
    }

    fn xdoctor(folder: &TempDir, args: &[&str]) -> xdoctor::Run {
        xdoctor::Run::of(xdoctor::command(args).current_dir(folder.path()).output().expect("runs"))
    }

    #[track_caller]
    fn drift(folder: &TempDir, thing: &str, status: i32) -> Value {
        let document = xdoctor(folder, &["check", "--only", "lock", "--format", "json"]).exits(status).json();
        xdoctor::outcome(&document, &format!("lock.{thing}")).clone()
    }

    #[test]
    fn that_has_another_content_mode_or_target_says_which() {
        let folder = one("{id: f, kind: path, path: link}");
        fs::write(folder.path().join("one"), "1").expect("written");
        fs::write(folder.path().join("two"), "1").expect("written");
        symlink("one", folder.path().join("link")).expect("a link");
        xdoctor(&folder, &["lock"]).exits(0);
        fs::remove_file(folder.path().join("link")).expect("gone");
        symlink("two", folder.path().join("link")).expect("a link");
        is(&drift(&folder, "link", 0), "warn", "drifted", &["a link to one", "the link leads to two"]);
        fs::write(folder.path().join("two"), "12").expect("written");
        is(&drift(&folder, "link", 1), "fail", "hash-differs", &["1 → 2 bytes"]);
        run(Command::new("chmod").arg("0600").arg(folder.path().join("two")));
        is(&drift(&folder, "link", 1), "fail", "hash-differs", &["found mode 0600: permissions are gone"]);
    }

    #[test]
    fn that_is_a_folder_is_compared_file_by_file() {
        let folder = one("{id: f, kind: tree, path: data, lock: true}");
        fs::create_dir_all(folder.path().join("data/below")).expect("folders");
        fs::write(folder.path().join("data/below/a"), "a").expect("written");
        let document = xdoctor(&folder, &["check", "--format", "json"]).exits(0).json();
        is(xdoctor::outcome(&document, "f"), "skip", "", &["there is no xdoctor.lock yet"]);
        xdoctor(&folder, &["lock"]).exits(0);
        xdoctor(&folder, &["check"]).exits(0);
        is(&drift(&folder, "data/", 0), "pass", "", &["all 1 files as they were"]);
        fs::write(folder.path().join("data/b"), "b").expect("written");
        is(&drift(&folder, "data/", 0), "warn", "drifted", &["1 file new: b"]);
        fs::write(folder.path().join("data/below/a"), "b").expect("written");
        is(&drift(&folder, "data/", 1), "fail", "hash-differs", &["1 file changed: below/a"]);
    }

    #[test]
    fn that_nested_checks_name_is_remembered_too() {
        let folder = one("{id: f, any_of: [{kind: path, path: one}, {kind: path, path: two}]}");
        fs::write(folder.path().join("two"), "2").expect("written");
        xdoctor(&folder, &["lock"]).exits(0);
        is(&drift(&folder, "one", 0), "pass", "", &["not there, as when it was locked"]);
        fs::write(folder.path().join("two"), "3").expect("written");
        is(&drift(&folder, "two", 1), "fail", "hash-differs", &["same size"]);
    }

    #[test]
    fn that_was_not_there_and_appears_is_told() {
        let folder = one("{id: f, kind: library, path: libx.so}");
        xdoctor(&folder, &["lock"]).exits(0);
        is(&drift(&folder, "libx.so", 0), "pass", "", &["not there, as when it was locked"]);
        fs::write(folder.path().join("libx.so"), "x").expect("written");
        is(&drift(&folder, "libx.so", 0), "warn", "drifted", &["it is there now"]);
    }

    #[test]
    fn that_the_checklist_names_since_or_no_longer_is_told() {
        let folder = one("{id: f, kind: path, path: one}");
        fs::write(folder.path().join("one"), "1").expect("written");
        fs::write(folder.path().join("two"), "2").expect("written");
        xdoctor(&folder, &["lock"]).exits(0);
        let checklist = fs::read_to_string(folder.path().join("xdoctor.yaml")).expect("readable");
        fs::write(folder.path().join("xdoctor.yaml"), checklist.replace("one", "two")).expect("written");
        let words = ["the checklist names it, and the lock does not know it", "xdoctor lock"];
        is(&drift(&folder, "two", 0), "warn", "drifted", &words);
        let document = xdoctor(&folder, &["check", "--only", "lock", "--format", "json"]).exits(0).json();
        is(xdoctor::outcome(&document, "lock"), "pass", "", &["one: the checklist names it no longer"]);
    }
}

mod the_sample_with_its_ladder {
    use super::*;

    #[test]
    fn passes_and_warns_of_a_rebuilt_runtime_in_every_report() {
        let sample = Remembered::locked();
        sample.run(&["check"]).exits(0);
        run(Command::new("strip").arg(sample.path(RUNTIME)));
        let run = sample.run(&["check", "--report", "junit=r.xml", "--report", "sarif=r.sarif"]).exits(0);
        assert!(run.stdout.contains("Memory") && run.stdout.contains("drifted"), "{}", run.stdout);
        assert!(
            fs::read_to_string(sample.path("r.xml")).expect("written").contains("lock.install/lib/libamdhip64.so.7")
        );
        assert!(fs::read_to_string(sample.path("r.sarif")).expect("written").contains("\"drifted\""));
        sample.run(&["check", "--no-lock", "--fail-on", "warn"]).exits(0);
        sample.run(&["check", "--fail-on", "warn"]).exits(1);
        sample.run(&["check", "--only", &format!("lock.{SHIM}")]).exits(0);
    }
}
