//! Every example of docs/checklists.md ends as the page says.

#[path = "support/schema.rs"]
mod schema_file;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use schema_file::complaint;
use serde_json::Value;
use tempfile::TempDir;
use xdoctor::{Run, check, command, outcome, xdoctor};

/// The page's fenced blocks: the words behind the fence, and the text.
fn blocks() -> Vec<(String, String)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/checklists.md");
    let page = fs::read_to_string(page).expect("readable");
    let (mut blocks, mut open) = (Vec::new(), None);
    for event in Parser::new(&page) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(words))) => {
                open = Some((words.to_string(), String::new()))
            }
            Event::Text(text) => open.iter_mut().for_each(|(_, block)| block.push_str(&text)),
            Event::End(TagEnd::CodeBlock) => blocks.extend(open.take()),
            _ => {}
        }
    }
    blocks
}

fn blocks_called(words: &str) -> Vec<String> {
    let found: Vec<String> = blocks().into_iter().filter(|(called, _)| called == words).map(|(_, text)| text).collect();
    assert!(!found.is_empty(), "the page has no {words} block");
    found
}

/// A folder with the files that the page's examples include.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("scratch");
    for (words, text) in blocks() {
        if let Some(name) = words.strip_prefix("yaml ").filter(|name| name.ends_with(".yaml")) {
            fs::write(folder.path().join(name), text).expect("written");
        }
    }
    folder
}

/// What the comment beside an id or an include promises: ids, and how each ends.
fn promises(text: &str) -> Vec<(String, String)> {
    let mut promises = Vec::new();
    for (line, comment) in text.lines().filter_map(|line| line.split_once("# ")) {
        let line = line.trim().trim_start_matches("- ");
        match (line.strip_prefix("id: "), line.starts_with("include: "), comment.contains(" · ")) {
            (Some(id), _, false) => promises.push((id.trim().to_owned(), comment.to_owned())),
            (Some(_), _, true) | (None, true, _) => {
                let each = comment.split(" · ").filter_map(|promise| promise.split_once(": "));
                promises.extend(each.map(|(id, ends)| (id.to_owned(), ends.to_owned())));
            }
            (None, false, _) => {}
        }
    }
    promises
}

#[test]
fn each_check_ends_as_the_comment_beside_it_says() {
    let examples = blocks_called("yaml");
    assert!(examples.len() >= 6, "{}", examples.len());
    for text in examples {
        let folder = folder();
        let document = check(folder.path(), &text, &["--format", "json"]).json();
        assert_eq!(document["schema"], "xdoctor/check/1", "{document:#}\n{text}");
        let promises = promises(&text);
        for (id, promise) in &promises {
            let found = outcome(&document, id);
            let (status, more) = promise.split_once(": ").unwrap_or((promise, ""));
            assert_eq!(found["status"], status, "{found:#}");
            let told = if status == "fail" { &found["code"] } else { &found["reason"] };
            assert!(more.is_empty() || told == more, "{more}: {found:#}");
        }
        let promised: BTreeSet<&str> = promises.iter().map(|(id, _)| id.as_str()).collect();
        let steps = document["steps"].as_array().expect("steps").iter();
        let run: BTreeSet<&str> = steps
            .flat_map(|step| step["checks"].as_array().expect("checks"))
            .filter_map(|check| check["id"].as_str())
            .collect();
        assert_eq!(promised, run, "each check has its comment");
    }
}

#[test]
fn each_example_follows_the_schema() {
    let right = |words: &str| words.starts_with("yaml") && words != "yaml-fragment" && words != "yaml bad.yaml";
    for (_, text) in blocks().into_iter().filter(|(words, _)| right(words)) {
        let document: Value = serde_yaml::from_str(&text).expect("YAML");
        assert_eq!(complaint("checklist", &document), None, "{text}");
    }
}

#[test]
fn what_it_says_is_refused_is_refused_with_those_words() {
    for text in blocks_called("yaml refused") {
        let folder = folder();
        let run = check(folder.path(), &text, &[]).exits(2);
        let (_, wanted) = text.lines().find_map(|line| line.split_once("# ")).expect("a comment says why");
        assert!(run.stderr.contains(wanted), "{wanted}\nin\n{}", run.stderr);
    }
}

#[test]
fn the_complaints_that_it_shows_are_what_xdoctor_says() {
    let shown = &blocks_called("console")[0];
    let folder = folder();
    let run = command(["check", "bad.yaml"]).current_dir(folder.path()).output();
    let said = Run::of(run.expect("runs")).exits(2).stderr;
    let there = fs::canonicalize(folder.path()).expect("a folder");
    let said = said.replace(there.to_str().expect("text"), "/opt/shim");
    assert_eq!(*shown, format!("$ xdoctor check bad.yaml\n{said}"));
}

#[test]
fn the_commands_in_it_work() {
    assert!(blocks_called("sh")[0].starts_with("xdoctor schema checklist"));
    assert_eq!(xdoctor(["schema", "checklist"]).exits(0).json()["$id"], "xdoctor/checklist/1");
}
