//! Promises of `xdoctor diff`: what has changed between two libraries, and whether a linked client notices.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/libraries.rs"]
mod libraries;
#[path = "support/schema.rs"]
#[expect(clippy::panic, reason = "a test may panic")]
mod schema;
mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use libraries::{library, run, xdoctor};
use serde_json::Value;
use tempfile::TempDir;

/// A change's name, old, new, and whether it breaks a client.
type Change = (String, Value, Value, bool);

/// Two libraries made from sources and version scripts.
struct Pair {
    dir: TempDir,
    old: PathBuf,
    new: PathBuf,
}

impl Pair {
    fn new(old: (&str, Option<&str>), new: (&str, Option<&str>)) -> Pair {
        let dir = tempfile::tempdir().unwrap();
        for side in ["old", "new"] {
            std::fs::create_dir(dir.path().join(side)).unwrap();
        }
        let old = library(&dir.path().join("old"), "libt.so", old.0, old.1);
        let new = library(&dir.path().join("new"), "libt.so", new.0, new.1);
        Pair { dir, old, new }
    }

    /// The exit status, and the changes.
    fn diff(&self) -> (Option<i32>, Vec<Change>) {
        let output = xdoctor().args(["--format", "json", "diff"]).arg(&self.old).arg(&self.new).output().unwrap();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        schema::assert_valid("diff", &document);
        let change = |change: &Value| {
            let name = change["change"].as_str().unwrap().to_owned();
            (name, change["old"].clone(), change["new"].clone(), change["breaks"].as_bool().unwrap())
        };
        (output.status.code(), document["changes"].as_array().unwrap().iter().map(change).collect())
    }

    /// Whether a client of the old library, linked and bound at once, runs with the new one in its place.
    fn client_survives(&self, source: &str) -> bool {
        let main = self.dir.path().join("main.c");
        let client = self.dir.path().join("client");
        std::fs::write(&main, source).unwrap();
        run(Command::new("cc").args(["-w", "-O1", "-o"]).arg(&client).arg(&main).arg(&self.old).arg("-Wl,-z,now"));
        // Linked by path without a SONAME, the client asks for that path: the new library takes its place there.
        let kept = std::fs::read(&self.old).unwrap();
        let start = |client: &Path| Command::new(client).output().unwrap();
        assert!(start(&client).status.success(), "the client runs with the old library");
        std::fs::copy(&self.new, &self.old).unwrap();
        let output = start(&client);
        std::fs::write(&self.old, kept).unwrap();
        output.status.success()
    }
}

fn one(change: &str, old: &str, new: &str, breaks: bool) -> Change {
    let text = |text: &str| if text.is_empty() { Value::Null } else { Value::from(text) };
    (change.to_owned(), text(old), text(new), breaks)
}

const NODES: &str = "V1 { global: f; g; local: *; };";

#[test]
fn equal_libraries_have_no_difference() {
    let pair = Pair::new(("int f(){return 0;}", Some(NODES)), ("int f(){return 1;}", Some(NODES)));
    assert_eq!(pair.diff(), (Some(0), vec![]));
}

#[test]
fn a_symbol_that_is_gone_breaks_and_one_that_is_added_does_not() {
    let pair = Pair::new(("int f(){return 0;}", Some(NODES)), ("int g(){return 0;}", Some(NODES)));
    let expected = vec![one("symbol-gone", "f@@V1", "", true), one("symbol-added", "", "g@@V1", false)];
    assert_eq!(pair.diff(), (Some(1), expected));
    assert!(!pair.client_survives("int f(); int main(){return f();}"));
}

#[test]
fn a_symbol_that_moved_to_another_node_breaks_as_the_loader_shows() {
    let new = "V1 { global: g; local: *; }; V2 { global: f; } V1;";
    let source = "int f(){return 0;} int g(){return 0;}";
    let pair = Pair::new((source, Some(NODES)), (source, Some(new)));
    let expected = vec![one("symbol-moved", "f@@V1", "f@@V2", true), one("node-added", "", "V2", false)];
    assert_eq!(pair.diff(), (Some(1), expected));
    assert!(!pair.client_survives("int f(); int main(){return f();}"));
}

#[test]
fn a_new_default_beside_the_old_node_breaks_nobody_as_the_loader_shows() {
    let old = "int f(){return 0;}";
    let new = "__asm__(\".symver a,f@V1\\n.symver b,f@@V2\"); int a(){return 0;} int b(){return 1;}";
    let pair = Pair::new((old, Some(NODES)), (new, Some("V1 { local: a; b; }; V2 { } V1;")));
    let expected = vec![
        one("default-changed", "V1", "V2", false),
        one("node-added", "", "V2", false),
        one("symbol-added", "", "f@@V2", false),
    ];
    assert_eq!(pair.diff(), (Some(0), expected));
    assert!(pair.client_survives("int f(); int main(){return f();}"));
}

#[test]
fn losing_all_nodes_breaks_nobody_as_long_as_a_version_table_stays_as_the_loader_shows() {
    let needs_libc = "int f(){return puts(\"\") < 0;}";
    let pair = Pair::new((needs_libc, Some(NODES)), (needs_libc, None));
    let expected = vec![one("node-gone", "V1", "", false), one("symbol-moved", "f@@V1", "f", false)];
    assert_eq!(pair.diff(), (Some(0), expected));
    assert!(pair.client_survives("int f(); int main(){return f();}"));
}

#[test]
fn losing_all_version_information_breaks_as_the_loader_up_to_2_40_shows() {
    let source = "int f(){return 0;}";
    let pair = Pair::new((source, Some(NODES)), (source, None));
    let expected = vec![one("node-gone", "V1", "", true), one("symbol-moved", "f@@V1", "f", true)];
    assert_eq!(pair.diff(), (Some(1), expected));
    let libc = run(Command::new("getconf").arg("GNU_LIBC_VERSION"));
    let minor = libc.trim().rsplit('.').next().and_then(|minor| minor.parse::<u32>().ok());
    if minor.is_some_and(|minor| minor <= 40) {
        assert!(!pair.client_survives("int f(); int main(){return f();}"));
    }
}

#[test]
fn gaining_a_node_breaks_nobody_as_the_loader_shows() {
    let source = "int f(){return 0;}";
    let pair = Pair::new((source, None), (source, Some(NODES)));
    let expected = vec![one("symbol-moved", "f", "f@@V1", false), one("node-added", "", "V1", false)];
    assert_eq!(pair.diff(), (Some(0), expected));
    assert!(pair.client_survives("int f(); int main(){return f();}"));
}

#[test]
fn a_node_that_is_gone_breaks_even_where_its_symbols_stay() {
    let source = "int f(){return 0;} int g(){return 0;}";
    let pair = Pair::new((source, Some(NODES)), (source, Some("V2 { global: f; g; local: *; };")));
    let (status, changes) = pair.diff();
    assert_eq!(status, Some(1));
    assert!(changes.contains(&one("node-gone", "V1", "", true)), "{changes:?}");
    assert!(!pair.client_survives("int f(); int main(){return f();}"));
}

#[test]
fn data_of_another_size_breaks_a_program_that_holds_a_copy() {
    let pair = Pair::new(("int f[2]={1};", Some(NODES)), ("int f[4]={1};", Some(NODES)));
    assert_eq!(pair.diff(), (Some(1), vec![one("size-changed", "8", "16", true)]));
}

#[test]
fn code_of_another_size_is_no_change() {
    let pair = Pair::new(("int f(int x){return 0;}", Some(NODES)), ("int f(int x){return x*x/7;}", Some(NODES)));
    assert_eq!(pair.diff(), (Some(0), vec![]));
}

#[test]
fn a_function_that_became_data_breaks() {
    let pair = Pair::new(("int f(){return 0;}", Some(NODES)), ("int f=1;", Some(NODES)));
    assert_eq!(pair.diff(), (Some(1), vec![one("kind-changed", "function", "object", true)]));
}

#[test]
fn a_weaker_binding_breaks_nobody() {
    let weak = "__attribute__((weak)) int f(){return 0;}";
    let pair = Pair::new(("int f(){return 0;}", Some(NODES)), (weak, Some(NODES)));
    assert_eq!(pair.diff(), (Some(0), vec![one("binding-changed", "global", "weak", false)]));
    assert!(pair.client_survives("int f(); int main(){return f();}"));
}

#[test]
fn a_new_need_is_told_and_breaks_nobody() {
    let pair = Pair::new(("int f(){return 0;}", Some(NODES)), ("int f(){return puts(\"\");}", Some(NODES)));
    let (status, changes) = pair.diff();
    assert_eq!(status, Some(0));
    assert!(
        changes.iter().any(|(change, _, new, _)| change == "need-added" && new.as_str().unwrap().starts_with("GLIBC_"))
    );
}

#[test]
fn another_soname_breaks() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("t.c");
    std::fs::write(&source, "int f(){return 0;}").unwrap();
    let build = |soname: &str| {
        let out = dir.path().join(soname);
        let flag = format!("-Wl,-soname,{soname}");
        run(Command::new("cc").args(["-w", "-shared", "-fPIC", &flag, "-o"]).arg(&out).arg(&source));
        out
    };
    let pair = Pair { old: build("libt.so.6"), new: build("libt.so.7"), dir };
    assert_eq!(pair.diff(), (Some(1), vec![one("soname-changed", "libt.so.6", "libt.so.7", true)]));
}

#[test]
fn the_text_says_what_why_and_how_many() {
    let new = "V1 { global: g; local: *; }; V2 { global: f; } V1;";
    let source = "int f(){return 0;} int g(){return 0;}";
    let pair = Pair::new((source, Some(NODES)), (source, Some(new)));
    let output = xdoctor().arg("diff").arg(&pair.old).arg(&pair.new).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().skip(2).collect();
    assert_eq!(
        lines,
        [
            "✗ moved              f@@V1 → f@@V2",
            "    clients ask for the old node, and ld.so silently passes over a definition in another",
            "✓ node added         V2",
            "1 of 2 changes break a linked client",
        ]
    );
}

/// Sources of libraries whose exports differ in every way that concerns their presence.
const VARIANTS: [(&str, Option<&str>); 6] = [
    ("int a(){return 0;} int b(){return 0;} int d=1;", None),
    ("int a(){return 0;} int c(){return 0;} int e=1;", None),
    ("int a(){return 0;} int b(){return 0;} int d=1;", Some("V1 { global: a; b; d; local: *; };")),
    (
        "int a(){return 0;} int c(){return 0;} int e[9]={1};",
        Some("V1 { global: a; c; local: *; }; V2 { global: e; } V1;"),
    ),
    ("int a(){return 0;} int b(){return 0;} int d=1;", Some("V1 { global: a; local: *; }; V2 { global: b; d; } V1;")),
    (
        "__attribute__((weak)) int a(){return 0;} __thread int t; int b(){return 0;}",
        Some("V1 { global: a; b; t; local: *; };"),
    ),
];

#[test]
fn abidiff_agrees_on_what_is_gone_and_added() {
    if !support::require(libraries::has_program("abidiff"), "abidiff") {
        return;
    }
    for old in VARIANTS {
        for new in VARIANTS {
            let pair = Pair::new(old, new);
            let (_, changes) = pair.diff();
            assert_eq!(ours(&changes), theirs(&pair), "{old:?} → {new:?}");
        }
    }
}

/// What is gone and added; what moved out of a client's reach is gone to abidiff.
fn ours(changes: &[Change]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (change, old, new, breaks) in changes {
        let moved = change == "symbol-moved" && *breaks;
        if moved || change == "symbol-gone" {
            found.insert(format!("- {}", old.as_str().unwrap()));
        }
        if change == "symbol-added" {
            found.insert(format!("+ {}", new.as_str().unwrap()));
        }
    }
    found
}

fn theirs(pair: &Pair) -> BTreeSet<String> {
    // Its exit status is a bit set of what it found; without debug information it compares the symbol tables.
    let output = Command::new("abidiff").arg(&pair.old).arg(&pair.new).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let marked = |line: &str, mark: &str, sign: &str| {
        line.trim().strip_prefix(mark).map(|symbol| format!("{sign} {}", symbol.trim().split(',').next().unwrap()))
    };
    text.lines().filter_map(|line| marked(line, "[D]", "-").or_else(|| marked(line, "[A]", "+"))).collect()
}
