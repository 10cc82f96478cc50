//! Promise: whatever text checks and machines bring along, each report stays well-formed, and the text stays text.

#[path = "support/feed.rs"]
mod feed;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Output;
use std::time::UNIX_EPOCH;

use feed::{fed, has};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;
use xdoctor::check::{Location, Outcome, Results, Status, StepOutcome, Summary};
use xdoctor::code::{Code, Severity};
use xdoctor::report::{self, Command, Run};

const CHECKS: usize = 500;

/// Any characters, thick with those and the words that one format or another takes for its own.
fn texts() -> Vec<String> {
    let own = proptest::sample::select(vec![
        "\n",
        "\r",
        "\t",
        "\0",
        "\u{1b}[31m",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\u{fffe}",
        "\u{202e}",
        " ",
        "  ",
        "\\",
        "\"",
        "'",
        "`",
        "```",
        "~~~",
        "*",
        "**",
        "_",
        "__",
        "~~",
        "[",
        "](x)",
        "![",
        "<b>",
        "</system-out>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "&amp;",
        "&",
        "#",
        "# ",
        " # SKIP ",
        " # TODO ",
        "not ok 1",
        "ok",
        "1..2",
        "Bail out!",
        "  ---",
        "  ...",
        "::error::",
        "%0A",
        "%",
        ",",
        ":",
        "=",
        "{",
        "}",
        "$x$",
        "|",
        "- ",
        "1. ",
        "> ",
        "<https://x.y>",
        "https://x.y",
        "[^1]",
        "[[x]]",
        ": x",
        "+++",
        "---",
        "^x^",
    ]);
    let part =
        prop_oneof![3 => own.prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from), 1 => "[a-z]{1,5}"];
    let text = proptest::collection::vec(part, 1..12).prop_map(|parts| parts.concat());
    let mut runner = TestRunner::deterministic();
    let mut next = || text.new_tree(&mut runner).expect("a text").current();
    (0..CHECKS).map(|_| next()).collect()
}

fn check(number: usize, text: &str) -> Outcome {
    let status = [Status::Fail, Status::Pass, Status::Warn, Status::Skip, Status::Undetermined]
        .into_iter()
        .cycle()
        .nth(number)
        .expect("endless");
    let some = |wanted: bool| wanted.then(|| text.to_owned());
    let wrong = matches!(status, Status::Fail | Status::Warn);
    let open = matches!(status, Status::Skip | Status::Undetermined);
    Outcome {
        id: format!("{number}{text}"),
        title: text.to_owned(),
        status,
        severity: Severity::Fail,
        code: wrong.then(|| Code::ALL[number % Code::ALL.len()]),
        expected: some(wrong),
        actual: some(wrong),
        evidence: vec![text.to_owned(), "seen".to_owned()],
        fix: some(wrong),
        location: Some(Location { file: PathBuf::from(format!("/a/{}", text.replace('\0', ""))), line: number + 1 }),
        seconds: 0.5,
        reason: some(open),
        exhibits: Vec::new(),
    }
}

/// What comes of `report` for a run of [`CHECKS`] checks in steps of ten, full of such texts.
fn of_any_text<T>(report: impl FnOnce(&Run<'_>) -> T) -> (T, Vec<Outcome>) {
    let texts = texts();
    let checks: Vec<Outcome> = texts.iter().enumerate().map(|(number, text)| check(number, text)).collect();
    let steps = checks
        .chunks(10)
        .zip(&texts)
        .map(|(checks, text)| StepOutcome { title: text.clone(), checks: checks.to_vec() });
    let steps: Vec<StepOutcome> = steps.collect();
    let summary = Summary::of(&steps, 1.0);
    let results = Results { started: UNIX_EPOCH, steps, summary, interception: None, verdict: texts[1].clone() };
    let run = Run {
        host: texts[2].clone(),
        folder: "/a".into(),
        title: &texts[3],
        checklist: texts[4].clone().into(),
        command: Command::Check(String::new()),
        vars: BTreeMap::from([(texts[5].as_str(), texts[6].as_str())]),
        results: &results,
        raised: Vec::new(),
        exit_status: 1,
    };
    (report(&run), checks)
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn junit_stays_valid() {
    if support::require(has("xmllint"), "xmllint (Debian's package libxml2-utils)") {
        let (document, _) = of_any_text(|run| report::junit(run).expect("written"));
        let xsd = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/standards/junit-10.xsd");
        let output = fed("xmllint", &["--nonet", "--noout", "--schema", xsd, "-"], &document);
        assert!(output.status.success(), "{}", words(&output));
        let output = fed("xmllint", &["--nonet", "--xpath", "count(//testcase)", "-"], &document);
        assert_eq!(words(&output).trim(), CHECKS.to_string());
    }
}

#[test]
fn sarif_stays_valid() {
    let (document, checks) = of_any_text(report::sarif);
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/standards/sarif-2.1.0.json");
    let (mut compiler, mut schemas) = (boon::Compiler::new(), boon::Schemas::new());
    compiler.enable_format_assertions();
    let schema = compiler.compile(schema, &mut schemas).expect("a valid schema");
    if let Err(error) = schemas.validate(&document, schema) {
        panic!("{error:#}");
    }
    let shown = checks.iter().filter(|check| !matches!(check.status, Status::Pass | Status::Skip)).count();
    assert_eq!(document["runs"][0]["results"].as_array().map(Vec::len), Some(shown));
}

#[test]
fn tap_carries_every_text_whole() {
    if support::require(has("tap-parser"), "tap-parser (npm install tap-parser, its node_modules/.bin on PATH)") {
        let (report, checks) = of_any_text(report::tap);
        let output = fed("tap-parser", &["--strict", "--json"], &report);
        let events: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
        let extra: Vec<&Value> = events.iter().filter(|event| event[0] == "extra" || event[0] == "bailout").collect();
        assert!(extra.is_empty(), "{extra:#?}");
        let points: Vec<&Value> = events.iter().filter(|event| event[0] == "assert").map(|event| &event[1]).collect();
        assert_eq!(points.len(), CHECKS);
        for (point, check) in points.iter().zip(&checks) {
            assert_eq!(point["diag"]["evidence"][0], check.evidence[0], "{check:?}");
            assert_eq!(point["todo"], false, "{check:?}");
            assert_eq!(point["ok"], !matches!(check.status, Status::Fail | Status::Undetermined), "{check:?}");
        }
    }
}

#[test]
fn text_steers_no_terminal_and_no_runner_and_hides_no_check() {
    colored::control::set_override(false);
    let style = report::Style { marks: true, width: 80, verbose: false };
    let (text, checks) = of_any_text(|run| report::render(run, style));
    let steers = |c: &char| (c.is_control() && *c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{feff}');
    assert_eq!(text.chars().find(steers), None);
    assert_eq!(text.lines().find(|line| line.trim_start().starts_with("::")), None);
    for (mark, status) in [("✗", Status::Fail), ("?", Status::Undetermined)] {
        let wanted = checks.iter().filter(|check| check.status == status).count();
        let head = |line: &&str| line.starts_with(&format!("  {mark} "));
        assert_eq!(text.lines().filter(head).count(), wanted, "{mark}");
    }
}

#[test]
fn annotations_stay_one_to_a_line_and_at_most_ten_of_a_kind() {
    let (report, _) = of_any_text(report::github);
    assert!(!report.contains(['\r', '\u{1b}', '\u{202e}']));
    for kind in ["error", "warning", "notice"] {
        assert_eq!(report.lines().filter(|line| line.starts_with(&format!("::{kind} "))).count(), 10, "{report}");
    }
    assert_eq!(report.lines().count(), 30);
}

#[test]
fn markdown_has_no_markup_but_its_own() {
    use pulldown_cmark::{Event, Options, Parser, Tag};
    let (page, _) = of_any_text(report::markdown);
    let (mut headings, mut blocks) = (0, 0);
    for event in Parser::new_ext(&page, Options::all()) {
        match event {
            Event::Start(Tag::Heading { .. }) => headings += 1,
            Event::Start(Tag::CodeBlock(_)) => blocks += 1,
            Event::Start(Tag::List(None) | Tag::Item | Tag::Paragraph | Tag::Strong) => {}
            Event::Text(_) | Event::Code(_) | Event::End(_) | Event::SoftBreak => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((headings, blocks), (1 + CHECKS / 10, CHECKS));
}

#[test]
fn html_stays_valid_with_no_element_but_its_own() {
    let (page, _) = of_any_text(report::html);
    assert_eq!(page.matches("<article ").count(), CHECKS);
    assert_eq!(page.matches("<section>").count(), CHECKS / 10);
    let tools = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/browser");
    let checker = tools.join("node_modules/html-validate/bin/html-validate.mjs");
    if support::require(checker.exists(), "html-validate (npm install html-validate in target/browser)") {
        let folder = tempfile::tempdir().expect("scratch");
        let path = folder.path().join("page.html");
        std::fs::write(&path, &page).expect("written");
        let mut node = std::process::Command::new("node");
        node.arg(checker).args(["--preset", "standard", "--formatter", "text"]).arg(&path).current_dir(tools);
        let output = node.output().expect("runs");
        assert!(output.status.success(), "{}", words(&output));
    }
}

#[test]
fn metrics_pass_promtool_each_series_once() {
    let (metrics, _) = of_any_text(report::prometheus);
    let series: Vec<&str> = metrics.lines().filter_map(|line| Some(line.rsplit_once(' ')?.0)).collect();
    let once: BTreeSet<&str> = series.iter().copied().collect();
    assert_eq!(once.len(), series.len());
    if support::require(has("promtool"), "promtool (Debian's package prometheus)") {
        let output = fed("promtool", &["check", "metrics"], &metrics);
        assert!(output.status.success() && words(&output).is_empty(), "{}", words(&output));
    }
}

#[test]
fn of_two_checks_with_one_name_the_metrics_keep_the_worse() {
    let named = |status| Outcome { id: "same".to_owned(), status, code: None, ..check(1, "x") };
    let checks = [Status::Pass, Status::Fail, Status::Skip].map(named).to_vec();
    let steps = vec![StepOutcome { title: "S".to_owned(), checks }];
    let summary = Summary::of(&steps, 1.0);
    let results = Results { started: UNIX_EPOCH, steps, summary, interception: None, verdict: String::new() };
    let run = Run {
        host: String::new(),
        folder: "/".into(),
        title: "T",
        checklist: "c".into(),
        command: Command::Check(String::new()),
        vars: BTreeMap::new(),
        results: &results,
        raised: Vec::new(),
        exit_status: 1,
    };
    let metrics = report::prometheus(&run);
    let of_the_check: Vec<&str> = metrics.lines().filter(|line| line.starts_with("xdoctor_check_status{")).collect();
    assert_eq!(of_the_check, ["xdoctor_check_status{id=\"same\",step=\"S\",code=\"\"} 4"]);
}

#[test]
fn fleet_lines_stay_one_to_a_check_below_a_short_first_one() {
    let (report, _) = of_any_text(report::fleet);
    let lines: Vec<&str> = report.split_terminator('\n').collect();
    assert_eq!(lines.len(), 1 + CHECKS);
    assert!(lines[0].chars().count() <= 80 && lines[0].starts_with("fail: "), "{}", lines[0]);
}
