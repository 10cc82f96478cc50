//! The reports of `xdoctor check --report`: each format is held to a validator that is not xdoctor's own, and whatever
//! text a checklist or a machine brings along stays text.

#[path = "support/feed.rs"]
mod feed;
mod support;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use feed::{fed, has};
use serde_json::Value;
use tempfile::TempDir;
use xdoctor::{Run, command};

/// A check that ends in each way, and words that each format would take for its own.
const EVERYTHING: &str = r##"title: "Every <status> & \"more\" # 100% `of` it ]]> \e[31m"
vars: {dir: /nowhere, odd: 'a"b\c'}
steps:
  - title: What holds
    checks:
      - {id: fine, title: the root is a folder, kind: path, path: /, type: folder}
      - {id: noted, title: only good to know, kind: path, path: '${dir}/noted', severity: info}
  - title: 'What does not: `a` <b> | *c* _d_ [e](f) # g \ h'
    checks:
      - {id: odd, title: only suspicious, kind: path, path: '${dir}/odd', severity: warn}
      - id: 'bad, id: 100% #1'
        title: "breaks <out> & \"of\" ]]> `its` # TODO [format](x) ::error::no \\ \e[0m \x07"
        kind: command
        run: [sh, -c, 'printf "not ok 1 %%0A ]]> \033[31m \`\`\` </system-out>" >&2; exit 3']
        fix: "do a\n```\nthen b"
      - {id: after, title: cannot be asked, kind: path, path: /, needs: ['bad, id: 100% #1']}
      - {id: open, title: cannot be carried out, kind: command, run: [/etc/passwd]}
"##;
const HOSTILE_ID: &str = "bad, id: 100% #1";
const HOSTILE_TITLE: &str = "breaks <out> & \"of\" ]]> `its` # TODO [format](x) ::error::no \\ \u{1b}[0m \u{7}";

/// A checklist in a folder of its own, and what was reported of it.
struct Checked {
    folder: TempDir,
    run: Run,
}

impl Checked {
    /// Runs a checklist in its folder, with these arguments besides.
    fn with(text: &str, args: &[&str]) -> Checked {
        let folder = tempfile::tempdir().expect("scratch");
        fs::write(folder.path().join("checklist.yaml"), text).expect("written");
        let mut command = command(["check", "checklist.yaml"]);
        let run = Run::of(command.args(args).current_dir(folder.path()).output().expect("runs"));
        Checked { folder, run }
    }

    /// The report in a format, on stdout.
    fn report(format: &str, text: &str, args: &[&str]) -> String {
        let to_stdout = format!("{format}=-");
        let all: Vec<&str> = ["-q", "--report", &to_stdout].iter().chain(args).copied().collect();
        let checked = Checked::with(text, &all);
        assert_eq!(checked.run.stderr, "");
        checked.run.stdout
    }

    /// The report of [`EVERYTHING`].
    fn everything(format: &str) -> String {
        Checked::report(format, EVERYTHING, &[])
    }
}

/// A checklist of this many checks that fail.
fn failing(count: usize) -> String {
    let mut text = "title: T\nsteps:\n  - title: S\n    checks:\n".to_owned();
    for number in 0..count {
        let _ = writeln!(text, "      - {{id: check-{number}, kind: path, path: /nowhere}}");
    }
    text
}

/// A checklist of one check that cannot be carried out.
const OPEN: &str =
    "title: T\nsteps: [{title: S, checks: [{id: open, title: is open, kind: command, run: [/etc/passwd]}]}]\n";

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Where and when a report was made, by names.
fn settings() -> insta::Settings {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").expect("a host");
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(&regex::escape(env!("CARGO_PKG_VERSION")), "[version]");
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[time]");
    settings.add_filter(r"(timestamp_seconds|duration_seconds(?:\{.*\})?) [0-9.]+", "$1 [number]");
    settings.add_filter(r"duration_ms: [0-9.]+", "duration_ms: [number]");
    settings.add_filter(r#"time="[0-9.]+""#, "time=\"[number]\"");
    settings.add_filter(r"\d+\.\d\d s\b", "[number] s");
    settings.add_filter(r"/[^ `]*/checklist\.yaml", "[folder]/checklist.yaml");
    for (before, after) in [("hostname=\"", "\""), ("\"machine\": \"", "\""), ("on `", "`")] {
        settings.add_filter(&format!("{before}{}{after}", host.trim()), format!("{before}[host]{after}"));
    }
    settings
}

mod each_format {
    use super::*;

    #[track_caller]
    fn stays(format: &str) {
        settings().bind(|| insta::assert_snapshot!(format, Checked::everything(format)));
    }

    #[test]
    fn stays_as_it_is() {
        for format in ["junit", "sarif", "tap", "github", "markdown", "prometheus", "fleet"] {
            stays(format);
        }
    }

    #[test]
    fn is_named_where_another_is_asked_for() {
        let run = Checked::with(OPEN, &["--report", "xml=out"]).run.exits(2);
        let known = "text, json, junit, sarif, tap, github, markdown, prometheus, fleet, html";
        assert!(run.stderr.contains(known), "{}", run.stderr);
    }

    #[test]
    fn goes_to_stdout_in_place_of_the_text_and_to_files_beside_it() {
        let checked = Checked::with(OPEN, &["--report", "fleet=-", "--report", "tap=out.tap"]);
        assert_eq!(checked.run.stdout, "undetermined: open\nopen undetermined\n");
        let beside = fs::read_to_string(checked.folder.path().join("out.tap")).expect("kept");
        assert!(beside.starts_with("TAP version 14\n"), "{beside}");
        let checked = Checked::with(OPEN, &["--report", "fleet=out.fleet"]);
        assert!(checked.run.stdout.contains("could not be determined"), "{}", checked.run.stdout);
    }

    #[test]
    fn is_written_to_a_pipe_and_does_not_replace_it() {
        let folder = tempfile::tempdir().expect("scratch");
        let pipe = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("runs").success());
        let reader = Command::new("cat").arg(&pipe).stdout(Stdio::piped()).spawn().expect("runs");
        let report = format!("fleet={}", pipe.display());
        Checked::with(OPEN, &["--report", &report]).run.exits(3);
        let read = reader.wait_with_output().expect("ends");
        assert_eq!(text(&read.stdout), "undetermined: open\nopen undetermined\n");
    }
}

mod junit {
    use super::*;

    const XSD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/standards/junit-10.xsd");

    fn has_xmllint() -> bool {
        support::require(has("xmllint"), "xmllint (Debian's package libxml2-utils)")
    }

    #[track_caller]
    fn validated(document: &str) -> Output {
        fed("xmllint", &["--nonet", "--noout", "--schema", XSD, "-"], document)
    }

    /// What an XPath expression gives as a string.
    #[track_caller]
    fn read(document: &str, path: &str) -> String {
        let output = fed("xmllint", &["--nonet", "--xpath", &format!("string({path})"), "-"], document);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout).trim_end_matches('\n').to_owned()
    }

    #[test]
    fn is_valid_by_jenkins_schema_and_another_document_is_not() {
        if has_xmllint() {
            for document in [Checked::everything("junit"), Checked::report("junit", OPEN, &["--only", "nothing"])] {
                let output = validated(&document);
                assert!(output.status.success(), "{}\n{document}", text(&output.stderr));
            }
            let wrong = Checked::everything("junit").replace("<testcase name=", "<testcase nome=");
            assert!(!validated(&wrong).status.success());
        }
    }

    #[test]
    fn has_skips_with_their_reason_errors_for_what_is_open_and_properties() {
        if has_xmllint() {
            let document = Checked::everything("junit");
            let read = |path: &str| read(&document, path);
            assert_eq!(read("count(//testcase)"), "6");
            assert_eq!(
                read("//testcase[@name='after']/skipped/@message"),
                format!("needs `{HOSTILE_ID}`, which did not pass")
            );
            assert_eq!(read("//testcase[@name='open']/error/@type"), "undetermined");
            assert_eq!(read("//testcase[@name='bad, id: 100% #1']/failure/@type"), "command-failed");
            assert_eq!(read("(//property[@name='var.odd'])[1]/@value"), "a\"b\\c");
            for (count, at) in [("1", "failures"), ("1", "errors")] {
                assert_eq!(read(&format!("/testsuites/@{at}")), count, "{at}");
            }
            assert_eq!(read("//testsuite[2]/@skipped"), "1");
        }
    }

    #[test]
    fn keeps_hostile_text_and_spells_what_xml_cannot_hold() {
        if has_xmllint() {
            let told = read(&Checked::everything("junit"), "//testcase[@name='bad, id: 100% #1']/failure");
            let title = HOSTILE_TITLE.replace('\u{1b}', "\\u{1b}").replace('\u{7}', "\\u{7}");
            assert_eq!(told.lines().next(), Some(title.as_str()));
            assert!(told.contains("</system-out>"), "{told}");
        }
    }

    #[test]
    fn passes_a_warning_with_its_words_unless_fail_on_raises_it() {
        if has_xmllint() {
            let (at_ease, raised) =
                (Checked::everything("junit"), Checked::report("junit", EVERYTHING, &["--fail-on", "warn,skip"]));
            assert_eq!(read(&at_ease, "count(//testcase[@name='odd']/failure)"), "0");
            assert!(read(&at_ease, "//testcase[@name='odd']/system-out").contains("status:   warn [file-missing]"));
            assert_eq!(read(&raised, "//testcase[@name='odd']/failure/@type"), "file-missing");
            assert_eq!(read(&raised, "count(//testcase[@name='after']/failure)"), "1");
            assert_eq!(read(&raised, "/testsuites/@failures"), "3");
        }
    }
}

mod sarif {
    use super::*;

    fn document(checklist: &str, args: &[&str]) -> Value {
        serde_json::from_str(&Checked::report("sarif", checklist, args)).expect("JSON")
    }

    fn complaint(document: &Value) -> Option<String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/standards/sarif-2.1.0.json");
        let (mut compiler, mut schemas) = (boon::Compiler::new(), boon::Schemas::new());
        compiler.enable_format_assertions();
        let schema = compiler.compile(path.to_str().expect("text"), &mut schemas).expect("a valid schema");
        schemas.validate(document, schema).err().map(|error| format!("{error:#}"))
    }

    fn result<'a>(document: &'a Value, id: &str) -> &'a Value {
        let results = document["runs"][0]["results"].as_array().expect("results");
        results.iter().find(|result| result["properties"]["id"] == id).unwrap_or_else(|| panic!("no {id}"))
    }

    #[test]
    fn is_valid_by_the_standards_schema_and_another_document_is_not() {
        for document in [document(EVERYTHING, &[]), document(OPEN, &["--only", "nothing"])] {
            assert_eq!(complaint(&document), None, "{document:#}");
        }
        let mut wrong = document(EVERYTHING, &[]);
        wrong["runs"][0]["results"][0]["level"] = "grave".into();
        assert!(complaint(&wrong).is_some());
    }

    #[test]
    fn has_the_codes_as_its_rules_with_what_the_catalogue_says() {
        let document = document(EVERYTHING, &[]);
        let rules = document["runs"][0]["tool"]["driver"]["rules"].as_array().expect("rules");
        let ids: Vec<&str> = rules.iter().filter_map(|rule| rule["id"].as_str()).collect();
        assert_eq!(ids, ["file-missing", "command-failed", "undetermined"]);
        let page = xdoctor::xdoctor(["codes", "file-missing", "--format", "json"]).exits(0).json();
        let mend = page["codes"][0]["mend"].as_str().expect("mend").trim();
        assert!(rules[0]["help"]["text"].as_str().expect("help").contains(mend), "{rules:#?}");
        for result in document["runs"][0]["results"].as_array().expect("results") {
            assert!(ids.contains(&result["ruleId"].as_str().expect("a rule")), "{result:#}");
        }
    }

    #[test]
    fn grades_its_results_leaves_the_open_open_and_points_at_the_checklists_lines() {
        let document = document(EVERYTHING, &[]);
        let lines: Vec<&str> = EVERYTHING.lines().collect();
        for (id, kind, level) in [
            ("noted", "fail", "note"),
            ("odd", "fail", "warning"),
            (HOSTILE_ID, "fail", "error"),
            ("open", "open", "none"),
        ] {
            let result = result(&document, id);
            assert_eq!((result["kind"].as_str(), result["level"].as_str()), (Some(kind), Some(level)), "{id}");
            let place = &result["locations"][0]["physicalLocation"];
            assert_eq!(place["artifactLocation"]["uri"], "checklist.yaml");
            let line = usize::try_from(place["region"]["startLine"].as_u64().expect("a line")).expect("small");
            assert!(lines[line - 1].contains(id), "{id}: {}", lines[line - 1]);
        }
        let said = &document["runs"][0]["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"];
        assert!(said.as_str().expect("text").starts_with("after was skipped: needs"), "{said}");
        assert_eq!(document["runs"][0]["results"].as_array().expect("results").len(), 4);
    }

    #[test]
    fn names_a_checklist_that_lies_elsewhere_by_a_file_uri() {
        let folder = tempfile::tempdir().expect("scratch");
        let file = folder.path().join("my 100% list #1.yaml");
        fs::write(&file, OPEN).expect("written");
        let mut command = command(["check", "-q", "--report", "sarif=-"]);
        let document = Run::of(command.arg(&file).current_dir("/").output().expect("runs")).exits(3).json();
        let uri = &result(&document, "open")["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        let from_the_root = folder.path().strip_prefix("/").expect("absolute").display();
        assert_eq!(*uri, format!("{from_the_root}/my%20100%25%20list%20%231.yaml"));
        let mut command = xdoctor::command(["check", "-q", "--report", "sarif=-"]);
        let document = Run::of(command.arg(&file).current_dir("/usr").output().expect("runs")).exits(3).json();
        let uri = &result(&document, "open")["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert_eq!(*uri, format!("file:///{from_the_root}/my%20100%25%20list%20%231.yaml"));
        assert_eq!(complaint(&document), None);
    }

    #[test]
    fn raises_a_warning_where_fail_on_does() {
        let document = document(EVERYTHING, &["--fail-on", "warn"]);
        assert_eq!(result(&document, "odd")["level"], "error");
    }

    #[test]
    fn escapes_the_brackets_of_what_would_be_a_link() {
        let document = document(EVERYTHING, &[]);
        let said = result(&document, HOSTILE_ID)["message"]["text"].as_str().expect("text");
        assert!(said.contains("\\[format\\](x)"), "{said}");
    }
}

mod tap {
    use super::*;

    fn has_parser() -> bool {
        support::require(has("tap-parser"), "tap-parser (npm install tap-parser, its node_modules/.bin on PATH)")
    }

    /// The events that npm's tap-parser sees, in strict mode, and whether it lets the run pass.
    fn parsed(report: &str) -> (Vec<Value>, bool) {
        let output = fed("tap-parser", &["--strict", "--json"], report);
        let events =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
        (events, output.status.success())
    }

    fn points(events: &[Value]) -> Vec<&Value> {
        events.iter().filter(|event| event[0] == "assert").map(|event| &event[1]).collect()
    }

    #[test]
    fn is_taken_by_a_strict_parser_with_every_word_as_it_was() {
        if has_parser() {
            let (events, passes) = parsed(&Checked::everything("tap"));
            assert!(!passes);
            assert!(!events.iter().any(|event| event[0] == "extra"), "{events:#?}");
            let points = points(&events);
            let ok: Vec<bool> = points.iter().filter_map(|point| point["ok"].as_bool()).collect();
            assert_eq!(ok, [true, true, true, false, true, false]);
            let shown = HOSTILE_TITLE.replace(['\u{1b}', '\u{7}'], " ").replace("  ", " ");
            assert_eq!(points[3]["name"], format!("{HOSTILE_ID}: {}", shown.trim()));
            assert_eq!(points[3]["todo"], false);
            assert_eq!(points[3]["diag"]["fix"], "do a\n```\nthen b");
            let found = points[3]["diag"]["found"].as_str().expect("found");
            assert!(found.contains("not ok 1 %0A ]]> \\u{1b}[31m ``` </system-out>"), "{found}");
        }
    }

    #[test]
    fn skips_with_the_reason() {
        if has_parser() {
            let (events, _) = parsed(&Checked::everything("tap"));
            let points = points(&events);
            assert_eq!(points[4]["skip"], format!("needs `{HOSTILE_ID}`, which did not pass"));
        }
    }

    #[test]
    fn neither_passes_nor_hides_what_could_not_be_determined() {
        if has_parser() {
            let (events, passes) = parsed(&Checked::report("tap", OPEN, &[]));
            assert!(!passes);
            let points = points(&events);
            assert_eq!(points[0]["name"], "open: is open (undetermined)");
            assert_eq!((&points[0]["ok"], &points[0]["todo"]), (&Value::from(false), &Value::from(false)));
            assert_eq!(points[0]["diag"]["status"], "undetermined");
        }
    }

    #[test]
    fn of_nothing_is_a_plan_of_nothing_with_the_reason() {
        if has_parser() {
            let (events, _) = parsed(&Checked::report("tap", OPEN, &["--only", "nothing"]));
            let plan = &events.iter().find(|event| event[0] == "complete").expect("an end")[1]["plan"];
            assert_eq!(
                (&plan["skipAll"], &plan["skipReason"]),
                (&Value::from(true), &Value::from("nothing was selected"))
            );
        }
    }

    #[test]
    fn fails_what_was_skipped_where_fail_on_says_so() {
        if has_parser() {
            let (events, _) = parsed(&Checked::report("tap", EVERYTHING, &["--fail-on", "skip"]));
            let points = points(&events);
            assert_eq!((&points[4]["ok"], &points[4]["skip"]), (&Value::from(false), &Value::from(false)));
        }
    }

    #[test]
    fn passes_a_warning_unless_fail_on_raises_it() {
        if has_parser() {
            let only =
                |args: &[&str]| parsed(&Checked::report("tap", EVERYTHING, &[&["--only", "odd"], args].concat())).1;
            assert!(only(&[]));
            assert!(!only(&["--fail-on", "warn"]));
        }
    }
}

mod github {
    use super::*;

    /// An annotation by the grammar of workflow commands: `::kind name=value,…::message`, escapes undone.
    #[derive(Debug)]
    struct Annotation {
        kind: String,
        properties: std::collections::BTreeMap<String, String>,
        message: String,
    }

    /// GitHub's runner (ActionCommand.cs) looks for `::` twice, splits at commas, then undoes these escapes.
    fn annotations(report: &str) -> Vec<Annotation> {
        let data = |text: &str| text.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%");
        let value = |text: &str| data(&text.replace("%3A", ":").replace("%2C", ","));
        let parse = |line: &str| {
            let (head, message) = line.strip_prefix("::").expect(line).split_once("::").expect(line);
            let (kind, properties) = head.split_once(' ').expect(line);
            let pairs = properties.split(',').map(|pair| pair.split_once('=').expect(line));
            let properties = pairs.map(|(name, text)| (name.to_owned(), value(text))).collect();
            Annotation { kind: kind.to_owned(), properties, message: data(message) }
        };
        report.lines().map(parse).collect()
    }

    #[test]
    fn annotates_the_checklists_lines_with_every_word_as_it_was_and_spells_out_what_steers_a_terminal() {
        let all = annotations(&Checked::everything("github"));
        let kinds: Vec<(&str, &str)> =
            all.iter().map(|one| (one.kind.as_str(), one.properties["title"].as_str())).collect();
        let hostile = format!("{HOSTILE_ID} [command-failed]");
        let wanted = [
            ("error", hostile.as_str()),
            ("error", "open could not be determined"),
            ("warning", "odd [file-missing]"),
            ("notice", "noted [file-missing]"),
            ("notice", "after was skipped"),
        ];
        assert_eq!(kinds, wanted);
        let spelled = HOSTILE_TITLE.replace('\u{1b}', "\\u{1b}").replace('\u{7}', "\\u{7}");
        assert_eq!(all[0].message.lines().next(), Some(spelled.as_str()));
        let lines: Vec<&str> = EVERYTHING.lines().collect();
        for (one, id) in all.iter().zip([HOSTILE_ID, "open", "odd", "noted", "after"]) {
            assert_eq!(one.properties["file"], "checklist.yaml");
            let line: usize = one.properties["line"].parse().expect("a number");
            assert!(lines[line - 1].contains(id), "{id}");
        }
    }

    #[test]
    fn has_at_most_ten_of_a_kind_and_the_tenth_names_the_others() {
        let ten = annotations(&Checked::report("github", &failing(10), &[]));
        assert_eq!((ten.len(), ten[9].properties["title"].as_str()), (10, "check-9 [file-missing]"));
        let many = annotations(&Checked::report("github", &failing(12), &[]));
        assert_eq!(many.len(), 10);
        assert_eq!(many[9].properties["title"], "xdoctor has 3 more");
        assert_eq!(many[9].message, "check-9, check-10, check-11");
    }

    #[test]
    fn raises_a_warning_where_fail_on_does() {
        let all = annotations(&Checked::report("github", EVERYTHING, &["--fail-on", "warn,skip", "--only", "odd"]));
        assert_eq!(all[0].kind, "error");
    }
}

mod markdown {
    use super::*;
    use pulldown_cmark::{Event, Options, Parser, Tag};

    /// What a renderer makes of the page: headings, code blocks, code spans, the other words, and all other markup.
    #[derive(Default)]
    struct Page {
        headings: Vec<String>,
        blocks: Vec<String>,
        spans: Vec<String>,
        words: String,
        markup: Vec<String>,
    }

    fn parsed(page: &str) -> Page {
        let mut seen = Page::default();
        let mut block: Option<String> = None;
        let mut heading: Option<String> = None;
        for event in Parser::new_ext(page, Options::all() - Options::ENABLE_SMART_PUNCTUATION) {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::Start(Tag::CodeBlock(_)) => block = Some(String::new()),
                Event::Start(Tag::List(None) | Tag::Item | Tag::Paragraph | Tag::Strong) => {}
                Event::Text(text) => heading.as_mut().or(block.as_mut()).unwrap_or(&mut seen.words).push_str(&text),
                Event::Code(text) => seen.spans.push(text.to_string()),
                Event::End(_) => {
                    seen.headings.extend(heading.take());
                    seen.blocks.extend(block.take());
                    seen.words.push('\n');
                }
                other => seen.markup.push(format!("{other:?}")),
            }
        }
        seen
    }

    #[test]
    fn renders_as_headings_items_and_evidence_with_every_word_as_it_was() {
        let page = parsed(&Checked::everything("markdown"));
        assert_eq!(page.markup, [""; 0]);
        let title = "Every <status> & \"more\" # 100% `of` it ]]> \\u{1b}[31m";
        let step = "2/2 What does not: `a` <b> | *c* _d_ [e](f) # g \\ h";
        assert_eq!(page.headings, [title, "1/2 What holds", step]);
        assert_eq!(page.blocks.len(), 6);
        assert_eq!(page.blocks[0], "evidence: / is a folder\n");
        assert!(page.blocks[3].contains("fix:      do a\n          ```\n          then b\n"), "{}", page.blocks[3]);
        let shown = HOSTILE_TITLE.replace('\u{1b}', "\\u{1b}").replace('\u{7}', "\\u{7}");
        assert!(page.words.contains(&shown), "{}", page.words);
        for span in ["fine", "noted", "odd", HOSTILE_ID, "after", "open", "a\"b\\c", "command-failed"] {
            assert!(page.spans.iter().any(|shown| shown == span), "{span}: {:?}", page.spans);
        }
        assert!(page.words.contains("1 of 6 checks fail, 1 could not be determined"), "{}", page.words);
    }

    #[test]
    fn shows_the_bundled_self_check_with_the_evidence_of_what_holds() {
        let folder = tempfile::tempdir().expect("scratch");
        let run = command(["check", "-q", "--report", "markdown=-"]).current_dir(folder.path()).output().expect("runs");
        let page = parsed(&Run::of(run).exits(0).stdout);
        assert_eq!(page.markup, [""; 0]);
        assert_eq!(page.headings.len(), 6);
        assert!(page.blocks.iter().any(|block| block.contains("references to the API bind to the shim")));
        assert!(page.words.contains("interception proven for 12 of 12 roles"), "{}", page.words);
    }
}

mod prometheus {
    use super::*;

    /// What promtool says of the metrics, and whether it takes them without a word.
    fn linted(metrics: &str) -> (bool, String) {
        let output = fed("promtool", &["check", "metrics"], metrics);
        let said = text(&output.stdout) + &text(&output.stderr);
        (output.status.success() && said.is_empty(), said)
    }

    #[test]
    fn passes_promtool_without_a_remark_and_another_file_does_not() {
        if support::require(has("promtool"), "promtool (Debian's package prometheus)") {
            for metrics in
                [Checked::everything("prometheus"), Checked::report("prometheus", OPEN, &["--only", "nothing"])]
            {
                assert_eq!(linted(&metrics), (true, String::new()), "{metrics}");
            }
            let unescaped = Checked::everything("prometheus").replace("\\\"more\\\"", "\"more\"");
            assert!(!linted(&unescaped).0);
        }
    }

    #[test]
    fn has_a_number_for_each_status_and_counts_them() {
        let metrics = Checked::everything("prometheus");
        for (id, number) in [("fine", 0), ("after", 1), ("odd", 2), ("open", 3), (HOSTILE_ID, 4)] {
            let of = |line: &&str| line.starts_with(&format!("xdoctor_check_status{{id=\"{id}\""));
            let line = metrics.lines().find(of).expect(id);
            assert!(line.ends_with(&format!("}} {number}")), "{line}");
        }
        for line in
            ["xdoctor_checks{status=\"undetermined\"} 1", "xdoctor_checks{status=\"pass\"} 2", "xdoctor_exit_status 1"]
        {
            assert!(metrics.lines().any(|there| there == line), "{line}");
        }
    }

    #[test]
    fn is_stamped_with_the_time_of_the_run() {
        let since = || std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs();
        let before = since();
        let metrics = Checked::everything("prometheus");
        let stamp =
            metrics.lines().find_map(|line| line.strip_prefix("xdoctor_run_timestamp_seconds ")).expect("a time");
        let stamp: u64 = stamp.parse().expect("seconds");
        assert!((before..=since()).contains(&stamp), "{stamp}");
    }
}

mod fleet {
    use super::*;

    #[test]
    fn is_the_same_bytes_wherever_the_same_holds() {
        let of_the_self_check = || {
            let folder = tempfile::tempdir().expect("scratch");
            let mut command = command(["check", "-q", "--report", "fleet=-"]);
            let run = command.current_dir(folder.path()).env("TMPDIR", folder.path()).output().expect("runs");
            Run::of(run).exits(0).stdout
        };
        let first = of_the_self_check();
        assert!(first.starts_with("17 pass\n"), "{first}");
        assert_eq!(first, of_the_self_check());
        assert_eq!(Checked::everything("fleet"), Checked::everything("fleet"));
    }

    #[test]
    fn is_sorted_below_a_first_line_with_the_failing_ids_first() {
        let report = Checked::everything("fleet");
        let (first, rest) = report.split_once('\n').expect("lines");
        assert_eq!(first, "fail: bad, id: 100% #1; undetermined: open; warn: odd; 2 pass, 1 skip");
        let sorted = fed("sort", &[], rest);
        assert_eq!(rest, text(&sorted.stdout));
        assert_eq!(rest.lines().count(), 6);
    }

    #[test]
    fn has_no_first_line_beyond_80_characters_and_says_how_many_found_no_room() {
        for count in [1, 9, 60, 200] {
            let report = Checked::report("fleet", &failing(count), &[]);
            let first = report.lines().next().expect("a line");
            assert!(first.chars().count() <= 80, "{first}");
            let named = first.matches("check-").count();
            let more: usize = first.split_once(" +").map_or(0, |(_, more)| more.parse().expect("a number"));
            assert_eq!(named + more, count, "{first}");
        }
        let long = failing(1).replace("check-0", &"x".repeat(100));
        assert!(Checked::report("fleet", &long, &[]).starts_with("fail: 1\n"));
    }
}
