//! What happens only when a program runs: shims that are sound, and shims, programs and runtimes that are at fault in each
//! way that gcc can reproduce. `xdoctor smoke` climbs the ladder with each, and must say what its author knows.
//!
//! A folder under fixtures/dynamic holds what differs from fixtures/dynamic/common. Lines that begin with `//#` say how it is
//! made (tests/support/toys.rs) and what is expected:
//!
//! - `expect: sound` means that every rung passes
//! - `expect: RUNG STATUS CODE` is the first rung that does not; above one that fails nothing is claimed. `-` is no code
//! - `also: CODE` is a finding beside it, a warning or a piece of information; there are no others
//! - `says: TEXT` stands in what that rung, or that finding, tells
//! - `calls: FUNCTION COUNT` are the calls that arrive in the shim
//! - `lines: NAME COUNT` are the printed lines that fit a `--trace-line`
//! - `within: SECONDS` is how long the shimmed run may take, where that is less than its time limit
//! - `smoke: WORDS` are more words of the command line
#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]
#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/schema.rs"]
mod schema;
#[path = "support/toys.rs"]
mod toys;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use toys::Toys;
use xdoctor::{Run, command};

const KEYS: [&str; 7] = ["smoke", "expect", "also", "says", "calls", "lines", "within"];

/// The rungs, from the ground.
const RUNGS: [&str; 7] = ["present", "loads", "binds", "called", "forwards", "correct", "survives"];

/// A folder's toys, and what smoke says of them.
struct Case {
    toys: Toys,
    status: i32,
    document: Value,
    took: Duration,
}

impl Case {
    fn of(folder: &str) -> Case {
        let toys = Toys::build("dynamic", folder, &KEYS);
        let usual = "smoke --format json --shim shim/libshimhip.so --runtime lib/libamdhip64.so.7";
        let own: Vec<String> = toys.all("smoke").flat_map(words).collect();
        let compared = if own.iter().any(|word| word == "--compare") { "" } else { "--compare stdout" };
        let all = words(usual).into_iter().chain(own).chain(words(compared)).chain(words("-- ./client"));
        let begun = Instant::now();
        let run = Run::of(command(all).current_dir(toys.place()).output().expect("xdoctor starts"));
        let took = begun.elapsed();
        let document = run.json();
        schema::assert_valid("smoke", &document);
        Case { toys, status: run.status, document, took }
    }

    fn rung(&self, name: &str) -> &Value {
        let rungs = self.document["rungs"].as_array().expect("rungs");
        rungs.iter().find(|rung| rung["rung"] == name).expect("every rung is reported")
    }

    /// The rung that does not pass, with its status and code; `None` where all do.
    fn stop(&self) -> Option<(&str, &str, &str)> {
        let expected = self.toys.one("expect").expect("every folder says what it expects");
        if expected == "sound" {
            return None;
        }
        let mut words = expected.split(' ');
        let mut word = || words.next().unwrap_or_else(|| panic!("RUNG STATUS CODE, not {expected}"));
        Some((word(), word(), word()))
    }

    /// What the folder's head says of the rungs, and the exit status that follows.
    fn stands_where_expected(&self) {
        let Case { document, status, .. } = self;
        let stop = self.stop();
        let mut above = false;
        for name in RUNGS {
            let rung = self.rung(name);
            match stop {
                Some((at, status, code)) if at == name => {
                    let found = (rung["status"].as_str(), rung["code"].as_str().unwrap_or("-"));
                    assert_eq!(found, (Some(status), code), "{document:#}");
                    above = true;
                }
                Some((_, "fail", _)) if above => assert_eq!(rung["status"], "undetermined", "{name}: {document:#}"),
                Some((_, "undetermined", _)) if above => assert_ne!(rung["status"], "fail", "{name}: {document:#}"),
                // What ended early need not have called all that it would have.
                _ if rung["status"] == "undetermined" => {
                    assert_ne!(document["shimmed"]["exit"], 0, "{name}: {document:#}")
                }
                Some((_, "skip", _)) if above => assert_eq!(rung["status"], "skip", "{name}: {document:#}"),
                _ => assert!(rung["status"] == "pass" || rung["status"] == "warn", "{name}: {document:#}"),
            }
        }
        let expected = match stop {
            Some((_, "fail", _)) => 1,
            Some((_, "undetermined", _)) => 3,
            _ => 0,
        };
        assert_eq!(*status, expected, "{document:#}");
    }

    /// The findings beside the one that stops the climb.
    fn others(&self) -> BTreeSet<&str> {
        let first = self.stop().map(|(.., code)| code);
        let rungs = self.document["rungs"].as_array().expect("rungs").iter();
        rungs.filter_map(|rung| rung["code"].as_str()).filter(|code| Some(*code) != first).collect()
    }

    /// All that the rungs with a finding tell.
    fn said(&self) -> String {
        let rungs = self.document["rungs"].as_array().expect("rungs").iter();
        rungs.filter(|rung| !rung["code"].is_null()).map(|rung| format!("{rung:#}\n")).collect()
    }
}

/// The words of a line, as a shell parts them, where only single quotes count.
fn words(line: &str) -> Vec<String> {
    let pattern = regex::Regex::new(r"'([^']*)'|(\S+)").expect("valid");
    let word = |found: regex::Captures| found.get(1).or(found.get(2)).map(|word| word.as_str().to_owned());
    pattern.captures_iter(line).filter_map(word).collect()
}

/// The promise that every folder makes.
fn is_judged_as_its_author_knows(folder: &str) {
    let case = Case::of(folder);
    let document = &case.document;
    case.stands_where_expected();
    assert_eq!(case.others(), case.toys.all("also").collect(), "{document:#}");
    for text in case.toys.all("says") {
        assert!(case.said().contains(text), "{text}: {document:#}");
    }
    for line in case.toys.all("calls") {
        let (symbol, count) = line.split_once(' ').expect("FUNCTION COUNT");
        let mut calls = document["calls"].as_array().expect("calls").iter();
        let call = calls.find(|call| call["symbol"] == symbol).expect("it was called");
        let counted = (call["shim"].to_string(), call["runtime"].to_string());
        assert_eq!(counted, (count.to_owned(), count.to_owned()), "{document:#}");
    }
    for line in case.toys.all("lines") {
        let (name, count) = line.split_once(' ').expect("NAME COUNT");
        let lines = document["lines"].as_array().expect("lines").iter();
        let counted: Vec<String> =
            lines.filter(|row| row["name"] == name).map(|row| row["count"].to_string()).collect();
        assert_eq!(counted, [count], "{document:#}");
    }
    for seconds in case.toys.all("within") {
        let limit: f64 = seconds.parse().expect("a number");
        let took = document["shimmed"]["seconds"].as_f64().expect("seconds");
        assert!(took < limit, "{took} s: {document:#}");
    }
    done(case.took);
}

/// How long smoke has run, and for how many folders.
static CLIMBED: Mutex<(Duration, usize)> = Mutex::new((Duration::ZERO, 0));

/// Two cores climb with all folders in this time.
const LIMIT: Duration = Duration::from_secs(20);

/// Another folder is done. The last one tells how long they all took.
fn done(took: Duration) {
    let mut climbed = CLIMBED.lock().unwrap_or_else(PoisonError::into_inner);
    climbed.0 += took;
    climbed.1 += 1;
    if climbed.1 == FOLDERS.len() {
        let two_cores = climbed.0 / 2;
        // Not by eprintln, whose words cargo test keeps to itself where all is well.
        let _ = writeln!(std::io::stderr(), "smoke took {two_cores:.1?} for {} folders on two cores", climbed.1);
        let busy = is_busy();
        assert!(two_cores < LIMIT || busy, "{two_cores:?} for all folders, which is more than {LIMIT:?}");
    }
}

/// Whether others want the processors, too: more than this test has at work at any time.
fn is_busy() -> bool {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    load > 3.0 * cores as f64
}

/// One test for each folder, and a folder for each test.
macro_rules! dynamic {
    ($($test:ident $folder:literal,)*) => {
        const FOLDERS: &[&str] = &[$($folder,)*];

        $(#[test]
        fn $test() {
            is_judged_as_its_author_knows($folder);
        })*
    };
}

dynamic! {
    a_preload_that_asks_rtld_next_is_sound "sound-next",
    a_shim_that_looks_all_up_when_it_is_loaded_is_sound "sound-constructor",
    a_shim_whose_own_library_calls_the_runtime_is_sound "sound-layers",
    a_shim_that_opens_a_library_of_its_own_is_sound "sound-opened-layer",
    a_shim_that_says_what_it_was_to_say_on_stdout_is_sound "sound-own-lines",
    launches_that_nobody_saw_leave_are_undetermined_where_the_result_is_right "unseen-launches",
    a_shim_that_guards_against_finding_itself_is_sound "sound-guarded",
    a_shim_under_the_runtimes_name_is_sound "sound-replacement",
    calls_through_a_table_of_pointers_are_sound "sound-table",
    a_program_that_wraps_a_function_under_its_name_is_sound "sound-wrapped",
    a_library_with_a_runtime_inside_is_told_beside_a_program_whose_calls_arrive "static-runtime",
    calls_without_a_plt_are_sound "sound-no-plt",
    a_module_and_its_runtime_that_come_later_are_sound "sound-module",
    calls_from_eight_threads_are_sound "sound-threads",
    a_program_that_starts_workers_of_its_own_kind_is_sound "sound-workers",
    a_forked_child_is_sound "sound-fork",
    an_executed_child_is_sound "sound-exec",
    a_launcher_that_brings_the_shim_in_is_sound "sound-itself",
    a_shim_that_answers_dlsym_catches_lookups "dlsym-hijacked",
    a_shim_that_calls_itself_until_the_stack_ends_is_named "self-recursion-deep",
    a_shim_that_calls_itself_without_end_is_stopped_early "self-recursion-endless",
    a_shim_that_calls_what_it_looked_up_once_without_end_is_stopped_early "self-recursion-cached",
    a_shim_behind_a_soft_link_to_itself_is_named "self-recursion-soft-link",
    a_replacement_that_opens_the_name_that_it_bears_is_named "self-recursion-replacement",
    a_shim_whose_own_library_finds_the_shim_is_stopped_early "self-recursion-layers",
    a_replacement_that_calls_itself_without_end_is_stopped_early "self-recursion-replacement-endless",
    a_runtime_that_rtld_next_does_not_see_is_named "next-not-found",
    a_shim_that_calls_the_nothing_that_it_found_is_named "next-not-found-crash",
    a_shim_that_swallows_launches_is_named "next-not-found-swallowed",
    a_shim_that_opens_another_runtime_is_named_although_the_result_is_right "wrong-runtime",
    a_shim_that_opens_a_runtime_without_device_is_named "wrong-runtime-no-device",
    a_runtime_that_calls_itself_through_the_shim_is_a_piece_of_information "runtime-reenters",
    lookups_in_the_runtimes_own_handle_go_past "dlsym-bypass",
    one_launch_that_was_looked_up_goes_past "dlsym-bypass-partly",
    functions_that_the_runtime_hands_out_go_past "handed-out-bypass",
    a_module_opened_with_deepbind_goes_past "deepbind-bypass",
    a_module_in_a_namespace_of_its_own_goes_past "namespace-bypass",
    a_program_that_drops_the_preload_goes_past "preload-dropped",
    a_shim_that_comes_after_the_binding_is_late "loaded-late",
    a_shim_that_exports_nothing_is_named_although_the_result_is_right "exports-nothing",
    a_shim_in_nodes_of_its_own_is_named_although_the_result_is_right "version-mismatch",
    a_program_that_has_the_shim_by_itself_gives_nothing_to_compare_with "never-native",
    a_replacement_that_the_clients_rpath_outruns_is_named_with_what_was_found "soname-mismatch-rpath",
    a_launch_that_the_shim_does_not_export_is_named "not-covered",
    a_library_that_the_shim_needs_and_nobody_has_is_named "missing-library",
    a_static_program_takes_no_preload "preload-impossible",
    a_program_that_drops_the_observer_is_undetermined "observer-ignored",
    a_copy_that_the_shim_spoils_is_a_wrong_result "wrong-result",
    a_product_that_is_no_number_is_a_wrong_result "wrong-result-nan",
    a_crash_after_the_right_result_is_a_teardown_crash "teardown-crash",
    a_crash_after_main_is_a_teardown_crash_although_what_was_printed_is_lost "teardown-crash-unflushed",
    a_crash_under_way_is_a_crash "crash",
    a_lock_that_is_held_while_waiting_is_a_hang_with_its_stacks "hang",
    a_lookup_that_waits_for_the_loaders_lock_is_an_init_deadlock "init-deadlock",
    a_runtime_without_device_is_skipped "device-missing",
    a_shell_that_inherits_the_shim_is_a_leak "preload-leaks",
    launches_on_the_null_stream_are_unscheduled "unscheduled",
    a_shim_whose_queues_are_off_is_unscheduled "unscheduled-auto-queue",
    functions_that_the_shim_hands_out_itself_are_sound "sound-handed-out",
    lookups_in_the_global_scope_are_sound "sound-default-lookup",
    a_program_at_a_fixed_address_is_sound "sound-fixed-address",
    a_program_that_binds_all_at_its_start_is_sound "sound-bind-now",
    a_guard_in_a_symbolic_shim_is_sound "sound-guarded-symbolic",
    lines_that_are_expected_and_printed_are_counted "sound-lines",
    a_worker_without_the_observer_that_looks_all_up_is_undetermined "child-unobserved-dlsym",
    a_worker_without_the_observer_whose_library_calls_is_undetermined "child-unobserved-linked",
    a_program_that_may_write_no_files_is_undetermined_and_no_failure_of_the_shim "unrecorded-bindings",
    a_forked_process_that_may_write_no_files_is_undetermined "unrecorded-child",
    a_worker_with_an_environment_of_its_own_is_undetermined "child-unobserved",
    a_shim_that_needs_an_old_runtime_is_named "wrong-runtime-needed",
    an_error_after_the_right_result_is_a_failure "exit-status",
    words_without_end_are_cut_off_and_named "output-limit",
    a_missing_device_that_is_required_is_a_failure "device-required",
    a_line_that_is_expected_and_not_printed_is_missed "expect-line",
    a_launch_that_leaves_the_shim_twice_is_told "launched-twice",
}

/// What shows only when a program runs. What the files tell is in fixtures/zoo, with which smoke climbs as well.
const DYNAMIC: [&str; 20] = [
    "self-recursion",
    "next-not-found",
    "wrong-runtime",
    "dlsym-bypass",
    "dlsym-hijacked",
    "deepbind-bypass",
    "loaded-late",
    "init-deadlock",
    "observer-ignored",
    "prediction-differs",
    "runtime-reenters",
    "preload-leaks",
    "teardown-crash",
    "crash",
    "hang",
    "output-limit",
    "command-failed",
    "wrong-result",
    "device-missing",
    "unscheduled",
];

#[test]
fn every_dynamic_code_has_a_folder_that_produces_it() {
    let mut produced = BTreeSet::new();
    for folder in FOLDERS {
        let toys = Toys::build("dynamic", folder, &KEYS);
        let expected = toys.all("expect").filter_map(|stop| stop.split(' ').nth(2));
        produced.extend(expected.chain(toys.all("also")).map(str::to_owned));
    }
    let missing: Vec<&str> = DYNAMIC.into_iter().filter(|code| !produced.contains(*code)).collect();
    assert!(missing.is_empty(), "no folder produces {missing:?}");
}

#[test]
fn every_folder_is_visited() {
    let visited: BTreeSet<&str> = FOLDERS.iter().copied().collect();
    let folders = toys::folders("dynamic");
    assert_eq!(folders.iter().map(String::as_str).collect::<BTreeSet<_>>(), visited);
}
