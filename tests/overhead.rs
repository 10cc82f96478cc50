//! `xdoctor overhead`: what costs too much fails, what cannot be told is not called cheap, and what does not intercept is
//! not measured at all.
#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]

#[path = "support/bundle.rs"]
mod bundle;
#[path = "support/interrupt.rs"]
mod interrupt;
#[path = "support/schema.rs"]
mod schema;
#[path = "support/shims.rs"]
mod shims;
#[path = "support/slow.rs"]
mod slow;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::path::Path;

use interrupt::interrupted;
use serde_json::Value;
use shims::{Shim, version_script};
use slow::slow_shim;
use tempfile::TempDir;
use xdoctor::{Run, xdoctor};

fn scratch() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("scratch")
}

/// A few short pairs.
const FEW: [&str; 4] = ["--pairs", "6", "--iterations", "10"];

/// Runs it with few pairs and these flags more.
fn overhead(shim: Option<&Path>, more: &[&str]) -> Run {
    let mut args = vec!["overhead"];
    args.extend(FEW);
    if let Some(shim) = shim {
        args.extend(["--shim", shim.to_str().expect("text")]);
    }
    args.extend(more);
    xdoctor(args)
}

/// Its document, which must follow its schema.
#[track_caller]
fn document(shim: Option<&Path>, status: i32, more: &[&str]) -> Value {
    let document = overhead(shim, &[&["--format", "json"], more].concat()).exits(status).json();
    schema::assert_valid("overhead", &document);
    document
}

#[test]
fn a_sound_shim_stays_within_a_wide_limit_and_every_figure_is_there() {
    let document = document(None, 0, &["--limit", "1000%", "--calls", "300"]);
    assert_eq!((&document["status"], &document["code"]), (&"pass".into(), &Value::Null));
    assert_eq!(document["device"], "xdoctor CPU reference");
    assert_eq!(document["limit"], 10.0);
    let pairs = document["pairs"].as_array().expect("pairs");
    assert_eq!(pairs.len(), 6, "the pair to warm up is not among them");
    assert!(document["warm_up"].is_object());
    let first: Vec<&Value> = pairs.iter().map(|pair| &pair["first"]).collect();
    assert_eq!(first, ["shimmed", "native", "shimmed", "native", "shimmed", "native"]);
    for pair in pairs {
        let number = |name: &str| pair[name].as_f64().expect("a number");
        assert!((number("ratio") - number("shimmed") / number("native")).abs() < 1e-9, "{pair}");
    }
    let ratio = |name: &str| document["ratio"][name].as_f64().expect("a number");
    assert!(ratio("low") <= ratio("median") && ratio("median") <= ratio("high"));
    let calls = document["calls"].as_array().expect("calls");
    assert_eq!(calls.len(), 12, "one for each role: {calls:#?}");
    assert!(calls.iter().all(|call| call["native_ns"].as_f64() > Some(0.0) && call["calls"].as_u64() >= Some(100)));
}

#[test]
fn a_shim_that_sleeps_before_each_launch_is_above_the_limit() {
    let folder = scratch();
    let shim = slow_shim(folder.path(), 3);
    let document = document(Some(&shim), 1, &["--calls", "0"]);
    assert_eq!((&document["status"], &document["code"]), (&"fail".into(), &"overhead".into()), "{document:#}");
    assert!(document["ratio"]["low"].as_f64() > Some(1.1), "{document:#}");
    assert_eq!(document["calls"], Value::Array(Vec::new()));
    let text = overhead(Some(&shim), &["--calls", "0"]).exits(1).stdout;
    for part in ["more than the limit of 10%", "[overhead]", "expected:", "found:", "fix:", "95% interval"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_each_launch_costs_is_seen_in_its_row_and_in_no_other() {
    let folder = scratch();
    let shim = slow_shim(folder.path(), 3);
    let document = document(Some(&shim), 0, &["--limit", "1000000%", "--calls", "100"]);
    let calls = document["calls"].as_array().expect("calls");
    for call in calls {
        let added = call["added_ns"].as_f64().expect("a number");
        assert_eq!(added > 2e6, call["role"] == "launch", "{call}");
    }
}

#[test]
fn a_number_that_the_runs_print_can_be_compared_instead_and_more_of_it_may_be_better() {
    let folder = scratch();
    let shim = slow_shim(folder.path(), 3);
    let printed = ["--calls", "0", "--metric", "\"seconds\":([0-9.]+)"];
    let worse = document(Some(&shim), 1, &printed);
    assert_eq!(worse["metric"], printed[3]);
    assert!(worse["ratio"]["median"].as_f64() > Some(1.1));
    let better = document(Some(&shim), 0, &[&printed[..], &["--higher-is-better"]].concat());
    assert!(better["ratio"]["median"].as_f64() < Some(0.9), "more seconds are better now: {better:#}");
}

#[test]
fn a_number_that_no_run_prints_is_undetermined_with_what_was_looked_for() {
    let document = document(None, 3, &["--calls", "0", "--metric", "throughput: ([0-9]+)"]);
    assert_eq!(document["status"], "undetermined");
    let reason = document["reason"].as_str().expect("a reason");
    assert!(reason.contains("throughput: ([0-9]+)") && reason.contains("0 of 6 pairs"), "{reason}");
}

#[test]
fn a_shim_that_hides_the_api_is_refused_for_that_would_compare_native_with_native() {
    let folder = scratch();
    let shim = Shim::in_folder(folder.path()).with_map("X { global: xdoctor_shim_*; local: *; };").link();
    let document = document(Some(&shim), 1, &[]);
    assert_eq!((&document["status"], &document["code"]), (&"fail".into(), &"exports-nothing".into()));
    assert_eq!((&document["pairs"], &document["ratio"]), (&Value::Array(Vec::new()), &Value::Null));
    let text = overhead(Some(&shim), &[]).exits(1).stdout;
    assert!(text.contains("this would compare native with native"), "{text}");
    assert!(text.contains("[exports-nothing]"), "{text}");
}

#[test]
fn a_shim_that_misses_the_launches_is_refused_too() {
    let folder = scratch();
    let map = version_script().replace("hipModuleLaunchKernel;", "");
    let shim = Shim::in_folder(folder.path()).with_map(map).link();
    assert_eq!(document(Some(&shim), 1, &[])["code"], "not-covered");
}

/// A command that computes so many products, as the bundled client does.
fn with_command(shim: Option<&Path>, more: &[&str]) -> Run {
    let client = bundle::file("bin/hip-matmul");
    let mut args = vec!["overhead", "--format", "json", "--pairs", "6"];
    if let Some(shim) = shim {
        args.extend(["--shim", shim.to_str().expect("text")]);
    }
    args.extend(more);
    args.extend(["--", client.to_str().expect("text"), "--iterations", "10"]);
    xdoctor(args)
}

#[test]
fn any_command_is_measured_once_it_was_seen_to_call_through_the_shim() {
    let document = with_command(None, &["--limit", "1000%"]).exits(0).json();
    schema::assert_valid("overhead", &document);
    let interception = document["interception"].as_str().expect("a sentence");
    assert!(interception.starts_with("interception proven"), "{interception}");
    assert!(document["command"].as_str().expect("text").ends_with("hip-matmul --iterations 10"), "{document:#}");
    assert_eq!(document["pairs"].as_array().map(Vec::len), Some(6));
    let folder = scratch();
    let slow = with_command(Some(&slow_shim(folder.path(), 3)), &[]).exits(1).json();
    assert_eq!(slow["code"], "overhead", "{slow:#}");
}

#[test]
fn a_command_that_has_the_shim_without_being_told_to_is_not_measured_for_that_compares_the_shim_with_itself() {
    let folder = scratch();
    let shim = slow_shim(folder.path(), 3);
    let preload = format!("LD_PRELOAD={}", shim.display());
    let document = with_command(Some(&shim), &["--env", &preload]).exits(3).json();
    schema::assert_valid("overhead", &document);
    assert_eq!(document["pairs"], Value::Array(Vec::new()));
    let reason = document["reason"].as_str().expect("a reason");
    assert!(reason.contains("the run that was to be without the shim had it, too"), "{reason}");
}

#[test]
fn a_shimmed_run_that_ends_at_a_limit_is_named_by_that_limit() {
    let client = bundle::file("bin/hip-matmul");
    // Only what is measured: the ladder, which watches, sees it end well.
    let script = format!("if [ $LD_PRELOAD ] && [ -z $LD_AUDIT ]; then sleep 1000; fi; {}", client.display());
    let words = ["overhead", "--format", "json", "--timeout", "8s", "--", "sh", "-c", &script];
    let document = xdoctor(words).exits(1).json();
    assert_eq!((&document["status"], &document["code"]), (&"fail".into(), &"time-limit".into()), "{document:#}");
    let actual = document["actual"].as_str().expect("found");
    assert!(actual.starts_with("the shimmed run: ended at its time limit"), "{actual}");
}

#[test]
fn the_runs_that_are_measured_are_not_watched() {
    let command = with_command(None, &["--limit", "1000%"]).exits(0).json()["command"].to_string();
    for watcher in ["LD_AUDIT", "LD_DEBUG", "XDOCTOR_TRACE", "COUNTERS", "OBSERVER"] {
        assert!(!command.contains(watcher), "{command}");
    }
    assert!(command.contains("LD_PRELOAD="), "{command}");
}

#[test]
fn a_command_that_never_calls_the_api_is_not_measured() {
    let document = xdoctor(["overhead", "--format", "json", "--", "true"]).exits(3).json();
    schema::assert_valid("overhead", &document);
    assert_eq!(document["pairs"], Value::Array(Vec::new()));
    assert!(document["reason"].as_str().expect("a reason").starts_with("nothing was measured"), "{document:#}");
}

#[test]
fn where_there_is_no_device_nothing_is_measured_and_that_is_said() {
    let document = document(None, 0, &["--env", "XDOCTOR_DEVICES=0"]);
    assert_eq!((&document["status"], &document["code"]), (&"skip".into(), &"device-missing".into()));
    assert!(document["reason"].as_str().expect("a reason").contains("no device"), "{document:#}");
    overhead(None, &["--env", "XDOCTOR_DEVICES=0", "--require", "gpu"]).exits(1);
}

#[test]
fn ctrl_c_ends_it_and_the_pairs_until_then_are_shown() {
    let args = ["overhead", "--pairs", "10000", "--iterations", "3", "--format", "json"];
    let document = interrupted(&args, |document| document["ratio"].is_object());
    schema::assert_valid("overhead", &document);
    assert!(!document["pairs"].as_array().expect("pairs").is_empty(), "{document:#}");
    assert!(document["reason"].as_str().expect("a reason").starts_with("interrupted, after "), "{document:#}");
}

#[test]
fn wrong_usage_is_named_in_a_line() {
    for wrong in [
        &["--pairs", "2"][..],
        &["--limit", "10"],
        &["--limit", "-1%"],
        &["--metric", "no group"],
        &["--metric", "("],
        &["--higher-is-better"],
        &["--env", "LD_PRELOAD=x.so"],
        &["--iterations", "5", "--", "true"],
        &["--deploy", "itself"],
        &["--deploy", "itself", "--", "true"],
    ] {
        let run = xdoctor([&["overhead", "--format", "json"], wrong].concat()).exits(2);
        assert_eq!(run.json()["schema"], "xdoctor/error/1", "{wrong:?}");
    }
}

#[test]
fn a_shim_that_is_not_there_is_refused_for_that_and_not_for_what_it_would_compare() {
    let run = xdoctor(["overhead", "--shim", "/no/such/libshim.so"]).exits(1);
    assert!(run.stdout.contains("not measured: the shim is not in the process"), "{}", run.stdout);
}
