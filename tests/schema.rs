//! `xdoctor schema`, `completions` and `man`: every document is as its schema says, by the word of a validator that is
//! not ours, and shells and man take what is made for them.

#[path = "support/schema.rs"]
mod schema_file;
mod support;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use schema_file::{assert_valid, complaint};
use serde_json::{Value, json};
use tempfile::TempDir;
use xdoctor::{Run, check, command, xdoctor};

fn scratch() -> TempDir {
    tempfile::tempdir().expect("scratch")
}

/// The names that `xdoctor schema` lists.
fn names() -> Vec<String> {
    xdoctor(["schema"]).exits(0).stdout.lines().map(str::to_owned).collect()
}

/// Those of what a command writes: people write checklists, and `tests/check_schema.rs` holds their schema to its readers.
fn documents() -> Vec<String> {
    names().into_iter().filter(|name| name != "checklist").collect()
}

fn schema(name: &str) -> Value {
    xdoctor(["schema", name]).exits(0).json()
}

/// The document is as the schema of its own first member says.
#[track_caller]
fn is_valid(document: &Value, name: &str) {
    assert_eq!(document["schema"], format!("xdoctor/{name}/1"));
    assert_valid(name, document);
}

/// The document, with the member at that JSON pointer replaced, is not.
#[track_caller]
fn is_invalid_with(document: &Value, name: &str, pointer: &str, wrong: Value) {
    let mut document = document.clone();
    *document.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = wrong;
    assert!(complaint(name, &document).is_some(), "{pointer} may be anything");
}

/// The self-check's document.
fn self_check() -> Value {
    let folder = scratch();
    let run = command(["check", "--format", "json"]).current_dir(folder.path()).output().expect("runs");
    Run::of(run).exits(0).json()
}

mod every_schema {
    use super::*;

    #[test]
    fn is_carried_by_xdoctor_as_it_lies_in_the_source_tree() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("checks/schema");
        let files = fs::read_dir(&folder).expect("readable").map(|entry| entry.expect("readable").path());
        let stems: BTreeSet<String> =
            files.map(|file| file.file_stem().expect("named").display().to_string()).collect();
        assert_eq!(names().into_iter().collect::<BTreeSet<_>>(), stems);
        for name in stems {
            let text = fs::read_to_string(folder.join(format!("{name}.json"))).expect("readable");
            assert_eq!(xdoctor(["schema", &name]).exits(0).stdout, text);
        }
    }

    #[test]
    fn is_itself_valid_and_refuses_what_is_no_document() {
        for name in names() {
            assert!(complaint(&name, &json!({})).is_some(), "{name}");
        }
    }

    #[test]
    fn has_the_name_that_its_documents_give_it() {
        for name in documents() {
            let schema = schema(&name);
            assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
            assert_eq!(schema["properties"]["schema"]["const"], format!("xdoctor/{name}/1"));
            assert_eq!(schema["$id"], schema["properties"]["schema"]["const"]);
            assert!(!schema["title"].as_str().expect("a title").is_empty());
        }
    }

    #[test]
    fn describes_each_member_allows_no_other_and_requires_all_but_what_a_flag_brings() {
        for name in documents() {
            assert!(closed_objects(&name, &schema(&name)) > 0, "{name}");
        }
    }

    /// Holds every object below to that; returns how many there are. A schema without `type` only narrows another.
    fn closed_objects(at: &str, schema: &Value) -> usize {
        let below = match schema {
            Value::Object(members) => {
                members.iter().map(|(name, value)| closed_objects(&format!("{at}/{name}"), value)).sum()
            }
            Value::Array(items) => items.iter().map(|value| closed_objects(at, value)).sum(),
            _ => 0,
        };
        let (Some(Value::Object(properties)), Some(_)) = (schema.get("properties"), schema.get("type")) else {
            return below;
        };
        assert_eq!(schema["additionalProperties"], false, "{at}");
        let required = schema["required"].as_array().expect("required");
        assert!(required.iter().all(|name| properties.contains_key(name.as_str().expect("text"))), "{at}");
        for (name, property) in properties {
            let description = property["description"].as_str().unwrap_or_default();
            assert!(description.ends_with('.'), "{at}/{name} is described by {description:?}");
            let by_a_flag = description.contains("with --");
            assert!(required.contains(&json!(name)) || by_a_flag, "{at}/{name} may be absent: which flag brings it?");
        }
        below + 1
    }

    #[test]
    fn that_nobody_knows_is_refused_with_the_names_of_those_there_are() {
        let text = xdoctor(["schema", "no-such"]).exits(2).stderr;
        let document = xdoctor(["schema", "no-such", "--format", "json"]).exits(2).json();
        for name in names() {
            assert!(text.contains(&name), "{text}");
            assert!(document["message"].as_str().expect("words").contains(&name), "{document:#}");
        }
    }
}

mod the_document_of_check {
    use super::*;

    #[test]
    fn is_valid_for_the_self_check() {
        is_valid(&self_check(), "check");
    }

    #[test]
    fn is_valid_where_checks_fail_warn_are_skipped_and_cannot_be_carried_out() {
        let folder = scratch();
        let checklist = "title: T\nvars: {with: value, without: }\nsteps:\n  - title: S\n    checks:\n      \
                         - {id: bad, kind: path, path: /no/such}\n      - {id: after, kind: path, path: /, needs: [bad]}\n      \
                         - {id: odd, kind: path, path: /no/such, severity: warn}\n      - {id: fine, kind: path, path: /no/such, severity: info}\n      \
                         - {id: odd-file, kind: command, run: [/etc/passwd]}\n";
        let document = check(folder.path(), checklist, &["--format", "json"]).exits(1).json();
        is_valid(&document, "check");
        let found: BTreeSet<&str> = document["steps"][0]["checks"]
            .as_array()
            .expect("checks")
            .iter()
            .filter_map(|c| c["status"].as_str())
            .collect();
        assert_eq!(found, BTreeSet::from(["fail", "pass", "skip", "undetermined", "warn"]), "{document:#}");
    }

    #[test]
    fn is_valid_where_nothing_was_selected() {
        let folder = scratch();
        let checklist = "title: T\nsteps: [{title: S, checks: [{id: x, kind: path, path: /}]}]\n";
        is_valid(&check(folder.path(), checklist, &["--format", "json", "--only", "y"]).exits(4).json(), "check");
    }

    #[test]
    fn is_not_valid_with_anything_that_the_contract_does_not_have() {
        let document = self_check();
        let check = "/steps/0/checks/0";
        for (member, wrong) in [
            ("status", json!("ok")),
            ("severity", json!("error")),
            ("code", json!("Not A Code")),
            ("reason", json!("a check that holds needs no reason")),
            ("seconds", json!("0.1")),
            ("location", json!({ "file": "x", "line": 0 })),
        ] {
            is_invalid_with(&document, "check", &format!("{check}/{member}"), wrong);
        }
        is_invalid_with(&document, "check", "/schema", json!("xdoctor/check/2"));
        is_invalid_with(&document, "check", "/started", json!("yesterday"));
        is_invalid_with(&document, "check", "/exit_status", json!(2));
        is_invalid_with(&document, "check", check, json!({ "status": "pass" }));
        let mut more = document.clone();
        more["colour"] = json!("green");
        assert!(complaint("check", &more).is_some());
    }
}

#[test]
fn the_document_of_a_list_is_valid_for_every_bundled_checklist_and_for_what_a_lock_adds() {
    let folder = scratch();
    let listed = |args: &[&str]| {
        let run = command(["check", "--list", "--format", "json"]).args(args).current_dir(folder.path()).output();
        let document = Run::of(run.expect("runs")).exits(0).json();
        is_valid(&document, "list");
        document
    };
    for name in ["pytorch-rocm", "rocm", "xsched-hip"] {
        listed(&[name]);
    }
    listed(&["shim-project", "--var", "shim=/no/shim.so", "--var", "runtime=/no/runtime.so"]);
    let document = listed(&[]);
    is_invalid_with(&document, "list", "/steps/0/checks/0/severity", json!("error"));
    is_invalid_with(&document, "list", "/steps/0/checks", json!([]));
    let checklist = "title: T\nsteps: [{title: S, checks: [{id: x, kind: path, path: c.yaml}]}]\n";
    fs::write(folder.path().join("c.yaml"), checklist).expect("written");
    let lock = command(["lock", "c.yaml"]).current_dir(folder.path()).output().expect("runs");
    Run::of(lock).exits(0);
    let document = listed(&["c.yaml"]);
    assert_eq!(document["steps"][1]["checks"][0]["kind"], "lock", "{document:#}");
}

mod the_document_of_smoke {
    use super::*;

    #[test]
    fn is_valid_with_and_without_a_native_run() {
        let document = xdoctor(["smoke", "--format", "json"]).exits(0).json();
        is_valid(&document, "smoke");
        let without = xdoctor(["smoke", "--format", "json", "--no-native"]).exits(0).json();
        assert_eq!(without["native"], Value::Null);
        is_valid(&without, "smoke");
        is_invalid_with(&document, "smoke", "/rungs/0/status", json!("passed"));
        is_invalid_with(&document, "smoke", "/rungs/0/rung", json!("installed"));
        is_invalid_with(&document, "smoke", "/native/exit", json!("0"));
        is_invalid_with(&document, "smoke", "/calls/0/role", json!("malloc"));
    }

    #[test]
    fn is_valid_where_the_shim_is_not_there_or_intercepts_nothing() {
        let folder = scratch();
        let bundle = folder.path().to_str().expect("text");
        xdoctor(["bundle", bundle]).exits(0);
        let no_shim = format!("{bundle}/lib/libxdoctor-no-such.so");
        let no_api = library_of_nothing(folder.path());
        for shim in [&no_shim, &no_api] {
            is_valid(&xdoctor(["smoke", "--format", "json", "--shim", shim]).exits(1).json(), "smoke");
        }
    }

    /// A library that loads and has none of the API.
    fn library_of_nothing(folder: &Path) -> String {
        let file = folder.join("nothing.so");
        let made = Command::new("cc").args(["-shared", "-nostdlib", "-x", "c", "/dev/null", "-o"]).arg(&file).status();
        assert!(made.expect("cc starts").success());
        file.to_str().expect("text").to_owned()
    }
}

#[test]
fn the_document_of_codes_is_valid_for_all_and_for_one() {
    let all = xdoctor(["codes", "--format", "json"]).exits(0).json();
    is_valid(&all, "codes");
    is_valid(&xdoctor(["codes", "hang", "--format", "json"]).exits(0).json(), "codes");
    is_invalid_with(&all, "codes", "/codes/0/severity", json!("fatal"));
}

#[test]
fn the_document_of_bundle_is_valid_and_its_paths_are_absolute() {
    let folder = scratch();
    let run = command(["bundle", "here", "--format", "json"]).current_dir(folder.path()).output().expect("runs");
    let document = Run::of(run).exits(0).json();
    is_valid(&document, "bundle");
    is_invalid_with(&document, "bundle", "/files/0", json!("lib/libshimhip.so"));
}

/// The documents of what looks at ELF files, for files of both classes, both byte orders and several machines.
mod the_documents_of_symbols_map_and_diff {
    use super::*;

    /// The files of the corpus that can be read, damaged tables included.
    fn corpus() -> Vec<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/elf");
        let files = fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable").path());
        files.map(|file| file.to_str().expect("text").to_owned()).collect()
    }

    /// What the command writes of this input; its own document, or where it cannot be used the one of an error.
    fn written(args: &[&str]) -> Value {
        let output = command(["--format", "json"]).args(args).output().expect("runs");
        let status = output.status.code().expect("no signal");
        let document = Run::of(output).json();
        is_valid(&document, if status == 2 { "error" } else { args[0] });
        document
    }

    #[test]
    fn of_symbols_is_valid_for_every_file_with_every_flag() {
        let corpus = corpus();
        let mut classes = BTreeSet::new();
        for file in &corpus {
            for flags in [
                &[][..],
                &["--versions"],
                &["--defined", "--demangle"],
                &["--undefined"],
                &["--name", "no such name"],
                &["--version-node", "*", "--demangle"],
            ] {
                let document = written(&[&["symbols", file], flags].concat());
                classes.extend(document["files"][0]["class"].as_str().map(str::to_owned));
            }
        }
        assert_eq!(classes, BTreeSet::from(["ELF32".to_owned(), "ELF64".to_owned()]));
        let bundled = written(&["symbols", "libshimhip.so", "libamdhip64.so.7"]);
        assert_eq!(bundled["files"].as_array().map(Vec::len), Some(2), "several files, out of the bundle");
    }

    #[test]
    fn of_map_is_valid_for_every_file_with_and_without_a_shim() {
        for file in &corpus() {
            written(&["map", file]);
            written(&["map", "libamdhip64.so.7", "--shim", file]);
            written(&["map", file, "--shim", "libshimhip.so"]);
        }
    }

    #[test]
    fn of_diff_is_valid_for_every_file_against_one_of_another_class() {
        let other = format!("{}/tests/corpus/elf/ppc.so", env!("CARGO_MANIFEST_DIR"));
        let mut changes = BTreeSet::new();
        for file in &corpus() {
            for args in [&["diff", file, &other][..], &["diff", &other, file, "--breaking"], &["diff", file, file]] {
                let document = written(args);
                let all = document["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
                changes.extend(all.iter().filter_map(|change| change["change"].as_str().map(str::to_owned)));
            }
        }
        assert!(changes.contains("machine-changed") && changes.contains("symbol-gone"), "{changes:?}");
    }

    #[test]
    fn is_the_one_of_an_error_for_what_is_no_elf_file_or_is_not_there() {
        for file in ["/etc/passwd", "/no/such/file", "/", env!("CARGO_MANIFEST_DIR")] {
            for args in
                [&["symbols", file][..], &["map", file], &["diff", file, file], &["symbols", "--name", "[", file]]
            {
                assert_eq!(written(args)["schema"], "xdoctor/error/1", "{args:?}");
            }
        }
    }

    #[test]
    fn is_not_valid_with_anything_that_the_contract_does_not_have() {
        let symbols = written(&["symbols", "libshimhip.so", "--name", "hipMalloc"]);
        for (member, wrong) in [
            ("nodes/0/index", json!(65536)),
            ("nodes/0/base", json!("yes")),
            ("needs/0/nodes/0/weak", Value::Null),
            ("build_id", json!("abc")),
            ("class", json!("ELF128")),
            ("machine", json!("")),
            ("symbols/0/kind", json!("FUNC")),
            ("symbols/0/binding", json!("13")),
            ("symbols/0/value", json!("0x10")),
            ("symbols/0", json!({ "name": "hipMalloc" })),
        ] {
            is_invalid_with(&symbols, "symbols", &format!("/files/0/{member}"), wrong);
        }
        let map = written(&["map", "libamdhip64.so.7", "--shim", "libshimhip.so"]);
        is_invalid_with(&map, "map", "/nodes/0/missing", Value::Null);
        is_invalid_with(&map, "map", "/shim", json!(""));
        let other = format!("{}/tests/corpus/elf/ppc.so", env!("CARGO_MANIFEST_DIR"));
        let diff = written(&["diff", &other, "libshimhip.so"]);
        is_invalid_with(&diff, "diff", "/changes/0/change", json!("renamed"));
        is_invalid_with(&diff, "diff", "/changes/0/why", json!(""));
        for (name, document) in [("symbols", symbols), ("map", map), ("diff", diff)] {
            let mut more = document;
            more["colour"] = json!("green");
            assert!(complaint(name, &more).is_some(), "{name}");
        }
    }
}

mod the_document_of_an_error {
    use super::*;

    #[test]
    fn is_valid_for_a_bad_checklist_with_its_place() {
        let folder = scratch();
        let document = check(folder.path(), "title: T\nstep: []\n", &["--format", "json"]).exits(2).json();
        is_valid(&document, "error");
        is_invalid_with(&document, "error", "/file", Value::Null);
        is_invalid_with(&document, "error", "/line", json!(0));
    }

    #[test]
    fn is_valid_for_a_checklist_that_cannot_be_read_and_names_the_file_once() {
        let folder = scratch();
        let run = command(["check", ".", "--format", "json"]).current_dir(folder.path()).output().expect("runs");
        let document = Run::of(run).exits(2).json();
        is_valid(&document, "error");
        assert_eq!(Path::new(document["file"].as_str().expect("a file")), folder.path());
        assert_eq!(
            document["message"].as_str().expect("words").matches("expected a regular file").count(),
            1,
            "{document:#}"
        );
    }

    #[test]
    fn is_valid_for_wrong_usage_and_says_what_is_missing() {
        for (args, wanted) in [(&["bundle"][..], "<FOLDER>"), (&["codes", "no-such-code"], "no-such-code")] {
            let document = xdoctor(args.iter().chain(&["--format", "json"])).exits(2).json();
            is_valid(&document, "error");
            assert!(document["message"].as_str().expect("words").contains(wanted), "{document:#}");
        }
    }
}

/// Runs a program with this text on its stdin.
fn fed(program: &str, args: &[&str], text: &str) -> Output {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(text.as_bytes()).expect("taken");
    drop(stdin);
    child.wait_with_output().expect("ends")
}

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

mod completions {
    use super::*;

    #[test]
    fn for_bash_are_parsed_by_bash_and_complete_commands_and_schemas() {
        if !support::require(has("bash"), "bash") {
            return;
        }
        let script = xdoctor(["completions", "bash"]).exits(0).stdout;
        let parsed = fed("bash", &["-n"], &script);
        assert!(parsed.status.success() && parsed.stderr.is_empty(), "{}", String::from_utf8_lossy(&parsed.stderr));
        let answer = |line: &str, word: &str| {
            let words = line.split(' ').count();
            let asking = format!(
                "\nCOMP_WORDS=({line} {word}); COMP_CWORD={words}; _xdoctor xdoctor {word} x; echo ${{COMPREPLY[@]}}\n"
            );
            let answer = fed("bash", &["--norc"], &(script.clone() + &asking));
            String::from_utf8(answer.stdout).expect("UTF-8").trim().to_owned()
        };
        assert_eq!(answer("xdoctor schema", "sm"), "smoke");
        assert_eq!(answer("xdoctor", "ch"), "check");
        assert_eq!(answer("xdoctor", "lo"), "lock", "what is hidden stays hidden");
    }

    #[test]
    fn are_there_for_every_shell_with_every_command_and_survive_a_reader_that_leaves() {
        for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
            let script = xdoctor(["completions", shell]).exits(0).stdout;
            assert!(["check", "smoke", "symbols", "schema"].iter().all(|name| script.contains(name)), "{shell}");
            assert!(!script.contains("RTLD_NOW"), "{shell}: what is hidden stays hidden");
        }
        let mut child =
            command(["completions", "zsh"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("ends");
        assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
    }

    #[test]
    fn for_a_shell_that_nobody_knows_are_refused_with_those_there_are() {
        let said = xdoctor(["completions", "nosh"]).exits(2).stderr;
        assert!(said.contains("bash") && said.contains("fish"), "{said}");
    }
}

#[test]
fn the_examples_of_every_command_are_shown_line_by_line_at_80_columns() {
    let help = |args: &[&str]| {
        let run = command(args).env("COLUMNS", "80").output().expect("runs");
        Run::of(run).exits(0).stdout
    };
    let front = help(&["--help"]);
    let commands = front.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names: Vec<&str> =
        commands.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() > 18 && front.contains("Exit status: 0 all holds"), "{front}");
    for name in names.into_iter().filter(|name| *name != "help") {
        let page = help(&[name, "--help"]);
        let examples = page.lines().skip_while(|line| *line != "Examples:").skip(1).take_while(|line| !line.is_empty());
        let mut continued = false;
        for line in examples {
            // What is folded by clap goes on at the margin of a command, and begins with none.
            let begins = ["  xdoctor ", "  LD_PRELOAD=", "  cc ", "  source ", "  eval ", "  man "];
            let whole = continued || begins.iter().any(|word| line.starts_with(word)) || line.contains("xdoctor");
            assert!(whole && line.chars().count() <= 80, "{name}: {line}\n{page}");
            continued = line.ends_with('\\');
        }
    }
}

mod the_manual_page {
    use super::*;

    /// What groff makes of a page, as plain text; every warning of its is a failure.
    #[track_caller]
    fn formatted(page: &str) -> String {
        let output = fed("groff", &["-man", "-ww", "-Tascii", "-P-cbou", "-rLL=120n"], page);
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && complaints.is_empty(), "{complaints}");
        String::from_utf8(output.stdout).expect("ASCII")
    }

    #[test]
    fn of_xdoctor_and_of_every_command_is_taken_by_groff_without_a_warning() {
        if !support::require(has("groff"), "groff") {
            return;
        }
        let page = formatted(&xdoctor(["man"]).exits(0).stdout);
        for command in ["check", "smoke", "symbols", "codes", "bundle", "schema", "completions", "man"] {
            assert!(page.contains(&format!("xdoctor-{command}(1)")), "{page}");
            let own = formatted(&xdoctor(["man", command]).exits(0).stdout);
            assert!(own.contains(&format!("xdoctor-{command}")) && own.contains("--exit-style"), "{own}");
        }
        assert!(!page.contains("xdoctor-load"), "what is hidden stays hidden: {page}");
    }

    #[test]
    fn keeps_the_lines_of_its_examples() {
        if !support::require(has("groff"), "groff") {
            return;
        }
        let page = formatted(&xdoctor(["man", "check"]).exits(0).stdout);
        let line = "xdoctor check                                        the bundled self-check";
        assert!(page.contains("EXAMPLES\n") && page.lines().any(|found| found.trim() == line), "{page}");
    }

    #[test]
    fn is_shown_by_man() {
        if !support::require(has("man"), "man") {
            return;
        }
        let shown = fed("man", &["-l", "-"], &xdoctor(["man", "check"]).exits(0).stdout);
        assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
        assert!(String::from_utf8_lossy(&shown.stdout).contains("xdoctor-check(1)"));
    }

    #[test]
    fn of_a_command_that_nobody_knows_is_refused_with_those_there_are() {
        for name in ["no-such", "load", "help"] {
            let said = xdoctor(["man", name]).exits(2).stderr;
            assert!(said.contains("check, smoke, symbols"), "{said}");
        }
    }
}
