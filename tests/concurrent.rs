//! `xdoctor concurrent`: lanes alone and together, what was bound holds or does not, and what does not intercept is not
//! measured at all.
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
mod support;
#[path = "support/toys.rs"]
mod toys;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fs;
use std::path::Path;
use std::process::Command;

use interrupt::interrupted;
use serde_json::Value;
use shims::Shim;
use slow::{sharing_shim, slow_shim};
use tempfile::TempDir;
use toys::Toys;
use xdoctor::{Run, xdoctor};

fn scratch() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("scratch")
}

fn concurrent(shim: Option<&Path>, more: &[&str]) -> Run {
    let mut args = vec!["concurrent", "--repeats", "2", "--window", "400ms"];
    if let Some(shim) = shim {
        args.extend(["--shim", shim.to_str().expect("text")]);
    }
    args.extend(more);
    xdoctor(args)
}

/// Its document, which must follow its schema.
#[track_caller]
fn document(shim: Option<&Path>, status: i32, more: &[&str]) -> Value {
    let document = concurrent(shim, &[&["--format", "json"], more].concat()).exits(status).json();
    schema::assert_valid("concurrent", &document);
    document
}

fn rows<'a>(document: &'a Value, list: &str) -> &'a Vec<Value> {
    document[list].as_array().unwrap_or_else(|| panic!("no {list} in {document:#}"))
}

fn figure<'a>(document: &'a Value, lane: &str, quantity: &str) -> &'a Value {
    let mut figures = rows(document, "figures").iter();
    figures.find(|row| row["lane"] == lane && row["quantity"] == quantity).expect("a figure")
}

/// The one thing that was found.
fn finding(document: &Value) -> &Value {
    let [finding] = &rows(document, "findings")[..] else { panic!("one finding, not {document:#}") };
    finding
}

#[test]
fn each_lane_is_measured_alone_and_together_in_each_repeat() {
    let document = document(None, 0, &[]);
    let lanes: Vec<&Value> = rows(&document, "lanes").iter().map(|lane| &lane["lane"]).collect();
    assert_eq!(lanes, ["high", "low"]);
    let runs = rows(&document, "runs");
    let row = |run: &Value| format!("{} {} {}", run["repeat"], run["setting"], run["lane"]).replace('"', "");
    let order: Vec<String> = runs.iter().map(row).collect();
    let expected =
        ["1 alone high", "1 alone low", "1 together high", "1 together low", "2 together high", "2 together low"];
    assert_eq!(order[..6], expected);
    assert_eq!(order[6..], ["2 alone low", "2 alone high"], "the second repeat goes the other way");
    for run in runs {
        let number = |name: &str| run[name].as_f64().expect("a number");
        assert!(number("requests") > 0.0 && number("p50") <= number("p90") && number("p90") <= number("p99"), "{run}");
        assert!((number("throughput") - number("requests") / number("seconds")).abs() < 1e-6, "{run}");
    }
    assert_eq!(rows(&document, "figures").len(), 8);
    assert!(rows(&document, "findings").is_empty());
}

#[test]
fn what_sharing_does_to_a_lane_is_seen_and_breaks_its_bound() {
    let folder = scratch();
    let shim = sharing_shim(folder.path());
    let bounds = ["--bound", "high:p50<3x", "--bound", "high:p50<60s", "--bound", "low:p50>1us"];
    let document = document(Some(&shim), 1, &bounds);
    assert_eq!(figure(&document, "high", "p50")["differs"], true);
    assert!(figure(&document, "high", "p50")["ratio"]["low"].as_f64() > Some(3.0), "{document:#}");
    let findings = rows(&document, "findings");
    let of = |name: &str| findings.iter().map(|finding| finding[name].clone()).collect::<Vec<Value>>();
    assert_eq!(of("id"), ["high:p50<3x", "high:p50<60s", "low:p50>1us"]);
    assert_eq!(of("status"), ["fail", "pass", "pass"]);
    assert_eq!(findings[0]["code"], "bound-missed");
    let text = concurrent(Some(&shim), &bounds).exits(1).stdout;
    for part in ["[bound-missed]", "expected: high:p50<3x", "fix:", "alone", "together", "p99"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn each_lane_has_its_own_variables_rate_and_size() {
    let more = [
        "--lane",
        "a:COLOUR=red,SHAPE=round",
        "--lane",
        "b:COLOUR=blue",
        "--rate",
        "a:20",
        "--size",
        "b:9",
        "--size",
        "8",
    ];
    let document = document(None, 0, &more);
    let lanes = rows(&document, "lanes");
    assert_eq!(lanes[0]["env"], serde_json::json!({"COLOUR": "red", "SHAPE": "round"}));
    let command = |lane: usize| lanes[lane]["command"].as_str().expect("a command").to_owned();
    assert!(
        command(0).contains("COLOUR=red SHAPE=round") && command(0).ends_with("--size 8 --rate 20"),
        "{}",
        command(0)
    );
    assert!(command(1).contains("COLOUR=blue") && command(1).ends_with("--size 9"), "{}", command(1));
}

#[test]
fn a_variable_that_takes_the_device_from_one_lane_is_met_in_that_lane() {
    let document = document(None, 0, &["--lane", "a", "--lane", "b:XDOCTOR_DEVICES=0"]);
    let finding = finding(&document);
    assert_eq!((&finding["status"], &finding["code"]), (&"skip".into(), &"device-missing".into()));
    assert!(rows(&document, "runs").is_empty());
}

#[test]
fn latencies_are_read_from_any_line_in_any_unit() {
    let folder = scratch();
    let shim = slow_shim(folder.path(), 3);
    // 3000 µs and more, taken for milliseconds.
    let document = document(Some(&shim), 0, &["--latency-line", "_us=([0-9.]+)", "--latency-unit", "ms"]);
    assert!(rows(&document, "runs").iter().all(|run| run["p50"].as_f64() >= Some(3.0)), "{document:#}");
}

#[test]
fn a_command_serves_as_well_as_the_bundled_client_and_need_never_end_by_itself() {
    let client = bundle::file("bin/hip-matmul");
    let client = client.to_str().expect("text");
    let own = format!("low:{client} --serve 3 --size 100");
    // A day's service: the climb, too, ends it once it has served enough.
    let more = ["--timeout", "20s", "--run", &own, "--", client, "--serve", "86400", "--rate", "50"];
    let document = document(None, 0, &more);
    // The bundled shim finds the runtime without ld.so, and that one's counters are written at its end.
    let sentence = document["interception"].as_str().expect("a sentence");
    assert!(
        sentence.contains("`forwards` is undetermined (no call was seen to leave the shim, and all goes"),
        "{sentence}"
    );
    assert!(document["findings"].as_array().expect("findings").is_empty(), "{document:#}");
    let command = |lane: usize| rows(&document, "lanes")[lane]["command"].as_str().expect("text").to_owned();
    assert!(command(0).ends_with("--serve 86400 --rate 50") && command(1).ends_with("--serve 3 --size 100"));
    assert_eq!(rows(&document, "figures").len(), 8);
}

/// Computes for ever, and prints how long that took.
const SERVER: &str = r#"#include "work.h"
int main(void) {
    for (int sum; !compute(&sum);) puts("took 1.5 ms"), fflush(stdout);
    return 1;
}
"#;

#[test]
fn a_server_without_end_is_seen_to_be_intercepted_and_is_measured() {
    let toys = Toys::build("dynamic", "sound-next", &["expect"]);
    let folder = scratch();
    let (source, server, runtime) = (folder.path().join("s.c"), folder.path().join("s"), toys.path("lib"));
    fs::write(&source, SERVER).expect("written");
    let mut cc = Command::new("cc");
    cc.arg("-I").arg(toys.place()).arg("-o").args([&server, &source, &runtime.join("libamdhip64.so.7")]);
    assert!(cc.arg(format!("-Wl,-rpath,{}", runtime.display())).status().expect("cc").success());
    let (high, low) = (format!("high:{}", server.display()), format!("low:{}", server.display()));
    let line = ["--timeout", "20s", "--latency-line", "took ([0-9.]+) (ms)"];
    let more = [&line[..], &["--run", &high, "--run", &low]].concat();
    let document = document(Some(&toys.path("shim/libshimhip.so")), 0, &more);
    let sentence = document["interception"].as_str().expect("a sentence");
    assert!(
        sentence.starts_with("interception seen for ") && sentence.contains("`correct` is undetermined"),
        "{sentence}"
    );
    assert_eq!(rows(&document, "figures").len(), 8);
}

/// A lane that says after each nap that it took so long, truly or not.
fn liar(lane: &str, words: &str) -> String {
    format!("{lane}:sh -c 'while :; do echo took {words}; sleep 0.01; done'")
}

#[test]
fn equal_figures_are_no_difference_and_keep_every_bound() {
    let (a, b) = (liar("high", "2 ms"), liar("low", "0.5 s"));
    let lanes = ["--native", "--run", &a, "--run", &b, "--latency-line", "took ([0-9.]+) ?(us|ms|s)"];
    let bounds = ["--bound", "high:p99<1.01x", "--bound", "low:p50>499ms", "--bound", "high:p90<2ms"];
    let document = document(None, 0, &[&lanes[..], &bounds[..]].concat());
    for (lane, seconds) in [("high", 0.002), ("low", 0.5)] {
        let figure = figure(&document, lane, "p99");
        assert_eq!((&figure["differs"], &figure["ratio"]["median"]), (&false.into(), &1.0.into()));
        assert_eq!((figure["alone"].as_f64(), figure["together"].as_f64()), (Some(seconds), Some(seconds)));
    }
}

#[test]
fn a_python_program_need_not_flush_its_lines() {
    if !support::require(std::process::Command::new("python3").arg("-V").output().is_ok(), "python3") {
        return;
    }
    let lane = |name: &str| {
        format!(
            "{name}:python3 -c \"import itertools, time\nfor _ in itertools.count(): print('took 2'); time.sleep(0.01)\""
        )
    };
    let runs = [lane("high"), lane("low")];
    let document =
        document(None, 0, &["--native", "--run", &runs[0], "--run", &runs[1], "--latency-line", "took (.*)"]);
    assert_eq!(figure(&document, "high", "p50")["together"], 0.002);
}

#[test]
fn a_lane_that_fails_is_named_with_its_last_word() {
    let runs = [liar("high", "2"), "low:sh -c 'echo took 1; echo out of memory >&2; exit 3'".to_owned()];
    let more = ["--native", "--run", &runs[0], "--run", &runs[1], "--latency-line", "took (.*)"];
    let document = document(None, 1, &more);
    let finding = finding(&document);
    assert_eq!((&finding["id"], &finding["code"]), (&"lanes".into(), &"command-failed".into()));
    assert_eq!(finding["actual"], "lane low: exit status 3; last on stderr: out of memory");
}

#[test]
fn a_lane_that_prints_no_latency_is_undetermined() {
    let more = ["--latency-line", "no such line ([0-9]+)", "--timeout", "2s", "--bound", "high:p99<5ms"];
    let document = document(None, 3, &more);
    let findings = rows(&document, "findings");
    assert!(findings.iter().all(|finding| finding["status"] == "undetermined"), "{findings:#?}");
    let reason = findings[0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("lane high printed no latency within 2 s"), "{reason}");
}

#[test]
fn a_shim_that_hides_the_api_is_refused_for_it_schedules_nothing() {
    let folder = scratch();
    let shim = Shim::in_folder(folder.path()).with_map("X { global: xdoctor_shim_*; local: *; };").link();
    let document = document(Some(&shim), 1, &["--bound", "high:p99<1.2x"]);
    assert_eq!(finding(&document)["code"], "exports-nothing");
    assert!(rows(&document, "runs").is_empty());
    let text = concurrent(Some(&shim), &[]).exits(1).stdout;
    assert!(text.contains("this would compare native with native"), "{text}");
}

#[test]
fn without_the_shim_nothing_is_preloaded_and_nothing_is_claimed() {
    let document = document(Some(Path::new("/no/such/shim.so")), 0, &["--native"]);
    assert_eq!((&document["native"], &document["interception"]), (&true.into(), &Value::Null));
    for lane in rows(&document, "lanes") {
        let command = lane["command"].as_str().expect("a command");
        assert!(!command.contains("LD_PRELOAD"), "{command}");
    }
    assert!(!rows(&document, "runs").is_empty());
}

#[test]
fn ctrl_c_ends_every_lane_and_what_is_known_is_shown() {
    let times = ["--repeats", "1000", "--window", "200ms"];
    let args = [&["concurrent", "--format", "json", "--bound", "high:p50<60s"][..], &times].concat();
    let document = interrupted(&args, |document| !rows(document, "runs").is_empty());
    schema::assert_valid("concurrent", &document);
    let findings = rows(&document, "findings");
    assert_eq!((&findings[0]["id"], &findings[0]["reason"]), (&"lanes".into(), &"interrupted".into()));
    assert_eq!(findings[1]["status"], "undetermined", "the repeats that were left out might have missed it");
}

#[test]
fn wrong_usage_is_named_in_a_line() {
    for wrong in [
        &["--lane", "only"][..],
        &["--lane", "a", "--lane", "a"],
        &["--lane", "a:B", "--lane", "c"],
        &["--lane", "a:LD_PRELOAD=x.so", "--lane", "b"],
        &["--bound", "middle:p99<1x"],
        &["--bound", "high:p99"],
        &["--rate", "middle:5"],
        &["--size", "513"],
        &["--run", "middle:true"],
        &["--run", "high:'open"],
        &["--run", "high:true", "--rate", "high:5"],
        &["--native", "--deploy", "itself", "--", "true"],
        &["--repeats", "1"],
        &["--latency-line", "no group"],
        &["--latency-unit", "us"],
    ] {
        let run = xdoctor([&["concurrent", "--format", "json"], wrong].concat()).exits(2);
        assert_eq!(run.json()["schema"], "xdoctor/error/1", "{wrong:?}");
    }
}
