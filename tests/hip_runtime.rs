//! What the CPU runtime promises: the semantics of the API as far as it goes, and 801 beyond.
#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]
#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/bundle.rs"]
mod bundle;
#[path = "support/c.rs"]
mod c;
#[path = "support/counters.rs"]
mod counters;

use std::process::Command;

/// Runs one promise of tests/c/runtime.c, natively and under the shim.
fn keep(promise: &str, devices: &str) {
    keep_with("libamdhip64.so.7", promise, devices);
}

fn keep_with(soname: &str, promise: &str, devices: &str) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let runtime = bundle::file(&format!("lib/{soname}")).display().to_string();
    let rpath = format!("-Wl,-rpath,{}", bundle::file("lib").display());
    let program = c::compile(dir.path(), "runtime.c", "runtime", &[&runtime, &rpath]);
    let kernels = c::compile(dir.path(), "kernels.c", "kernels.so", &["-shared", "-fPIC"]);
    let beside = dir.path().join("runtime.counters");
    let own = dir.path().join("shim.counters");
    for preload in [None, Some(bundle::file("lib/libshimhip.so"))] {
        let mut command = Command::new(&program);
        command.arg(promise).arg(&kernels).env("XDOCTOR_DEVICES", devices);
        command.env("XDOCTOR_RUNTIME_COUNTERS", &beside);
        if let Some(shim) = &preload {
            command.env("LD_PRELOAD", shim).env("XDOCTOR_COUNTERS", &own);
        }
        let output = command.output().expect("the program");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{promise}: {said} {}", output.status);
        assert_eq!(output.stdout, b"kept\n");
    }
    let (shim_side, runtime_side) = (counters::read(&own), counters::read(&beside));
    assert_eq!(shim_side.calls, runtime_side.calls);
    assert_eq!(shim_side.head["runtime"], runtime_side.head["object"]);
    assert_eq!(runtime_side.head["runtime"], "-");
}

#[test]
fn a_foreign_or_stale_pointer_is_an_error() {
    for soname in ["libamdhip64.so.5", "libamdhip64.so.6", "libamdhip64.so.7"] {
        keep_with(soname, "memory", "1");
    }
}

#[test]
fn a_copy_keeps_to_its_direction_and_its_allocations() {
    keep("copies", "1");
}

#[test]
fn a_fill_keeps_to_its_allocation() {
    keep("fills", "1");
}

#[test]
fn each_thread_has_its_last_error() {
    keep("errors", "1");
}

#[test]
fn what_is_not_implemented_answers_801_null_or_an_empty_struct() {
    keep("unsupported", "1");
}

#[test]
fn unknown_streams_and_events_are_errors_and_time_passes_between_events() {
    keep("handles", "1");
}

#[test]
fn there_are_as_many_devices_as_the_environment_says() {
    keep("devices", "2");
}

#[test]
fn without_devices_everything_answers_no_device() {
    keep("no-device", "0");
}

#[test]
fn modules_are_loaded_and_their_kernels_launched() {
    keep("modules", "1");
}

#[test]
fn registered_kernels_and_variables_are_found_by_their_host_symbols() {
    keep("registered", "1");
}
