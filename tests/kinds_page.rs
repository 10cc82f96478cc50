//! docs/checks/: the table names every kind with every field, the examples are read without a complaint, and what the pages
//! show is what xdoctor says.

#[path = "support/settled.rs"]
mod settled;
mod support;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use ::xdoctor::check::schema;
use ::xdoctor::code::Code;
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use regex::Regex;
use serde_json::Value;
use settled::settled;
use xdoctor::{Run, check, command};

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/checks").join(name)).expect("readable")
}

/// The page's fenced blocks with these words behind the fence.
fn blocks(page: &str, words: &str) -> Vec<String> {
    let (mut blocks, mut open) = (Vec::new(), None);
    for event in Parser::new(page) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(found))) if *found == *words => {
                open = Some(String::new())
            }
            Event::Text(text) => open.iter_mut().for_each(|block: &mut String| block.push_str(&text)),
            Event::End(TagEnd::CodeBlock) => blocks.extend(open.take()),
            _ => {}
        }
    }
    blocks
}

/// Each kind, with its own fields and those that must be there.
type Kinds = BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)>;

/// By the word of the readers themselves.
fn kinds() -> Kinds {
    let schema = schema();
    let defs = schema["$defs"].as_object().expect("definitions");
    let names = defs.iter().filter_map(|(name, form)| {
        // Combinators have a definition each, too, and no kind.
        let kind = name.strip_prefix("check-")?;
        (form["properties"]["kind"]["const"] == kind).then_some(kind)
    });
    let all = |kind: &str| {
        let own = &schema["$defs"][format!("check-{kind}")];
        let fields: BTreeSet<String> = own["properties"].as_object().expect("fields").keys().cloned().collect();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let required: BTreeSet<String> = own["required"].as_array().expect("names").iter().map(text).collect();
        (fields, required)
    };
    let kinds: Kinds = names.map(|name| (name.to_owned(), all(name))).collect();
    // What all have is every check's.
    let (_, (mut common, _)) = kinds.iter().next().map(|(kind, fields)| (kind, fields.clone())).expect("a kind");
    kinds.values().for_each(|(fields, _)| common.retain(|field| fields.contains(field)));
    let own = |fields: BTreeSet<String>| fields.difference(&common).cloned().collect();
    kinds.into_iter().map(|(kind, (fields, required))| (kind, (own(fields), own(required)))).collect()
}

/// By the word of the page's table.
fn table(page: &str) -> Kinds {
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let name = cells.first()?.strip_prefix('`')?.strip_suffix('`')?.to_owned();
        let (mut fields, mut required) = (BTreeSet::new(), BTreeSet::new());
        for field in cells.get(2)?.split(", ") {
            let bare = field.trim_matches('*').trim_matches('`').to_owned();
            if field.starts_with("**") {
                required.insert(bare.clone());
            }
            fields.insert(bare);
        }
        Some((name, (fields, required)))
    };
    page.lines().filter(|line| line.starts_with("| `")).filter_map(row).collect()
}

#[test]
fn the_table_has_every_kind_with_every_field_and_no_other() {
    let (page, kinds) = (page("README.md"), kinds());
    let table = table(&page);
    assert_eq!(table.keys().collect::<Vec<_>>(), kinds.keys().collect::<Vec<_>>());
    for (kind, fields) in &kinds {
        assert_eq!(&table[kind], fields, "{kind}");
    }
}

#[test]
fn every_kind_is_shown_in_an_example_that_is_read_without_a_complaint() {
    let examples = blocks(&page("README.md"), "yaml");
    assert!(examples.len() >= 6, "{}", examples.len());
    let folder = tempfile::tempdir().expect("scratch");
    let mut shown = BTreeSet::new();
    for (number, example) in examples.iter().enumerate() {
        let indented: String = example.lines().map(|line| format!("      {line}\n")).collect();
        let list = format!("title: Example {number}\nsteps:\n  - title: S\n    checks:\n{indented}");
        check(folder.path(), &list, &["--list"]).exits(0);
        shown.extend(example.lines().filter_map(|line| line.trim().strip_prefix("kind: ").map(str::to_owned)));
    }
    assert_eq!(shown, kinds().into_keys().collect());
}

#[test]
fn every_code_that_it_names_is_one() {
    let page = page("README.md");
    let prose: String = page.lines().filter(|line| line.starts_with('`')).collect();
    let word = Regex::new("`([a-z]+(?:-[a-z]+)+)`").expect("valid");
    let words: Vec<&str> =
        word.captures_iter(&prose).filter_map(|found| found.get(1)).map(|found| found.as_str()).collect();
    assert!(words.len() > 20, "{words:?}");
    for name in words {
        assert!(name.parse::<Code>().is_ok(), "{name} is no code");
    }
}

/// The page's console blocks: the command, and what it shows.
fn shown(page: &str) -> Vec<(String, String)> {
    let split = |block: String| {
        let (first, rest) = block.split_once('\n').expect("lines");
        (first.strip_prefix("$ ").expect("a command").to_owned(), rest.to_owned())
    };
    blocks(page, "console").into_iter().map(split).collect()
}

/// Runs the command in a folder where the bundle lies under `demo`, as the pages do.
fn said(line: &str) -> String {
    let folder = tempfile::tempdir().expect("scratch");
    ::xdoctor::bundle::unpack(&folder.path().join("demo")).expect("the bundle");
    let words: Vec<&str> = line.split(' ').skip(1).collect();
    let mut command = command(words);
    for name in ["LD_PRELOAD", "ROCM_PATH", "HSA_OVERRIDE_GFX_VERSION", "COLUMNS"] {
        command.env_remove(name);
    }
    let run = Run::of(command.current_dir(folder.path()).output().expect("runs"));
    let there = fs::canonicalize(folder.path()).expect("a folder");
    run.stdout.replace(there.to_str().expect("text"), "/home/me")
}

#[test]
fn the_page_of_shim_project_shows_what_it_says() {
    let shown = shown(&page("shim-project.md"));
    assert!(!shown.is_empty());
    for (line, text) in shown {
        assert_eq!(settled(&said(&line)), settled(&text), "{line}\n{}", said(&line));
    }
}

#[test]
fn the_page_of_rocm_shows_what_it_says_on_debian_12() {
    let runtime = Path::new("/usr/lib/x86_64-linux-gnu/libamdhip64.so.5.2.21153");
    let here = runtime.exists() && !Path::new("/dev/kfd").exists() && !Path::new("/opt/rocm").exists();
    if !support::require(here, "Debian 12 with libamdhip64-5 and nothing else of ROCm") {
        return;
    }
    let shown = shown(&page("rocm.md"));
    assert!(!shown.is_empty());
    for (line, text) in shown {
        assert_eq!(settled(&said(&line)), settled(&text), "{line}\n{}", said(&line));
    }
}
