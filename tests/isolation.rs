//! A run leaves nothing behind: no process, wherever it went, no zombie, no file. And it touches nobody else's.

mod support;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use ::xdoctor::probe::{Child, Ended, Ending, Limits};

fn limits(milliseconds: u64) -> Limits {
    Limits { time: Duration::from_millis(milliseconds), ..Limits::default() }
}

fn shell(script: &str, limits: Limits) -> Ended {
    Child::new("sh").args(["-c", script]).limits(limits).run().expect("sh starts")
}

/// A folder in which processes leave their ids.
struct Pids(tempfile::TempDir);

impl Pids {
    fn new() -> Pids {
        Pids(tempfile::tempdir().expect("scratch"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A command that leaves its id under that name and sleeps for long.
    fn sleeper(&self, name: &str) -> String {
        format!("sh -c 'echo $$ > {0}.new; mv {0}.new {0}; exec sleep 600'", self.file(name).display())
    }

    /// A loop that waits for it.
    fn until(&self, name: &str) -> String {
        format!("until [ -e {} ]; do sleep 0.01; done", self.file(name).display())
    }

    #[track_caller]
    fn process(&self, name: &str) -> PathBuf {
        let pid = fs::read_to_string(self.file(name)).expect("it left its id");
        Path::new("/proc").join(pid.trim())
    }

    /// Ended and reaped: not even a zombie is left.
    #[track_caller]
    fn assert_gone(&self, name: &str) {
        let process = self.process(name);
        let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
        assert!(!process.exists(), "{name} is still there: {stat}");
    }
}

#[test]
fn a_daemon_is_gone_when_the_run_is_over() {
    let pids = Pids::new();
    let ended = shell(&format!("setsid --fork {}; {}", pids.sleeper("daemon"), pids.until("daemon")), limits(20_000));
    assert_eq!(ended.ending, Ending::Exited(0));
    assert!(!ended.stdout.truncated, "nobody holds its output open");
    pids.assert_gone("daemon");
}

#[test]
fn a_daemon_without_the_environment_is_gone_when_the_run_is_over() {
    let pids = Pids::new();
    let daemon = format!("env -i setsid --fork setsid --fork {}", pids.sleeper("daemon"));
    // Met as a descendant before it loses its parent, so that it is known beside other runs, too.
    let met = format!("env -i setsid sh -c '(sleep 0.3; {}) & sleep 0.2' &", pids.sleeper("met").replace('\'', "\""));
    let ended = shell(&format!("{daemon}; {met} {}; {}", pids.until("daemon"), pids.until("met")), limits(20_000));
    assert_eq!(ended.ending, Ending::Exited(0));
    pids.assert_gone("met");
    // Nothing tells whose it is: it ends with the last run that is on.
    let _ = shell("true", limits(20_000));
    let gone = || !pids.process("daemon").exists();
    assert!(
        (0..1000).any(|_| {
            shell("true", limits(20_000));
            gone()
        }),
        "the daemon lives on"
    );
}

#[test]
fn the_time_limit_ends_daemons_of_daemons() {
    let pids = Pids::new();
    let inner = format!(
        "setsid --fork {} ; {}",
        pids.sleeper("inner").replace('\'', "\""),
        pids.sleeper("outer").replace('\'', "\"")
    );
    let ended = shell(&format!("setsid --fork sh -c '{inner}'; sleep 600"), limits(700));
    assert_eq!(ended.ending, Ending::TimeLimit);
    pids.assert_gone("inner");
    pids.assert_gone("outer");
}

/// Whether this process, too, has its session outside the PID namespace, where a session's id is 0.
fn session_is_outside() -> bool {
    let stat = fs::read_to_string("/proc/self/stat").expect("proc");
    stat.rsplit_once(") ").expect("a name").1.split(' ').nth(3) == Some("0")
}

#[test]
fn in_a_container_whose_session_began_outside_it_runs_end_with_their_daemons_as_anywhere() {
    // Not a root's test only: whoever is not root gets a user namespace.
    let outside = || {
        let mut unshare = Command::new("unshare");
        unshare.args(["--map-root-user", "--pid", "--fork", "--mount-proc"]);
        unshare
    };
    let here = session_is_outside();
    let can = here || outside().arg("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    if !support::require(can, "PID namespace to be had") {
        return;
    }
    let folder = tempfile::tempdir().expect("scratch");
    let daemon = "setsid --fork sleep 603\nuntil pgrep -fx 'sleep 603' > pid; do sleep 0.01; done\n";
    fs::write(folder.path().join("daemon.sh"), daemon).expect("written");
    let text =
        "title: T\nsteps:\n  - title: S\n    checks:\n      - {id: daemon, kind: command, run: [sh, daemon.sh]}\n";
    fs::write(folder.path().join("checklist.yaml"), text).expect("written");
    let script = r#"
        cut -d')' -f2 /proc/self/stat | cut -d' ' -f5
        "$0" check checklist.yaml --format json > report.json; echo $?
        pgrep -fx 'sleep 603' || echo gone
        "$0" smoke > climb; echo $?"#;
    let mut command = if here { Command::new("env") } else { outside() };
    command.args(["sh", "-c", script, env!("CARGO_BIN_EXE_xdoctor")]).current_dir(&folder);
    let output = command.output().expect("sh starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.lines().collect::<Vec<_>>(), ["0", "0", "gone", "0"], "{errors}");
    assert!(fs::read_to_string(folder.path().join("pid")).is_ok_and(|pid| !pid.is_empty()), "there was a daemon");
}

#[test]
fn those_who_fork_faster_than_they_are_looked_for_end_too() {
    // Each is a daemon, and the next one's parent only for a moment; after 3,000 it would end by itself.
    let pids = Pids::new();
    let script = "n=$1; [ $n -lt 3000 ] || exit 0; setsid --fork sh \"$0\" $((n + 1)) $2; echo $$ > $2; exit 0";
    fs::write(pids.file("hop"), script).expect("written");
    let hop = format!("setsid --fork sh {} 0 {}; sleep 0.3", pids.file("hop").display(), pids.file("last").display());
    assert_eq!(shell(&hop, limits(20_000)).ending, Ending::Exited(0));
    let last = fs::read_to_string(pids.file("last")).expect("it hopped");
    thread::sleep(Duration::from_millis(200));
    assert_eq!(fs::read_to_string(pids.file("last")).expect("there"), last, "it hops on");
}

#[test]
fn runs_side_by_side_leave_each_others_daemons_alone() {
    let pids = Pids::new();
    let (mine, others) = (pids.file("mine"), pids.until("daemon"));
    let long = format!(
        "setsid --fork {}; until [ -e {} ]; do sleep 0.01; done; kill -0 $(cat {})",
        pids.sleeper("daemon"),
        mine.display(),
        pids.file("daemon").display()
    );
    thread::scope(|scope| {
        let long = scope.spawn(|| shell(&long, limits(20_000)));
        let ends = shell(
            &format!("{others}; setsid --fork {}; {}", pids.sleeper("other"), pids.until("other")),
            limits(20_000),
        );
        assert_eq!(ends.ending, Ending::Exited(0));
        pids.assert_gone("other");
        assert!(pids.process("daemon").exists(), "the other run's daemon was killed");
        fs::write(&mine, "").expect("written");
        assert_eq!(long.join().expect("no panic").ending, Ending::Exited(0));
    });
    pids.assert_gone("daemon");
}

#[test]
fn children_that_somebody_else_started_are_neither_killed_nor_reaped() {
    let mut lives = Command::new("sleep").arg("600").spawn().expect("starts");
    let mut over = Command::new("sh").args(["-c", "exit 7"]).spawn().expect("starts");
    for _ in 0..20 {
        shell("setsid --fork sleep 600", limits(20_000));
    }
    assert_eq!(over.wait().expect("it is still to be reaped").code(), Some(7));
    assert!(lives.try_wait().expect("it is still a child").is_none(), "it was killed");
    lives.kill().and_then(|()| lives.wait()).expect("ends");
}

#[test]
fn what_a_killed_xdoctor_started_ends_with_the_run_that_it_was_part_of() {
    let pids = Pids::new();
    let checklist = pids.file("c.yaml");
    let daemon = format!("setsid --fork {}; sleep 600", pids.sleeper("daemon")).replace('$', "$$");
    let text = format!(
        "title: T\nsteps:\n- title: S\n  checks:\n  - id: x\n    kind: command\n    run: [sh, -c, {daemon:?}]\n"
    );
    fs::write(&checklist, text).expect("written");
    let inner = format!(
        "TMPDIR={} {} check {} & {}; kill -KILL $!",
        pids.0.path().display(),
        env!("CARGO_BIN_EXE_xdoctor"),
        checklist.display(),
        pids.until("daemon")
    );
    assert_eq!(shell(&inner, limits(20_000)).ending, Ending::Exited(0));
    pids.assert_gone("daemon");
}

#[test]
fn ctrl_c_ends_daemons_prints_what_is_known_and_leaves_no_file() {
    let pids = Pids::new();
    let daemon = format!("setsid --fork {}; sleep 600", pids.sleeper("daemon")).replace('$', "$$");
    let text = format!(
        "title: T\nsteps:\n- title: S\n  checks:\n  - {{id: quick, kind: path, path: /}}\n  - id: slow\n    kind: command\n    run: [sh, -c, {daemon:?}]\n"
    );
    let (checklist, scratch) = (pids.file("c.yaml"), pids.file("scratch"));
    fs::write(&checklist, text).expect("written");
    fs::create_dir(&scratch).expect("made");
    let mut command = xdoctor::command(["check", "--jobs", "1", "--format", "json"]);
    let command = command.arg(&checklist).env("TMPDIR", &scratch).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("starts");
    while !pids.file("daemon").exists() {
        thread::sleep(Duration::from_millis(10));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill").success());
    let document = xdoctor::Run::of(child.wait_with_output().expect("ends")).exits(3).json();
    assert_eq!(xdoctor::outcome(&document, "quick")["status"], "pass");
    assert_eq!(xdoctor::outcome(&document, "slow")["reason"], "interrupted");
    pids.assert_gone("daemon");
    assert_eq!(fs::read_dir(&scratch).expect("there").count(), 0, "scratch files are left");
}

#[test]
fn memory_is_limited_for_all_processes_together_and_what_they_share_counts_once() {
    let bytes = "import os, time\nkeep = bytearray(os.urandom(1 << 20) * 64)\n";
    let limit = |memory| Limits { memory: Some(memory), ..limits(20_000) };
    let python =
        |script: &str, limits| Child::new("python3").args(["-c", script]).limits(limits).run().expect("starts");
    let own = format!("{bytes}time.sleep(600)");
    let shared = format!("{bytes}[os.fork() for _ in range(3)]\ntime.sleep(1)");
    let each = format!("import os, time\n[os.fork() for _ in range(3)]\n{bytes}time.sleep(600)");
    let ended = python(&own, limit(50 << 20));
    assert_eq!(ended.ending, Ending::MemoryLimit, "{}", ended.most);
    assert!(ended.most.memory > 50 << 20 && ended.seconds < 10.0, "{} in {} s", ended.most, ended.seconds);
    assert_eq!(python(&shared, limit(250 << 20)).ending, Ending::Exited(0), "eight processes with the same 64 MiB");
    let ended = python(&each, limit(250 << 20));
    assert_eq!(
        (ended.ending, ended.most.processes),
        (Ending::MemoryLimit, 8),
        "eight with 64 MiB each: {}",
        ended.most
    );
}

#[test]
fn reserved_addresses_are_no_memory() {
    let script =
        "import mmap, time\nm = mmap.mmap(-1, 1 << 40, flags=mmap.MAP_PRIVATE | 0x4000, prot=0)\ntime.sleep(0.3)";
    let limits = Limits { memory: Some(100 << 20), ..limits(20_000) };
    let ended = Child::new("python3").args(["-c", script]).limits(limits).run().expect("starts");
    assert_eq!(ended.ending, Ending::Exited(0), "{}", ended.stderr.text());
}

#[test]
fn who_has_more_processes_than_it_may_ends_with_all_of_them() {
    let limits = Limits { processes: 50, ..limits(20_000) };
    let pids = Pids::new();
    let ended =
        shell(&format!("for i in $(seq 300); do setsid {} & sleep 0.002; done; wait", pids.sleeper("last")), limits);
    assert_eq!(ended.ending, Ending::ProcessLimit, "{}", ended.most);
    assert!(ended.most.processes > 50, "{}", ended.most);
    pids.assert_gone("last");
}

#[test]
fn a_fork_bomb_ends_with_the_run() {
    // It would stop by itself at 2^9 processes.
    let bomb = "b() { [ $1 -gt 0 ] && { b $(($1 - 1)) & b $(($1 - 1)) & }; sleep 600; }; b 9";
    let ended = shell(bomb, Limits { processes: 100, ..limits(20_000) });
    assert_eq!(ended.ending, Ending::ProcessLimit, "{}", ended.most);
}

#[test]
fn a_checklist_limits_memory_and_processes() {
    let folder = tempfile::tempdir().expect("scratch");
    let text = "title: T\nsteps:\n- title: S\n  checks:\n\
                - {id: memory, kind: command, memory: 10KiB, run: [sleep, '600']}\n\
                - {id: processes, kind: command, processes: 3, run: [sh, -c, 'sleep 600 & sleep 600 & sleep 600']}\n\
                - {id: enough, kind: command, memory: 1GiB, processes: 9, run: [sleep, '0.2']}\n";
    let text = text.replace("\n-", "\n  -").replacen("  - title", "- title", 1);
    let document = xdoctor::check(folder.path(), &text, &["--format", "json"]).exits(1).json();
    let memory = xdoctor::outcome(&document, "memory");
    assert_eq!(
        (&memory["code"], &memory["expected"]),
        (&"memory-limit".into(), &"at most 10240 bytes of memory".into())
    );
    assert!(memory["actual"].as_str().expect("text").contains(" MiB in 1 process"), "{memory:#}");
    let processes = xdoctor::outcome(&document, "processes");
    assert_eq!(processes["code"], "process-limit");
    assert!(processes["actual"].as_str().expect("text").contains("in 4 processes"), "{processes:#}");
    assert_eq!(xdoctor::outcome(&document, "enough")["status"], "pass");
}

/// Time that this thread was on a processor.
fn busy() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("the kernel tells");
    Duration::from_nanos(text.split(' ').next().and_then(|word| word.parse().ok()).expect("a number"))
}

#[test]
fn looking_after_a_run_costs_next_to_nothing() {
    let cost = |script: &str| {
        let before = busy();
        let ended = Child::new("python3").args(["-c", script]).limits(limits(20_000)).run().expect("starts");
        let part = (busy() - before).as_secs_f64() / ended.seconds;
        eprintln!("{:.2} % of a processor for {} in {:.1} s", part * 100.0, ended.most, ended.seconds);
        (ended.most.processes, part)
    };
    let many = "import os, time\n[os.fork() for _ in range(6)]\ntime.sleep(3)";
    let threads =
        "import threading, time\n[threading.Thread(target=time.sleep, args=(3,)).start() for _ in range(300)]";
    for (script, processes) in [("import time\ntime.sleep(3)", 1), (many, 64), (threads, 1)] {
        let (seen, part) = cost(script);
        assert!(seen >= processes && part < 0.03, "{part} of a processor for {seen} processes");
    }
}

#[test]
fn ctrl_c_ends_a_climb_with_all_its_processes_and_every_rung_is_still_reported() {
    let pids = Pids::new();
    let temporary = pids.file("temporary");
    fs::create_dir(&temporary).expect("made");
    let script = format!("setsid --fork {}; sleep 600", pids.sleeper("daemon"));
    let shim = pids.file("bundle/lib/libshimhip.so");
    ::xdoctor::bundle::unpack(&pids.file("bundle")).expect("the bundle");
    let mut command = xdoctor::command(["smoke", "--format", "json", "--shim"]);
    command.arg(shim).args(["--", "sh", "-c", &script]).env("TMPDIR", &temporary);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    while !pids.file("daemon").exists() {
        thread::sleep(Duration::from_millis(10));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill").success());
    let document = xdoctor::Run::of(child.wait_with_output().expect("ends")).exits(3).json();
    let rungs = document["rungs"].as_array().expect("rungs");
    assert_eq!((rungs.len(), &rungs[0]["status"]), (7, &"pass".into()), "{document:#}");
    assert!(rungs.iter().any(|rung| rung["reason"] == "interrupted"), "{document:#}");
    pids.assert_gone("daemon");
    assert_eq!(fs::read_dir(&temporary).expect("there").count(), 0, "scratch files are left");
}

#[test]
fn an_error_leaves_no_scratch_file() {
    let folder = tempfile::tempdir().expect("scratch");
    let run = |args: &[&str], status| {
        let mut command = xdoctor::command(args);
        xdoctor::Run::of(command.env("TMPDIR", folder.path()).output().expect("starts")).exits(status)
    };
    run(&["smoke", "--shim", "/no/such/libshim.so"], 1);
    run(&["smoke", "--runtime", "/usr/bin/env"], 2);
    run(&["smoke", "--", "/no/such/program"], 2);
    run(&["check", "/no/such/checklist"], 2);
    assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 0, "scratch files are left");
}

#[test]
fn a_panic_while_a_run_is_on_ends_the_run_and_removes_its_scratch_folder() {
    let pids = Pids::new();
    let script =
        format!("setsid --fork {}; {}; {}", pids.sleeper("daemon"), pids.until("daemon"), pids.sleeper("child"));
    let seen = pids.file("child");
    let panicking = thread::spawn(move || {
        let scratch = ::xdoctor::scratch::scratch().expect("a folder");
        fs::write(seen.with_file_name("scratch"), scratch.path().as_os_str().as_encoded_bytes()).expect("written");
        let child = Child::new("sh").args(["-c", &script]).limits(limits(20_000));
        child.stop_when(move || if seen.exists() { panic!("as a fault of ours would") } else { false }).run()
    });
    assert!(panicking.join().is_err());
    pids.assert_gone("daemon");
    pids.assert_gone("child");
    let scratch = fs::read_to_string(pids.file("scratch")).expect("it had one");
    assert!(scratch.contains("xdoctor-") && !Path::new(&scratch).exists(), "{scratch} is left");
}
