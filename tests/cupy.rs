//! A real client: CuPy, unmodified from PyPI, on the CPU runtime. What it does, what the shim in front of it counts, what
//! the runtime behind it counts and what the observer sees are one and the same; and where the shim is in nodes that nobody
//! asks for, CuPy's results are as right as ever, and xdoctor says that the shim got nothing.
#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]
#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/counters.rs"]
mod counters;
#[path = "support/cupy.rs"]
mod cupy;
#[path = "support/ldso.rs"]
mod ldso;
#[path = "support/schema.rs"]
mod schema;
#[path = "support/shims.rs"]
mod shims;
mod support;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use cupy::Cupy;
use serde_json::Value;
use sha2::{Digest, Sha256};
use shims::{Shim, version_script};
use tempfile::TempDir;
use xdoctor::xdoctor;

/// What fixtures/cupy/client.py says where all is right.
const RIGHT: &str = "device: xdoctor CPU reference\nround_trip: right\nzeros: right\npinned: right\n\
                     from_memory: right\nfrom_file: right\nfrom_source: right\non_a_stream: right\narithmetic: right\n";

/// The modules of the wheel that allocate, copy and launch.
const MODULES: [&str; 2] = ["runtime", "driver"];

/// CuPy on the bundled runtime.
struct Place {
    folder: TempDir,
    cupy: &'static Cupy,
}

impl Place {
    /// `None` where CuPy is not to be had.
    fn new() -> Option<Place> {
        let cupy = cupy::installed()?;
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("scratch");
        xdoctor(["bundle".as_ref(), folder.path().as_os_str()]).exits(0);
        cupy::build(&folder.path().join("lib"));
        Some(Place { folder, cupy })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn shim(&self) -> PathBuf {
        self.path("lib/libshimhip.so")
    }

    fn runtime(&self) -> PathBuf {
        self.path("lib/libamdhip64.so.7")
    }

    /// As the bundled one, in nodes that nobody asks for.
    fn shim_in_wrong_nodes(&self) -> PathBuf {
        let map = version_script().replace(" hip_", " hip_9.").replace("\nhip_", "\nhip_9.");
        Shim::in_folder(&self.path("wrong")).with_map(map).link()
    }

    /// The client's words.
    fn command(&self) -> [String; 4] {
        let [client, kernel] = ["cupy/client.py", "hip-matmul/matmul.hip"].map(cupy::source);
        [&self.cupy.python, &client, &kernel, &self.path("lib/matmul.co")].map(|path| path.display().to_string())
    }

    /// What the client needs of its environment; under a shim, and with the counters of shim and runtime beside it.
    fn environment(&self, shim: Option<&Path>) -> Vec<(&'static str, PathBuf)> {
        let rocm = cupy::source("cupy/rocm");
        let mut environment = vec![
            ("PYTHONPATH", self.cupy.packages.clone()),
            ("LD_LIBRARY_PATH", self.path("lib")),
            ("PATH", format!("{}:{}", rocm.join("bin").display(), std::env::var("PATH").expect("PATH")).into()),
            ("ROCM_HOME", rocm),
            ("CUPY_CACHE_DIR", self.path("kernels")),
            ("XDOCTOR_RUNTIME_COUNTERS", self.path("runtime.counters")),
        ];
        if let Some(shim) = shim {
            environment.push(("LD_PRELOAD", shim.to_owned()));
            environment.push(("XDOCTOR_COUNTERS", self.path("shim.counters")));
        }
        environment
    }

    /// What the observer sees of the client under this shim, whose words must be the right ones.
    fn trace(&self, shim: &Path) -> Value {
        let mut args: Vec<String> = ["trace", "--format", "json"].map(str::to_owned).into();
        for (name, value) in self.environment(Some(shim)) {
            args.extend(["--env".to_owned(), format!("{name}={}", value.display())]);
        }
        args.push("--".to_owned());
        args.extend(self.command());
        let run = xdoctor(args).exits(0);
        assert_eq!(run.stderr, RIGHT);
        let document = run.json();
        schema::assert_valid("trace", &document);
        assert_eq!(document["exit"], 0);
        document
    }

    /// What ld.so tells of the same run, of the functions that the observer was to watch: who asks for what, and gets it where.
    fn told_by_ldso(&self, shim: &Path) -> Bindings {
        let folder = self.path("ldso");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("a folder");
        let [python, words @ ..] = self.command();
        let mut client = Command::new(python);
        client.args(words).envs(self.environment(Some(shim)));
        client.env("LD_DEBUG", "bindings").env("LD_DEBUG_OUTPUT", folder.join("said"));
        assert!(client.output().expect("it starts").status.success());
        let said = fs::read_dir(&folder).expect("what ld.so said").map(|entry| entry.expect("an entry").path());
        let said: String = said.map(|path| fs::read_to_string(path).expect("text")).collect();
        let bound = ldso::read(&said, Path::new(""), false).bindings.into_iter();
        let rest =
            |symbol: &str| symbol.trim_start_matches('_').strip_prefix("hip").and_then(|rest| rest.chars().next());
        let watched = |symbol: &str| rest(symbol).is_some_and(|letter| letter.is_ascii_uppercase());
        bound
            .filter(|row| watched(&row.1))
            .map(|(referrer, symbol, _, provider)| (referrer, symbol, provider))
            .collect()
    }

    /// Climbs the ladder with CuPy under this shim.
    fn climb(&self, shim: &Path, more: &[&str], status: i32) -> Value {
        let (shim, runtime) = (shim.display().to_string(), self.runtime().display().to_string());
        let mut args: Vec<String> =
            ["smoke", "--format", "json", "--compare", "stdout", "--shim", &shim, "--runtime", &runtime]
                .map(str::to_owned)
                .into();
        // The counters are smoke's own affair.
        for (name, value) in self.environment(None).into_iter().filter(|(name, _)| !name.starts_with("XDOCTOR_")) {
            args.extend(["--env".to_owned(), format!("{name}={}", value.display())]);
        }
        args.extend(more.iter().map(|&word| word.to_owned()));
        args.push("--".to_owned());
        args.extend(self.command());
        let document = xdoctor(args).exits(status).json();
        schema::assert_valid("smoke", &document);
        document
    }

    /// The same; what it prints must be right, with the shim and without.
    fn smoke(&self, shim: &Path, status: i32) -> Value {
        let document = self.climb(shim, &[], status);
        assert_eq!(document["device"], "xdoctor CPU reference");
        for run in ["native", "shimmed"] {
            let digest = Sha256::digest(RIGHT);
            let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(
                (&document[run]["exit"], &document[run]["stdout_sha256"]),
                (&0.into(), &digest.into()),
                "{document:#}"
            );
        }
        // The model foretold every binding that was seen.
        let prediction = &document["prediction"];
        assert!(prediction["compared"].as_u64().is_some_and(|compared| compared > 200), "{prediction:#}");
        assert_eq!(prediction["differences"], Value::Array(Vec::new()));
        document
    }

    /// What `coverage` says of CuPy's own modules, from the files alone.
    fn coverage(&self, shim: &Path, status: i32) -> Value {
        let (shim, runtime) = (shim.display().to_string(), self.runtime().display().to_string());
        let mut args: Vec<String> =
            ["coverage", "--format", "json", "--shim", &shim, "--runtime", &runtime].map(str::to_owned).into();
        for module in MODULES {
            args.extend(["--client".to_owned(), self.module(module).display().to_string()]);
        }
        xdoctor(args).exits(status).json()
    }

    /// A module of CuPy's, whatever interpreter it is for.
    fn module(&self, name: &str) -> PathBuf {
        let folder = self.cupy.packages.join("cupy_backends/cuda/api");
        let entries = fs::read_dir(&folder).expect("CuPy's modules").map(|entry| entry.expect("an entry").path());
        let is_it = |path: &PathBuf| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            file.starts_with(&format!("{name}.")) && file.ends_with(".so")
        };
        entries.into_iter().find(is_it).unwrap_or_else(|| panic!("no {name} in {}", folder.display()))
    }
}

/// Each rung with its status and code.
fn rungs(document: &Value) -> Vec<(String, String, Value)> {
    let word = |value: &Value| value.as_str().expect("a word").to_owned();
    let rungs = document["rungs"].as_array().expect("rungs").iter();
    rungs.map(|rung| (word(&rung["rung"]), word(&rung["status"]), rung["code"].clone())).collect()
}

/// Referrer, symbol, provider.
type Bindings = BTreeSet<(PathBuf, String, PathBuf)>;

/// The bindings that the observer saw, called or not.
fn bindings(document: &Value) -> Bindings {
    let path = |value: &Value| fs::canonicalize(value.as_str().expect("a path")).expect("it is there");
    let calls = document["calls"].as_array().expect("calls").iter().filter(|call| call["via"] == "plt");
    calls
        .map(|call| {
            (path(&call["caller"]), call["symbol"].as_str().expect("a symbol").to_owned(), path(&call["provider"]))
        })
        .collect()
}

/// How often each function was called, of the calls that this library provided.
fn observed(document: &Value, provider: &Path) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for call in document["calls"].as_array().expect("calls") {
        let count = call["count"].as_u64().unwrap_or_else(|| panic!("undetermined: {call:#}"));
        if count > 0 && call["provider"] == provider.display().to_string() {
            *counts.entry(call["symbol"].as_str().expect("a symbol").to_owned()).or_default() += count;
        }
    }
    counts
}

#[test]
fn cupy_copies_launches_and_multiplies_right_on_the_cpu_runtime() {
    let Some(place) = Place::new() else { return };
    let [python, words @ ..] = place.command();
    let mut client = Command::new(python);
    client.args(words).envs(place.environment(None));
    let output = client.output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{}: {said}", output.status);
    assert_eq!(String::from_utf8_lossy(&output.stdout), RIGHT);
    let counters = counters::read(&place.path("runtime.counters"));
    assert_eq!(counters.calls["hipModuleLaunchKernel"], 6, "{counters:#?}");
}

#[test]
fn all_of_its_calls_are_counted_alike_by_the_shim_the_runtime_and_the_observer() {
    let Some(place) = Place::new() else { return };
    let document = place.trace(&place.shim());
    let (shim, runtime) =
        (counters::read(&place.path("shim.counters")), counters::read(&place.path("runtime.counters")));
    assert_eq!(shim.calls, runtime.calls);
    assert_eq!(shim.head["runtime"], place.runtime().display().to_string());
    assert_eq!(shim.calls, observed(&document, &place.shim()));
    assert_eq!(observed(&document, &place.runtime()), BTreeMap::new());
    assert_eq!(document["front"], place.shim().display().to_string());
    let calls = document["calls"].as_array().expect("calls");
    assert!(calls.iter().all(|call| call["bypass"] == false), "{calls:#?}");
    // Every way to load, four matmuls and two kernels of arithmetic; and what is made is ended.
    for (symbol, count) in [("hipModuleLoad", 1), ("hipModuleLoadData", 5), ("hipModuleLaunchKernel", 6)] {
        assert_eq!(shim.calls[symbol], count, "{symbol}");
    }
    for (made, ended) in [
        ("hipMalloc", "hipFree"),
        ("hipHostMalloc", "hipHostFree"),
        ("hipStreamCreateWithPriority", "hipStreamDestroy"),
        ("hipEventCreateWithFlags", "hipEventDestroy"),
        ("__hipRegisterFatBinary", "__hipUnregisterFatBinary"),
    ] {
        assert_eq!(shim.calls[made], shim.calls[ended], "{made}, {ended}");
    }
    assert!(shim.calls["hipMemcpyAsync"] > 0 && shim.calls["hipMemcpy"] > 0, "copies: {:#?}", shim.calls);
}

#[test]
fn a_shim_in_wrong_nodes_gets_none_of_them_although_the_results_are_right() {
    let Some(place) = Place::new() else { return };
    let wrong = place.shim_in_wrong_nodes();
    let document = place.trace(&wrong);
    let behind = observed(&document, &place.runtime());
    assert_eq!(behind, counters::read(&place.path("runtime.counters")).calls);
    assert_eq!(counters::read(&place.path("shim.counters")).calls, BTreeMap::new());
    assert_eq!(observed(&document, &wrong), BTreeMap::new());
    let calls = document["calls"].as_array().expect("calls");
    let made = calls.iter().filter(|call| call["count"] != 0);
    assert!(made.clone().count() > 20 && made.clone().all(|call| call["bypass"] == true), "{calls:#?}");
}

#[test]
fn ld_so_tells_of_the_same_bindings_as_the_observer() {
    let Some(place) = Place::new() else { return };
    for (shim, provider) in [(place.shim(), place.shim()), (place.shim_in_wrong_nodes(), place.runtime())] {
        let (told, seen) = (place.told_by_ldso(&shim), bindings(&place.trace(&shim)));
        assert!(told.len() > 200, "{told:#?}");
        assert_eq!(told, seen);
        let provider = fs::canonicalize(provider).expect("it is there");
        assert!(seen.iter().all(|binding| binding.2 == provider), "{seen:#?}");
    }
}

#[test]
fn under_the_bundled_shim_it_climbs_the_ladder_to_the_top() {
    let Some(place) = Place::new() else { return };
    let document = place.smoke(&place.shim(), 0);
    for (rung, status, code) in rungs(&document) {
        // CuPy asks hipcc for its folders, and a shell that runs under a shim is remarked on.
        let expected = if rung == "survives" { ("warn", "preload-leaks".into()) } else { ("pass", Value::Null) };
        assert_eq!((status.as_str(), code), expected, "{rung}: {document:#}");
    }
    let calls = document["calls"].as_array().expect("calls");
    assert!(calls.iter().all(|call| call["shim"] == call["runtime"] && call["past"] == 0), "{calls:#?}");
    let roles: BTreeSet<&str> = calls.iter().map(|call| call["role"].as_str().expect("a role")).collect();
    for role in ["allocate", "free", "copy", "set", "launch", "stream", "event", "synchronise", "module", "device"] {
        assert!(roles.contains(role), "{role}: {roles:?}");
    }
}

#[test]
fn under_a_shim_in_wrong_nodes_it_fails_at_binds_although_the_results_are_right() {
    let Some(place) = Place::new() else { return };
    let document = place.smoke(&place.shim_in_wrong_nodes(), 1);
    let expected = [
        ("present", "pass", Value::Null),
        ("loads", "pass", Value::Null),
        ("binds", "fail", "version-mismatch".into()),
        ("called", "undetermined", Value::Null),
        ("forwards", "undetermined", Value::Null),
        ("correct", "undetermined", Value::Null),
        ("survives", "undetermined", Value::Null),
    ];
    assert_eq!(rungs(&document), expected.map(|(rung, status, code)| (rung.to_owned(), status.to_owned(), code)));
    let calls = document["calls"].as_array().expect("calls");
    assert!(calls.len() > 20 && calls.iter().all(|call| call["shim"] == 0), "{calls:#?}");
}

#[test]
fn without_a_device_it_is_skipped_with_the_reason() {
    let Some(place) = Place::new() else { return };
    let document = place.climb(&place.shim(), &["--env", "XDOCTOR_DEVICES=0"], 0);
    let expected = ("loads".to_owned(), "skip".to_owned(), "device-missing".into());
    assert_eq!(rungs(&document)[1], expected, "{document:#}");
}

#[test]
fn coverage_foretells_both_from_the_files_alone() {
    let Some(place) = Place::new() else { return };
    place.coverage(&place.shim(), 0);
    let document = place.coverage(&place.shim_in_wrong_nodes(), 1);
    let diagnoses = document["diagnoses"].as_array().expect("diagnoses");
    for module in MODULES.map(|module| place.module(module).display().to_string()) {
        let found = diagnoses.iter().find(|row| row["code"] == "version-mismatch" && row["subject"] == module.as_str());
        assert_eq!(found.unwrap_or_else(|| panic!("{document:#}"))["severity"], "fail");
    }
}

#[test]
fn the_pages_commands_give_what_it_shows() {
    let Some(place) = Place::new() else { return };
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cupy.md")).expect("the page");
    let block = |language: &str, words: &str| {
        let mut blocks = page.split("\n```").filter_map(|block| block.strip_prefix(language));
        blocks.find(|block| block.contains(words)).unwrap_or_else(|| panic!("no {language} with {words}")).to_owned()
    };
    let folder = place.path("page");
    fs::create_dir(&folder).expect("a folder");
    symlink(&place.cupy.packages, folder.join("packages")).expect("a link");
    symlink(cupy::source(""), folder.join("fixtures")).expect("a link");
    let program = Path::new(env!("CARGO_BIN_EXE_xdoctor")).parent().expect("a folder");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").expect("PATH"));
    let mut shell = Command::new("sh");
    shell
        .args(["-e", "-c", &block("sh", "xdoctor smoke")])
        .current_dir(&folder)
        .env("PATH", path)
        .env("LANG", "C.UTF-8");
    let run = xdoctor::Run::of(shell.output().expect("sh")).exits(0);
    // Paths are shortened there, and with them the lines that hold any.
    let shown = block("console", "interception proven");
    let shown: Vec<&str> =
        shown.lines().filter(|line| line.starts_with(['d', 'i']) || line.starts_with("  ✓")).collect();
    assert!(shown.len() >= 6, "{shown:?}");
    assert!(shown.iter().all(|line| run.stdout.contains(line)), "{shown:#?}\n{}", run.stdout);
}
