//! Debian's real libamdhip64 as input: read exactly, loaded, and recognised as being without a device here.

mod support;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::path::Path;

use xdoctor::xdoctor;

const RUNTIME: &str = "/usr/lib/x86_64-linux-gnu/libamdhip64.so.5";

fn present() -> bool {
    support::require(Path::new(RUNTIME).exists(), "libamdhip64.so.5 (Debian's package libamdhip64-5)")
}

#[test]
fn its_409_functions_are_listed_each_in_its_node() {
    if !present() {
        return;
    }
    let run = xdoctor(["symbols", RUNTIME, "--defined"]).exits(0);
    let lines = || run.stdout.lines();
    assert!(lines().any(|line| line.ends_with(" T hipMalloc@@hip_4.2")), "{}", run.stdout);
    let functions = lines().filter(|line| [" T ", " W ", " i "].iter().any(|kind| line.contains(kind)));
    assert_eq!(functions.filter(|line| line.contains("@@hip_")).count(), 409);
}

#[test]
fn where_it_has_no_device_the_climb_is_skipped_with_that_reason() {
    if !present() || !support::require(!Path::new("/dev/kfd").exists(), "machine without an AMD GPU") {
        return;
    }
    let document = xdoctor(["smoke", "--runtime", RUNTIME, "--format", "json"]).exits(0).json();
    let rungs = document["rungs"].as_array().expect("rungs");
    assert_eq!(rungs[0]["status"], "pass");
    for rung in &rungs[1..] {
        assert_eq!((&rung["status"], &rung["code"]), (&"skip".into(), &"device-missing".into()), "{rung:#}");
    }
    xdoctor(["smoke", "--runtime", RUNTIME, "--require", "gpu"]).exits(1);
}
