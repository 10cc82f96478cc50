//! Promises of `xdoctor trace`: who called what, past whom, as a table and as a document.
#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/bundle.rs"]
mod bundle;
#[path = "support/interrupt.rs"]
mod interrupt;
#[path = "support/observed.rs"]
mod observed;
#[path = "support/schema.rs"]
mod schema;
mod support;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::path::Path;

use observed::Bench;
use serde_json::{Value, json};
use support::require;

/// Runs `xdoctor trace --format json`, whose document must follow its schema.
fn trace(status: i32, words: &[&str]) -> Value {
    let words = [&["trace", "--format", "json"], words].concat();
    let document = xdoctor::xdoctor(words).exits(status).json();
    schema::assert_valid("trace", &document);
    document
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Caller and provider by their file names, symbol, via, count, bypass.
fn rows(document: &Value) -> Vec<(String, String, String, String, Value, bool)> {
    let name = |value: &Value| value.as_str().map_or("?", |path| path.rsplit('/').next().unwrap_or(path)).to_owned();
    let calls = document["calls"].as_array().expect("calls").iter();
    calls
        .filter(|call| call["count"] != 0)
        .map(|call| {
            let (count, bypass) = (call["count"].clone(), call["bypass"].as_bool().expect("bypass"));
            (name(&call["caller"]), name(&call["symbol"]), name(&call["provider"]), name(&call["via"]), count, bypass)
        })
        .collect()
}

fn row(
    caller: &str,
    symbol: &str,
    provider: &str,
    via: &str,
    count: u64,
    bypass: bool,
) -> (String, String, String, String, Value, bool) {
    (caller.to_owned(), symbol.to_owned(), provider.to_owned(), via.to_owned(), json!(count), bypass)
}

#[test]
fn the_bundled_client_is_counted_call_by_call_with_nodes() {
    let document = trace(0, &["--", text(&bundle::file("bin/hip-matmul"))]);
    assert_eq!((&document["exit"], &document["signal"], &document["front"]), (&json!(0), &Value::Null, &Value::Null));
    let calls = document["calls"].as_array().expect("calls");
    let launch = calls.iter().find(|call| call["symbol"] == "hipLaunchKernel").expect("a launch");
    assert_eq!((&launch["count"], &launch["version"], &launch["via"]), (&json!(1), &json!("hip_4.2"), &json!("plt")));
    let properties = calls.iter().find(|call| call["symbol"] == "hipGetDevicePropertiesR0600").expect("properties");
    assert_eq!(properties["version"], "hip_6.0");
    assert!(calls.iter().all(|call| call["bypass"] == false));
    let objects = document["objects"].as_array().expect("objects");
    assert!(objects[0]["path"].as_str().expect("a path").ends_with("bin/hip-matmul"));
    assert!(objects.iter().all(|object| object["path"].as_str().is_some_and(|path| path.starts_with('/'))));
}

#[test]
fn calls_past_the_preloaded_shim_come_first_the_most_frequent_ahead() {
    let bench = Bench::new();
    bench.library("runtime.c", "libruntime.so", &["-Wl,-soname,libruntime.so", "-Wl,-Bsymbolic"]);
    let (client, shim) = (bench.client(&["-pie", "-fPIE"]), bench.library("shim.c", "libshim.so", &["-ldl"]));
    let preload = format!("LD_PRELOAD={}", shim.display());
    let document = trace(0, &["--env", &preload, "--", text(&client), "handed-out", "20"]);
    assert_eq!(document["front"], text(&shim));
    assert_eq!(
        rows(&document),
        [
            row("client", "hipMalloc", "libruntime.so", "handed-out", 20, true),
            row("client", "hipGetProcAddress", "libshim.so", "plt", 2, false),
            row("libshim.so", "hipGetProcAddress", "libruntime.so", "dlsym", 2, false),
        ]
    );
    let run = xdoctor::xdoctor(["trace", "--env", &preload, "--", text(&client), "handed-out", "20"]).exits(0);
    let first = run.stdout.lines().next().unwrap();
    assert!(first.starts_with("! 20  handed-out  client  hipMalloc → libruntime.so  past libshim.so"), "{first}");
    assert!(run.stdout.contains("24 calls in 1 process, 20 of them past"), "{}", run.stdout);
}

#[test]
fn the_same_function_from_two_libraries_makes_the_first_loaded_the_front() {
    let bench = Bench::new();
    let (client, shim) = (bench.client(&["-pie", "-fPIE"]), bench.library("shim.c", "libshim.so", &["-ldl"]));
    let document = trace(0, &["--env", &format!("LD_PRELOAD={}", shim.display()), "--", text(&client), "direct", "3"]);
    assert_eq!(document["front"], text(&shim));
    let module = bench.client_library("module.c", "module.so", &[]);
    let document = trace(0, &["--", text(&client), "other-namespace", "1", text(&module)]);
    assert_eq!(document["front"], Value::Null, "one file, twice: {document:#}");
}

#[test]
fn what_could_not_be_counted_is_null_with_a_reason() {
    let bench = Bench::new();
    let client = bench.client(&["-no-pie", "-fno-pic", "-ldl"]);
    let module = bench.client_library("module.c", "module.so", &["-fno-plt"]);
    let document = trace(0, &["--", text(&client), "module", "3", text(&module)]);
    let calls = document["calls"].as_array().expect("calls");
    let unknown =
        calls.iter().find(|call| call["caller"] == text(&module) && call["symbol"] == "hipMalloc").expect("it");
    assert_eq!((&unknown["count"], &unknown["provider"]), (&Value::Null, &Value::Null));
    assert!(unknown["reason"].as_str().expect("a reason").contains("own PLT entry"));
}

#[test]
fn the_commands_own_end_is_told_and_is_no_failure_of_the_trace() {
    let bench = Bench::new();
    let client = bench.client(&["-pie", "-fPIE"]);
    let document = trace(0, &["--", text(&client), "left", "3"]);
    assert_eq!((&document["exit"], &document["signal"]), (&json!(7), &Value::Null));
    let document = trace(0, &["--", text(&client), "killed", "3"]);
    assert_eq!((&document["exit"], &document["signal"]), (&Value::Null, &json!(9)));
    assert_eq!(rows(&document), [row("client", "hipMalloc", "libruntime.so", "plt", 3, false)]);
}

#[test]
fn every_observed_process_is_listed_with_its_parent() {
    let bench = Bench::new();
    let client = bench.client(&["-pie", "-fPIE"]);
    let document = trace(0, &["--", text(&client), "forked", "10"]);
    assert_eq!(rows(&document), [row("client", "hipMalloc", "libruntime.so", "plt", 50, false)]);
    let processes = document["processes"].as_array().expect("processes");
    let child = processes.iter().find(|process| process["forked"] == true).expect("a child");
    let parent = processes.iter().find(|process| process["forked"] == false).expect("its parent");
    assert_eq!((&child["parent"], &child["calls"], &parent["calls"]), (&parent["pid"], &json!(30), &json!(20)));
    let shell = format!("{0} direct 2; {0} direct 3", client.display());
    let document = trace(0, &["--", "sh", "-c", &shell]);
    assert_eq!(rows(&document), [row("client", "hipMalloc", "libruntime.so", "plt", 5, false)]);
}

#[test]
fn nothing_observed_is_undetermined_and_nothing_claimed() {
    let bench = Bench::new();
    let program = bench.compile("cc", "nothing.c", "static", &["-static"]);
    let document = trace(3, &["--", text(&program)]);
    assert_eq!(document["calls"], json!([]));
    let processes = document["processes"].as_array().expect("processes");
    assert!(processes.iter().all(|process| process["observed"] == false), "{document:#}");
    let run = xdoctor::xdoctor(["trace", "--", text(&program)]).exits(3);
    assert!(run.stderr.contains("observer-ignored"), "{}", run.stderr);
}

#[test]
fn a_process_that_leaves_the_observer_behind_is_named_however_short_its_life() {
    let bench = Bench::new();
    let (client, program) =
        (bench.client(&["-pie", "-fPIE"]), bench.compile("cc", "nothing.c", "static", &["-static"]));
    // env becomes it by execvp; the shell forks first, or vforks.
    for words in [["env", "-i", text(&client)], ["env", "-u", "LD_AUDIT"], ["env", "LANG=C", text(&program)]] {
        let words = [&words[..], &[text(&client), "direct", "3"]].concat();
        let run = xdoctor::xdoctor([&["trace", "--"], &words[..]].concat()).exits(3);
        assert!(run.stdout.contains("0 calls in 1 process"), "{}", run.stdout);
        let said = format!(
            "became {} (execvp) without the observer",
            words[2..].iter().find(|word| word.starts_with('/')).unwrap()
        );
        assert!(run.stderr.contains(&said) && run.stderr.contains("observer-ignored"), "{said}: {}", run.stderr);
    }
    let script = format!("{0} direct 2; env -i {0} direct 3; {0} direct 4; true", client.display());
    let document = trace(0, &["--", "sh", "-c", &script]);
    assert_eq!(rows(&document), [row("client", "hipMalloc", "libruntime.so", "plt", 6, false)]);
    let processes = document["processes"].as_array().expect("processes");
    let unobserved: Vec<&Value> = processes.iter().filter(|process| process["observed"] == false).collect();
    let [process] = unobserved[..] else { panic!("one of four: {document:#}") };
    assert_eq!((&process["program"], &process["calls"]), (&json!(text(&client)), &Value::Null));
}

#[test]
fn a_program_that_another_starts_without_the_observer_is_named_and_one_that_is_not_there_is_not() {
    let bench = Bench::new();
    let program = bench.compile("cc", "nothing.c", "static", &["-static"]);
    let forms: [(&str, &[&str]); 3] =
        [("plain", &[]), ("no-plt", &["-fno-plt", "-Wl,-z,now"]), ("fixed", &["-no-pie", "-fno-pic"])];
    let forms = forms.map(|(name, flags)| bench.compile("cc", "spawn.c", name, flags));
    for (spawn, how) in forms.iter().flat_map(|form| ["posix_spawn", "vfork", "execl"].map(|how| (form, how))) {
        let run = xdoctor::xdoctor(["trace", "--", text(spawn), how, text(&program)]).exits(3);
        let said = format!("became {} ({})", program.display(), how.replace("vfork", "execve"));
        assert!(run.stderr.contains(&said), "{said}: {}", run.stderr);
        for (words, status) in [([how, "/no/such/program"], 0), ([how, "/bin/true"], 0)] {
            let run = xdoctor::xdoctor([&["trace", "--", text(spawn)], &words[..]].concat()).exits(status);
            assert!(!run.stderr.contains("without the observer"), "{words:?}: {}", run.stderr);
        }
    }
}

#[test]
fn a_child_that_runs_unobserved_is_named() {
    let bench = Bench::new();
    let program = bench.compile("cc", "nothing.c", "static", &["-static", "-DSECONDS=1"]);
    let script = format!("{} && true", program.display());
    let document = trace(3, &["--", "sh", "-c", &script]);
    let processes = document["processes"].as_array().expect("processes");
    let found = processes.iter().find(|process| process["program"] == text(&program)).expect("the static child");
    assert_eq!((&found["observed"], &found["calls"]), (&json!(false), &Value::Null));
    assert!(processes.iter().any(|process| process["observed"] == true && process["pid"] == found["parent"]));
    // A forked child that calls nothing is no such process.
    let document = trace(0, &["--", "sh", "-c", "(sleep 0.2; true) & wait"]);
    let processes = document["processes"].as_array().expect("processes");
    assert!(processes.iter().all(|process| process["observed"] == true), "{document:#}");
}

#[test]
fn a_command_that_cannot_be_started_is_unusable() {
    let run = xdoctor::xdoctor(["trace", "--", "/no/such/program"]).exits(2);
    assert!(run.stderr.contains("/no/such/program"), "{}", run.stderr);
    xdoctor::xdoctor(["trace"]).exits(2);
    let run = xdoctor::xdoctor(["trace", "--env", "LD_AUDIT=x", "--", "true"]).exits(2);
    assert!(run.stderr.contains("LD_AUDIT is what the command is observed with"), "{}", run.stderr);
}

#[test]
fn the_commands_words_go_to_stderr_and_the_result_alone_to_stdout() {
    let run = xdoctor::xdoctor(["trace", "--format", "json", "--", "sh", "-c", "echo out; echo err >&2"]).exits(0);
    assert!(run.stderr.contains("out\n") && run.stderr.contains("err\n"), "{}", run.stderr);
    assert_eq!(run.json()["exit"], 0);
}

#[test]
fn an_api_is_a_name_or_a_pattern_and_several_may_be_given() {
    let bench = Bench::new();
    let client = bench.client(&["-pie", "-fPIE"]);
    let words = ["--api", "hipS*", "--api", "hip[L-V]arge", "--", text(&client), "unharmed", "2"];
    let found = rows(&trace(0, &words));
    assert_eq!(
        found,
        [
            row("client", "hipLarge", "libruntime.so", "plt", 4, false),
            row("client", "hipSum", "libruntime.so", "plt", 2, false),
        ]
    );
    assert_eq!(rows(&trace(0, &["--api", "cuda", "--", text(&client), "unharmed", "2"])), []);
}

#[test]
fn an_api_may_be_a_tables_file_and_what_is_neither_is_unusable() {
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/checks/api/hip.tsv");
    let client = bundle::file("bin/hip-matmul");
    let by_name = rows(&trace(0, &["--", text(&client)]));
    assert_eq!(rows(&trace(0, &["--api", table, "--", text(&client)])), by_name);
    let unusable = [
        ("", "expected an API"),
        ("a[", "no pattern"),
        ("hip[!A-L]*", "has more than"),
        ("./none.tsv", "cannot read ./none.tsv"),
    ];
    for (api, said) in unusable {
        let run = xdoctor::xdoctor(["trace", "--api", api, "--", "true"]).exits(2);
        assert!(run.stdout.is_empty() && run.stderr.contains(said), "{api}: {}", run.stderr);
    }
}

#[test]
fn a_command_that_does_not_end_is_ended_at_its_time_with_what_is_known() {
    let document = trace(0, &["--timeout", "300ms", "--api", "*nanosleep", "--", "sleep", "100"]);
    assert_eq!((&document["exit"], &document["signal"]), (&Value::Null, &Value::Null));
    let calls = document["calls"].as_array().expect("calls");
    assert!(calls.iter().any(|call| call["count"] == 1), "{document:#}");
    let run = xdoctor::xdoctor(["trace", "--timeout", "100ms", "--", "sleep", "100"]).exits(0);
    assert!(run.stdout.contains("the command was ended at its time limit"), "{}", run.stdout);
}

#[test]
fn a_trace_that_is_interrupted_is_undetermined_and_still_tells_what_was_called() {
    let words = ["trace", "--format", "json", "--api", "*nanosleep", "--", "sleep", "1000"];
    let called = |document: &Value| document["calls"].as_array().is_some_and(|calls| !calls.is_empty());
    let document = interrupt::interrupted(&words, called);
    schema::assert_valid("trace", &document);
    assert_eq!((&document["exit"], &document["signal"]), (&Value::Null, &Value::Null));
    let calls = document["calls"].as_array().expect("calls");
    assert!(calls.iter().any(|call| call["count"] == 1), "{document:#}");
}

#[test]
fn a_fork_that_outlives_its_parent_is_not_called_unobserved() {
    let bench = Bench::new();
    let orphan = bench.compile("cc", "orphan.c", "orphan", &[]);
    let run = xdoctor::xdoctor(["trace", "--", text(&orphan)]).exits(0);
    assert!(!run.stderr.contains("unobserved"), "{}", run.stderr);
}

#[test]
fn a_process_that_leaves_as_another_user_who_may_write_nothing_is_named_too() {
    if require(rustix::process::getuid().is_root(), "root, to become another user") {
        let run = xdoctor::xdoctor(["trace", "--", "chroot", "--userspec=65534", "/", "/bin/true"]).exits(3);
        assert!(run.stderr.contains("became an unnamed program (exec) without the observer"), "{}", run.stderr);
    }
}
