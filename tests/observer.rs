//! What the observer promises, with the real compiler and the real loader: every call counted, once, for whoever makes it, and the
//! program unharmed.
#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]
#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/bundle.rs"]
mod bundle;
#[path = "support/observed.rs"]
mod observed;
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use observed::{Bench, counts, made, run};
use support::require;
use xdoctor::probe::Via::{Dlsym, HandedOut, Plt};
use xdoctor::probe::{Counters, Reason};

const RUNTIME: &str = "libruntime.so";

/// Ways to compile a client, which lead to different relocations.
const FORMS: [&[&str]; 6] = [
    &["-pie", "-fPIE"],
    &["-pie", "-fPIE", "-fno-plt"],
    &["-pie", "-fPIE", "-Wl,-z,now"],
    &["-pie", "-fPIE", "-Wl,-z,lazy"],
    &["-pie", "-fPIE", "-fno-plt", "-Wl,-z,now", "-Wl,-z,pack-relative-relocs"],
    &["-no-pie", "-fno-pic"],
];

#[test]
fn calls_through_the_plt_and_the_got_are_counted_whether_bound_lazily_or_at_once() {
    let bench = Bench::new();
    for form in FORMS {
        let client = bench.client(form);
        let run = bench.observe(client, &["direct", "1000"]).well();
        run.counted(&[("client", "hipMalloc", RUNTIME, Plt, 1000)]);
    }
}

#[test]
fn a_function_that_is_called_and_whose_address_is_taken_is_counted_both_ways() {
    let bench = Bench::new();
    for form in FORMS {
        let client = bench.client(form);
        bench.observe(client, &["pointer", "10"]).well().counted(&[("client", "hipMalloc", RUNTIME, Plt, 20)]);
    }
}

#[test]
fn a_table_of_pointers_is_counted() {
    let bench = Bench::new();
    for form in FORMS {
        let client = bench.client(form);
        bench.observe(client, &["table", "10"]).well().counted(&[("client", "hipMalloc", RUNTIME, Plt, 10)]);
    }
}

#[test]
fn a_function_keeps_one_address_for_its_caller() {
    let bench = Bench::new();
    for form in FORMS {
        let client = bench.client(form);
        bench.observe(client, &["compare", "10"]).well().counted(&[("client", "hipMalloc", RUNTIME, Plt, 10)]);
    }
}

#[test]
fn a_rust_client_is_counted() {
    let bench = Bench::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/observer/client.rs");
    let client = bench.path("rust-client");
    let folder = bench.dir.path().display();
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024"]).arg(source).arg("-o").arg(&client);
    rustc.arg(format!("-Lnative={folder}")).arg(format!("-Clink-arg=-Wl,-rpath,{folder}")).arg("-ldylib=runtime");
    run(&mut rustc);
    bench.observe(client, &[]).well().counted(&[("rust-client", "hipMalloc", RUNTIME, Plt, 5)]);
}

#[test]
fn a_lookup_by_dlsym_is_counted_as_such() {
    let bench = Bench::new();
    let (lookup, runtime) = (bench.compile("cc", "lookup.c", "lookup", &["-ldl"]), bench.path(RUNTIME));
    let words = [runtime.to_str().expect("UTF-8"), "hipMalloc", "10"];
    bench.observe(lookup, &words).well().counted(&[("lookup", "hipMalloc", RUNTIME, Dlsym, 10)]);
}

#[test]
fn a_pointer_that_the_api_hands_out_is_counted_however_the_api_was_reached() {
    let bench = Bench::new();
    let (lookup, runtime) = (bench.compile("cc", "lookup.c", "lookup", &["-ldl"]), bench.path(RUNTIME));
    for name in ["hipGetProcAddress", "cuGetProcAddress_v2"] {
        let words = [runtime.to_str().expect("UTF-8"), name, "10"];
        let run = bench.observe_with(&lookup, &words, &[], &["hipMalloc", name]).well();
        run.counted(&[("lookup", name, RUNTIME, Dlsym, 1), ("lookup", "hipMalloc", RUNTIME, HandedOut, 10)]);
    }
    // The client refers to hipMalloc itself too, and the two addresses must be one.
    let client = bench.client(&["-pie", "-fPIE"]);
    let run = bench.observe_with(client, &["handed-out", "10"], &[], &["hip*"]).well();
    run.counted(&[("client", "hipGetProcAddress", RUNTIME, Plt, 2), ("client", "hipMalloc", RUNTIME, Plt, 10)]);
}

#[test]
fn a_pointer_handed_out_through_a_shim_is_counted_once_for_whoever_calls_it() {
    let bench = Bench::new();
    let client = bench.client(&["-pie", "-fPIE"]);
    let shim = bench.library("shim.c", "libshim.so", &["-ldl"]);
    let run = bench.observe_with(&client, &["handed-out", "10"], &[("LD_PRELOAD", &shim)], &["hip*"]).well();
    // The runtime hands out what its own reference is bound to: the shim's.
    run.counted(&[
        ("client", "hipGetProcAddress", "libshim.so", Plt, 2),
        ("libshim.so", "hipGetProcAddress", RUNTIME, Dlsym, 2),
        ("client", "hipMalloc", "libshim.so", Plt, 10),
        ("libshim.so", "hipMalloc", RUNTIME, Dlsym, 10),
    ]);
    // This one hands out its own: the calls go past the shim.
    bench.library("runtime.c", RUNTIME, &["-Wl,-soname,libruntime.so", "-Wl,-Bsymbolic"]);
    let run = bench.observe_with(&client, &["handed-out", "10"], &[("LD_PRELOAD", &shim)], &["hip*"]).well();
    run.counted(&[
        ("client", "hipGetProcAddress", "libshim.so", Plt, 2),
        ("libshim.so", "hipGetProcAddress", RUNTIME, Dlsym, 2),
        ("client", "hipMalloc", RUNTIME, HandedOut, 10),
    ]);
}

#[test]
fn a_shim_that_asks_whether_it_found_itself_gets_the_right_answer() {
    let bench = Bench::new();
    let client = bench.client(&["-pie", "-fPIE"]);
    for flags in [&["-ldl"][..], &["-ldl", "-Wl,-Bsymbolic"]] {
        let guard = bench.library("guard.c", "libguard.so", flags);
        let run = bench.observe_with(&client, &["direct", "10"], &[("LD_PRELOAD", &guard)], &["hip*"]).well();
        run.counted(&[
            ("client", "hipMalloc", "libguard.so", Plt, 10),
            ("libguard.so", "hipMalloc", RUNTIME, Dlsym, 10),
        ]);
    }
}

#[test]
fn a_shim_that_exports_dlsym_goes_on_answering_and_its_own_lookups_are_seen() {
    let bench = Bench::new();
    let (lookup, runtime) = (bench.compile("cc", "lookup.c", "lookup", &["-ldl"]), bench.path(RUNTIME));
    let hijack = bench.library("hijack.c", "libhijack.so", &["-ldl"]);
    let words = [runtime.to_str().expect("UTF-8"), "hipFree", "10"];
    let run = bench.observe_with(&lookup, &words, &[("LD_PRELOAD", &hijack)], &["hip*", "dlsym"]).well();
    run.counted(&[("libhijack.so", "hipFree", RUNTIME, Dlsym, 10)]);
    // What the shim answers itself did not come from ld.so: it works, and is not in the counts.
    let words = [runtime.to_str().expect("UTF-8"), "hipMalloc", "10"];
    bench.observe_with(&lookup, &words, &[("LD_PRELOAD", &hijack)], &["hip*"]).well().counted(&[]);
}

#[test]
fn a_module_that_calls_in_its_constructor_is_counted_through_every_dlopen_and_dlclose() {
    let bench = Bench::new();
    let client = bench.client(&["-pie", "-fPIE", "-ldl"]);
    let module = bench.client_library("module.c", "module.so", &[]);
    let run = bench.observe(client, &["module", "200", module.to_str().expect("UTF-8")]).well();
    let image =
        run.counted(&[("module.so", "hipMalloc", RUNTIME, Plt, 400), ("module.so", "hipFree", RUNTIME, Plt, 200)]);
    assert_eq!(image.objects.iter().filter(|object| object.path == module).count(), 1);
}

#[test]
fn a_namespace_of_its_own_is_named_and_counted_apart() {
    let bench = Bench::new();
    let client = bench.client(&["-pie", "-fPIE", "-ldl"]);
    let module = bench.client_library("module.c", "module.so", &[]);
    let run = bench.observe(client, &["other-namespace", "1", module.to_str().expect("UTF-8")]).well();
    let image = run.counted(&[("module.so", "hipMalloc", RUNTIME, Plt, 2), ("module.so", "hipFree", RUNTIME, Plt, 1)]);
    let namespaces: Vec<i64> =
        image.objects.iter().filter(|o| o.path.ends_with(RUNTIME)).map(|o| o.namespace).collect();
    // The observer has one, too.
    assert!(matches!(namespaces[..], [0, other] if other > 0), "{namespaces:?}");
}

#[test]
fn counts_survive_sigkill_a_crash_and_exit_without_destructors() {
    let bench = Bench::new();
    let client = bench.client(&["-pie", "-fPIE"]);
    for (way, exit, signal) in [("killed", None, Some(9)), ("crashed", None, Some(11)), ("left", Some(7), None)] {
        let run = bench.observe(&client, &[way, "100"]);
        assert_eq!((run.ended.exit(), run.ended.signal()), (exit, signal), "{way}");
        run.counted(&[("client", "hipMalloc", RUNTIME, Plt, 100)]);
    }
}

#[test]
fn a_forked_child_counts_for_itself() {
    let bench = Bench::new();
    let client = bench.client(&["-pie", "-fPIE"]);
    let run = bench.observe(client, &["forked", "100"]).well();
    let [first, second] = &run.observation.images[..] else { panic!("{:#?}", run.observation) };
    let (parent, child) = if second.forked { (first, second) } else { (second, first) };
    assert!(child.forked && !parent.forked);
    assert_eq!(child.parent, parent.pid);
    counts(parent, &[("client", "hipMalloc", RUNTIME, Plt, 200)]);
    counts(child, &[("client", "hipMalloc", RUNTIME, Plt, 300)]);
}

#[test]
fn a_program_that_the_process_execs_counts_for_itself() {
    let bench = Bench::new();
    let client = bench.client(&["-pie", "-fPIE"]);
    let run = bench.observe(client, &["executed", "100"]).well();
    let [before, after] = &run.observation.images[..] else { panic!("{:#?}", run.observation) };
    assert_eq!(before.pid, after.pid);
    counts(before, &[("client", "hipMalloc", RUNTIME, Plt, 100)]);
    counts(after, &[("client", "hipMalloc", RUNTIME, Plt, 5)]);
}

#[test]
fn what_runs_without_the_observers_environment_is_not_claimed_to_be_observed() {
    let bench = Bench::new();
    let client = bench.client(&["-pie", "-fPIE"]);
    let run = bench.observe(client, &["executed-without-environment", "100"]).well();
    run.counted(&[("client", "hipMalloc", RUNTIME, Plt, 100)]);
}

#[test]
fn sixteen_threads_and_sixteen_million_calls_are_exact_to_the_last_call() {
    let bench = Bench::new();
    let client = bench.client(&["-pie", "-fPIE", "-fno-plt"]);
    let run = bench.observe(client, &["threads", "1000000", "16"]).well();
    run.counted(&[("client", "hipMalloc", RUNTIME, Plt, 16_000_000)]);
}

#[test]
fn threads_that_come_and_go_are_exact_and_share_blocks() {
    let bench = Bench::new();
    let client = bench.client(&["-pie", "-fPIE"]);
    let run = bench.observe(client, &["thread-by-thread", "10", "5000"]).well();
    run.counted(&[("client", "hipMalloc", RUNTIME, Plt, 50_000)]);
    let entries = fs::read_dir(run.files.path()).expect("the observer's files").map(|entry| entry.expect("a file"));
    let counts = entries.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|is| is == "counts"));
    let size = fs::metadata(counts.expect("counts")).expect("counts").len();
    assert!(size < 1 << 20, "{size} bytes: a block for each thread would be 320 MiB");
}

#[test]
fn a_limit_on_the_size_of_files_costs_no_count_and_no_program() {
    let bench = Bench::new();
    let client = bench.client(&["-pie", "-fPIE"]);
    let run_with = |blocks: u32| {
        let script = format!("ulimit -f {blocks}; exec {} threads 1000 4", client.display());
        bench.observe("sh", &["-c", &script]).well()
    };
    // Room for the first block only, in units of 512 bytes: all threads share it.
    let run = run_with(195);
    let image = run.observation.images.iter().find(|image| image.program() == Some(&client)).expect("the client");
    counts(image, &[("client", "hipMalloc", RUNTIME, Plt, 4000)]);
    let run = run_with(0);
    assert!(run.observation.images.iter().all(|image| image.program() != Some(&client)), "nothing to observe in");
}

#[test]
fn vector_and_variadic_arguments_and_large_results_pass_unharmed() {
    let bench = Bench::new();
    for form in FORMS {
        let client = bench.client(form);
        bench.observe(client, &["unharmed", "5"]).well().counted(&[
            ("client", "hipVectors", RUNTIME, Plt, 5),
            ("client", "hipSum", RUNTIME, Plt, 5),
            ("client", "hipLarge", RUNTIME, Plt, 10),
        ]);
    }
}

#[test]
fn a_cpp_exception_passes_through() {
    let bench = Bench::new();
    let provider = bench.compile("c++", "throw.cpp", "libthrow.so", &["-shared", "-fPIC", "-DPROVIDER"]);
    let client = bench.program("throw.cpp", "client", &[provider.to_str().expect("UTF-8")]);
    let run = bench.observe(client, &[]).well();
    run.counted(&[("client", "hipThrow", "libthrow.so", Plt, 5)]);
}

#[test]
fn a_reference_that_may_not_be_changed_is_undetermined_and_never_zero() {
    let bench = Bench::new();
    let refuse = bench.compile("cc", "refuse.c", "refuse", &[]);
    let client = bench.client(&["-pie", "-fPIE", "-fno-plt"]);
    let run = bench.observe(refuse, &[client.to_str().expect("UTF-8"), "direct", "10"]).well();
    let image = run.observation.images.iter().find(|image| image.program() == Some(&client)).expect("the client");
    assert_eq!(made(image), []);
    assert!(image.calls.iter().all(|call| call.symbol != "hipMalloc"), "{:#?}", image.calls);
    let unseen = image.unseen.iter().find(|unseen| unseen.symbol == "hipMalloc").expect("undetermined");
    assert_eq!((unseen.caller.as_path(), unseen.via, unseen.reason), (client.as_path(), Plt, Reason::Refused));
}

#[test]
fn references_bound_to_a_programs_own_plt_entry_are_said_to_be() {
    let bench = Bench::new();
    let client = bench.client(&["-no-pie", "-fno-pic", "-ldl"]);
    let module = bench.client_library("module.c", "module.so", &["-fno-plt"]);
    let run = bench.observe(client, &["module", "3", module.to_str().expect("UTF-8")]).well();
    let image = run.image();
    let unseen = image.unseen.iter().find(|unseen| unseen.caller == module).expect("the module's reference");
    assert_eq!((unseen.symbol.as_str(), unseen.reason), ("hipMalloc", Reason::Canonical));
    let total: u64 = image.calls.iter().filter(|call| call.symbol == "hipMalloc").map(|call| call.count).sum();
    assert_eq!(total, 6, "counted as the program's");
}

#[test]
fn no_page_is_writable_and_executable_at_once() {
    let bench = Bench::new();
    let lookup = bench.compile("cc", "lookup.c", "lookup", &["-ldl"]);
    let runtime = bench.path(RUNTIME);
    let run = bench.observe(lookup, &[runtime.to_str().expect("UTF-8"), "hipMalloc", "10", "maps"]).well();
    let maps = run.ended.stdout.text();
    assert!(maps.contains("libxdoctor-observer.so"), "{maps}");
    assert!(maps.lines().any(|line| line.contains("r-xp") && line.contains("libxdoctor-observer.so")), "{maps}");
    assert!(!maps.lines().any(|line| line.contains(" rwx")), "{maps}");
}

#[test]
fn static_and_secure_programs_leave_no_handshake() {
    let bench = Bench::new();
    let program = bench.compile("cc", "nothing.c", "static", &["-static"]);
    assert_eq!(bench.observe(program, &[]).well().observation.images.len(), 0);
    if require(rustix::process::getuid().is_root(), "root, to make a program setgid") {
        let program = bench.compile("cc", "nothing.c", "setgid", &[]);
        std::os::unix::fs::chown(&program, None, Some(65534)).expect("root may");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o2755)).expect("root may");
        assert_eq!(bench.observe(program, &[]).well().observation.images.len(), 0);
    }
}

#[test]
fn a_musl_program_leaves_no_handshake() {
    let found = Command::new("musl-gcc").arg("--version").output().is_ok();
    if require(found, "musl-gcc (Debian: musl-tools)") {
        let bench = Bench::new();
        let program = bench.path("musl");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/observer/nothing.c");
        run(Command::new("musl-gcc").arg(source).arg("-o").arg(&program));
        assert_eq!(bench.observe(program, &[]).well().observation.images.len(), 0);
    }
}

#[test]
fn the_shims_and_the_runtimes_own_counters_say_the_same() {
    let bench = Bench::new();
    let (client, shim) = (bundle::file("bin/hip-matmul"), bundle::file("lib/libshimhip.so"));
    let (file, words) = (bench.path("counters"), ["--iterations", "20"]);
    let runtime = bundle::file("lib/libamdhip64.so.7").canonicalize().expect("there");
    for (preload, provider, variable) in
        [(Some(&shim), &shim, "XDOCTOR_COUNTERS"), (None, &runtime, "XDOCTOR_RUNTIME_COUNTERS")]
    {
        let mut env: Vec<(&str, &Path)> = vec![(variable, &file)];
        env.extend(preload.map(|shim| ("LD_PRELOAD", shim.as_path())));
        let names: Vec<&str> = vec!["hip[A-Z]*", "__hip[A-Z]*"];
        let run = bench.observe_with(&client, &words, &env, &names).well();
        let own = Counters::read(&file).expect("counters").calls;
        let mut observed = std::collections::BTreeMap::new();
        for call in run.image().calls.iter().filter(|call| call.count > 0 && call.caller == client) {
            assert_eq!(call.provider.as_ref().and_then(|path| path.canonicalize().ok()).as_ref(), Some(provider));
            *observed.entry(call.symbol.clone()).or_default() += call.count;
        }
        assert_eq!(observed, own);
        assert!(own["hipLaunchKernel"] > 0);
    }
}

#[test]
fn when_all_trampolines_are_taken_the_rest_is_undetermined_and_still_works() {
    let bench = Bench::new();
    let each = |line: &dyn Fn(usize) -> String| (0..8200).map(line).collect::<String>();
    let library = each(&|i| format!("int hip{i}(void) {{ return {i} & 1; }}\n"));
    let declarations = each(&|i| format!("int hip{i}(void);\n"));
    let calls = each(&|i| format!("    sum += hip{i}();\n"));
    fs::write(bench.path("many.c"), library).expect("written");
    let client = format!("{declarations}int main(void) {{\n    int sum = 0;\n{calls}    return sum != 4100;\n}}\n");
    fs::write(bench.path("client.c"), client).expect("written");
    run(Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(bench.path("libmany.so")).arg(bench.path("many.c")));
    let mut link = Command::new("cc");
    link.arg(bench.path("client.c")).arg(bench.path("libmany.so")).arg("-o").arg(bench.path("client"));
    run(link.arg("-Wl,-z,now"));
    let run = bench.observe(bench.path("client"), &[]).well();
    let image = run.image();
    // 64 trampolines are kept for functions that hand out addresses.
    assert_eq!((image.calls.len(), image.unseen.len()), (8192 - 64, 8200 - (8192 - 64)));
    assert!(image.calls.iter().all(|call| call.count == 1));
    assert!(image.unseen.iter().all(|unseen| unseen.reason == Reason::Full));
}
