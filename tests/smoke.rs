//! `xdoctor smoke`: the first rung that fails names the failure, and nothing above it is called proven.

#[path = "support/shims.rs"]
mod shims;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::path::Path;

use serde_json::Value;
use shims::{Shim, version_script};
use tempfile::TempDir;
use xdoctor::{command, xdoctor};

fn scratch() -> TempDir {
    tempfile::tempdir().expect("scratch")
}

/// Climbs with this shim; the exit status must be the one expected.
#[track_caller]
fn smoke(shim: &Path, status: i32, more: &[&str]) -> Value {
    let shim = shim.to_str().expect("text");
    let mut args = vec!["smoke", "--format", "json", "--shim", shim];
    args.extend(more);
    let document = xdoctor(args).exits(status).json();
    assert_eq!(document["schema"], "xdoctor/smoke/1");
    document
}

fn rung<'a>(document: &'a Value, name: &str) -> &'a Value {
    let rungs = document["rungs"].as_array().expect("rungs");
    rungs.iter().find(|rung| rung["rung"] == name).expect("every rung is reported")
}

/// The shim fails at this rung with this code; every rung above it is undetermined, never passed.
#[track_caller]
fn fails_at(document: &Value, name: &str, code: &str) {
    let found = rung(document, name);
    assert_eq!((&found["status"], &found["code"]), (&"fail".into(), &code.into()), "{document:#}");
    assert!(!found["fix"].as_str().unwrap_or_default().is_empty(), "what mends it: {found:#}");
    let rungs = document["rungs"].as_array().expect("rungs");
    let above = rungs.iter().skip_while(|rung| rung["rung"] != name).skip(1);
    for rung in above {
        assert_eq!(rung["status"], "undetermined", "{rung:#}");
    }
}

fn native_and_shimmed_exit_well(document: &Value) {
    assert_eq!((&document["native"]["exit"], &document["shimmed"]["exit"]), (&0.into(), &0.into()), "{document:#}");
    assert_eq!(
        rung(document, "correct")["evidence"][0].as_str().expect("seen").split(',').next(),
        Some("shimmed: correct")
    );
}

#[test]
fn the_bundled_shim_is_proven_on_every_rung_and_for_twelve_roles() {
    let run = xdoctor(["smoke"]).exits(0);
    assert!(run.stdout.contains("interception proven for 12 of 12 roles"), "{}", run.stdout);
    let document = xdoctor(["smoke", "--format", "json"]).exits(0).json();
    assert_eq!(document["device"], "xdoctor CPU reference");
    let names: Vec<&Value> = document["rungs"].as_array().expect("rungs").iter().map(|rung| &rung["rung"]).collect();
    assert_eq!(names, ["present", "loads", "binds", "called", "forwards", "correct", "survives"]);
    let calls = document["calls"].as_array().expect("calls");
    assert!(calls.iter().all(|call| call["shim"] == call["runtime"]), "{calls:#?}");
    assert!(calls.iter().any(|call| call["symbol"] == "hipModuleLaunchKernel" && call["role"] == "launch"));
}

#[test]
fn the_bundled_shim_is_proven_in_front_of_every_soname() {
    let folder = scratch();
    let bundle = folder.path().to_str().expect("text");
    xdoctor(["bundle", bundle]).exits(0);
    for soname in ["libamdhip64.so.5", "libamdhip64.so.6", "libamdhip64.so.7"] {
        let runtime = format!("{bundle}/lib/{soname}");
        xdoctor(["smoke", "--runtime", &runtime]).exits(0);
        xdoctor(["smoke", "--runtime", &runtime, "--deploy", "replace"]).exits(0);
    }
}

#[test]
fn a_shim_that_exports_nothing_fails_at_binds_although_the_result_is_right() {
    let folder = scratch();
    let shim = Shim::in_folder(folder.path()).with_map("X { global: xdoctor_shim_*; local: *; };").link();
    let document = smoke(&shim, 1, &[]);
    fails_at(&document, "binds", "exports-nothing");
    native_and_shimmed_exit_well(&document);
    assert_eq!(rung(&document, "loads")["status"], "pass", "its being loaded proves nothing");
}

#[test]
fn a_shim_in_nodes_that_no_client_asks_for_fails_at_binds_although_the_result_is_right() {
    let folder = scratch();
    let shim = Shim::in_folder(folder.path()).with_map(version_script().replace("hip_", "hop_")).link();
    let document = smoke(&shim, 1, &[]);
    fails_at(&document, "binds", "version-mismatch");
    native_and_shimmed_exit_well(&document);
    let found = rung(&document, "binds");
    assert!(found["expected"].as_str().expect("expected").contains("@hip_"), "{found:#}");
    assert!(found["actual"].as_str().expect("found").contains("@@hop_"), "{found:#}");
}

#[test]
fn one_function_in_another_node_than_the_runtimes_is_version_partial() {
    let folder = scratch();
    let name = "hipMemcpyAsync";
    let moved = format!("hip_6.0 {{\n  global:\n    {name};");
    let map = version_script().replace(&format!(" {name};"), "").replace("hip_6.0 {\n  global:", &moved);
    let shim = Shim::in_folder(folder.path()).with_map(map).link();
    let document = smoke(&shim, 1, &[]);
    fails_at(&document, "binds", "version-partial");
    let found = rung(&document, "binds");
    assert_eq!(found["expected"], format!("{name}@hip_4.2"));
    assert!(found["actual"].as_str().expect("text").contains(&format!("{name}@@hip_6.0")), "{found:#}");
}

#[test]
fn a_function_that_no_experiment_turns_on_is_missed_with_a_warning_and_its_role_is_not_proven() {
    let folder = scratch();
    let map = version_script().replace(" hipEventElapsedTime;", "");
    let shim = Shim::in_folder(folder.path()).with_map(map).link();
    let document = smoke(&shim, 0, &[]);
    let binds = rung(&document, "binds");
    assert_eq!((&binds["status"], &binds["code"]), (&"warn".into(), &"not-covered".into()), "{binds:#}");
    assert_eq!(rung(&document, "survives")["status"], "pass");
    let run = xdoctor(["smoke".as_ref(), "--shim".as_ref(), shim.as_os_str()]).exits(0);
    assert!(run.stdout.contains("interception NOT proven: seen for 11 of 12 roles only"), "{}", run.stdout);
}

#[test]
fn a_shim_that_forwards_a_launch_twice_fails_at_forwards() {
    let folder = scratch();
    let source = "#define _GNU_SOURCE\n#include <dlfcn.h>\n\
                  static int (*real)(void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **, void **);\n\
                  int hipModuleLaunchKernel(void *f, unsigned a, unsigned b, unsigned c, unsigned d, unsigned e, unsigned g, unsigned h, void *s, void **p, void **x)\n\
                  { real = dlsym(RTLD_NEXT, \"hipModuleLaunchKernel\"); real(f, a, b, c, d, e, g, h, s, p, x); return real(f, a, b, c, d, e, g, h, s, p, x); }";
    let shim = Shim::in_folder(folder.path()).with_source("t.c", source).without_function("hipModuleLaunchKernel");
    fails_at(&smoke(&shim.link(), 1, &[]), "forwards", "dlsym-bypass");
}

#[test]
fn a_shim_that_hands_out_the_runtimes_own_addresses_fails_at_forwards() {
    let folder = scratch();
    let source = "#define _GNU_SOURCE\n#include <dlfcn.h>\n\
                  int hipGetProcAddress(const char *n, void **p, int v, unsigned long f, void *s)\n\
                  { *p = dlsym(RTLD_NEXT, n); return *p == 0; }";
    let shim = Shim::in_folder(folder.path()).with_source("h.c", source).without_function("hipGetProcAddress");
    let document = smoke(&shim.link(), 1, &[]);
    let rungs = document["rungs"].as_array().expect("rungs");
    let failed = rungs.iter().find(|rung| rung["status"] == "fail").expect("one fails");
    assert!(["called", "forwards"].contains(&failed["rung"].as_str().expect("text")), "{failed:#}");
    assert_eq!(failed["code"], "dlsym-bypass");
}

#[test]
fn a_launch_function_that_the_shim_does_not_export_is_not_covered() {
    let folder = scratch();
    let map = version_script().replace("hipModuleLaunchKernel;", "");
    let shim = Shim::in_folder(folder.path()).with_map(map).link();
    let document = smoke(&shim, 1, &[]);
    fails_at(&document, "binds", "not-covered");
    assert!(rung(&document, "binds")["expected"].as_str().expect("text").contains("(launch)"));
}

#[test]
fn a_function_exported_under_its_cxx_name_only_is_a_mangled_name() {
    let folder = scratch();
    let mangled = "_Z21hipModuleLaunchKernelPvj";
    let map = version_script().replace("hipModuleLaunchKernel;", &format!("{mangled};"));
    let alias = format!("-Wl,--defsym={mangled}=hipModuleLaunchKernel");
    let shim = Shim::in_folder(folder.path()).with_map(map).with_flag(alias).link();
    let document = smoke(&shim, 1, &[]);
    fails_at(&document, "binds", "mangled-name");
    assert!(rung(&document, "binds")["actual"].as_str().expect("text").contains(mangled));
}

#[test]
fn a_shim_without_versions_is_proven_with_a_warning() {
    let folder = scratch();
    let shim = Shim::in_folder(folder.path()).without_map().link();
    let document = smoke(&shim, 0, &[]);
    let binds = rung(&document, "binds");
    assert_eq!((&binds["status"], &binds["code"]), (&"warn".into(), &"unversioned-shim".into()), "{binds:#}");
    assert_eq!(rung(&document, "called")["status"], "pass");
}

#[test]
fn a_library_that_the_shim_needs_and_nobody_has_is_named() {
    let folder = scratch();
    let absent = folder.path().join("libabsent.so");
    std::fs::write(folder.path().join("absent.c"), "int absent(void) { return 0; }").expect("written");
    let built = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-Wl,-soname,libabsent.so.9", "-o"])
        .arg(&absent)
        .arg(folder.path().join("absent.c"))
        .status();
    assert!(built.expect("gcc").success());
    let flag = format!("-Wl,--no-as-needed,{}", absent.display());
    let shim = Shim::in_folder(folder.path()).with_flag(flag).link();
    let document = smoke(&shim, 1, &[]);
    fails_at(&document, "loads", "missing-library");
    assert!(rung(&document, "loads")["actual"].as_str().expect("text").contains("libabsent.so.9"));
}

#[test]
fn a_symbol_of_the_shims_own_that_resolves_nowhere_is_named() {
    let folder = scratch();
    let source =
        "extern int _ZTIN6xsched3hip10HipCommandE; int *wanted(void) { return &_ZTIN6xsched3hip10HipCommandE; }";
    let shim = Shim::in_folder(folder.path()).with_source("undefined.c", source).link();
    let document = smoke(&shim, 1, &[]);
    fails_at(&document, "loads", "undefined-symbol");
    assert!(rung(&document, "loads")["actual"].as_str().expect("text").contains("HipCommandE"));
}

#[test]
fn a_shim_of_another_machine_is_a_preload_that_ld_so_ignores() {
    let folder = scratch();
    let shim = Shim::in_folder(folder.path()).link();
    let mut bytes = std::fs::read(&shim).expect("read");
    bytes[18] = 183; // e_machine: EM_AARCH64
    std::fs::write(&shim, bytes).expect("written");
    let document = smoke(&shim, 1, &[]);
    fails_at(&document, "loads", "preload-ignored");
    let ground = rung(&document, "present")["evidence"].to_string();
    assert!(ground.contains("for aarch64, not for this machine's x86-64"), "{ground}");
}

#[test]
fn what_is_no_library_fails_on_the_ground_and_is_named() {
    let folder = scratch();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        path
    };
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 308152\n";
    let cases = [
        ("/no/such/libshimhip.so".into(), "library-missing", "No such file"),
        (folder.path().to_owned(), "wrong-type", "found a folder"),
        (file("text.so", "not an ELF file\n"), "wrong-type", "(a text file)"),
        (file("script.so", "/* GNU ld script */\nGROUP ( libshimhip.so.1 )\n"), "wrong-type", "(a linker script"),
        (file("pointer.so", pointer), "wrong-type", "(a Git LFS pointer; git lfs pull"),
        (file("empty.so", ""), "wrong-type", "it is empty"),
    ];
    for (path, code, said) in &cases {
        for document in [smoke(path, 1, &[]), smoke(path, 1, &["--", "true"]), before(path)] {
            fails_at(&document, "present", code);
            let actual = rung(&document, "present")["actual"].as_str().expect("text").to_owned();
            assert!(actual.contains(path.to_str().expect("text")) && actual.contains(said), "{actual}");
        }
    }
}

/// Climbs with the bundled shim before that runtime.
fn before(runtime: &Path) -> Value {
    let words = ["smoke", "--format", "json", "--runtime", runtime.to_str().expect("text")];
    xdoctor(words).exits(1).json()
}

fn constructor(body: &str) -> String {
    format!(
        "#include <signal.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\n\
         __attribute__((constructor)) static void begin(void) {{ {body} }}\n"
    )
}

#[test]
fn a_crash_at_start_is_named_with_its_signal() {
    let folder = scratch();
    let shim = Shim::in_folder(folder.path()).with_source("c.c", &constructor("raise(SIGSEGV);")).link();
    let document = smoke(&shim, 1, &[]);
    fails_at(&document, "survives", "crash");
    assert_eq!(document["shimmed"]["signal"], 11);
    assert_ne!(rung(&document, "called")["status"], "pass", "what was not seen is not claimed");
}

#[test]
fn a_crash_after_the_right_result_is_a_teardown_crash() {
    let folder = scratch();
    let source = "#include <signal.h>\n__attribute__((destructor)) static void end(void) { raise(SIGSEGV); }";
    let shim = Shim::in_folder(folder.path()).with_source("d.c", source).link();
    let document = smoke(&shim, 1, &[]);
    fails_at(&document, "survives", "teardown-crash");
    assert_eq!(rung(&document, "correct")["status"], "pass");
}

#[test]
fn a_shim_that_never_ends_is_a_hang_and_its_children_end_with_it() {
    let folder = scratch();
    let pid = folder.path().join("pid");
    let body = format!(
        "if (fork() == 0) {{ FILE *f = fopen(\"{}\", \"w\"); fprintf(f, \"%d\", (int)getpid()); fclose(f); }} for (;;) pause();",
        pid.display()
    );
    let shim = Shim::in_folder(folder.path()).with_source("h.c", &constructor(&body)).link();
    let document = smoke(&shim, 1, &["--timeout", "500ms"]);
    fails_at(&document, "survives", "hang");
    let pid: i32 = std::fs::read_to_string(pid).expect("the fork ran").parse().expect("a pid");
    let gone = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z")
    });
    assert!(gone, "the shim's fork {pid} lives on");
}

/// At its limit, where nobody knows how long it takes without the shim: undetermined, with its stacks and what would tell.
#[track_caller]
fn takes_long(document: &Value, thread: &str) {
    let found = rung(document, "survives");
    assert_eq!((&found["status"], &found["code"]), (&"undetermined".into(), &"time-limit".into()), "{document:#}");
    let reason = found["reason"].as_str().expect("a reason");
    assert!(
        reason.starts_with("ended at its limit of 0.5 s") && reason.contains("without the shim is not known"),
        "{reason}"
    );
    assert!(found["evidence"].to_string().contains(thread), "where it stood: {found:#}");
}

#[test]
fn a_limit_is_no_hang_where_nobody_knows_how_long_it_takes_without_the_shim() {
    let folder = scratch();
    let bundle = folder.path().to_str().expect("text");
    xdoctor(["bundle", bundle]).exits(0);
    let shim = Shim::in_folder(folder.path()).with_source("b.c", &constructor("for (;;) ;")).link();
    takes_long(&smoke(&shim, 3, &["--no-native", "--timeout", "500ms"]), "is computing");
    let shim = Path::new(bundle).join("lib/libshimhip.so");
    let preload = format!("LD_PRELOAD={}", shim.display());
    for how in [&["--no-native"][..], &["--deploy", "itself", "--env", &preload]] {
        let document = smoke(&shim, 3, &[how, &["--timeout", "500ms", "--", "sleep", "100"]].concat());
        takes_long(&document, "(sleep) waits in ");
    }
}

#[test]
fn threads_that_all_wait_for_another_are_a_hang_without_a_native_run_too() {
    let folder = scratch();
    let shim = Shim::in_folder(folder.path()).with_source("h.c", &constructor("for (;;) pause();")).link();
    let document = smoke(&shim, 1, &["--no-native", "--timeout", "500ms"]);
    fails_at(&document, "survives", "hang");
}

#[test]
fn a_gigabyte_of_output_is_cut_off_and_named() {
    let folder = scratch();
    let body =
        "static char block[1 << 20]; for (int i = 0; i < 1024; i++) if (write(1, block, sizeof block) < 0) break;";
    let shim = Shim::in_folder(folder.path()).with_source("o.c", &constructor(body)).link();
    let document = smoke(&shim, 1, &[]);
    fails_at(&document, "survives", "output-limit");
    assert_eq!(document["shimmed"]["truncated"], true);
}

#[test]
fn a_shim_that_swallows_a_copy_gives_a_wrong_result() {
    let folder = scratch();
    let source = "int hipMemcpy(void) { return 0; } int hipMemcpyAsync(void) { return 0; }\n\
                  int hipMemcpyDtoH(void) { return 0; } int hipMemcpyDtoHAsync(void) { return 0; }";
    let mut shim = Shim::in_folder(folder.path()).with_source("s.c", source);
    for name in ["hipMemcpy", "hipMemcpyAsync", "hipMemcpyDtoH", "hipMemcpyDtoHAsync"] {
        shim = shim.without_function(name);
    }
    let document = smoke(&shim.link(), 1, &[]);
    assert_eq!(rung(&document, "binds")["status"], "pass", "every reference binds, and yet");
    fails_at(&document, "correct", "wrong-result");
}

#[test]
fn a_runtime_without_device_is_skipped_with_its_reason_unless_required() {
    let document = xdoctor(["smoke", "--format", "json", "--env", "XDOCTOR_DEVICES=0"]).exits(0).json();
    let binds = rung(&document, "binds");
    assert_eq!((&binds["status"], &binds["code"]), (&"skip".into(), &"device-missing".into()));
    assert!(binds["reason"].as_str().expect("a reason").contains("no device"), "{binds:#}");
    let run = xdoctor(["smoke", "--env", "XDOCTOR_DEVICES=0"]).exits(0);
    assert!(run.stdout.contains("interception NOT proven"), "a skip is no proof: {}", run.stdout);
    let document =
        xdoctor(["smoke", "--format", "json", "--env", "XDOCTOR_DEVICES=0", "--require", "gpu"]).exits(1).json();
    fails_at(&document, "loads", "device-missing");
}

#[test]
fn the_bundle_is_unpacked_once() {
    let (temporary, kept) = (scratch(), scratch());
    let [temporary, kept] = [&temporary, &kept].map(|folder| folder.path().to_str().expect("text"));
    let args = ["smoke", "--no-native", "--keep", kept, "--", "find", temporary, "-name", "libshimhip.so"];
    let run = command(args).env("TMPDIR", temporary).output().expect("runs");
    let listed = std::fs::read_to_string(format!("{kept}/smoke.shimmed.stdout")).expect("kept");
    assert_eq!(listed.lines().count(), 1, "{listed}{run:?}");
}

#[test]
fn keep_leaves_what_the_runs_printed() {
    let folder = scratch();
    xdoctor(["smoke", "--keep", folder.path().to_str().expect("text")]).exits(0);
    let kept = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect(name);
    assert!(kept("smoke.native.stdout").contains("\"result\""));
    assert!(kept("smoke.shimmed.stderr").contains("[TRACE_MALLOC]"));
}

/// Climbs with the bundled shim under the bundled client, as a command like any other.
#[track_caller]
fn with_command(status: i32, more: &[&str]) -> Value {
    let folder = scratch();
    let bundle = folder.path().to_str().expect("text");
    xdoctor(["bundle", bundle]).exits(0);
    let (shim, client) = (format!("{bundle}/lib/libshimhip.so"), format!("{bundle}/bin/hip-matmul"));
    let more: Vec<String> = more.iter().map(|word| word.replace("BUNDLE", bundle)).collect();
    let mut args = vec!["smoke", "--format", "json", "--shim", &shim];
    args.extend(more.iter().map(String::as_str));
    args.extend(["--", &client]);
    xdoctor(args).exits(status).json()
}

#[test]
fn a_runtime_that_was_named_and_that_no_call_reaches_is_the_wrong_one() {
    let document = with_command(1, &["--runtime", "BUNDLE/lib/libamdhip64.so.6"]);
    fails_at(&document, "forwards", "wrong-runtime");
    assert!(rung(&document, "forwards")["fix"].as_str().expect("a fix").contains("SONAME"), "{document:#}");
    fails_at(&with_command(1, &["--runtime", "BUNDLE/lib/libshimhip.so"]), "forwards", "wrong-runtime");
    let document = with_command(0, &["--runtime", "BUNDLE/lib/libamdhip64.so.7"]);
    assert_eq!(rung(&document, "forwards")["status"], "pass");
}

#[test]
fn another_library_that_cannot_be_preloaded_is_told_and_no_failure_of_the_shim() {
    let document = with_command(0, &["--env", "LD_PRELOAD=/nowhere/libother.so"]);
    let loads = rung(&document, "loads");
    assert_eq!((&loads["status"], &loads["code"]), (&"pass".into(), &Value::Null), "{document:#}");
    assert!(loads["evidence"][0].as_str().expect("seen").contains("/nowhere/libother.so"), "{document:#}");
}

#[test]
fn only_the_functions_that_are_watched_count_as_forwarded() {
    let document = with_command(3, &["--api", "cuda"]);
    let forwards = rung(&document, "forwards");
    assert_eq!(forwards["status"], "undetermined", "none was called: {document:#}");
    let document = with_command(0, &["--api", "hipStream*"]);
    let calls = document["calls"].as_array().expect("calls");
    assert!(!calls.is_empty() && calls.iter().all(|call| call["shim"] == call["runtime"]), "{calls:#?}");
    assert!(calls.iter().all(|call| call["symbol"].as_str().is_some_and(|name| name.starts_with("hipStream"))));
}

#[test]
fn processes_are_counted_and_each_program_of_theirs_is_named_once() {
    let folder = scratch();
    let bundle = folder.path().to_str().expect("text");
    xdoctor(["bundle", bundle]).exits(0);
    let (shim, client) = (format!("{bundle}/lib/libshimhip.so"), format!("{bundle}/bin/hip-matmul"));
    let script = format!("{client}; {client}; exit 0");
    let run = xdoctor(["smoke", "--format", "json", "--shim", &shim, "--", "sh", "-c", &script]).exits(0);
    let document = run.json();
    let seen = rung(&document, "loads")["evidence"][0].as_str().expect("seen").to_owned();
    assert!(seen.contains("3 processes of 2 programs: ") && seen.matches("bin/hip-matmul").count() == 1, "{seen}");
}

#[test]
fn wrong_usage_is_named_in_a_line() {
    let cases: [(&[&str], &str); 7] = [
        (&["--api", ""], "expected an API"),
        (&["--api", "a["], "no pattern"),
        (&["--env", "=x"], "expected K=V"),
        (&["--trace-line", "=x"], "expected NAME=REGEX"),
        (&["--expect-line", "("], "unclosed group"),
        (&["--compare", "md5"], "expected `exit`, `stdout` or `json:PATH`"),
        (&["--timeout", "0"], "expected a time such as 60s"),
    ];
    for (words, said) in cases {
        let run = xdoctor([&["smoke"], words, &["--", "true"]].concat()).exits(2);
        assert!(run.stdout.is_empty() && run.stderr.contains(said), "{words:?}: {}", run.stderr);
    }
}

#[test]
fn interception_that_was_seen_is_said_where_only_the_result_could_not_be_compared() {
    let folder = scratch();
    let bundle = folder.path().to_str().expect("text");
    xdoctor(["bundle", bundle]).exits(0);
    let (runtime, client) = (format!("{bundle}/lib/libamdhip64.so.7"), format!("{bundle}/bin/hip-matmul"));
    let run = xdoctor(["smoke", "--no-native", "--runtime", &runtime, "--", &client]).exits(3);
    let last = run.stdout.lines().last().expect("a verdict");
    assert!(last.starts_with("interception seen for 12 of 12 roles; `correct` is undetermined"), "{last}");
}

/// Climbs with a script that prints what it is given, and something else under the shim.
fn printing(native: &str, shimmed: &str, status: i32) -> Value {
    let folder = scratch();
    let bundle = folder.path().to_str().expect("text");
    xdoctor(["bundle", bundle]).exits(0);
    let print = format!(
        "{bundle}/bin/hip-matmul > {bundle}/out && if [ $LD_PRELOAD ]; then echo '{shimmed}'; else echo '{native}'; fi"
    );
    let runtime = format!("{bundle}/lib/libamdhip64.so.7");
    let words = ["--runtime", &runtime, "--compare", "json:/loss", "--", "sh", "-c", &print];
    smoke(&Path::new(bundle).join("lib/libshimhip.so"), status, &words)
}

#[test]
fn a_json_value_that_is_no_number_is_named_with_its_mend() {
    let (number, nan) = (r#"{"loss": 0.5}"#, r#"{"loss": NaN}"#);
    let document = printing(number, nan, 1);
    fails_at(&document, "correct", "wrong-result");
    let actual = rung(&document, "correct")["actual"].as_str().expect("found").to_owned();
    assert!(actual.starts_with("the JSON on its stdout holds NaN, which JSON has no word for"), "{actual}");
    let document = printing(nan, nan, 3);
    let reason = rung(&document, "correct")["reason"].as_str().expect("a reason").to_owned();
    assert!(reason.starts_with("the native run cannot be compared: the JSON on its stdout holds NaN"), "{reason}");
    assert!(reason.contains("allow_nan=False") && reason.ends_with("or compare stdout instead"), "{reason}");
}

#[test]
fn a_client_that_env_starts_without_the_observer_is_undetermined_with_its_name_however_short_its_life() {
    let folder = scratch();
    let bundle = folder.path().to_str().expect("text");
    xdoctor(["bundle", bundle]).exits(0);
    let (runtime, client) = (format!("{bundle}/lib/libamdhip64.so.7"), format!("{bundle}/bin/hip-matmul"));
    let shim = Path::new(bundle).join("lib/libshimhip.so");
    let document = smoke(&shim, 3, &["--runtime", &runtime, "--", "env", "-i", &client]);
    for name in ["binds", "called"] {
        let found = rung(&document, name);
        assert_eq!(
            (&found["status"], &found["code"]),
            (&"undetermined".into(), &"observer-ignored".into()),
            "{document:#}"
        );
        let said = format!("became {client} (execvp) without the observer: what it called was not seen");
        assert!(found["reason"].as_str().expect("a reason").contains(&said), "{found:#}");
    }
    assert_eq!(document["calls"], serde_json::json!([]));
}
