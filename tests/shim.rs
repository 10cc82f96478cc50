//! What libshimhip.so promises, with the real loader.
#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]
#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/bundle.rs"]
mod bundle;
#[path = "support/c.rs"]
mod c;
#[path = "support/counters.rs"]
mod counters;
#[path = "support/observed.rs"]
mod observed;
mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use tempfile::TempDir;
use xdoctor::interpose::api::{Api, Role};
use xdoctor::probe::{Child, Limits, Via};

const SHIM: &str = "lib/libshimhip.so";
const RUNTIME: &str = "lib/libamdhip64.so.7";

fn shim() -> PathBuf {
    bundle::file(SHIM)
}

/// A program under the shim, its counters in `dir/counters`.
fn shimmed(program: &Path, dir: &TempDir) -> Command {
    let mut command = Command::new(program);
    command.env("LD_PRELOAD", shim()).env("XDOCTOR_COUNTERS", dir.path().join("counters"));
    command
}

fn succeed(command: &mut Command) -> (String, String) {
    let output: Output = command.output().expect("the program");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}{err}", output.status);
    (out, err)
}

fn directory() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory")
}

/// A client linked against the CPU runtime, as a framework's library is.
fn client(dir: &TempDir, source: &str, flags: &[&str]) -> PathBuf {
    let runtime = bundle::file(RUNTIME).display().to_string();
    let rpath = format!("-Wl,-rpath,{}", bundle::file("lib").display());
    let mut all = vec![runtime.as_str(), &rpath];
    all.extend(flags);
    c::compile(dir.path(), source, source.trim_end_matches(".c"), &all)
}

/// A program whose references nothing satisfies but the shim.
fn client_without_runtime(dir: &TempDir, source: &str) -> PathBuf {
    let shim = shim().display().to_string();
    c::compile(dir.path(), source, source.trim_end_matches(".c"), &[&shim, "-ldl"])
}

/// A runtime under a name that no list has, with three functions.
fn odd_runtime(dir: &TempDir) -> PathBuf {
    let flags = ["-shared", "-fPIC", "-Wl,-soname,libamdhip64-1f2e3d4c.so"];
    c::compile(dir.path(), "odd_runtime.c", "libamdhip64-1f2e3d4c.so", &flags)
}

/// The names that the shim tries at last lead to no library: the machine may have a real one.
fn hide_runtimes(command: &mut Command, dir: &TempDir) {
    let nothing = dir.path().join("nothing");
    std::fs::create_dir(&nothing).expect("a directory");
    for name in ["libamdhip64.so", "libamdhip64.so.5", "libamdhip64.so.6", "libamdhip64.so.7"] {
        std::fs::write(nothing.join(name), "no ELF file").expect("a file");
    }
    command.env("LD_LIBRARY_PATH", nothing);
}

fn counts(dir: &TempDir) -> counters::Counters {
    counters::read(&dir.path().join("counters"))
}

/// `symbol@@node` of what a library defines.
fn exports(library: &Path) -> BTreeSet<String> {
    let listing =
        Command::new("nm").args(["-D", "--defined-only", "--with-symbol-versions"]).arg(library).output().expect("nm");
    String::from_utf8_lossy(&listing.stdout)
        .lines()
        .filter_map(|line| line.split(' ').nth(2).map(str::to_owned))
        .filter(|name| name.contains("@@"))
        .collect()
}

fn table() -> BTreeSet<String> {
    let exported = Api::hip().exported();
    exported.map(|function| format!("{}@@{}", function.symbol, function.node)).collect()
}

#[test]
fn it_exports_every_function_of_the_table_in_its_node_and_one_helper() {
    let mut expected = table();
    expected.insert("xdoctor_shim_write_counters@@XDOCTOR_1.0".to_owned());
    assert_eq!(exports(&shim()), expected);
    assert_eq!(expected.len(), 569);
}

#[test]
fn the_runtimes_export_every_function_of_the_table_in_its_node() {
    for major in [5, 6, 7] {
        assert_eq!(exports(&bundle::file(&format!("lib/libamdhip64.so.{major}"))), table());
    }
}

/// (node, the node that it inherits) of the shim and the runtime, by readelf.
fn nodes(library: &Path) -> Vec<(String, Option<String>)> {
    let listing = Command::new("readelf").arg("-VW").arg(library).output().expect("readelf");
    let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
    let mut nodes: Vec<(String, Option<String>)> = Vec::new();
    for line in listing.lines() {
        let last = line.rsplit(' ').next().unwrap_or_default().to_owned();
        if line.contains("Rev: 1") && line.contains("Flags: none") && line.contains("Cnt:") {
            nodes.push((last, None));
        } else if let (true, Some(node)) = (line.contains("Parent 1:"), nodes.last_mut()) {
            node.1 = Some(last);
        }
    }
    nodes.retain(|(node, _)| node != "XDOCTOR_1.0");
    nodes.sort();
    nodes
}

#[test]
fn its_nodes_inherit_as_the_runtimes_do() {
    let mut expected = Api::hip().nodes.clone();
    expected.sort();
    assert_eq!(nodes(&shim()), expected);
    assert_eq!(nodes(&bundle::file(RUNTIME)), expected);
}

#[test]
fn the_bundled_version_map_is_the_one_that_it_is_linked_with() {
    let map = std::fs::read_to_string(bundle::file("share/hip_version.map")).expect("the map");
    for function in Api::hip().exported() {
        assert!(map.contains(&format!("    {};\n", function.symbol)), "{}", function.symbol);
    }
    assert!(map.contains("} hip_7.1;"), "hip_7.2 inherits hip_7.1");
}

#[test]
fn it_needs_the_c_library_only_and_has_no_writable_code() {
    let listing = Command::new("readelf").arg("-dlW").arg(shim()).output().expect("readelf");
    let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
    let needed: Vec<&str> = listing.lines().filter(|line| line.contains("(NEEDED)")).collect();
    assert!(needed.len() == 1 && needed[0].contains("[libc.so.6]"), "{needed:?}");
    assert!(!listing.contains("RWE") && !listing.contains("TEXTREL"), "{listing}");
    assert!(listing.contains("BIND_NOW") && listing.contains("GNU_RELRO"), "{listing}");
}

#[test]
fn each_call_of_the_client_is_counted_and_reaches_the_runtime_once() {
    let dir = directory();
    let beside = dir.path().join("runtime");
    let mut command = shimmed(&bundle::file("bin/hip-matmul"), &dir);
    succeed(command.env("XDOCTOR_RUNTIME_COUNTERS", &beside));
    let (shim_side, runtime_side) = (counts(&dir), counters::read(&beside));
    assert_eq!(shim_side.calls, runtime_side.calls);
    let roles: BTreeSet<Role> = shim_side
        .calls
        .keys()
        .map(|symbol| Api::hip().function(symbol).expect("a function of the table").role)
        .collect();
    let not_played = BTreeSet::from([Role::Graph, Role::Other]);
    let played: BTreeSet<Role> = Role::ALL.into_iter().filter(|role| !not_played.contains(role)).collect();
    assert_eq!(roles, played);
}

#[test]
fn the_counters_name_process_object_build_and_runtime() {
    let dir = directory();
    let mut child =
        shimmed(&bundle::file("bin/hip-matmul"), &dir).stdout(std::process::Stdio::null()).spawn().expect("the client");
    let pid = child.id();
    assert!(child.wait().expect("its end").success());
    let head = counts(&dir).head;
    let canonical = |path: PathBuf| path.canonicalize().expect("it is there").display().to_string();
    assert_eq!(head["pid"], pid.to_string());
    assert_eq!(head["object"], canonical(shim()));
    assert_eq!(head["runtime"], canonical(bundle::file(RUNTIME)));
    assert_eq!(head["build-id"].len(), 40);
    let notes = Command::new("readelf").arg("-nW").arg(shim()).output().expect("readelf");
    assert!(String::from_utf8_lossy(&notes.stdout).contains(&head["build-id"]));
}

#[test]
fn percent_p_in_the_counters_name_is_the_pid() {
    let dir = directory();
    let mut command = shimmed(&bundle::file("bin/hip-matmul"), &dir);
    succeed(command.arg("--exec-child").env("XDOCTOR_COUNTERS", dir.path().join("c.%p.txt")));
    let files: Vec<_> = std::fs::read_dir(dir.path()).expect("the directory").collect();
    assert_eq!(files.len(), 2, "the client's and that of the child that it exec'd");
    for file in files {
        let path = file.expect("a file").path();
        let pid = &counters::read(&path).head["pid"];
        assert!(path.ends_with(format!("c.{pid}.txt")), "{}", path.display());
    }
}

#[test]
fn calls_before_its_own_constructor_and_after_its_destructor_are_counted() {
    let dir = directory();
    let early = client(&dir, "early.c", &["-shared", "-fPIC", "-Wl,-soname,early"]);
    let early_path = early.display().to_string();
    let rpath = format!("-Wl,-rpath,{}", dir.path().display());
    let program = client(&dir, "preinit.c", &["-Wl,--no-as-needed", &early_path, &rpath]);
    succeed(&mut shimmed(&program, &dir));
    let calls = counts(&dir).calls;
    assert_eq!(calls["hipGetDevice"], 1, "before every constructor");
    assert_eq!(calls["hipMalloc"], 1, "before the shim's constructor");
    assert_eq!(calls["hipFree"], 1, "after the shim's destructor");
    assert_eq!(calls["hipDeviceSynchronize"], 1, "after the shim's destructor");
}

#[test]
fn a_runtime_that_comes_by_dlopen_under_an_invented_name_is_found() {
    let dir = directory();
    let runtime = odd_runtime(&dir);
    let program = client_without_runtime(&dir, "late.c");
    let mut command = shimmed(&program, &dir);
    hide_runtimes(&mut command, &dir);
    let (_, err) = succeed(command.arg(&runtime));
    assert_eq!(counts(&dir).head["runtime"], runtime.canonicalize().expect("it").display().to_string());
    assert_eq!(err.matches("no HIP runtime is loaded").count(), 1, "{err}");
}

#[test]
fn what_the_runtime_lacks_is_counted_answered_801_and_said_once() {
    let dir = directory();
    let runtime = odd_runtime(&dir);
    let program = client_without_runtime(&dir, "late.c");
    let mut command = shimmed(&program, &dir);
    hide_runtimes(&mut command, &dir);
    let (out, err) = succeed(command.arg(&runtime));
    assert_eq!(out, "hipMalloc 801\nhipMalloc 801\n");
    assert_eq!(err.matches("has no hipMalloc").count(), 1, "{err}");
    assert_eq!(counts(&dir).calls["hipMalloc"], 2);
}

#[test]
fn a_runtime_that_is_gone_again_is_no_runtime() {
    let dir = directory();
    let runtime = odd_runtime(&dir);
    let program = client_without_runtime(&dir, "gone.c");
    let mut command = shimmed(&program, &dir);
    hide_runtimes(&mut command, &dir);
    succeed(command.arg(&runtime));
    assert_eq!(counts(&dir).head["runtime"], "-");
}

#[test]
fn every_argument_register_arrives_on_the_slow_path_and_on_the_fast_one() {
    let dir = directory();
    let runtime = odd_runtime(&dir);
    let program = client_without_runtime(&dir, "registers.c");
    let (out, _) = succeed(shimmed(&program, &dir).arg(&runtime));
    assert!(out.ends_with("-byte vectors\n"), "{out}");
    assert_eq!(counts(&dir).calls["hipMemcpy"], 2);
}

#[test]
fn a_first_call_from_a_thread_that_a_constructor_in_dlopen_waits_for_does_not_hang() {
    let dir = directory();
    let runtime = odd_runtime(&dir);
    let plugin = ["-shared", "-fPIC", "-DPLUGIN", "-Wl,--unresolved-symbols=ignore-all"];
    let plugin = c::compile(dir.path(), "deadlock.c", "plugin.so", &plugin);
    let program = client_without_runtime(&dir, "deadlock.c");
    succeed(shimmed(&program, &dir).arg(&runtime).arg(&plugin));
    assert_eq!(counts(&dir).calls["hipInit"], 1);
}

#[test]
fn standing_in_for_the_runtime_under_its_name_it_forwards_to_the_one_that_is_named() {
    let dir = directory();
    let stand_in = dir.path().join("libamdhip64.so.7");
    std::fs::copy(shim(), &stand_in).expect("a copy");
    let mut command = Command::new(bundle::file("bin/hip-matmul"));
    command
        .arg("--exec-child")
        .env("LD_LIBRARY_PATH", dir.path())
        .env("XDOCTOR_RUNTIME", bundle::file(RUNTIME))
        .env("XDOCTOR_COUNTERS", dir.path().join("counters"));
    succeed(&mut command);
    let counters = counts(&dir);
    assert_eq!(counters.calls["hipLaunchKernel"], 1);
    assert_eq!(counters.head["object"], stand_in.canonicalize().expect("it").display().to_string());
}

#[test]
fn it_never_takes_itself_for_the_runtime() {
    let dir = directory();
    let copy = dir.path().join("copy.so");
    std::fs::copy(shim(), &copy).expect("a copy");
    for (named, why) in [(shim(), "it is the shim itself"), (copy, "is a copy of the shim")] {
        let mut command = shimmed(&bundle::file("bin/hip-matmul"), &dir);
        let output = command.env("XDOCTOR_RUNTIME", &named).output().expect("the client");
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(10), "{err}");
        assert!(err.contains(why) && err.contains("error 801"), "{err}");
    }
}

#[test]
fn of_two_copies_the_first_counts_and_the_second_says_so() {
    let dir = directory();
    let copy = dir.path().join("copy.so");
    std::fs::copy(shim(), &copy).expect("a copy");
    let both = format!("{} {}", shim().display(), copy.display());
    for pinned in [None, Some(bundle::file(RUNTIME))] {
        let mut command = shimmed(&bundle::file("bin/hip-matmul"), &dir);
        command.env("LD_PRELOAD", &both);
        if let Some(runtime) = pinned {
            command.env("XDOCTOR_RUNTIME", runtime);
        }
        let (_, err) = succeed(&mut command);
        assert!(err.contains("copy.so is a second copy of the shim"), "{err}");
        assert_eq!(counts(&dir).calls["hipLaunchKernel"], 1);
        let second = counters::read(&dir.path().join("counters.2"));
        assert!(second.calls.is_empty(), "{second:?}");
    }
}

#[test]
fn sixteen_threads_and_ten_million_calls_are_exact_in_the_shim_the_runtime_and_the_observer() {
    const CALLS: u64 = 3 * 16 * 210_000;
    let dir = directory();
    let program = client(&dir, "threads.c", &[]);
    let (behind, observed) = (dir.path().join("runtime.counters"), dir.path().join("observed"));
    std::fs::create_dir(&observed).expect("a directory");
    let observer = observed::observer(&observed, &["hipGetDevice".to_owned()]);
    let limits = Limits { time: Duration::from_secs(120), ..Limits::default() };
    let child = Child::new(&program).limits(limits).env("LD_PRELOAD", shim());
    let child = child.env("XDOCTOR_COUNTERS", dir.path().join("counters")).env("XDOCTOR_RUNTIME_COUNTERS", &behind);
    let ended = observer.watch(child).run().expect("it starts");
    assert_eq!(ended.exit(), Some(0), "{}", ended.stderr.text());
    assert_eq!(counts(&dir).calls["hipGetDevice"], CALLS);
    assert_eq!(counters::read(&behind).calls["hipGetDevice"], CALLS);
    let observation = observer.read().expect("readable");
    let [image] = &observation.images[..] else { panic!("one image, not {observation:#?}") };
    observed::counts(image, &[("threads", "hipGetDevice", "libshimhip.so", Via::Plt, CALLS)]);
}

#[test]
fn a_forked_child_counts_from_zero_in_a_file_of_its_own() {
    let dir = directory();
    let program = client(&dir, "fork.c", &[]);
    let (child, _) = succeed(&mut shimmed(&program, &dir));
    assert_eq!(counts(&dir).calls["hipGetDevice"], 4);
    let child = counters::read(&dir.path().join(format!("counters.{}", child.trim())));
    assert_eq!(child.calls["hipGetDevice"], 2);
}

#[test]
fn the_counters_are_written_on_demand_where_the_program_was_started() {
    let dir = directory();
    let program = client(&dir, "fork.c", &[]);
    let mut command = shimmed(&program, &dir);
    command.env("XDOCTOR_COUNTERS", "counters").current_dir(dir.path());
    succeed(command.arg("demand"));
    assert_eq!(counts(&dir).calls["hipGetDevice"], 3, "the five after it ended in _exit");
}

#[test]
fn an_address_that_the_runtime_hands_out_is_the_shims() {
    let dir = directory();
    let program = client(&dir, "lookup.c", &[]);
    succeed(&mut shimmed(&program, &dir));
    let calls = counts(&dir).calls;
    assert_eq!(calls["hipFree"], 1, "called through the pointer");
    assert_eq!(calls["hipGetProcAddress"], 4);
}

#[test]
fn nothing_is_traced_unless_it_is_asked_for() {
    let dir = directory();
    let mut command = shimmed(&bundle::file("bin/hip-matmul"), &dir);
    assert_eq!(succeed(&mut command).1, "");
    let (_, err) = succeed(command.env("XDOCTOR_TRACE", "everything"));
    assert_eq!(err.lines().count(), 1);
    assert!(err.contains("XDOCTOR_TRACE=everything is not known"), "{err}");
}

#[test]
fn a_trace_has_a_line_for_each_call_with_arguments_and_result() {
    let dir = directory();
    let mut command = shimmed(&bundle::file("bin/hip-matmul"), &dir);
    let (_, err) = succeed(command.env("XDOCTOR_TRACE", "calls"));
    for pattern in [
        r"(?m)^\[TRACE_MALLOC\] size=4736 ptr=0x[0-9a-f]+ ret=0 \(SUCCESS\)$",
        r"(?m)^\[TRACE_FREE\] ptr=0x[0-9a-f]+ ret=0 \(SUCCESS\)$",
        r"(?m)^\[TRACE_MEMCPY\] dst=0x\w+ src=0x\w+ size=4736 kind=1 stream=0x\w+ ret=0 \(SUCCESS\)$",
        r"(?m)^\[TRACE_MEMSET\] dst=0x\w+ value=255 count=4480 stream=0x\w+ ret=0 \(SUCCESS\)$",
        r"(?m)^\[TRACE_KERNEL\] func=0x\w+ stream=0x\w+ grid=\(5,4,1\) block=\(8,8,1\) shared=0 ret=0 \(SUCCESS\)$",
        r"(?m)^\[TRACE_PUSH\] stream=0x\w+ .* ret=0 \(SUCCESS\)$",
        r"(?m)^\[TRACE_LOOKUP\] name=hipMemcpyDtoH ptr=0x\w+ ret=0 \(SUCCESS\)$",
        r"(?m)^\[TRACE_REGISTER_FUNCTION\] modules=0x\w+ host=0x\w+ name=matmul$",
        r"(?m)^\[TRACE_MODULE_LOAD\] module=0x\w+ image=0x\w+ ret=0 \(SUCCESS\)$",
        r"(?m)^\[TRACE_CALL\] function=hipSetDevice$",
    ] {
        let regex = regex::Regex::new(pattern).expect("a pattern");
        assert!(regex.is_match(&err), "{pattern}\n{err}");
    }
    let counted: u64 = counts(&dir).calls.values().sum();
    assert_eq!(err.lines().count() as u64, counted);
}

#[test]
fn every_function_that_touches_memory_launches_or_hands_out_addresses_has_a_line_of_its_own() {
    let listing = Command::new("nm").arg(shim()).output().expect("nm");
    let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
    let handlers: BTreeSet<&str> =
        listing.lines().filter_map(|line| line.split_once(" t trace_")).map(|(_, name)| name).collect();
    let typed = [Role::Allocate, Role::Free, Role::Copy, Role::Set, Role::Launch, Role::Lookup];
    for function in Api::hip().exported().filter(|function| typed.contains(&function.role)) {
        assert!(handlers.contains(function.symbol.as_str()), "{}", function.symbol);
    }
}

#[test]
fn with_no_runtime_loaded_the_systems_is_opened_and_said() {
    let real = Path::new("/usr/lib/x86_64-linux-gnu/libamdhip64.so.5");
    if !support::require(real.exists(), "libamdhip64.so.5 (Debian: libamdhip64-5)") {
        return;
    }
    let dir = directory();
    let program = client_without_runtime(&dir, "real_runtime.c");
    let (_, err) = succeed(&mut shimmed(&program, &dir));
    assert!(err.contains(" was opened by its name: /"), "{err}");
    assert!(counts(&dir).head["runtime"].starts_with('/'));
}

#[test]
fn the_samples_shim_needs_its_own_library_and_works_with_it() {
    let dir = directory();
    let mut command = shimmed(&bundle::file("bin/hip-matmul"), &dir);
    succeed(command.env("LD_PRELOAD", bundle::file("sample/lib/libshimhip.so")));
    assert_eq!(counts(&dir).calls["hipLaunchKernel"], 1);
    let hal = exports_of_sample();
    assert!(hal.iter().any(|name| name.starts_with("_ZTIN6sample")), "{hal:?}");
    assert!(!hal.iter().any(|name| name.contains("@@hip") || name.starts_with("hip")), "{hal:?}");
}

fn exports_of_sample() -> Vec<String> {
    let listing = Command::new("nm")
        .args(["-D", "--defined-only"])
        .arg(bundle::file("sample/lib/libhalhip.so"))
        .output()
        .expect("nm");
    let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
    listing.lines().filter_map(|line| line.split(' ').nth(2).map(str::to_owned)).collect()
}

#[test]
fn it_finds_debians_real_runtime() {
    let real = Path::new("/usr/lib/x86_64-linux-gnu/libamdhip64.so.5");
    if !support::require(real.exists(), "libamdhip64.so.5 (Debian: libamdhip64-5)") {
        return;
    }
    let dir = directory();
    let flags = [real.to_str().expect("a name")];
    let program = c::compile(dir.path(), "real_runtime.c", "real_runtime", &flags);
    let (out, _) = succeed(&mut shimmed(&program, &dir));
    let counters = counts(&dir);
    assert_eq!(counters.head["runtime"], real.canonicalize().expect("it").display().to_string());
    assert_eq!(counters.calls["hipGetErrorName"], 1);
    assert_eq!(counters.calls["hipRuntimeGetVersion"], 1);
    assert_eq!(out, "hipErrorNoDevice\n", "the real runtime's own string came back");
}
