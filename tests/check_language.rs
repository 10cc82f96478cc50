//! The language of checklists: variables with types, conditions, combinators, includes, matrices, limits and retries. What
//! each does where it holds, fails, is skipped, cannot be told, or is written wrongly.

mod support;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use xdoctor::{Run, check, command, outcome};

fn scratch() -> TempDir {
    tempfile::tempdir().expect("scratch")
}

/// A checklist of one step with these checks, after these lines at the top.
fn checklist(top: &str, checks: &str) -> String {
    let checks: String = checks.trim_matches('\n').lines().map(|line| format!("      {line}\n")).collect();
    format!("title: Test\n{top}\nsteps:\n  - title: Step\n    checks:\n{checks}")
}

/// The document of a run over these checks, which ends with that status.
#[track_caller]
fn ran(checks: &str, status: i32) -> Value {
    let folder = scratch();
    check(folder.path(), &checklist("", checks), &["--format", "json"]).exits(status).json()
}

/// The outcome of the only check.
#[track_caller]
fn only(checks: &str, status: i32) -> Value {
    ran(checks, status)["steps"][0]["checks"][0].clone()
}

/// Every complaint about a checklist, on stderr, with exit status 2.
#[track_caller]
fn complaints(text: &str, args: &[&str]) -> String {
    let folder = scratch();
    let run = check(folder.path(), text, args).exits(2);
    assert_eq!(run.stdout, "");
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    run.stderr
}

#[track_caller]
fn says(said: &str, wanted: &[&str]) {
    for wanted in wanted {
        assert!(said.contains(wanted), "{wanted}\nin\n{said}");
    }
}

/// All texts of an outcome's evidence.
fn evidence(outcome: &Value) -> String {
    outcome["evidence"].as_array().expect("evidence").iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

/// The ids of every check that was run, in order.
fn ids(document: &Value) -> Vec<&str> {
    let steps = document["steps"].as_array().expect("steps").iter();
    steps.flat_map(|step| step["checks"].as_array().expect("checks")).filter_map(|check| check["id"].as_str()).collect()
}

mod combinators {
    use super::*;

    #[test]
    fn any_of_holds_where_one_holds_and_shows_what_became_of_each() {
        let found = only("- id: x\n  any_of:\n    - {kind: path, path: /no/such}\n    - {kind: path, path: /usr}", 0);
        assert_eq!((&found["status"], &found["code"]), (&"pass".into(), &Value::Null));
        assert_eq!(found["title"], "one of: /no/such is there; /usr is there");
        says(
            &evidence(&found),
            &[
                "1. /no/such is there: fails [file-missing]: expected something at /no/such, found nothing",
                "2. /usr is there: holds: /usr is a folder",
            ],
        );
    }

    #[test]
    fn any_of_fails_with_its_own_code_where_none_holds_and_weighs_as_much_as_the_mildest() {
        let none = "- id: x\n  any_of:\n    - {kind: path, path: /no/such}\n    - {kind: path, path: /usr, type: file}";
        let found = only(none, 1);
        assert_eq!((&found["status"], &found["code"]), (&"fail".into(), &"none-holds".into()));
        assert_eq!(found["actual"], "none of the 2 holds");
        says(&evidence(&found), &["[file-missing]", "[wrong-type]"]);
        assert_eq!(only(&format!("{none}\n  severity: warn"), 0)["status"], "warn");
    }

    #[test]
    fn all_of_fails_with_the_code_of_what_fails_in_it() {
        let found = only("- id: x\n  all_of:\n    - {kind: path, path: /usr}\n    - {kind: path, path: /no/such}", 1);
        assert_eq!((&found["status"], &found["code"]), (&"fail".into(), &"file-missing".into()));
        says(&evidence(&found), &["1. /usr is there: holds", "2. /no/such is there: fails"]);
        let found = only("- id: x\n  all_of:\n    - {kind: path, path: /usr}\n    - {kind: path, path: /bin/sh}", 0);
        assert_eq!(found["status"], "pass");
    }

    #[test]
    fn not_holds_where_the_check_in_it_fails_and_fails_where_it_holds() {
        let found = only("- {id: x, not: {kind: path, path: /no/such}}", 0);
        assert_eq!((&found["status"], &found["title"]), (&"pass".into(), &"not: /no/such is there".into()));
        let found = only("- {id: x, not: {kind: path, path: /usr}}", 1);
        assert_eq!((&found["code"], &found["actual"]), (&"holds-unexpectedly".into(), &"/usr is a folder".into()));
    }

    const SKIPPED: &str = "{kind: command, run: [no-such-program], skip_if_missing: true}";
    const OPEN: &str = "{kind: command, run: [/etc/passwd]}";
    const HOLDS: &str = "{kind: path, path: /usr}";
    const FAILS: &str = "{kind: path, path: /no/such}";

    /// How a check with this combinator over these nested checks ends.
    #[track_caller]
    fn ends(combinator: &str, nested: &[&str]) -> String {
        let nested = if combinator == "not" { nested.concat() } else { format!("[{}]", nested.join(", ")) };
        let folder = scratch();
        let text = checklist("", &format!("- {{id: x, {combinator}: {nested}}}"));
        let run = check(folder.path(), &text, &["--format", "json"]);
        let found = outcome(&run.json(), "x").clone();
        let ended = found["status"].as_str().expect("a status").to_owned();
        let needs_reason = matches!(ended.as_str(), "skip" | "undetermined");
        assert_eq!(found["reason"].is_string(), needs_reason, "{found:#}");
        ended
    }

    #[test]
    fn never_take_for_held_what_was_skipped_or_could_not_be_told() {
        for (nested, not, any_of, all_of) in [
            (HOLDS, "fail", "pass", "pass"),
            (FAILS, "pass", "fail", "fail"),
            (SKIPPED, "skip", "skip", "skip"),
            (OPEN, "undetermined", "undetermined", "undetermined"),
        ] {
            assert_eq!(
                [ends("not", &[nested]), ends("any_of", &[nested]), ends("all_of", &[nested])],
                [not, any_of, all_of]
            );
        }
        for (nested, any_of, all_of) in [
            ([HOLDS, SKIPPED], "pass", "skip"),
            ([HOLDS, OPEN], "pass", "undetermined"),
            ([FAILS, SKIPPED], "fail", "fail"),
            ([FAILS, OPEN], "undetermined", "fail"),
            ([SKIPPED, OPEN], "undetermined", "undetermined"),
        ] {
            assert_eq!([ends("any_of", &nested), ends("all_of", &nested)], [any_of, all_of], "{nested:?}");
        }
    }

    #[test]
    fn nest() {
        let text = "- id: x\n  all_of:\n    - any_of:\n        - {kind: path, path: /no/such}\n        - not: {kind: path, path: /no/such}\n    - {kind: path, path: /usr, title: the programs are there}";
        let found = only(text, 0);
        says(
            &evidence(&found),
            &["1. one of: /no/such is there; not: /no/such is there: holds", "2. the programs are there: holds"],
        );
    }

    #[test]
    fn keep_the_output_of_each_command_in_a_file_of_its_own() {
        let folder = scratch();
        let log = folder.path().join("log");
        let text =
            checklist("", "- {id: x, any_of: [{kind: command, run: [echo, one]}, {kind: command, run: [echo, two]}]}");
        check(folder.path(), &text, &["--log", log.to_str().expect("text")]).exits(0);
        assert_eq!(fs::read_to_string(log.join("x.1.stdout")).expect("kept"), "one\n");
        assert_eq!(fs::read_to_string(log.join("x.2.stdout")).expect("kept"), "two\n");
    }

    #[test]
    fn that_are_written_wrongly_are_refused_at_their_place() {
        let said = complaints(
            &checklist(
                "",
                "- {id: a, any_of: []}\n- {id: b, not: [x]}\n- {id: c, kind: path, path: /, not: {kind: path, path: /}}\n- {id: d, all_of: {kind: path}}\n- {id: e, not: {id: f, kind: path, path: /}}\n- {id: g, any_of: [{kind: path}], typo: 1}\n- {id: h}",
            ),
            &[],
        );
        says(
            &said,
            &[
                ":6:9: expected at least one check for `any_of`, found none",
                ":7:22: expected a nested check (a mapping), found a list",
                ":8:9: expected one of kind, any_of, all_of, not; found kind, not",
                ":9:25: expected a list for `all_of`, found a mapping",
                ":10:23: unknown field `id` in a check of kind `path`",
                ":11:26: a check of kind `path` lacks `path`",
                ":11:41: unknown field `typo` in a check with `any_of`",
                ":12:9: a check lacks `kind`; expected one of",
            ],
        );
    }

    #[test]
    fn nested_without_end_are_refused() {
        let deep = format!("- {{id: x, not: {}{}}}", "{not: ".repeat(100), "}".repeat(100));
        says(&complaints(&checklist("", &deep), &[]), &[":6:", "nested too deeply"]);
        let deeper = format!("- {{id: x, not: {}{}}}", "{not: ".repeat(50_000), "}".repeat(50_000));
        says(&complaints(&checklist("", &deeper), &[]), &[":6:", "recursion limit exceeded"]);
        // As deep as it may be; deeper than the schema's validator can go on a test's stack.
        let fine = format!("- {{id: x, not: {}{{kind: path, path: /}}{}}}", "{not: ".repeat(50), "}".repeat(50));
        let folder = scratch();
        let file = folder.path().join("c.yaml");
        fs::write(&file, checklist("", &fine)).expect("written");
        Run::of(command(["check".as_ref(), file.as_os_str()]).output().expect("runs")).exits(1);
    }
}

mod when {
    use super::*;

    /// How a check with this condition ends, where `mode` is `fast` and `none` is empty.
    #[track_caller]
    fn ends(condition: &str) -> (String, String) {
        let folder = scratch();
        let text = checklist(
            "vars: {mode: fast, none: ''}",
            &format!("- {{id: x, kind: path, path: /usr, when: {condition}}}"),
        );
        let document = check(folder.path(), &text, &["--format", "json"]).exits(0).json();
        let found = outcome(&document, "x");
        let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
        (text("status"), text("reason"))
    }

    #[track_caller]
    fn skips(condition: &str, why: &str) {
        assert_eq!(ends(condition), ("skip".to_owned(), format!("`when` does not hold: {why}")));
    }

    #[test]
    fn a_check_whose_condition_holds_is_run() {
        for condition in [
            "{var: mode, equals: fast}",
            "{var: mode, matches: '^f'}",
            "{var: mode}",
            "{var: mode, not_empty: true}",
            "{var: none, not_empty: false}",
            "{exists: /usr}",
            "{command_on_path: sh}",
            "{env: PATH}",
            "{host: system, equals: Linux}",
            "{not: {exists: /no/such}}",
            "{any_of: [{exists: /no/such}, {exists: /usr}]}",
            "{all_of: [{exists: /bin}, {exists: /usr}]}",
            "[{exists: /usr}, {var: mode}]",
        ] {
            assert_eq!(ends(condition).0, "pass", "{condition}");
        }
    }

    #[test]
    fn a_check_whose_condition_does_not_hold_is_skipped_with_the_reason() {
        skips("{var: mode, equals: slow}", "variable `mode` is `fast`, not `slow`");
        skips("{var: mode, matches: ^s}", "variable `mode` is `fast`, which does not match /^s/");
        skips("{var: none}", "variable `none` is ``, which is empty");
        skips("{var: mode, not_empty: false}", "variable `mode` is `fast`, which is not empty");
        skips("{exists: /no/such}", "/no/such is not there");
        skips("{command_on_path: no-such-program}", "`no-such-program` is not on PATH");
        skips("{env: XDOCTOR_NO_SUCH}", "environment variable `XDOCTOR_NO_SUCH` is ``, which is empty");
        skips("{host: system, equals: Plan 9}", "this machine's system is `Linux`, not `Plan 9`");
        skips("{not: {exists: /usr}}", "/usr is there");
        skips("{any_of: [{exists: /no}, {exists: /such}]}", "/no is not there and /such is not there");
        skips("[{exists: /usr}, {exists: /no}]", "/no is not there");
    }

    #[test]
    fn of_a_step_holds_for_each_of_its_checks_and_what_needs_a_skipped_one_is_skipped() {
        let text = "title: T\nsteps:\n- title: S\n  when: {exists: /no/such}\n  checks:\n  - {id: a, kind: path, path: /no/such}\n- title: U\n  checks:\n  - {id: b, kind: path, path: /, needs: [a]}\n";
        let folder = scratch();
        let document = check(folder.path(), text, &["--format", "json"]).exits(0).json();
        assert_eq!(outcome(&document, "a")["reason"], "`when` does not hold: /no/such is not there");
        assert_eq!(outcome(&document, "b")["reason"], "needs `a`, which did not pass");
    }

    #[test]
    fn that_is_written_wrongly_is_refused_at_its_place() {
        let condition = |text: &str| format!("- {{id: x, kind: path, path: /, when: {text}}}");
        for (text, wanted) in [
            (
                "{}",
                ":6:44: expected one of var, env, host, exists, command_on_path, not, any_of, all_of in a condition, found none",
            ),
            ("{var: a, exists: /}", "in a condition, found var, exists"),
            ("{var: nope}", ":6:50: `var` names `nope`, which neither `vars` nor a `matrix` declares (a)"),
            (
                "{var: a, equals: x, matches: y}",
                "expected one of equals, matches, not_empty in a condition, found several",
            ),
            ("{var: a, matches: '('}", "`(` is no regular expression"),
            ("{var: a, not_empty: perhaps}", "expected true or false for `not_empty`, found `perhaps`"),
            ("{exists: /, equals: x}", "`equals` tests a `var`, `env` or `host`, and there is none here"),
            ("{host: colour}", "expected one of arch, kernel, name, system for `host`, found `colour`"),
            ("{vra: a}", "unknown field `vra` in a condition; did you mean `var`?"),
            ("{any_of: []}", "expected at least one condition for `any_of`, found none"),
            ("yes", "expected a condition (a mapping), found a single value"),
        ] {
            says(&complaints(&checklist("vars: {a: b}", &condition(text)), &[]), &[wanted]);
        }
    }
}

mod timeout {
    use super::*;

    #[test]
    fn of_a_command_really_ends_the_command() {
        let folder = scratch();
        let text = checklist(
            "",
            "- {id: x, kind: command, run: [sh, -c, 'echo $$$$ > pid; exec sleep 300'], directory: ., timeout: 300ms}",
        );
        let started = Instant::now();
        let document = check(folder.path(), &text, &["--format", "json"]).exits(1).json();
        assert!(started.elapsed() < Duration::from_secs(30));
        let found = outcome(&document, "x");
        assert_eq!((&found["code"], &found["expected"]), (&"time-limit".into(), &"an end within 300ms".into()));
        let pid = fs::read_to_string(folder.path().join("pid")).expect("a pid");
        assert!(!Path::new(&format!("/proc/{}", pid.trim())).exists(), "{pid} lives on");
    }

    #[test]
    fn of_a_combinator_ends_the_commands_in_it_whatever_limits_they_have() {
        let started = Instant::now();
        let sleep = "{kind: command, run: [sleep, '300'], timeout: 200s}";
        let found = only(&format!("- {{id: x, timeout: 300ms, all_of: [{sleep}, {sleep}]}}"), 1);
        assert_eq!(found["code"], "time-limit");
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn of_a_check_that_starts_nothing_and_hangs_leaves_it_undetermined() {
        let folder = scratch();
        if !support::require(Path::new("/usr/bin/mkfifo").exists(), "mkfifo") {
            return;
        }
        let fifo = std::process::Command::new("mkfifo").arg(folder.path().join("CMakeCache.txt")).status();
        assert!(fifo.expect("mkfifo").success());
        let text = checklist(
            "",
            "- {id: x, kind: build, path: ., source: /usr, timeout: 300ms}\n- {id: y, kind: path, path: /usr}",
        );
        let started = Instant::now();
        let document = check(folder.path(), &text, &["--format", "json", "--jobs", "1"]).exits(3).json();
        assert!(started.elapsed() < Duration::from_secs(30));
        let found = outcome(&document, "x");
        assert_eq!((&found["status"], &found["code"]), (&"undetermined".into(), &"time-limit".into()));
        assert_eq!(found["reason"], "no answer within 300ms (`timeout`)");
        assert_eq!(outcome(&document, "y")["status"], "pass");
    }

    #[test]
    fn of_a_climb_is_one_for_each_of_its_runs() {
        let folder = scratch();
        Run::of(command(["bundle", folder.path().to_str().expect("text")]).output().expect("runs")).exits(0);
        let text = checklist(
            "",
            "- {id: x, kind: smoke, shim: lib/libshimhip.so, run: [sh, -c, 'sleep 2; exec bin/hip-matmul'], timeout: 3500ms}",
        );
        let mut run = command(["check".as_ref(), folder.path().join("c.yaml").as_os_str()]);
        fs::write(folder.path().join("c.yaml"), text).expect("written");
        let output = run.args(["--format", "json"]).current_dir(folder.path()).output();
        let document = Run::of(output.expect("runs")).json();
        let checks = document["steps"][0]["checks"].as_array().expect("rungs");
        assert!(checks[0]["seconds"].as_f64().expect("a time") > 3.5, "together they take longer: {document:#}");
        for check in checks {
            assert!(check["code"] != "hang" && check["code"] != "time-limit", "{check:#}");
        }
    }

    #[test]
    fn of_a_climb_without_a_native_run_is_undetermined_and_no_hang() {
        let folder = scratch();
        Run::of(command(["bundle", folder.path().to_str().expect("text")]).output().expect("runs")).exits(0);
        let check_of = "kind: smoke, shim: lib/libshimhip.so, run: [sleep, '100'], native: false, timeout: 300ms";
        let document =
            check(folder.path(), &checklist("", &format!("- {{id: x, {check_of}}}")), &["--format", "json"]).exits(3);
        let document = document.json();
        let found = outcome(&document, "x.survives");
        assert_eq!((&found["status"], &found["code"]), (&"undetermined".into(), &"time-limit".into()), "{document:#}");
        assert!(found["reason"].as_str().expect("a reason").starts_with("ended at its limit of 0.3 s"), "{found:#}");
    }

    #[test]
    fn that_is_not_reached_changes_nothing() {
        assert_eq!(only("- {id: x, kind: path, path: /usr, timeout: 60s}", 0)["status"], "pass");
        assert_eq!(only("- {id: x, kind: path, path: /no/such, timeout: 60s}", 1)["code"], "file-missing");
    }

    #[test]
    fn that_is_no_time_is_refused() {
        let said = complaints(&checklist("", "- {id: x, kind: command, run: 'true', timeout: soon}"), &[]);
        says(&said, &[":6:54: expected a time such as 60s, 500ms or 2m for `timeout`, found `soon`"]);
        assert_eq!(said.matches("found `soon`").count(), 1, "once, though two readers ask for it: {said}");
    }
}

mod retries {
    use super::*;

    /// A command that fails until its third start.
    const THIRD: &str = "run: [sh, -c, 'echo x >> tries; test $(wc -l < tries) -ge 3'], directory: .";

    #[test]
    fn let_a_check_hold_late_and_the_report_says_at_which_try() {
        let found = only(&format!("- {{id: x, kind: command, {THIRD}, retries: 5, retry_delay: 1ms}}"), 0);
        assert_eq!(found["status"], "pass");
        says(
            &evidence(&found),
            &["held only at try 3 of 6", "try 1 of 6: failed [command-failed]: exit status 1", "try 2 of 6"],
        );
    }

    #[test]
    fn that_are_used_up_leave_the_failure_and_the_report_says_how_many_there_were() {
        let found = only(&format!("- {{id: x, kind: command, {THIRD}, retries: 1, retry_delay: 1ms}}"), 1);
        assert_eq!(found["code"], "command-failed");
        says(&evidence(&found), &["tried 2 of 2 times, to no avail"]);
    }

    #[test]
    fn are_not_made_where_the_first_try_holds_or_is_skipped() {
        let held = only("- {id: x, kind: command, run: 'true', retries: 3, retry_delay: 100s}", 0);
        says(&evidence(&held), &["tried once of 4 times"]);
        let skipped =
            "- {id: x, kind: command, run: [no-such-program], skip_if_missing: true, retries: 3, retry_delay: 100s}";
        assert_eq!(only(skipped, 0)["status"], "skip");
    }

    #[test]
    fn are_made_where_it_could_not_be_told() {
        let found = only("- {id: x, kind: command, run: [/etc/passwd], retries: 2, retry_delay: 1ms}", 3);
        says(
            &evidence(&found),
            &["tried 3 of 3 times, to no avail", "try 1 of 3: undetermined: cannot start /etc/passwd"],
        );
    }

    #[test]
    fn wait_in_between_as_long_as_they_are_told() {
        let started = Instant::now();
        only("- {id: x, kind: path, path: /no/such, retries: 2, retry_delay: 200ms}", 1);
        assert!(started.elapsed() >= Duration::from_millis(400));
    }

    #[test]
    fn keep_the_output_of_every_try() {
        let folder = scratch();
        let log = folder.path().join("log");
        let text = checklist("", "- {id: x, kind: command, run: 'false', retries: 1, retry_delay: 1ms}");
        check(folder.path(), &text, &["--log", log.to_str().expect("text")]).exits(1);
        assert!(log.join("x.stdout").exists() && log.join("x.try2.stdout").exists());
    }

    #[test]
    fn that_are_written_wrongly_are_refused() {
        let said = complaints(
            &checklist(
                "",
                "- {id: x, kind: path, path: /, retries: -1}\n- {id: y, kind: path, path: /, retry_delay: 1s}",
            ),
            &[],
        );
        says(
            &said,
            &[
                "expected a whole number for `retries`, found `-1`",
                ":7:9: `retry_delay` says nothing without `retries`",
            ],
        );
    }
}

mod variables {
    use super::*;

    const TYPED: &str = "title: T
vars:
  plain: ${typed:-x}
  tree: {type: path, default: sub, description: the source tree}
  count: {type: number, default: 4}
  quick: {type: bool, default: false}
  mode: {choices: [fast, slow], default: fast}
  wanted: {description: what to look for, required: true}
  unset: {type: text}
steps: [{title: S, checks: [{id: x, kind: path, path: '${tree}', exists: false}]}]
";

    #[test]
    fn have_types_and_defaults_and_take_what_is_given() {
        let folder = scratch();
        let args = [
            "--format",
            "json",
            "--var",
            "wanted=w",
            "--var",
            "mode=slow",
            "--var",
            "count=-1.5",
            "--var",
            "quick=true",
        ];
        let vars = check(folder.path(), TYPED, &args).exits(0).json()["vars"].clone();
        for (name, value) in [("mode", "slow"), ("count", "-1.5"), ("quick", "true"), ("wanted", "w"), ("plain", "x")] {
            assert_eq!(vars[name], value);
        }
        assert_eq!(vars["tree"], folder.path().join("sub").to_str().expect("text"), "from the checklist's folder");
        assert!(vars.get("unset").is_none());
    }

    #[test]
    fn that_are_paths_mean_the_working_folder_where_they_come_from_the_command_line() {
        let (folder, elsewhere) = (scratch(), scratch());
        let file = folder.path().join("c.yaml");
        fs::write(&file, TYPED).expect("written");
        let mut command = command(["check".as_ref(), file.as_os_str()]);
        command.args(["--format", "json", "--var", "wanted=w", "--var", "tree=here"]).current_dir(elsewhere.path());
        let document = Run::of(command.output().expect("runs")).exits(0).json();
        assert_eq!(document["vars"]["tree"], elsewhere.path().join("here").to_str().expect("text"));
    }

    #[test]
    fn of_another_type_are_refused_at_their_declaration_with_the_line() {
        let args = ["--var", "count=many", "--var", "quick=yes", "--var", "mode=medium"];
        says(
            &complaints(TYPED, &args),
            &[
                ":5:3: --var count=many: expected a number for variable `count`, found `many`\n     5 |   count: {type: number, default: 4}",
                ":6:3: --var quick=yes: expected true or false for variable `quick`, found `yes`",
                ":7:3: --var mode=medium: expected one of fast, slow for variable `mode`, found `medium`",
                ":8:3: variable `wanted` (what to look for) must be given: --var wanted=VALUE",
            ],
        );
    }

    #[test]
    fn that_are_declared_wrongly_are_refused_at_their_place() {
        let said = complaints(
            "title: T\nvars:\n  a: {type: colour}\n  b: {type: choice}\n  c: {type: number, default: x}\n  d: {default: x, required: true}\n  e: {typ: text}\n  f: [x]\n  g: {type: number, choices: [x]}\n  h: {choices: [x], default: y}\nsteps: []\n",
            &[],
        );
        says(
            &said,
            &[
                ":3:13: expected one of text, path, number, bool, choice for `type`, found `colour`",
                ":4:6: variable `b` lacks `choices`; expected a list of texts",
                ":5:3: expected a number for variable `c`, found `x`",
                ":6:6: variable `d` is `required` and has a `default`; expected one of them",
                ":7:7: unknown field `typ` in variable `e`; did you mean `type`?",
                ":8:6: expected a text for variable `f`, found a list",
                ":9:6: variable `g` has `choices`, and is of type `number`, not `choice`",
                ":10:3: expected one of x for variable `h`, found `y`",
            ],
        );
        says(
            &complaints("title: T\nvars: [a]\nsteps: []\n", &[]),
            &[":2:7: expected NAME: value pairs for `vars`, found a list"],
        );
    }
}

mod include {
    use super::*;

    const PART: &str = "title: Part\nvars: {root: /usr, sub: {type: path, default: .}}\nsteps:\n- title: Part\n  checks:\n  - {id: there, kind: path, path: '${root}'}\n  - {id: after, kind: path, path: '${sub}', needs: [there]}\n";

    /// A folder with these files in it, and the run of the first of them.
    #[track_caller]
    fn run(files: &[(&str, &str)], args: &[&str]) -> (TempDir, Run) {
        let folder = scratch();
        for (name, text) in files {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            fs::write(file, text).expect("written");
        }
        let file = folder.path().join(files[0].0);
        let run = Run::of(command(["check".as_ref(), file.as_os_str()]).args(args).output().expect("runs"));
        (folder, run)
    }

    fn main(include: &str) -> String {
        format!("title: Main\nvars: {{mine: /bin}}\nsteps:\n- {include}\n")
    }

    #[test]
    fn brings_the_other_checklists_steps_with_its_own_variables_and_folder() {
        let text = main("{include: sub/part.yaml}");
        let (folder, run) = run(&[("main.yaml", &text), ("sub/part.yaml", PART)], &["--format", "json"]);
        let document = run.exits(0).json();
        assert_eq!(ids(&document), ["there", "after"]);
        assert_eq!(document["steps"][0]["title"], "Part");
        let after = outcome(&document, "after");
        let sub = folder.path().join("sub");
        assert!(after["title"].as_str().expect("words").starts_with(sub.to_str().expect("text")), "{after:#}");
        assert_eq!(after["location"]["file"], sub.join("part.yaml").to_str().expect("text"));
        assert_eq!(after["location"]["line"], 7);
    }

    #[test]
    fn gives_variables_and_a_prefix_and_may_bring_the_same_file_twice() {
        let text = "title: Main\nvars: {mine: /bin}\nsteps:\n- {include: part.yaml, as: a, vars: {root: '${mine}'}}\n- {include: part.yaml, as: b, vars: {root: /no/such, sub: x}}\n- title: S\n  checks:\n  - {id: last, kind: path, path: /, needs: [a.there]}\n  - {id: never, kind: path, path: /, needs: [b.there]}\n";
        let (folder, run) = run(&[("main.yaml", text), ("part.yaml", PART)], &["--format", "json"]);
        let document = run.exits(1).json();
        assert_eq!(ids(&document), ["a.there", "a.after", "b.there", "b.after", "last", "never"]);
        assert_eq!(outcome(&document, "a.there")["evidence"][0], "/bin is a folder");
        assert_eq!(outcome(&document, "b.after")["reason"], "needs `b.there`, which did not pass");
        assert_eq!(outcome(&document, "b.after")["title"], format!("{}/x is there", folder.path().display()));
        assert_eq!(outcome(&document, "last")["status"], "pass");
        assert_eq!(outcome(&document, "never")["status"], "skip");
    }

    #[test]
    fn with_a_matrix_brings_the_file_once_for_each_combination() {
        let text = "title: Main\nsteps:\n- {include: part.yaml, as: p, matrix: {root: [/usr, /no/such], x: [y]}, vars: {root: '${root}'}}\n- title: S\n  checks:\n  - {id: one, kind: path, path: /, needs: ['p[/usr,y].there']}\n  - {id: all, kind: path, path: /, needs: [p.there]}\n";
        let (folder, run) = run(&[("main.yaml", text), ("part.yaml", PART)], &["--format", "json"]);
        let document = run.exits(1).json();
        let wanted = ["p[/usr,y].there", "p[/usr,y].after", "p[/no/such,y].there", "p[/no/such,y].after", "one", "all"];
        assert_eq!(ids(&document), wanted);
        assert_eq!(document["steps"][1]["title"], "Part [/no/such,y]");
        assert_eq!(outcome(&document, "p[/usr,y].after")["status"], "pass");
        assert_eq!(
            outcome(&document, "p[/no/such,y].after")["reason"],
            "needs `p[/no/such,y].there`, which did not pass"
        );
        assert_eq!(outcome(&document, "one")["status"], "pass");
        assert_eq!(outcome(&document, "all")["status"], "skip");
        for id in &wanted[..4] {
            let location = &outcome(&document, id)["location"];
            assert_eq!(location["file"], folder.path().join("part.yaml").to_str().expect("text"));
            assert_eq!(location["line"], if id.ends_with("there") { 6 } else { 7 });
        }
    }

    #[test]
    fn with_a_matrix_is_selected_by_its_name_alone_too() {
        let text = "title: Main\nsteps:\n- {include: part.yaml, as: p, matrix: {root: [/usr, /bin]}, vars: {root: '${root}'}}\n";
        let (_folder, run) =
            run(&[("main.yaml", text), ("part.yaml", PART)], &["--format", "json", "--only", "p.there"]);
        assert_eq!(ids(&run.exits(0).json()), ["p[/usr].there", "p[/bin].there"]);
    }

    #[test]
    fn with_a_matrix_is_complained_of_once_and_at_its_place() {
        let part = "title: Part\nvars: {root: /}\nsteps:\n- title: S\n  checks:\n  - {id: y, kind: path, pth: /}\n";
        let text = "title: Main\nsteps:\n- {include: part.yaml, as: p, matrix: {root: [/usr, /bin]}, vars: {root: '${root}'}}\n";
        let (_folder, run) = run(&[("main.yaml", text), ("part.yaml", part)], &[]);
        let said = run.exits(2).stderr;
        assert_eq!(said.matches("unknown field `pth`").count(), 1, "{said}");
        says(&said, &["part.yaml:6:", "included from", "main.yaml:3"]);
        let nameless = text.replace("as: p, ", "");
        let (_folder, run) = self::run(&[("main.yaml", &nameless), ("part.yaml", PART)], &[]);
        says(&run.exits(2).stderr, &["main.yaml:3:3: an include with a `matrix` lacks `as`"]);
    }

    #[test]
    fn under_a_condition_skips_all_that_it_brings() {
        let text = main("{include: part.yaml, when: {exists: /no/such}}");
        let (_folder, run) = run(&[("main.yaml", &text), ("part.yaml", PART)], &["--format", "json"]);
        assert_eq!(run.exits(0).json()["summary"]["skipped"], 2);
    }

    #[test]
    fn of_a_bundled_checklist_is_by_its_name() {
        let text = main("{include: xsched-hip, vars: {source: /no/such}, as: x}");
        let (_folder, run) = run(&[("main.yaml", &text)], &["--format", "json", "--only", "x.source.there"]);
        let document = run.exits(1).json();
        let found = outcome(&document, "x.source.there");
        assert_eq!(found["location"]["file"], "xsched-hip.yaml (bundled)");
    }

    #[test]
    fn reports_what_is_wrong_with_either_file_at_its_place_in_that_file() {
        let text = "title: Main\nsteps:\n- {include: part.yaml}\n- title: S\n  checks:\n  - {id: x, kind: path}\n";
        let part = "title: Part\nsteps:\n- title: S\n  checks:\n  - {id: y, kind: path, pth: /}\n  - {id: x, kind: path, path: /}\n";
        let (folder, run) = run(&[("main.yaml", text), ("part.yaml", part)], &[]);
        let said = run.exits(2).stderr;
        let main = folder.path().join("main.yaml");
        let wanted = format!(
            "part.yaml:5:25: unknown field `pth` in a check of kind `path`; did you mean `path`?\n     5 |   - {{id: y, kind: path, pth: /}}\n       = included from {}:3",
            main.display()
        );
        says(
            &said,
            &["main.yaml:6:5: a check of kind `path` lacks `path`", &wanted, "main.yaml:6:5: duplicate id `x`: "],
        );
        assert!(
            said.find("main.yaml:6:5: a check").expect("there") < said.find("part.yaml:5:25").expect("there"),
            "{said}"
        );
    }

    #[test]
    fn that_goes_round_in_a_circle_is_refused_with_the_whole_way() {
        let link = |to: &str| format!("title: T\nsteps:\n- {{include: {to}}}\n");
        let files = [("a.yaml", link("b.yaml")), ("b.yaml", link("c.yaml")), ("c.yaml", link("a.yaml"))];
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let (folder, run) = run(&files, &[]);
        let at = |name: &str| folder.path().join(name).display().to_string();
        let way = [at("a.yaml"), at("b.yaml"), at("c.yaml"), at("a.yaml")].join(" includes ");
        says(&run.exits(2).stderr, &[&format!("c.yaml:3:13: `include` goes round in a circle: {way}")]);
    }

    #[test]
    fn of_files_that_double_at_each_step_is_refused_before_there_are_too_many() {
        let files: Vec<(String, String)> = (0..14)
            .map(|at| {
                let next = at + 1;
                let text =
                    format!("title: T\nsteps:\n- {{include: {next}.yaml, as: l}}\n- {{include: {next}.yaml, as: r}}\n");
                (format!("{at}.yaml"), text)
            })
            .chain([("14.yaml".to_owned(), "title: T\nsteps: []\n".to_owned())])
            .collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let started = Instant::now();
        let (_folder, run) = run(&files, &[]);
        says(&run.exits(2).stderr, &["too many includes; expected at most 16 inside each other, and 256 in all"]);
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn that_is_written_wrongly_is_refused_at_its_place() {
        for (include, wanted) in [
            (
                "{include: nowhere.yaml}",
                ":4:13: no checklist `nowhere.yaml`: there is no such file, and the bundled ones are",
            ),
            ("{include: .}", "expected a regular file"),
            (
                "{include: part.yaml, vars: {nope: 1}}",
                "part.yaml:1:1: `vars: {nope: 1}` of the include: this checklist declares no such variable under `vars` (root, sub)",
            ),
            ("{include: part.yaml, as: ''}", "expected a name for `as`, found an empty text"),
            ("{include: part.yaml, ass: x}", "unknown field `ass` in an include; did you mean `as`?"),
            ("{include: [part.yaml]}", "expected a text for `include`, found a list"),
            ("{include: bad.yaml}", "bad.yaml:2:1: not valid YAML"),
        ] {
            let text = main(include);
            let (_folder, run) = run(&[("main.yaml", &text), ("part.yaml", PART), ("bad.yaml", "a: [")], &[]);
            says(&run.exits(2).stderr, &[wanted]);
        }
    }

    #[test]
    fn of_a_checklist_that_nobody_named_may_not_be_of_a_file_that_everybody_can_write() {
        use std::os::unix::fs::PermissionsExt;
        let text = main("{include: part.yaml}");
        let (folder, run) = run(&[("xdoctor.yaml", &text), ("part.yaml", PART)], &[]);
        run.exits(0);
        let part = folder.path().join("part.yaml");
        fs::set_permissions(&part, fs::Permissions::from_mode(0o666)).expect("set");
        let found = Run::of(command(["check"]).current_dir(folder.path()).output().expect("runs")).exits(2);
        says(&found.stderr, &["xdoctor.yaml:4:13: found ", "everybody can write it"]);
    }
}

mod matrix {
    use super::*;

    const BOTH: &str = "- {id: a, kind: path, path: '/${top}/${below}', matrix: {top: [usr, bin], below: [., no-such]}}\n- {id: b, kind: path, path: /, needs: a}\n- {id: c, kind: path, path: /, needs: ['a[usr,.]']}";

    #[test]
    fn makes_a_check_for_each_combination_and_its_id_means_all_of_them() {
        let document = ran(BOTH, 1);
        assert_eq!(ids(&document), ["a[usr,.]", "a[usr,no-such]", "a[bin,.]", "a[bin,no-such]", "b", "c"]);
        assert_eq!(outcome(&document, "a[usr,.]")["status"], "pass");
        assert_eq!(outcome(&document, "a[bin,no-such]")["code"], "file-missing");
        assert_eq!(outcome(&document, "b")["reason"], "needs `a[usr,no-such]`, which did not pass");
        assert_eq!(outcome(&document, "c")["status"], "pass");
    }

    #[test]
    fn is_selected_whole_by_the_id_and_one_by_one_by_what_a_report_calls_it() {
        let folder = scratch();
        let selected = |only: &str| {
            let run = check(folder.path(), &checklist("", BOTH), &["--format", "json", "--only", only]);
            ids(&run.json()).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(selected("a").len(), 4);
        assert_eq!(selected("a[usr,.]"), ["a[usr,.]"]);
        assert_eq!(selected("a*no-such]"), ["a[usr,no-such]", "a[bin,no-such]"]);
    }

    #[test]
    fn of_a_step_repeats_the_step_and_its_checks_need_those_of_the_same_combination() {
        let text = "title: T\nsteps:\n- title: Tree\n  matrix: {tree: [/usr, /no/such]}\n  checks:\n  - {id: there, kind: path, path: '${tree}'}\n  - {id: lib, kind: path, path: '${tree}/lib', needs: there, matrix: {n: ['1', '2']}}\n  - {id: last, kind: path, path: '${tree}', needs: lib}\n- title: After\n  checks: [{id: all, kind: path, path: /, needs: [there]}]\n";
        let folder = scratch();
        let document = check(folder.path(), text, &["--format", "json"]).exits(1).json();
        let titles: Vec<&str> =
            document["steps"].as_array().expect("steps").iter().filter_map(|step| step["title"].as_str()).collect();
        assert_eq!(titles, ["Tree [/usr]", "Tree [/no/such]", "After"]);
        for (id, status) in [
            ("there[/usr]", "pass"),
            ("lib[/usr,1]", "pass"),
            ("last[/usr]", "pass"),
            ("there[/no/such]", "fail"),
            ("lib[/no/such,2]", "skip"),
            ("last[/no/such]", "skip"),
            ("all", "skip"),
        ] {
            assert_eq!(outcome(&document, id)["status"], status, "{id}");
        }
    }

    #[test]
    fn may_be_made_of_variables_and_be_asked_in_a_condition() {
        let text = checklist(
            "vars: {first: usr}",
            "- {id: x, kind: path, path: '/${top}', matrix: {top: ['${first}', no-such]}, when: {var: top, equals: usr}}",
        );
        let folder = scratch();
        let document = check(folder.path(), &text, &["--format", "json"]).exits(0).json();
        assert_eq!(outcome(&document, "x[usr]")["status"], "pass");
        assert_eq!(outcome(&document, "x[no-such]")["status"], "skip");
    }

    #[test]
    fn that_is_giant_is_refused_at_its_place() {
        let values: String = (0..40).map(|value| format!("{value}, ")).collect();
        let said = complaints(
            &checklist("", &format!("- {{id: x, kind: path, path: /, matrix: {{a: [{values}], b: [{values}]}}}}")),
            &[],
        );
        says(&said, &[":6:46: expected 1 to 1000 combinations for `matrix`, found 1600"]);
        let axes: String = (0..200).map(|axis| format!("a{axis}: [{values}], ")).collect();
        let said = complaints(&checklist("", &format!("- {{id: x, kind: path, path: /, matrix: {{{axes}}}}}")), &[]);
        says(&said, &["expected 1 to 1000 combinations for `matrix`, found more than can be counted"]);
        let many: String = (0..1000).map(|value| format!("{value}, ")).collect();
        let nested = format!(
            "title: T\nsteps:\n- title: S\n  matrix: {{a: [{many}]}}\n  checks:\n  - {{id: x, kind: path, path: /, matrix: {{b: [{many}]}}}}\n"
        );
        says(
            &complaints(&nested, &[]),
            &[":6:5: more than 100000 checks; expected fewer combinations, or several checklists"],
        );
    }

    #[test]
    fn that_is_written_wrongly_is_refused_at_its_place() {
        for (matrix, wanted) in [
            ("[a]", ":6:46: expected NAME: [value, …] pairs for `matrix`, found a list"),
            ("{}", ":6:46: expected 1 to 1000 combinations for `matrix`, found none"),
            ("{a: []}", ":6:50: expected 1 to 1000 values for `a` of the `matrix`, found 0"),
            ("{a: [x, x]}", ":6:54: `x` stands twice in `a` of the `matrix`"),
            ("{a: [[x]]}", ":6:51: expected a text or a list of texts for `a` of the `matrix`, found a list"),
            ("{a: ['${nope}']}", "undefined variable `nope`"),
        ] {
            says(
                &complaints(&checklist("", &format!("- {{id: x, kind: path, path: /, matrix: {matrix}}}")), &[]),
                &[wanted],
            );
        }
        let twice = "- {id: x, kind: path, path: /, matrix: {a: [y]}}\n- {id: x, kind: path, path: /}\n- {id: 'x[y]', kind: path, path: /}";
        says(
            &complaints(&checklist("", twice), &[]),
            &[
                ":7:9: duplicate id `x`: the check on line 6 has it already",
                ":8:9: duplicate id `x[y]`: the check on line 6",
            ],
        );
    }

    #[test]
    fn complains_once_of_what_is_wrong_with_each_of_its_checks() {
        let said = complaints(&checklist("", "- {id: x, kind: path, pth: /, matrix: {a: [x, y, z]}}"), &[]);
        assert_eq!(said.matches("unknown field `pth`").count(), 1, "{said}");
    }
}

mod progress {
    use super::*;

    /// All that a terminal sees of a run that takes so many seconds, of which the one line at the bottom is progress.
    fn seen(seconds: &str, args: &str, env: &[(&str, &str)]) -> Option<String> {
        let script = || std::process::Command::new("script");
        if !support::require(script().arg("--version").output().is_ok(), "script") {
            return None;
        }
        let folder = scratch();
        let file = folder.path().join("c.yaml");
        let text = checklist(
            "",
            &format!("- {{id: slow, kind: command, run: [sleep, '{seconds}']}}\n- {{id: quick, kind: path, path: /}}"),
        );
        fs::write(&file, text).expect("written");
        let line = format!("{} check {} --jobs 2 {args}", env!("CARGO_BIN_EXE_xdoctor"), file.display());
        let mut script = script();
        script.args(["-qec", &line, "/dev/null"]).env_remove("CI").env("TERM", "xterm").envs(env.iter().copied());
        let output = script.stdin(std::process::Stdio::null()).output().expect("runs");
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    #[test]
    fn is_shown_on_a_terminal_for_a_run_that_takes_long_with_what_it_waits_for() {
        let Some(seen) = seen("1.5", "", &[]) else { return };
        says(&seen, &["1 of 2 checks, ", ": slow"]);
        let end = seen.rsplit("\u{1b}[2K").next().expect("the report");
        assert!(end.contains("2 passed") && !end.contains("of 2 checks"), "taken off the screen: {seen:?}");
        says(&seen, &["  1.5"]);
    }

    #[test]
    fn is_not_shown_for_a_short_run_nor_in_ci_nor_where_it_is_not_wanted_nor_in_a_pipe() {
        for (seconds, args, env) in [("0", "", &[][..]), ("1", "", &[("CI", "true")]), ("1", "-q", &[])] {
            let Some(seen) = seen(seconds, args, env) else { return };
            assert!(seen.contains("2 passed") && !seen.contains("of 2 checks, "), "{seconds} {args} {env:?}: {seen:?}");
        }
        let folder = scratch();
        let text = checklist("", "- {id: slow, kind: command, run: [sleep, '1']}");
        assert_eq!(check(folder.path(), &text, &[]).exits(0).stderr, "");
    }
}
