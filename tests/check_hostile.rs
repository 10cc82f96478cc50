//! Promise: whatever stands in a checklist, reading it neither panics nor takes long; each complaint is about a line of the
//! file; and what the readers take, the schema takes.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use boon::{Compiler, Schemas};
use proptest::prelude::*;
use serde_json::Value;
use xdoctor::check::{Checklist, Source};

/// Every checklist that the documentation and the bundle have.
fn seeds() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(root.join(path)).expect("readable");
    let page = read("docs/checklists.md");
    let blocks = page.split("\n```yaml").skip(1).filter_map(|block| block.split("\n```").next());
    let blocks = blocks.filter_map(|block| block.split_once('\n')).map(|(_, text)| format!("{text}\n"));
    blocks.chain(["checks/xsched-hip.yaml", "checks/self-check.yaml"].map(read)).collect()
}

/// Words that mean something somewhere, in places where they may not.
const WORDS: [&str; 40] = [
    "id",
    "kind",
    "path",
    "title",
    "when",
    "matrix",
    "needs",
    "any_of",
    "all_of",
    "not",
    "include",
    "vars",
    "steps",
    "checks",
    "timeout",
    "retries",
    "var",
    "equals",
    "exists",
    "severity",
    "warn",
    "true",
    "1",
    "-1",
    "1e3s",
    "60s",
    "[]",
    "{}",
    "[a, b]",
    "{a: b}",
    "{kind: path, path: /}",
    "${x}",
    "${",
    "$$",
    "'",
    "\"",
    "- a",
    "&a",
    "*a",
    "\u{202e}é\u{0}",
];

/// One change to a text: what of it is changed, and into what.
#[derive(Clone, Debug)]
enum Change {
    Drop(usize),
    Repeat(usize, usize),
    Indent(usize, usize),
    Replace(usize, usize),
    Cut(usize),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let any = any::<usize>;
    let change = prop_oneof![
        any().prop_map(Change::Drop),
        (any(), any()).prop_map(|(from, to)| Change::Repeat(from, to)),
        (any(), 0..12_usize).prop_map(|(line, by)| Change::Indent(line, by)),
        (any(), any()).prop_map(|(word, other)| Change::Replace(word, other)),
        (any(), any()).prop_map(|(word, other)| Change::Replace(word, other)),
        any().prop_map(Change::Cut),
    ];
    proptest::collection::vec(change, 1..4)
}

fn changed(text: &str, change: &Change) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.is_empty() {
        return text.to_owned();
    }
    let count = lines.len();
    match *change {
        Change::Drop(line) => drop(lines.remove(line % count)),
        Change::Repeat(from, to) => lines.insert(to % count, lines[from % count].clone()),
        Change::Indent(line, by) => {
            lines[line % count] = format!("{}{}", " ".repeat(by), lines[line % count].trim_start())
        }
        Change::Cut(line) => lines.truncate(line % count),
        Change::Replace(line, other) => {
            let words: Vec<String> =
                lines[line % count].split_inclusive([' ', '{', '[', ',', ':']).map(str::to_owned).collect();
            let at = other % words.len().max(1);
            let word = WORDS[other / 7 % WORDS.len()];
            let kept = |word: &String| word.chars().last().filter(|last| " {[,:".contains(*last)).map(String::from);
            let new = words.iter().enumerate().map(|(index, old)| {
                if index == at { format!("{word}{}", kept(old).unwrap_or_default()) } else { old.clone() }
            });
            lines[line % count] = new.collect();
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn what_is_changed_at_random_is_read_or_refused_with_lines_that_are_there() {
    let seeds = seeds();
    assert!(seeds.len() > 8, "{}", seeds.len());
    let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("checks/schema/checklist.json");
    let schema = compiler.compile(file.to_str().expect("text"), &mut schemas).expect("a schema");
    let (mut taken, mut refused) = (0, 0);
    let base = tempfile::tempdir().expect("scratch");
    let config = ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() };
    let strategy = (0..seeds.len(), changes());
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let counts = std::cell::RefCell::new((&mut taken, &mut refused));
    let result = runner.run(&strategy, |(seed, changes)| {
        let text = changes.iter().fold(seeds[seed].clone(), |text, change| changed(&text, change));
        let source = Source { name: "c.yaml".into(), text: text.clone(), base: base.path().to_owned(), unasked: false };
        let started = Instant::now();
        let read = Checklist::parse(&source, &[]);
        prop_assert!(started.elapsed() < Duration::from_secs(5), "{text}");
        match read {
            Ok(_) => {
                *counts.borrow_mut().0 += 1;
                // Where the two readers of YAML differ there is no document to compare.
                // They do over anchors, whose names one of them ends at a colon.
                let document = serde_yaml::from_str::<Value>(&text).ok().filter(|_| !text.contains("&a"));
                let Some(document) = document else { return Ok(()) };
                let against = schemas.validate(&document, schema).err().map(|error| format!("{error:#}"));
                prop_assert!(against.is_none(), "{}\n{text}", against.unwrap_or_default());
            }
            Err(bad) => {
                *counts.borrow_mut().1 += 1;
                prop_assert!(!bad.complaints.is_empty());
                for complaint in &bad.complaints {
                    let last = text.lines().count() + 1;
                    prop_assert!((1..=last).contains(&complaint.place.line), "{complaint}\nin\n{text}");
                    prop_assert!(
                        complaint.place.column > 0 && !complaint.message.is_empty(),
                        "{complaint}\nin\n{text}"
                    );
                }
                let said = bad.to_string();
                prop_assert!(!said.contains(['\u{0}', '\u{1b}', '\u{202e}']), "{said:?}");
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    assert!(
        taken > 100 && refused > 100,
        "{taken} were taken, {refused} refused: the changes are too small, or too large"
    );
}
