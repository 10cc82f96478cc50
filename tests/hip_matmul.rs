//! What the matmul client promises: it is right, and it notices when anything is not.
#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/bundle.rs"]
mod bundle;
#[path = "support/c.rs"]
mod c;

use std::process::{Command, Output};

use serde_json::Value;
use xdoctor::bundle::ClientExit;

fn matmul(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(bundle::file(name));
    command.args(arguments);
    command
}

/// Its exit, its line of JSON, its stderr.
fn run(command: &mut Command) -> (Option<ClientExit>, Value, String) {
    let Output { status, stdout, stderr } = command.output().expect("the client");
    let out = String::from_utf8(stdout).expect("UTF-8");
    let json = match out.lines().count() {
        1 => serde_json::from_str(&out).expect("JSON"),
        _ => Value::Null,
    };
    let exit = status.code().and_then(ClientExit::from_status);
    (exit, json, String::from_utf8_lossy(&stderr).into_owned())
}

/// Run with a preload that breaks one thing.
fn run_broken(what: &str, arguments: &[&str]) -> (Option<ClientExit>, Value, String) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let define = format!("-D{what}");
    let preload = c::compile(dir.path(), "broken.c", "broken.so", &["-shared", "-fPIC", &define, "-ldl"]);
    run(matmul("bin/hip-matmul", arguments).env("LD_PRELOAD", preload))
}

#[test]
fn each_client_is_right_with_its_runtime() {
    for (name, version) in
        [("bin/hip-matmul", 79_999_999), ("bin/hip-matmul-so6", 69_999_999), ("bin/hip-matmul-so5", 59_999_999)]
    {
        let (exit, json, err) = run(&mut matmul(name, &["--iterations", "3"]));
        assert_eq!(exit, Some(ClientExit::Correct), "{err}");
        assert_eq!(json["schema"], "xdoctor/hip-matmul/1");
        assert_eq!(json["result"], "correct");
        assert_eq!(json["device"], "xdoctor CPU reference");
        assert_eq!(json["runtime_version"], version);
        assert_eq!(json["iterations"], 3);
        // ROCm 5 had no hipGetProcAddress.
        let skipped = if name.ends_with("so5") { serde_json::json!(["lookup"]) } else { serde_json::json!([]) };
        assert_eq!(json["skipped"], skipped);
        assert_eq!(json["launches"], serde_json::json!(["hipLaunchKernel", "hipModuleLaunchKernel"]));
        assert!(json["largest_error"].as_f64() <= json["bound"].as_f64() && json["bound"].as_f64() > Some(0.0));
    }
}

#[test]
fn the_checksum_is_the_same_for_the_same_size_and_another_for_another() {
    let checksum = |size| run(&mut matmul("bin/hip-matmul", &["--size", size])).1["checksum"].clone();
    let sizes = ["1", "31", "64", "200"];
    for size in sizes {
        assert!(checksum(size).is_string());
        assert_eq!(checksum(size), checksum(size));
    }
    assert_ne!(checksum("31"), checksum("64"));
}

#[test]
fn a_call_that_fails_is_named_with_its_error_and_line() {
    let (exit, json, err) = run_broken("BREAK_ALLOCATION", &[]);
    assert_eq!(exit, Some(ClientExit::HipError));
    assert_eq!(json["result"], "hip-error");
    assert!(err.contains("hipMalloc: error 2 (hipErrorOutOfMemory), matmul.c line "), "{err}");
}

#[test]
fn a_kernel_that_never_ran_leaves_a_nan_which_fails() {
    let (exit, json, err) = run_broken("BREAK_LAUNCH", &[]);
    assert_eq!(exit, Some(ClientExit::Nan), "{err}");
    assert_eq!(json["result"], "nan");
}

#[test]
fn a_copy_that_loses_its_bytes_is_a_wrong_result() {
    let (exit, json, err) = run_broken("BREAK_COPY", &[]);
    assert_eq!(exit, Some(ClientExit::WrongResult), "{err}");
    assert_eq!(json["result"], "wrong-result");
}

#[test]
fn the_child_that_it_execs_must_be_right_too() {
    let (exit, json, _) = run(&mut matmul("bin/hip-matmul", &["--exec-child"]));
    assert_eq!((exit, &json["child_exit"]), (Some(ClientExit::Correct), &Value::from(0)));
    let (exit, json, err) = run_broken("BREAK_CHILD", &["--exec-child"]);
    assert_eq!(exit, Some(ClientExit::ChildFailed), "{err}");
    assert_eq!(json["child_exit"], 10);
}

#[test]
fn what_a_call_costs_is_measured_for_every_role_that_it_plays() {
    for (name, roles) in [("bin/hip-matmul", 12), ("bin/hip-matmul-so6", 12), ("bin/hip-matmul-so5", 11)] {
        let (exit, json, err) = run(&mut matmul(name, &["--calls", "3000"]));
        assert_eq!(exit, Some(ClientExit::Correct), "{err}");
        let costs = json["ns_per_call"].as_array().expect("costs");
        let mut named: Vec<&str> = costs.iter().map(|cost| cost["role"].as_str().expect("a role")).collect();
        named.sort_unstable();
        named.dedup();
        assert_eq!((named.len(), costs.len()), (roles, roles), "{json:#}");
        assert!(
            costs.iter().all(|cost| cost["calls"].as_u64() > Some(0) && cost["ns"].as_f64() > Some(0.0)),
            "{json:#}"
        );
    }
}

#[test]
fn each_product_that_it_serves_has_a_line_and_no_more_become_due_than_asked_for() {
    let output = matmul("bin/hip-matmul", &["--serve", "1", "--rate", "20"]).output().expect("the client");
    let out = String::from_utf8(output.stdout).expect("UTF-8");
    let latencies: Vec<f64> = out
        .lines()
        .filter_map(|line| line.strip_prefix("latency_us="))
        .map(|number| number.parse().expect("a number"))
        .collect();
    assert_eq!(latencies.len(), 20, "{out}");
    assert!(latencies.iter().all(|latency| *latency > 0.0));
    assert!(out.lines().last().expect("a line").contains("\"result\":\"correct\""), "{out}");
}

#[test]
fn without_a_device_it_says_so() {
    let (exit, json, err) = run(matmul("bin/hip-matmul", &[]).env("XDOCTOR_DEVICES", "0"));
    assert_eq!(exit, Some(ClientExit::NoDevice), "{err}");
    assert!(err.contains("hipInit: error 100 (hipErrorNoDevice)"), "{err}");
    assert_eq!(json["result"], "no-device");
}

#[test]
fn wrong_usage_ends_with_2_and_the_help() {
    for arguments in [&["--size", "0"][..], &["--size", "x"], &["--what"], &["more"]] {
        let (exit, json, err) = run(&mut matmul("bin/hip-matmul", arguments));
        assert_eq!((exit, json), (Some(ClientExit::Usage), Value::Null));
        assert!(err.contains("--iterations N"), "{err}");
    }
}

#[test]
fn its_help_lists_every_exit_status() {
    let output = matmul("bin/hip-matmul", &["--help"]).output().expect("the client");
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    for exit in ClientExit::ALL {
        assert!(help.contains(&format!("{} ", exit as i32)), "{exit:?}\n{help}");
    }
}
