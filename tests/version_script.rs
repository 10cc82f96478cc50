//! Promises of the version script reader: it places symbols as GNU ld does, and no text makes it panic.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/libraries.rs"]
mod libraries;
mod support;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use libraries::run;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use xdoctor::elf::{Image, Mapped, escape};
use xdoctor::interpose::version_script::{Assignment, VersionScript};

const SYMBOLS: [&str; 8] = ["a", "ab", "abc", "abd", "b", "bc", "hipMalloc", "_ZN2ns1fEi"];
const PATTERNS: [&str; 12] = [
    "a",
    "ab",
    "a*",
    "ab?",
    "*c",
    "[ab]*",
    "hip*",
    "*",
    "b",
    "\"abc\"",
    "extern \"C++\" { ns::* }",
    "extern \"C++\" { \"ns::f(int)\" }",
];

/// A script with one to three nodes, each with some patterns to export and some to hide.
fn script() -> impl Strategy<Value = String> {
    let patterns = || proptest::collection::btree_set(proptest::sample::select(&PATTERNS[..]), 0..4);
    let node = (patterns(), patterns());
    proptest::collection::vec(node, 1..4).prop_map(|nodes| {
        let mut text = String::new();
        for (index, (global, local)) in nodes.iter().enumerate() {
            write!(text, "V{index} {{").unwrap();
            for (label, patterns) in [("global", global), ("local", local)] {
                if !patterns.is_empty() {
                    write!(text, " {label}:").unwrap();
                    patterns.iter().for_each(|pattern| write!(text, " {pattern};").unwrap());
                }
            }
            text.push_str(" };\n");
        }
        text
    })
}

#[test]
fn symbols_are_placed_as_gnu_ld_places_them() {
    if !support::require(libraries::has_program("ld") && libraries::has_program("as"), "as and ld") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let object = object(scratch.path());
    let accepted = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(Config { cases: 150, failure_persistence: None, ..Config::default() });
    let result = runner.run(&script(), |text| {
        let Some(theirs) = linked(scratch.path(), &object, &text) else { return Ok(()) };
        let script = VersionScript::parse(&text).unwrap();
        for symbol in SYMBOLS {
            let ours = match script.assign(symbol) {
                Assignment::Exported(node, _) => format!("in {}", node.name.as_deref().unwrap()),
                Assignment::Hidden(..) => "hidden".to_owned(),
                Assignment::Unmatched => "in no node".to_owned(),
            };
            let theirs = theirs.get(symbol).map_or("hidden", String::as_str);
            prop_assert_eq!(ours.as_str(), theirs, "{} under\n{}", symbol, text);
        }
        accepted.set(accepted.get() + 1);
        Ok(())
    });
    assert!(result.is_ok(), "{}", result.unwrap_err());
    assert!(accepted.get() > 20, "ld took only {} of the scripts", accepted.get());
}

fn object(dir: &Path) -> std::path::PathBuf {
    let mut text = String::from(".text\n");
    for name in SYMBOLS {
        writeln!(text, ".globl {name}\n.type {name},%function\n{name}:\n.byte 0").unwrap();
    }
    let (source, object) = (dir.join("symbols.s"), dir.join("symbols.o"));
    std::fs::write(&source, text).unwrap();
    run(Command::new("as").arg("-o").arg(&object).arg(&source));
    object
}

/// Each exported symbol with its node, as ld linked it; `None` where ld refuses the script, or two nodes claim one name.
fn linked(dir: &Path, object: &Path, script: &str) -> Option<BTreeMap<String, String>> {
    let (map, out) = (dir.join("script.map"), dir.join("out.so"));
    std::fs::write(&map, script).unwrap();
    let mut ld = Command::new("ld");
    ld.arg("-shared").arg(format!("--version-script={}", map.display())).arg("-o").arg(&out).arg(object);
    if !ld.output().unwrap().status.success() {
        return None;
    }
    let file = Mapped::open(&out).unwrap();
    let symbols = Image::parse(&file).unwrap().symbols().unwrap();
    let exported = symbols.iter().filter(|symbol| symbol.defined && !symbol.is_node_marker());
    let node = |node: Option<&[u8]>| node.map_or("in no node".to_owned(), |node| format!("in {}", escape(node)));
    Some(exported.map(|symbol| (escape(symbol.name).to_string(), node(symbol.version.map(|v| v.name)))).collect())
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[{};:\"/*# \\nA-Za-z_.0-9-]{0,200}|.{0,100}") {
        if let Err(error) = VersionScript::parse(&text) {
            prop_assert!(error.line >= 1 && error.column >= 1);
        }
    }

    #[test]
    fn what_was_written_reads_back_to_the_same_text(text in script()) {
        let once = VersionScript::parse(&text).unwrap().to_string();
        prop_assert_eq!(VersionScript::parse(&once).unwrap().to_string(), once);
    }
}
