//! `xdoctor check`: what a checklist says is done, what cannot be done is said, and the exit status tells.

#[path = "support/schema.rs"]
mod schema;
#[path = "support/shims.rs"]
mod shims;
mod support;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;
use xdoctor::{Run, check, command, outcome, xdoctor};

fn scratch() -> TempDir {
    tempfile::tempdir().expect("scratch")
}

/// A checklist of one step with these checks.
fn checklist(checks: &str) -> String {
    format!("title: Test\nsteps:\n  - title: Step\n    checks:\n{}", indent(checks))
}

fn indent(text: &str) -> String {
    text.trim_matches('\n').lines().map(|line| format!("      {line}\n")).collect()
}

/// The outcome of the only check.
#[track_caller]
fn only(checks: &str, status: i32) -> serde_json::Value {
    let folder = scratch();
    let document = check(folder.path(), &checklist(checks), &["--format", "json"]).exits(status).json();
    document["steps"][0]["checks"][0].clone()
}

mod the_bundled_self_check {
    use super::*;

    #[test]
    fn runs_where_no_checklist_is_in_sight_and_says_so() {
        let folder = scratch();
        let run = Run::of(command(["check"]).current_dir(folder.path()).output().expect("runs")).exits(0);
        assert!(run.stderr.contains("checking the bundled sample environment"), "{}", run.stderr);
        for step in
            ["1/5 Source tree", "2/5 Build tree", "3/5 Installed libraries", "4/5 Symbol versioning", "5/5 HIP matmul"]
        {
            assert!(run.stdout.contains(step), "{step}: {}", run.stdout);
        }
        let last = run.stdout.lines().last().expect("a verdict");
        assert_eq!(last, "interception proven for 12 of 12 roles, on the device \"xdoctor CPU reference\"");
    }

    #[test]
    fn speaks_json_as_the_contract_has_it() {
        let folder = scratch();
        let run = command(["check", "--format", "json"]).current_dir(folder.path()).output().expect("runs");
        let document = Run::of(run).exits(0).json();
        assert_eq!(document["schema"], "xdoctor/check/1");
        assert_eq!(document["exit_status"], 0);
        assert!(document["verdict"].as_str().expect("words").starts_with("interception proven for 12 of 12 roles"));
        assert_eq!(document["summary"]["failed"], 0);
        assert_eq!(document["summary"]["skipped"], 0);
        assert!(document["vars"]["install"].as_str().expect("a path").starts_with('/'));
        let rung = outcome(&document, "matmul.binds");
        assert_eq!(rung["status"], "pass");
        let seen = rung["evidence"][0].as_str().expect("seen");
        let numbers: Vec<&str> = seen.split(' ').filter(|word| word.parse::<u32>().is_ok()).collect();
        assert!(numbers.len() == 2 && numbers[0] == numbers[1] && numbers[0] != "0", "{seen}");
        for member in ["title", "severity", "code", "expected", "actual", "fix", "location", "seconds", "reason"] {
            assert!(rung.get(member).is_some(), "{member}");
        }
    }

    #[test]
    fn is_listed_without_being_unpacked() {
        let folder = scratch();
        let run = Run::of(command(["check", "--list"]).current_dir(folder.path()).output().expect("runs")).exits(0);
        assert!(run.stdout.contains("matmul"), "{}", run.stdout);
    }

    #[test]
    fn without_one_of_its_rungs_still_has_the_others() {
        let folder = scratch();
        let args = ["check", "--skip", "matmul.binds", "--format", "json"];
        let run = Run::of(command(args).current_dir(folder.path()).output().expect("runs")).exits(0);
        let document = run.json();
        let checks = document["steps"][4]["checks"].as_array().expect("rungs");
        let ids: Vec<&str> = checks.iter().filter_map(|check| check["id"].as_str()).collect();
        assert!(ids.contains(&"matmul.called") && !ids.contains(&"matmul.binds"), "{ids:?}");
    }

    #[test]
    fn leaves_nothing_behind() {
        let folder = scratch();
        let run = command(["check", "-q"]).current_dir(folder.path()).env("TMPDIR", folder.path()).output();
        let run = Run::of(run.expect("runs")).exits(0);
        assert_eq!(run.stderr, "");
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
    }

    #[test]
    fn keeps_every_childs_whole_output_where_it_is_told() {
        let folder = scratch();
        let log = folder.path().join("log");
        let args = ["check", "--log", log.to_str().expect("text")];
        Run::of(command(args).current_dir(folder.path()).output().expect("runs")).exits(0);
        let kept = |name: &str| fs::read_to_string(log.join(name)).expect(name);
        assert!(kept("matmul.shimmed.stderr").contains("[TRACE_KERNEL]"));
        assert!(kept("matmul.native.stdout").contains("\"result\""));
        assert!(log.join("loads.stdout").exists());
    }
}

mod a_bad_checklist {
    use super::*;

    /// Every complaint about the text, on stderr, with exit status 2.
    #[track_caller]
    fn complaints(text: &str) -> String {
        let folder = scratch();
        let run = check(folder.path(), text, &[]).exits(2);
        assert_eq!(run.stdout, "");
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        run.stderr
    }

    #[test]
    fn is_refused_with_every_complaint_at_once_each_with_line_column_and_the_line_itself() {
        let text = "title: Bad\nsteps:\n  - title: S\n    checks:\n      - id: a\n        kind: git\n        path: ${nope}/x\n        \
                    comit: abcd\n        clean: maybe\n      - id: a\n        kind: pat\n";
        let said = complaints(text);
        let wanted = [
            ":7:15: undefined variable `nope`",
            ":8:9: unknown field `comit` in a check of kind `git`; did you mean `commit`?",
            ":9:16: expected true or false for `clean`, found `maybe`",
            ":10:9: duplicate id `a`: the check on line 5 has it already",
            ":11:15: expected one of bindings, build, command,",
            "symbols, tree for `kind`, found `pat`",
            "   8 |         comit: abcd",
        ];
        for wanted in wanted {
            assert!(said.contains(wanted), "{wanted}\nin\n{said}");
        }
    }

    #[test]
    fn says_where_a_duplicate_key_stands() {
        let said = complaints("title: T\nsteps: []\ntitle: U\n");
        assert!(said.contains(":3:1: duplicate key `title`: it stands on line 1 already"), "{said}");
    }

    #[test]
    fn goes_on_past_a_duplicate_key_to_all_else() {
        let said = complaints(
            "title: T\nsteps:\n  - title: S\n    title: T\n    checks:\n      - {id: a, kind: pat, pth: /}\nsetps: []\n",
        );
        for wanted in [":4:5: duplicate key `title`", "`kind`, found `pat`", ":7:1: unknown field `setps`"] {
            assert!(said.contains(wanted), "{wanted}\nin\n{said}");
        }
    }

    #[test]
    fn says_that_a_variable_in_braces_wants_quotes() {
        let said = complaints(
            "title: T\nvars: {a: /}\nsteps:\n  - title: S\n    checks:\n      - {id: a, kind: path, path: ${a}/lib}\n",
        );
        assert!(said.contains(":6:36: not valid YAML: ") && said.contains("wants quotes: \"${name}\""), "{said}");
    }

    #[test]
    fn says_what_was_expected_of_every_type() {
        let said = complaints(&checklist(
            "- id: [a]\n  kind: command\n  run: {}\n  env: [x]\n  stdout: '('\n  timeout: soon\n  exit: one\n- wrong\n- id: b\n  kind: path",
        ));
        let wanted = [
            "expected a text for `id`, found a list",
            "expected a text or a list of texts for `run`, found a mapping",
            "expected NAME: value pairs for `env`, found a list",
            "`(` is no regular expression",
            "expected a time such as 60s, 500ms or 2m for `timeout`, found `soon`",
            "expected a whole number for `exit`, found `one`",
            "expected a check (a mapping), found a single value",
            "a check of kind `path` lacks `path`; expected the file or folder",
        ];
        for wanted in wanted {
            assert!(said.contains(wanted), "{wanted}\nin\n{said}");
        }
    }

    #[test]
    fn is_refused_where_a_check_asks_for_nothing() {
        let said = complaints(&checklist(
            "- {id: a, kind: command, run: []}\n- {id: b, kind: build, path: /tmp}\n- {id: c, kind: symbols, path: /bin/sh}\n- {id: '', kind: path, path: /}",
        ));
        let wanted = [
            "expected at least one word for `run`, found none",
            "a check of kind `build` asks for nothing",
            "a check of kind `symbols` asks for nothing",
            "expected a name for `id`, found an empty text",
        ];
        for wanted in wanted {
            assert!(said.contains(wanted), "{wanted}\nin\n{said}");
        }
    }

    #[test]
    fn is_refused_where_it_is_no_yaml_at_all() {
        for text in
            ["", "\u{0}", "a: [", "- just\n- a list\n", "title: x", &"[".repeat(50_000), "a: &x 1\nb: *x\n", "\t- a\n"]
        {
            let said = complaints(text);
            assert!(said.contains("checklist.yaml:"), "{text:?}: {said}");
        }
    }

    #[test]
    fn is_refused_where_a_variable_is_given_that_it_does_not_declare() {
        let folder = scratch();
        let text = format!("vars: {{a: 1}}\n{}", checklist("- {id: x, kind: path, path: /}"));
        let run = check(folder.path(), &text, &["--var", "b=2"]).exits(2);
        assert!(run.stderr.contains("--var b=2: this checklist declares no such variable"), "{}", run.stderr);
    }

    #[test]
    fn is_one_json_document_where_json_is_asked_for() {
        let folder = scratch();
        let document = check(folder.path(), "title: T\nstep: []\n", &["--format", "json"]).exits(2).json();
        assert_eq!(document["schema"], "xdoctor/error/1");
        assert!(document["message"].as_str().expect("words").contains("lacks `steps`"));
        assert!(document["file"].as_str().expect("a path").ends_with("checklist.yaml"));
        assert_eq!((&document["line"], &document["column"]), (&1.into(), &1.into()));
    }

    #[test]
    fn that_nobody_has_is_named_with_those_that_are_bundled() {
        let run = xdoctor(["check", "no-such-checklist"]).exits(2);
        assert!(run.stderr.contains("no-such-checklist") && run.stderr.contains("xsched-hip"), "{}", run.stderr);
    }
}

mod a_checklist_that_was_found {
    use super::*;

    const TEXT: &str = "title: Found\nsteps: [{title: S, checks: [{id: x, kind: path, path: .}]}]\n";

    fn check_below(folder: &Path) -> Run {
        let below = folder.join("a/b");
        fs::create_dir_all(&below).expect("made");
        Run::of(command(["check"]).current_dir(below).output().expect("runs"))
    }

    #[test]
    fn in_a_folder_above_is_run() {
        let folder = scratch();
        fs::write(folder.path().join("xdoctor.yaml"), TEXT).expect("written");
        assert!(check_below(folder.path()).exits(0).stdout.starts_with("Found"));
    }

    #[test]
    fn above_the_top_of_the_git_tree_is_not() {
        let folder = scratch();
        fs::write(folder.path().join("xdoctor.yaml"), TEXT).expect("written");
        fs::create_dir_all(folder.path().join("a/.git")).expect("made");
        assert!(check_below(folder.path()).exits(0).stdout.starts_with("The bundled sample environment"));
    }

    #[test]
    fn and_that_is_a_link_to_nothing_is_no_reason_for_the_self_check() {
        let folder = scratch();
        let file = folder.path().join("xdoctor.yaml");
        std::os::unix::fs::symlink("gone.yaml", &file).expect("a link");
        let said = check_below(folder.path()).exits(2).stderr;
        assert!(said.contains(&format!("{}: ", file.display())) && said.contains("No such file"), "{said}");
    }

    #[test]
    fn and_that_everybody_can_write_is_refused_unless_named() {
        let folder = scratch();
        let file = folder.path().join("xdoctor.yaml");
        fs::write(&file, TEXT).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("set");
        let run = check_below(folder.path()).exits(2);
        assert!(run.stderr.contains("everybody can write it") && run.stderr.contains("name it"), "{}", run.stderr);
        xdoctor(["check".as_ref(), file.as_os_str()]).exits(0);
    }

    #[test]
    fn and_that_belongs_to_somebody_else_is_refused() {
        if !support::require(rustix_is_root(), "root, to give a file away") {
            return;
        }
        let folder = scratch();
        let file = folder.path().join("xdoctor.yaml");
        fs::write(&file, TEXT).expect("written");
        std::os::unix::fs::chown(&file, Some(12345), None).expect("given away");
        assert!(check_below(folder.path()).exits(2).stderr.contains("belongs to user id 12345"));
    }
}

fn rustix_is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0)
}

mod exit_statuses {
    use super::*;

    const MIXED: &str = "title: T\nsteps:\n  - title: S\n    checks:\n      - {id: good, kind: path, path: /, tags: [quick]}\n      \
                         - {id: bad, kind: path, path: /no/such}\n      - {id: after, kind: path, path: /, needs: [bad]}\n      \
                         - {id: odd, kind: path, path: /no/such, severity: warn}\n      - {id: fine, kind: path, path: /no/such, severity: info}\n";

    #[track_caller]
    fn exits(args: &[&str], status: i32) -> Run {
        let folder = scratch();
        check(folder.path(), MIXED, args).exits(status)
    }

    #[test]
    fn tell_what_became_of_what_was_selected() {
        exits(&[], 1);
        exits(&["--only", "good"], 0);
        exits(&["--only", "quick"], 0);
        exits(&["--only", "g*"], 0);
        exits(&["--only", "odd"], 0);
        exits(&["--only", "fine"], 0);
        exits(&["--skip", "bad"], 0);
        exits(&["--only", "nothing-like-it"], 4);
        exits(&["--only", "["], 2);
    }

    #[test]
    fn are_not_touched_by_what_is_for_information_and_it_is_shown_all_the_same() {
        let run = exits(&["--only", "fine"], 0);
        let words = [
            "✓ /no/such is there  fine for information [file-missing]",
            "expected: something at /no/such",
            "found:    nothing",
        ];
        for wanted in words {
            assert!(run.stdout.contains(wanted), "{wanted}\nin\n{}", run.stdout);
        }
    }

    #[test]
    fn rise_where_fail_on_says_so() {
        exits(&["--only", "odd", "--fail-on", "warn"], 1);
        exits(&["--only", "bad", "--only", "after", "--fail-on", "skip"], 1);
        exits(&["--only", "good", "--fail-on", "warn,skip"], 0);
        let verdict = |args| exits(args, 1).json()["verdict"].clone();
        let said = verdict(&["--only", "odd", "--fail-on", "warn", "--format", "json"]);
        assert_eq!(said, "every check holds, 1 with a warning; but --fail-on takes 1 warning for failing");
    }

    #[test]
    fn are_those_of_nagios_where_asked_for() {
        exits(&["--exit-style", "nagios", "--only", "good"], 0);
        exits(&["--exit-style", "nagios", "--only", "odd"], 1);
        exits(&["--exit-style", "nagios"], 2);
        exits(&["--exit-style", "nagios", "--only", "nothing-like-it"], 3);
        exits(&["--exit-style=nagios", "--no-such-flag"], 3);
    }

    #[test]
    fn a_check_whose_need_did_not_pass_is_skipped_with_that_reason() {
        let run = exits(&["--format", "json"], 1).json();
        let after = outcome(&run, "after");
        assert_eq!((&after["status"], &after["reason"]), (&"skip".into(), &"needs `bad`, which did not pass".into()));
    }

    #[test]
    fn a_failure_says_what_was_expected_and_found_what_mends_it_and_how_to_run_just_that_again() {
        let run = exits(&[], 1);
        for wanted in [
            "✗ /no/such is there  bad FAILS [file-missing]",
            "expected: something at /no/such",
            "found:    nothing",
            "fix:",
            "--only bad",
        ] {
            assert!(run.stdout.contains(wanted), "{wanted}\nin\n{}", run.stdout);
        }
    }

    #[test]
    fn list_runs_nothing() {
        let run = exits(&["--list"], 0);
        assert!(run.stdout.contains("bad") && run.stdout.contains("[quick]"), "{}", run.stdout);
    }

    #[test]
    fn are_listed_in_a_document_with_all_that_the_checklist_says_of_them() {
        let text = "title: T\nvars: {there: /}\nsteps:\n- title: S\n  checks:\n  \
            - {id: plain, kind: path, path: '${there}', tags: [quick]}\n  \
            - id: whole\n    kind: smoke\n    shim: /no/such.so\n    runtime: /no/runtime.so\n    title: It climbs\n    severity: warn\n    needs: [plain]\n    \
              timeout: 2m\n    retries: 3\n    fix: mend it\n    \
              when: [{var: there, equals: /}, {any_of: [{env: HOME}, {not: {exists: /no}}]}, {host: arch, matches: x86}]\n  \
            - {id: either, any_of: [{kind: path, path: /}, {kind: path, path: /no}]}\n";
        let folder = scratch();
        let listed = |more: &[&str], status| {
            let document =
                check(folder.path(), text, &[&["--list", "--format", "json"], more].concat()).exits(status).json();
            schema::assert_valid("list", &document);
            document
        };
        let document = listed(&[], 0);
        assert_eq!((&document["title"], &document["vars"]["there"]), (&"T".into(), &"/".into()));
        let checks = &document["steps"][0]["checks"];
        let of =
            |member: &str| checks.as_array().expect("checks").iter().map(|row| row[member].clone()).collect::<Vec<_>>();
        assert_eq!(of("id"), ["plain", "whole", "either"]);
        assert_eq!(of("kind"), ["path", "smoke", "any_of"]);
        assert_eq!(of("line"), [6, 7, 18]);
        let (plain, whole) = (&checks[0], &checks[1]);
        assert_eq!((&plain["tags"], &plain["severity"]), (&serde_json::json!(["quick"]), &serde_json::Value::Null));
        assert!(whole["parts"].as_array().expect("rungs").contains(&"binds".into()), "{whole:#}");
        let when = serde_json::json!([
            "variable `there` is `/`",
            "(environment variable `HOME` is not empty) or (not (/no is there))",
            "this machine's architecture matches /x86/"
        ]);
        for (member, value) in [
            ("title", "It climbs".into()),
            ("severity", "warn".into()),
            ("needs", serde_json::json!(["plain"])),
            ("timeout", 120.0.into()),
            ("retries", 3.into()),
            ("fix", "mend it".into()),
            ("when", when),
        ] {
            assert_eq!(whole[member], value, "{member}");
        }
        let one = listed(&["--only", "quick"], 0);
        assert_eq!(one["steps"][0]["checks"].as_array().map(Vec::len), Some(1));
        assert_eq!(listed(&["--only", "no-such"], 4)["steps"], serde_json::json!([]));
    }

    #[test]
    fn of_a_long_chain_of_needs_are_found_link_by_link() {
        let folder = scratch();
        let mut text = String::from("title: T\nsteps:\n- title: S\n  checks:\n  - {id: c0, kind: path, path: /}\n");
        for link in 1..3000 {
            text.push_str(&format!("  - {{id: c{link}, kind: path, path: /, needs: [c{}]}}\n", link - 1));
        }
        let document = check(folder.path(), &text, &["--format", "json", "--jobs", "16"]).exits(0).json();
        assert_eq!(document["summary"]["passed"], 3000);
    }

    #[test]
    fn do_not_depend_on_how_many_run_at_once() {
        for jobs in ["1", "2", "16"] {
            let document = exits(&["--format", "json", "--jobs", jobs], 1).json();
            let summary = &document["summary"];
            let counts = ["passed", "warned", "failed", "skipped", "undetermined"].map(|name| summary[name].as_u64());
            assert_eq!(counts, [Some(2), Some(1), Some(1), Some(1), Some(0)], "{document:#}");
        }
    }
}

mod output {
    use super::*;

    const ONE: &str = "title: T\nsteps: [{title: S, checks: [{id: x, kind: path, path: /no/such}]}]\n";

    fn with_env(env: &[(&str, &str)], args: &[&str]) -> String {
        let folder = scratch();
        let file = folder.path().join("c.yaml");
        fs::write(&file, ONE).expect("written");
        let mut command = command(["check".as_ref(), file.as_os_str()]);
        Run::of(command.args(args).envs(env.iter().copied()).output().expect("runs")).exits(1).stdout
    }

    #[test]
    fn is_plain_in_a_pipe_and_coloured_where_asked_for() {
        let coloured = |env: &[(&str, &str)], args: &[&str]| with_env(env, args).contains("\u{1b}[");
        assert!(!coloured(&[], &[]));
        assert!(coloured(&[], &["--color", "always"]));
        assert!(coloured(&[("CLICOLOR_FORCE", "1")], &[]));
        assert!(!coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], &[]));
        assert!(coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")], &[]));
        assert!(!coloured(&[("CLICOLOR_FORCE", "1")], &["--color", "never"]));
    }

    #[test]
    fn spells_its_marks_where_they_cannot_be_drawn() {
        assert!(with_env(&[], &[]).contains("✗ "));
        assert!(with_env(&[("LC_ALL", "C")], &[]).contains("[FAIL] "));
        assert!(with_env(&[("TERM", "dumb")], &[]).contains("[FAIL] "));
    }

    #[test]
    fn goes_to_files_besides_in_the_formats_asked_for() {
        let folder = scratch();
        let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
        let (json, text) = (path("r.json"), path("r.txt"));
        let reports = [format!("json={json}"), format!("text={text}")];
        check(folder.path(), ONE, &["--color", "always", "--report", &reports[0], "--report", &reports[1]]).exits(1);
        let document: serde_json::Value = serde_json::from_str(&fs::read_to_string(json).expect("kept")).expect("JSON");
        assert_eq!(document["schema"], "xdoctor/check/1");
        let text = fs::read_to_string(text).expect("kept");
        assert!(text.contains("FAILS") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn to_a_closed_pipe_ends_quietly() {
        let mut command = command(["codes"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("ends");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }

    #[test]
    fn of_a_wrong_command_line_is_one_json_document_where_json_is_asked_for() {
        let document = xdoctor(["check", "--format", "json", "--no-such-flag"]).exits(2).json();
        assert_eq!(document["schema"], "xdoctor/error/1");
    }
}

mod kind_path {
    use super::*;

    #[test]
    fn tells_files_folders_links_and_programs_apart() {
        only("- {id: x, kind: path, path: /usr, type: folder}", 0);
        only("- {id: x, kind: path, path: /bin/sh, type: executable}", 0);
        only("- {id: x, kind: path, path: /proc/self, type: link}", 0);
        only("- {id: x, kind: path, path: /no/such, exists: false}", 0);
        let wrong = only("- {id: x, kind: path, path: /usr, type: file}", 1);
        assert_eq!((&wrong["code"], &wrong["actual"]), (&"wrong-type".into(), &"/usr is a folder".into()));
        assert_eq!(only("- {id: x, kind: path, path: /usr, exists: false}", 1)["code"], "wrong-type");
        let missing = only("- {id: x, kind: path, path: /usr/no/such/file}", 1);
        assert_eq!(missing["code"], "file-missing");
        assert_eq!(missing["actual"], "nothing; /usr is the last folder there");
    }

    #[test]
    fn starts_relative_paths_from_the_checklists_folder() {
        let folder = scratch();
        let run = check(folder.path(), &checklist("- {id: x, kind: path, path: checklist.yaml, type: file}"), &[]);
        run.exits(0);
    }
}

mod kind_command {
    use super::*;

    #[test]
    fn judges_exit_status_and_words() {
        only(
            "- {id: x, kind: command, run: [sh, -c, 'echo hi; echo there >&2; exit 3'], exit: 3, stdout: ^hi$, stderr: ^there$}",
            0,
        );
        let failed = only("- {id: x, kind: command, run: [sh, -c, 'echo why >&2; exit 3']}", 1);
        assert_eq!((&failed["code"], &failed["expected"]), (&"command-failed".into(), &"exit status 0".into()));
        assert!(failed["actual"].as_str().expect("words").contains("why"), "{failed:#}");
        let silent = only("- {id: x, kind: command, run: 'true', stdout: hello}", 1);
        assert!(silent["expected"].as_str().expect("words").contains("/hello/"));
    }

    #[test]
    fn names_a_crash_a_hang_and_a_flood() {
        assert_eq!(only("- {id: x, kind: command, run: [sh, -c, 'kill -SEGV $$$$']}", 1)["code"], "crash");
        assert_eq!(only("- {id: x, kind: command, run: [sleep, '100'], timeout: 200ms}", 1)["code"], "time-limit");
        assert_eq!(only("- {id: x, kind: command, run: 'yes', output_limit: 100000}", 1)["code"], "output-limit");
    }

    #[test]
    fn shows_no_more_of_a_long_line_than_a_report_has_room_for() {
        let check =
            "- {id: x, kind: command, run: [sh, -c, 'head -c 3000000 /dev/zero >&2; exit 1'], output_limit: 4MiB}";
        let actual = only(check, 1)["actual"].as_str().expect("words").to_owned();
        assert!(actual.len() < 10_000 && actual.ends_with(" bytes more"), "{} bytes", actual.len());
    }

    #[test]
    fn is_skipped_with_the_commands_own_reason_where_it_says_so_by_its_exit_status() {
        let skipped = only("- {id: x, kind: command, run: [sh, -c, 'echo no device here; exit 77'], skip_exit: 77}", 0);
        assert_eq!((&skipped["status"], &skipped["reason"]), (&"skip".into(), &"no device here".into()));
        let missing = only("- {id: x, kind: command, run: [no-such-program], skip_if_missing: true}", 0);
        assert_eq!(missing["status"], "skip");
        assert_eq!(only("- {id: x, kind: command, run: [no-such-program]}", 1)["code"], "command-failed");
        let folder = scratch();
        let text = checklist("- {id: x, kind: command, run: [sh, -c, 'echo no device here; exit 77'], skip_exit: 77}");
        let required = check(folder.path(), &text, &["--require", "gpu", "--format", "json"]).exits(1).json();
        assert_eq!(outcome(&required, "x")["code"], "device-missing");
    }

    #[test]
    fn inherits_no_loader_variable_and_gets_those_that_are_set_for_it_alone() {
        let folder = scratch();
        let text = checklist(
            "- {id: x, kind: command, run: [sh, -c, 'echo \"[$LD_LIBRARY_PATH][$MINE]\"'], env: {MINE: yes}, stdout: '^\\[\\]\\[yes\\]$'}",
        );
        let file = folder.path().join("c.yaml");
        fs::write(&file, text).expect("written");
        let mut command = command(["check".as_ref(), file.as_os_str()]);
        Run::of(command.env("LD_LIBRARY_PATH", "/nowhere").output().expect("runs")).exits(0);
    }

    #[test]
    fn under_a_shim_proves_neither_binding_nor_call() {
        let folder = scratch();
        xdoctor(["bundle", folder.path().to_str().expect("text")]).exits(0);
        let text = checklist(
            "- {id: x, kind: command, run: [echo, using app-managed scheduler], stdout: app-managed, shim: lib/libshimhip.so}",
        );
        let document = check(folder.path(), &text, &["--format", "json"]).exits(3).json();
        assert_eq!(outcome(&document, "x")["status"], "pass");
        for rung in ["x.binds", "x.called", "x.forwards"] {
            assert_eq!(outcome(&document, rung)["status"], "undetermined");
        }
    }

    #[test]
    fn notices_that_ld_so_ignored_the_preload() {
        let ignored = only("- {id: x, kind: command, run: ['true'], shim: /no/such/libshimhip.so}", 1);
        assert_eq!(ignored["code"], "preload-ignored");
    }
}

mod kind_loads {
    use super::*;

    #[test]
    fn really_loads_the_library() {
        let libm = "/lib/x86_64-linux-gnu/libm.so.6";
        if support::require(Path::new(libm).exists(), libm) {
            only(&format!("- {{id: x, kind: loads, path: {libm}}}"), 0);
        }
        let folder = scratch();
        let text = folder.path().join("libtext.so");
        fs::write(&text, "not ELF").expect("written");
        let found = only(&format!("- {{id: x, kind: loads, path: {}}}", text.display()), 1);
        assert_eq!(found["code"], "wrong-type", "{found:#}");
        assert_eq!(only("- {id: x, kind: loads, path: /no/such.so}", 1)["code"], "library-missing");
    }
}

mod kind_loads_and_its_handshake {
    use super::*;

    #[test]
    fn is_not_deceived_by_a_constructor_that_ends_the_process_with_status_0() {
        let folder = scratch();
        let (source, library) = (folder.path().join("e.c"), folder.path().join("libe.so"));
        fs::write(&source, "void _exit(int); __attribute__((constructor)) static void end(void) { _exit(0); }")
            .expect("written");
        let built =
            std::process::Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
        assert!(built.expect("gcc").success());
        let found = only(&format!("- {{id: x, kind: loads, path: {}}}", library.display()), 1);
        assert_eq!(found["code"], "crash", "{found:#}");
    }
}

mod kind_build {
    use super::*;

    #[test]
    fn of_a_source_tree_that_is_gone_is_not_up_to_date() {
        let folder = scratch();
        fs::write(folder.path().join("CMakeCache.txt"), "CMAKE_HOME_DIRECTORY:INTERNAL=/no/such/tree\n")
            .expect("written");
        let text = checklist("- {id: x, kind: build, path: ., source: /no/such/tree}");
        let document = check(folder.path(), &text, &["--format", "json"]).exits(1).json();
        assert_eq!(outcome(&document, "x")["code"], "file-missing");
    }
}

mod kind_symbols {
    use super::*;

    #[test]
    fn cannot_tell_what_a_stripped_library_hides() {
        let folder = scratch();
        xdoctor(["bundle", folder.path().to_str().expect("text")]).exits(0);
        let strip = |name: &str| {
            let status = std::process::Command::new("strip").arg(folder.path().join(name)).status();
            assert!(status.expect("strip").success());
        };
        strip("lib/libamdhip64.so.7");
        let text = checklist("- {id: x, kind: symbols, path: lib/libamdhip64.so.7, serves: bin/hip-matmul}");
        let document = check(folder.path(), &text, &["--format", "json"]).exits(3).json();
        assert!(outcome(&document, "x")["reason"].as_str().expect("a reason").contains("stripped"), "{document:#}");
    }
}

mod kind_library {
    use super::*;

    #[test]
    fn names_what_differs_from_what_was_meant() {
        let folder = scratch();
        xdoctor(["bundle", folder.path().to_str().expect("text")]).exits(0);
        let checks = |more: &str| checklist(&format!("- {{id: x, kind: library, path: lib/libshimhip.so{more}}}"));
        let run = |more: &str, status| {
            let run = check(folder.path(), &checks(more), &["--format", "json"]).exits(status);
            outcome(&run.json(), "x").clone()
        };
        let fine = run(", soname: libshimhip.so", 0);
        let seen = fine["evidence"][0].as_str().expect("seen");
        for wanted in ["lib/libshimhip.so, ", " bytes, modified 20", ", sha256 "] {
            assert!(seen.contains(wanted), "{seen}");
        }
        assert_eq!(run(", soname: libother.so", 1)["code"], "soname-mismatch");
        assert_eq!(run(", build_id: '00'", 1)["code"], "hash-differs");
        assert_eq!(run(", sha256: '00'", 1)["code"], "hash-differs");
        assert_eq!(run(", needed: libabsent.so", 1)["code"], "missing-library");
        assert_eq!(only("- {id: x, kind: library, path: /no/such.so}", 1)["code"], "library-missing");
        assert_eq!(only("- {id: x, kind: library, path: /etc/passwd}", 1)["code"], "wrong-type");
    }

    #[test]
    fn follows_the_runpath_to_folders_that_are_not_there() {
        let folder = scratch();
        let library = folder.path().join("libr.so");
        let args = ["-shared", "-x", "c", "/dev/null", "-Wl,--enable-new-dtags,-rpath,$ORIGIN:$ORIGIN/gone", "-o"];
        let built = std::process::Command::new("cc").args(args).arg(&library).status();
        assert!(built.expect("gcc").success());
        let found = only(&format!("- {{id: x, kind: library, path: {}}}", library.display()), 1);
        assert_eq!(
            (&found["code"], &found["expected"]),
            (&"runpath-dangling".into(), &"RUNPATH $ORIGIN/gone leads to a folder".into())
        );
    }
}

mod kind_smoke {
    use super::*;
    use shims::{Shim, version_script};

    /// The outcome at each rung, of a checklist that climbs with a shim linked by this version script.
    fn climb(map: &str, status: i32) -> serde_json::Value {
        let folder = scratch();
        xdoctor(["bundle", folder.path().to_str().expect("text")]).exits(0);
        Shim::in_folder(folder.path()).with_map(map).link();
        let text = checklist("- {id: matmul, kind: smoke, shim: libshimhip.so, runtime: lib/libamdhip64.so.7}");
        check(folder.path(), &text, &["--format", "json"]).exits(status).json()
    }

    #[test]
    fn proves_a_sound_shim() {
        let document = climb(&version_script(), 0);
        assert!(document["verdict"].as_str().expect("words").starts_with("interception proven for 12 of 12 roles"));
    }

    #[test]
    fn fails_at_binds_for_shims_that_intercept_nothing_although_the_programs_result_is_right() {
        let wrong_node = version_script().replace("hip_", "hip_9.");
        for (map, code) in [("X { global: X*; local: *; };", "exports-nothing"), (&wrong_node, "version-mismatch")] {
            let document = climb(map, 1);
            let binds = outcome(&document, "matmul.binds");
            assert_eq!((&binds["status"], &binds["code"]), (&"fail".into(), &code.into()), "{binds:#}");
            assert_eq!(document["verdict"], format!("interception NOT proven: `binds` fails ({code})"));
            let correct = outcome(&document, "matmul.correct");
            assert_eq!(correct["status"], "undetermined");
            assert!(correct["evidence"][0].as_str().expect("seen").starts_with("shimmed: correct"), "{correct:#}");
        }
    }

    #[test]
    fn can_be_asked_for_by_one_of_its_rungs() {
        let folder = scratch();
        let run =
            Run::of(command(["check", "--only", "matmul.binds"]).current_dir(folder.path()).output().expect("runs"));
        assert!(run.exits(0).stdout.contains("matmul.binds"));
    }
}

mod kind_coverage_bindings_and_deps {
    use super::*;
    use shims::Shim;

    /// The outcome of a check in a folder that has the bundle, and a shim without any of the API in `bad/`.
    fn in_bundle(check_text: &str, status: i32) -> serde_json::Value {
        let folder = scratch();
        xdoctor(["bundle", folder.path().to_str().expect("text")]).exits(0);
        Shim::in_folder(&folder.path().join("bad")).with_map("X { global: X*; local: *; };").link();
        let document = check(folder.path(), &checklist(check_text), &["--format", "json"]).exits(status).json();
        document["steps"][0]["checks"][0].clone()
    }

    const COVERAGE: &str = "kind: coverage, runtime: lib/libamdhip64.so.7, clients: bin/hip-matmul";

    #[test]
    fn coverage_holds_for_a_sound_shim_and_names_what_a_broken_one_misses() {
        let sound = in_bundle(&format!("- {{id: x, {COVERAGE}, shim: lib/libshimhip.so}}"), 0);
        assert!(sound["evidence"][0].as_str().expect("seen").contains("references covered"), "{sound:#}");
        let broken = in_bundle(&format!("- {{id: x, {COVERAGE}, shim: bad/libshimhip.so}}"), 1);
        assert_eq!(broken["code"], "exports-nothing");
        let missing = "kind: coverage, runtime: lib/libamdhip64.so.7, clients: nowhere, shim: lib/libshimhip.so";
        assert_eq!(in_bundle(&format!("- {{id: x, {missing}, skip_if_missing: true}}"), 0)["status"], "skip");
        assert_eq!(in_bundle(&format!("- {{id: x, {missing}}}"), 1)["code"], "library-missing");
        let nothing = "kind: coverage, runtime: lib/libamdhip64.so.7, clients: /bin/true, shim: lib/libshimhip.so";
        assert_eq!(in_bundle(&format!("- {{id: x, {nothing}}}"), 3)["status"], "undetermined");
    }

    #[test]
    fn bindings_says_which_library_a_symbol_binds_to() {
        let text = |shim: &str| {
            format!(
                "- {{id: x, kind: bindings, path: bin/hip-matmul, symbols: [hipFree, hipHostFree], preload: {shim}, provider: {shim}, library_path: lib}}"
            )
        };
        let sound = in_bundle(&text("lib/libshimhip.so"), 0);
        assert!(sound["evidence"][0].as_str().expect("seen").starts_with("hipFree binds to "), "{sound:#}");
        let broken = in_bundle(&text("bad/libshimhip.so"), 1);
        assert!(broken["actual"].as_str().expect("words").ends_with("libamdhip64.so.7"), "{broken:#}");
        assert!(broken["fix"].as_str().expect("a mend").contains("xdoctor explain hipFree"));
        let text = "- {id: x, kind: bindings, path: bin/hip-matmul, symbols: no_such, provider: lib/libshimhip.so}";
        assert_eq!(in_bundle(text, 1)["code"], "symbol-missing");
    }

    #[test]
    fn deps_names_what_is_missing() {
        in_bundle("- {id: x, kind: deps, path: bin/hip-matmul}", 0);
        let folder = scratch();
        let program = folder.path().join("hip-matmul");
        let library = scratch();
        xdoctor(["bundle", library.path().to_str().expect("text")]).exits(0);
        fs::copy(library.path().join("bin/hip-matmul"), &program).expect("copied");
        let alone = only(&format!("- {{id: x, kind: deps, path: {}}}", program.display()), 1);
        assert_eq!((&alone["code"], &alone["expected"]), (&"missing-library".into(), &"libamdhip64.so.7".into()));
    }
}

#[test]
fn an_empty_path_is_the_path_of_nothing_and_not_of_the_checklists_folder() {
    let found = only("- {id: a, kind: path, path: \"\"}", 1);
    assert_eq!(found["code"], "file-missing", "{found:#}");
}

mod reports_that_cannot_be_written {
    use super::*;

    /// Refused before anything is run, with these words.
    #[track_caller]
    fn refused(options: &[&str], words: &str) {
        let folder = scratch();
        let mark = folder.path().join("ran");
        let checks = format!("- {{id: a, kind: command, run: [touch, {}]}}", mark.display());
        let run = check(folder.path(), &checklist(&checks), options).exits(2);
        assert!(run.stderr.contains(words), "{}", run.stderr);
        assert!(!mark.exists(), "it was run all the same");
    }

    #[test]
    fn are_two_on_stdout() {
        refused(&["--format", "json", "--report", "fleet=-"], "only one document can go to stdout");
        refused(&["--report", "tap=-", "--report", "fleet=-"], "only one document can go to stdout");
    }

    #[test]
    fn is_one_in_a_folder_that_is_not_there() {
        refused(&["--report", "junit=/no/such/folder/report.xml"], "there is no folder /no/such/folder");
    }

    #[test]
    fn are_two_in_one_file() {
        refused(&["--report", "tap=x", "--report", "fleet=x"], "two reports would be written to x");
    }
}
