//! What goes wrong around xdoctor is met with a clear line, never with a panic.

mod support;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use xdoctor::{Run, check, command, outcome, xdoctor};

fn root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0)
}

/// Polls until it holds, for at most five seconds.
fn eventually(mut holds: impl FnMut() -> bool) -> bool {
    (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        holds()
    })
}

#[test]
fn ctrl_c_ends_every_child_and_reports_what_is_known() {
    let folder = tempfile::tempdir().expect("scratch");
    let started = folder.path().join("started");
    let script = format!("echo $$$$ > {}; sleep 600", started.display());
    let text = format!(
        "title: T\nsteps: [{{title: S, checks: [{{id: quick, kind: path, path: /}}, \
         {{id: slow, kind: command, run: [sh, -c, '{script}']}}, {{id: later, kind: command, run: [sleep, '600']}}]}}]\n"
    );
    let file = folder.path().join("c.yaml");
    fs::write(&file, text).expect("written");
    let mut command = command(["check", "--jobs", "1", "--format", "json"]);
    let child = command.arg(file).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    assert!(eventually(|| fs::read_to_string(&started).is_ok_and(|pid| pid.ends_with('\n'))));
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill").success());
    let document = Run::of(child.wait_with_output().expect("ends")).exits(3).json();
    assert_eq!(outcome(&document, "quick")["status"], "pass");
    assert_eq!(outcome(&document, "slow")["reason"], "interrupted");
    assert_eq!(outcome(&document, "later")["reason"], "interrupted before it began");
    let pid = fs::read_to_string(&started).expect("a pid");
    let gone = || fs::read_to_string(format!("/proc/{}/stat", pid.trim())).map_or(true, |stat| stat.contains(") Z"));
    assert!(eventually(gone), "the child {pid} lives on");
}

#[test]
fn one_report_that_cannot_be_written_is_named_and_keeps_none_of_the_others_back() {
    let folder = tempfile::tempdir().expect("scratch");
    let list = folder.path().join("c.yaml");
    fs::write(&list, "title: T\nsteps: [{title: S, checks: [{id: a, kind: path, path: /}]}]\n").expect("written");
    let mut command = command(["check", "c.yaml", "--report", "tap=/dev/full", "--report", "junit=out.xml"]);
    let run = Run::of(command.current_dir(folder.path()).output().expect("runs")).exits(2);
    assert!(run.stderr.contains("cannot write /dev/full: No space left on device"), "{}", run.stderr);
    assert!(fs::read_to_string(folder.path().join("out.xml")).expect("written").contains("<testsuites"));
}

#[test]
fn ctrl_c_at_the_very_beginning_leaves_no_folder_behind() {
    let scratch = tempfile::tempdir().expect("scratch");
    for milliseconds in [2, 5, 10, 15, 20, 30, 40] {
        let mut command = command(["check"]);
        command.env("TMPDIR", scratch.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.current_dir(scratch.path()).spawn().expect("starts");
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status();
        killed.expect("kill");
        child.wait().expect("ends");
    }
    let left: Vec<_> = fs::read_dir(scratch.path()).expect("readable").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn without_a_compiler_the_build_says_which_command_failed_and_what_installs_one() {
    let out = Path::new(env!("OUT_DIR"));
    let builds = out.ancestors().nth(2).expect("the build folder");
    let is_script = |path: &PathBuf| {
        path.parent().is_some_and(|folder| folder.to_string_lossy().contains("/xdoctor-")) && path.exists()
    };
    let folders = fs::read_dir(builds).expect("readable").map(|entry| entry.expect("an entry").path());
    let script = folders.map(|folder| folder.join("build-script-build")).find(is_script).expect("the build script");
    let scratch = tempfile::tempdir().expect("scratch");
    let target = "x86_64-unknown-linux-gnu";
    let output = Command::new(script)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .envs([("CC", "/no/such/cc"), ("TARGET", target), ("HOST", target), ("OPT_LEVEL", "0")])
        .envs([("CARGO_CFG_TARGET_ARCH", "x86_64"), ("CARGO_CFG_TARGET_OS", "linux"), ("CARGO_CFG_TARGET_ENV", "gnu")])
        .env("OUT_DIR", scratch.path())
        .output()
        .expect("runs");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    for wanted in ["cargo::error=/no/such/cc ", "No such file or directory", "apt install gcc", "dnf install gcc"] {
        assert!(said.contains(wanted), "{wanted}\nin\n{said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_scratch_folder_on_a_noexec_mount_is_passed_over_for_the_next() {
    let folder = tempfile::tempdir().expect("scratch");
    let (noexec, cache) = (folder.path().join("noexec"), folder.path().join("cache"));
    fs::create_dir(&noexec).expect("made");
    fs::create_dir(&cache).expect("made");
    let mount = || Command::new("mount").args(["-t", "tmpfs", "-o", "noexec", "tmpfs"]).arg(&noexec).status();
    if !support::require(root() && mount().is_ok_and(|status| status.success()), "right to mount") {
        return;
    }
    let run = |next: &Path, here: &Path| {
        let mut command = command(["check"]);
        command.env("TMPDIR", &noexec).env_remove("XDG_RUNTIME_DIR").env("XDG_CACHE_HOME", next).current_dir(here);
        Run::of(command.output().expect("runs"))
    };
    let (good, bad) = (run(&cache, folder.path()), run(&noexec, &noexec));
    assert!(Command::new("umount").arg(&noexec).status().expect("umount").success());
    assert!(good.exits(0).stdout.contains(cache.to_str().expect("text")));
    // Nothing else is left: the system's own folder for such files.
    assert!(bad.exits(0).stdout.contains("/tmp/xdoctor-"));
}

#[test]
fn files_that_are_no_library_are_named_as_what_they_are() {
    let folder = tempfile::tempdir().expect("scratch");
    let path = |name: &str| folder.path().join(name);
    xdoctor(["bundle", folder.path().to_str().expect("text")]).exits(0);
    let whole = fs::read(path("lib/libshimhip.so")).expect("read");
    fs::write(path("empty"), "").expect("written");
    fs::write(path("text"), "hello\n").expect("written");
    fs::write(path("truncated"), &whole[..1000]).expect("written");
    fs::write(path("header"), &whole[..40]).expect("written");
    let mut big_endian = whole.clone();
    big_endian[5] = 2; // EI_DATA: ELFDATA2MSB over little-endian contents
    fs::write(path("swapped"), big_endian).expect("written");
    assert!(Command::new("mkfifo").arg(path("fifo")).status().expect("mkfifo").success());
    for name in ["empty", "text", "truncated", "header", "swapped", "fifo", "lib"] {
        for kind in ["library", "symbols, lacks: none"] {
            let text = format!("title: T\nsteps: [{{title: S, checks: [{{id: x, path: {name}, kind: {kind}}}]}}]\n");
            let run = check(folder.path(), &text, &["--format", "json"]).exits(1);
            assert!(!run.stderr.contains("panicked"), "{name}: {}", run.stderr);
            assert_eq!(outcome(&run.json(), "x")["code"], "wrong-type", "{kind} {name}");
        }
    }
}

#[test]
fn names_from_files_cannot_steer_the_terminal() {
    let folder = tempfile::tempdir().expect("scratch");
    let said = "printf '\\033]0;title\\007' >&2; exit 1";
    let text = format!(
        "title: T\nsteps: [{{title: S, checks: [{{id: x, kind: command, run: [sh, -c, \"{}\"]}}]}}]\n",
        said.replace('\\', "\\\\")
    );
    let run = check(folder.path(), &text, &[]).exits(1);
    assert!(!run.stdout.contains('\u{1b}') && !run.stdout.contains('\u{7}'), "{:?}", run.stdout);
}

#[test]
fn a_grandchild_that_left_the_group_and_goes_on_printing_does_not_hold_the_run_up() {
    let folder = tempfile::tempdir().expect("scratch");
    let drip = "setsid --fork sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do echo $i; sleep 0.3; done'; sleep 0.4";
    let text = format!(
        "title: T\nsteps: [{{title: S, checks: [{{id: x, kind: command, run: [sh, -c, \"{}\"], timeout: 20s}}]}}]\n",
        drip.replace('$', "$$")
    );
    let log = folder.path().join("log");
    check(folder.path(), &text, &["--log", log.to_str().expect("text")]).exits(0);
    let printed = fs::read_to_string(log.join("x.stdout")).expect("kept");
    assert!(printed.starts_with("1\n") && !printed.contains("20"), "it waited until the stream closed: {printed}");
}

#[test]
fn a_reader_that_leaves_does_not_turn_a_failure_into_a_success() {
    let folder = tempfile::tempdir().expect("scratch");
    let file = folder.path().join("c.yaml");
    fs::write(&file, "title: T\nsteps: [{title: S, checks: [{id: x, kind: path, path: /no/such}]}]\n")
        .expect("written");
    for more in [&[][..], &["--format", "json"]] {
        let mut command = command(["check".as_ref(), file.as_os_str()]);
        let mut child = command.args(more).stdout(Stdio::piped()).spawn().expect("starts");
        drop(child.stdout.take());
        assert_eq!(child.wait().expect("ends").code(), Some(1));
    }
    let bundle = folder.path().join("bundle");
    xdoctor(["bundle".as_ref(), bundle.as_os_str()]).exits(0);
    let (old, new) = (bundle.join("lib/libamdhip64.so.7"), bundle.join("lib/libamdhip64.so.5"));
    let mut command = command(["diff".as_ref(), old.as_os_str(), new.as_os_str()]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("ends").code(), Some(1), "another SONAME breaks a client");
}

/// Runs it with a stdout that nobody reads from the start; its exit status. It says nothing of that on stderr.
#[track_caller]
fn unread(args: &[&str]) -> Option<i32> {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = command(args).args(["--quiet"]).stdout(writer).output().expect("runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.to_lowercase().contains("pipe"), "{args:?}: {said}");
    output.status.code()
}

#[test]
fn what_is_judged_while_it_is_written_is_judged_to_the_end_for_a_reader_that_leaves() {
    let folder = tempfile::tempdir().expect("scratch");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let (source, fine, broken) = (path("broken.c"), path("libfine.so"), path("libbroken.so"));
    fs::write(&source, "int nobody_has_this(void); int f(void) { return nobody_has_this(); }").expect("written");
    for (file, input) in [(&broken, source.as_str()), (&fine, "/dev/null")] {
        let made = Command::new("cc").args(["-shared", "-fPIC", "-o", file, "-x", "c", input]).status();
        assert!(made.expect("cc starts").success());
    }
    for format in ["text", "json"] {
        let unread = |args: &[&str]| unread(&[args, &["--format", format]].concat());
        assert_eq!(unread(&["bindings", &broken]), Some(1));
        assert_eq!(unread(&["bindings", &fine, &broken]), Some(1), "the last of several decides");
        assert_eq!(unread(&["bindings", &fine, "/etc/passwd"]), Some(2));
        assert_eq!(unread(&["bindings", &fine]), Some(0));
        assert_eq!(unread(&["bindings", &fine, "--symbol", "no_such"]), Some(4));
        assert_eq!(unread(&["explain", "nobody_has_this", &broken]), Some(1));
        assert_eq!(unread(&["explain", "no_such", &broken]), Some(4));
        assert_eq!(unread(&["deps", &fine, &fine, "--preload", "/no/such.so"]), Some(1));
        assert_eq!(unread(&["deps", &fine, "/etc/passwd"]), Some(2));
        assert_eq!(unread(&["symbols", &fine, "--name", "no_such"]), Some(4));
        assert_eq!(unread(&["map", "libamdhip64.so.7", "--shim", &fine]), Some(4));
    }
}

#[test]
fn a_reader_that_leaves_keeps_no_report_from_its_file() {
    let folder = tempfile::tempdir().expect("scratch");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let (file, report) = (path("c.yaml"), path("report.json"));
    fs::write(&file, "title: T\nsteps: [{title: S, checks: [{id: x, kind: path, path: /no/such}]}]\n")
        .expect("written");
    let kept = format!("json={report}");
    for more in [&["--format", "json"][..], &["--format", "text"], &["--report", "tap=-"]] {
        assert_eq!(unread(&[&["check", &file], more, &["--report", &kept]].concat()), Some(1), "{more:?}");
        fs::remove_file(&report).unwrap_or_else(|error| panic!("{more:?}: no report: {error}"));
    }
}

#[test]
fn a_folder_whose_name_ld_preload_would_split_is_no_hindrance() {
    let folder = tempfile::tempdir().expect("scratch");
    for name in ["with space", "with:colon"] {
        let place = folder.path().join(name);
        fs::create_dir(&place).expect("made");
        let mut check = command(["check"]);
        Run::of(check.current_dir(&place).env("TMPDIR", &place).output().expect("runs")).exits(0);
        xdoctor(["bundle".as_ref(), place.as_os_str()]).exits(0);
        xdoctor(["smoke".as_ref(), "--shim".as_ref(), place.join("lib/libshimhip.so").as_os_str()]).exits(0);
    }
}

#[test]
fn a_path_that_is_not_utf_8_still_gives_one_json_document() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().expect("scratch");
    let place = folder.path().join(std::ffi::OsStr::from_bytes(b"not-\xff-utf8"));
    fs::create_dir(&place).expect("made");
    let text = "title: T\nsteps: [{title: S, checks: [{id: x, kind: path, path: .}]}]\n";
    check(&place, text, &["--format", "json"]).exits(0).json();
    xdoctor(["bundle".as_ref(), place.as_os_str(), "--format".as_ref(), "json".as_ref()]).exits(0).json();
}

#[test]
fn a_fifo_as_checklist_is_refused_without_waiting_for_a_writer() {
    let folder = tempfile::tempdir().expect("scratch");
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo").success());
    let run = xdoctor(["check".as_ref(), fifo.as_os_str()]).exits(2);
    assert!(run.stderr.contains("expected a regular file"), "{}", run.stderr);
}

#[test]
fn what_is_set_for_the_bundled_shim_elsewhere_does_not_reach_the_runs() {
    let folder = tempfile::tempdir().expect("scratch");
    let mut command = command(["check"]);
    command.env("XDOCTOR_RUNTIME", "/no/such/runtime").env("XDOCTOR_TRACE", "nonsense").current_dir(folder.path());
    Run::of(command.output().expect("runs")).exits(0);
}
