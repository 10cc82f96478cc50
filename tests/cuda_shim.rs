//! The shims of docs/gpu.md, on a stand-in for CUDA's runtime: the one that somebody would begin with is told what it
//! misses, and the one that has all of the runtime passes everything on, unharmed.
#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]
#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/c.rs"]
mod c;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use xdoctor::xdoctor;

/// What the client prints where every argument arrives: launches 123, 223 and 323 with 120 and 0.5 each, 1 to 9, and a pair.
const RIGHT: &str = "1075.50 3.5 42\n";

/// A runtime in its version node, and a client of it.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().expect("scratch");
        let node = "libcudart.so.13 { global: cuda*; __cuda*; local: *; };\n";
        fs::write(folder.path().join("node.map"), node).expect("written");
        let script = format!("-Wl,--version-script={}", folder.path().join("node.map").display());
        let flags = ["-shared", "-fPIC", "-Wl,-soname,libcudart.so.13", &script];
        let runtime = c::compile(folder.path(), "cudart.c", "libcudart.so.13", &flags);
        let runtime = runtime.to_str().expect("text");
        c::compile(folder.path(), "cuda_client.c", "client", &[runtime, "-Wl,-rpath,$ORIGIN"]);
        Place(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn climb(&self, shim: &str) -> xdoctor::Run {
        let (shim, client) = (self.path(shim), self.path("client"));
        let args = ["smoke", "--api", "cuda", "--compare", "stdout", "--format", "json", "--shim"];
        xdoctor(args.iter().map(AsRef::as_ref).chain([shim.as_os_str(), "--".as_ref(), client.as_os_str()]))
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cuda-shim").join(name)
}

#[test]
fn the_shim_to_begin_with_is_told_of_the_launches_that_go_past_it() {
    let place = Place::new();
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O2", "-o"]).arg(place.path("libshimcuda.so")).arg(fixture("shim.c")).arg("-ldl");
    assert!(cc.status().expect("cc").success());
    let report = place.climb("libshimcuda.so").exits(1).json();
    let binds = &report["rungs"][2];
    assert_eq!((&binds["status"], &binds["code"]), (&"fail".into(), &"not-covered".into()), "{binds:#}");
    assert!(binds["actual"].to_string().contains("exports none of"), "{binds:#}");
    let launch = |call: &&serde_json::Value| call["symbol"] == "__cudaLaunchKernel";
    let launches = report["calls"].as_array().expect("calls").iter().find(launch).expect("launches");
    assert_eq!((&launches["shim"], &launches["past"]), (&0.into(), &3.into()), "{launches:#}");
}

#[test]
fn a_shim_for_the_whole_runtime_is_made_of_its_map_and_passes_every_argument_on() {
    let place = Place::new();
    let own = Path::new(env!("CARGO_BIN_EXE_xdoctor")).parent().expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut make = Command::new("sh");
    make.arg(fixture("whole.sh")).arg(place.path("libcudart.so.13")).current_dir(place.0.path());
    let made = make.env("PATH", format!("{}:{path}", own.display())).output().expect("sh");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let report = place.climb("libshimcudart.so").exits(0).json();
    let passed = report["rungs"].as_array().expect("rungs").iter().filter(|rung| rung["status"] == "pass").count();
    assert_eq!(passed, 7, "{report:#}");
    let client = Command::new(place.path("client")).env("LD_PRELOAD", place.path("libshimcudart.so")).output();
    assert_eq!(String::from_utf8_lossy(&client.expect("it starts").stdout), RIGHT);
}
