//! The schema of checklists: the one that ships is the one that the readers make, and it takes what they take.

#[path = "support/schema.rs"]
mod schema_file;

use std::fs;
use std::path::{Path, PathBuf};

use schema_file::complaint;
use serde_json::Value;
use xdoctor::check::{Checklist, Source, schema};

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The document that a YAML text is, as an editor sees it.
fn document(text: &str) -> Value {
    serde_yaml::from_str(text).expect("YAML")
}

/// What the readers say of a checklist.
fn refused(text: &str) -> Option<String> {
    let source = Source { name: "c.yaml".into(), text: text.to_owned(), base: root(""), unasked: false };
    Checklist::parse(&source, &[]).err().map(|bad| bad.to_string())
}

#[test]
fn the_schema_that_ships_is_the_one_that_the_readers_make() {
    let made = serde_json::to_string_pretty(&schema()).expect("JSON") + "\n";
    let file = root("checks/schema/checklist.json");
    if std::env::var_os("XDOCTOR_UPDATE_SCHEMA").is_some() {
        fs::write(&file, &made).expect("written");
    }
    let ships = fs::read_to_string(file).expect("readable");
    assert!(
        ships == made,
        "write it anew: XDOCTOR_UPDATE_SCHEMA=1 cargo test --test check_schema the_schema_that_ships"
    );
}

#[test]
fn every_kind_is_in_it_for_checks_and_for_nested_checks() {
    let schema = schema();
    let kinds = schema["$defs"]["check"]["properties"]["kind"]["anyOf"][0]["enum"].as_array().expect("kinds");
    assert!(kinds.len() >= 11, "{kinds:?}");
    for kind in kinds.iter().filter_map(Value::as_str) {
        for place in ["check", "nested"] {
            let own = schema["$defs"][format!("{place}-{kind}")]["properties"].as_object().expect("fields");
            assert!(own.len() > 2, "{place}-{kind}");
        }
    }
}

#[test]
fn every_field_of_it_has_a_text_for_who_points_at_it() {
    let schema = schema();
    let mut fields = 0;
    for (name, form) in schema["$defs"].as_object().expect("definitions").iter().chain([(&"top".to_owned(), &schema)]) {
        for properties in [&form["properties"], &form["then"]["properties"], &form["else"]["properties"]] {
            for (field, property) in properties.as_object().into_iter().flatten() {
                let text = property["description"].as_str().unwrap_or_default();
                assert!(text.ends_with('.'), "{name}.{field}: {text:?}");
                fields += 1;
            }
        }
    }
    assert!(fields > 300, "{fields}");
    let of =
        |kind: &str, field: &str| schema["$defs"][format!("check-{kind}")]["properties"][field]["description"].clone();
    assert_ne!(of("path", "exists"), schema["$defs"]["condition"]["properties"]["exists"]["description"]);
    assert_ne!(of("command", "env"), schema["$defs"]["condition"]["properties"]["env"]["description"]);
}

#[test]
fn every_bundled_checklist_follows_it() {
    let files = fs::read_dir(root("checks")).expect("readable").map(|entry| entry.expect("readable").path());
    let lists = files.filter(|file| file.extension().is_some_and(|end| end == "yaml") && !file.ends_with("codes.yaml"));
    let mut seen = 0;
    for file in lists {
        let document = document(&fs::read_to_string(&file).expect("readable"));
        assert_eq!(complaint("checklist", &document), None, "{}", file.display());
        seen += 1;
    }
    assert!(seen >= 2, "{seen} checklists");
}

/// A checklist with one step: these lines at the top, these checks.
fn checklist(top: &str, checks: &str) -> String {
    let checks: String = checks.lines().map(|line| format!("      {line}\n")).collect();
    format!("title: T\n{top}\nsteps:\n  - title: S\n    checks:\n{checks}")
}

#[test]
fn what_the_readers_take_it_takes() {
    let step = |step: &str| format!("title: T\nsteps:\n  - {step}\n");
    for text in [
        checklist(
            "",
            "- {id: 1, kind: path, path: 2, title: null, tags: [3, true], severity: warn, fix: x, timeout: 5, retries: 1, retry_delay: 1ms}",
        ),
        checklist(
            "vars: {a: 1, b: , c: {type: path, default: x, description: d}, d: {choices: [x, y], default: x}, e: {type: number}}",
            "- {id: a, kind: path, path: /, exists: 'true'}",
        ),
        checklist(
            "vars: {s: fail, n: 3}",
            "- {id: a, kind: path, path: /, severity: '${s}', retries: '${n}', exists: '${t:-true}', timeout: '${n}s'}",
        ),
        checklist(
            "",
            "- {id: a, any_of: [{kind: path, path: /}, {not: {kind: path, path: /, title: t}}]}\n- {id: b, needs: a, all_of: [{kind: command, run: 'true'}]}",
        ),
        checklist(
            "vars: {v: 1}",
            "- {id: a, kind: path, path: '${x}', matrix: {x: [a, 1], y: z}, when: {var: v, equals: 1}}\n- {id: b, kind: path, path: /, when: [{exists: /}, {not: {host: arch, matches: ^x}}]}",
        ),
        checklist(
            "",
            "- {id: a, kind: command, run: [a, 1], env: {A: 1, B: }, exit: 2, stdout: x, timeout: 1.5m, output_limit: '10'}",
        ),
        step("{title: S, matrix: {a: [b]}, when: {command_on_path: sh}, checks: []}"),
        step("{include: self-check.yaml, as: x, vars: {a: 1}, when: {env: HOME}}")
            .replace("self-check.yaml", "checks/xsched-hip.yaml")
            .replace("vars: {a: 1}", "vars: {source: 1}"),
    ] {
        assert_eq!(refused(&text), None, "{text}");
        assert_eq!(complaint("checklist", &document(&text)), None, "{text}");
    }
}

#[test]
fn what_is_wrong_by_its_form_it_refuses_as_the_readers_do() {
    let check = |check: &str| checklist("vars: {v: 1}", &format!("- {check}"));
    for text in [
        "title: T\n".to_owned(),
        "steps: []\n".to_owned(),
        "title: T\nsteps: {}\n".to_owned(),
        "title: T\nstep: []\nsteps: []\n".to_owned(),
        "title: T\nvars: [a]\nsteps: []\n".to_owned(),
        "title: T\nvars: {a: [b]}\nsteps: []\n".to_owned(),
        "title: T\nvars: {a: {type: colour}}\nsteps: []\n".to_owned(),
        "title: T\nvars: {a: {typ: text}}\nsteps: []\n".to_owned(),
        "title: T\nsteps: [{title: S}]\n".to_owned(),
        "title: T\nsteps: [{checks: []}]\n".to_owned(),
        "title: T\nsteps: [{include: checks/xsched-hip.yaml, title: S}]\n".to_owned(),
        check("{kind: path, path: /}"),
        check("{id: a, kind: pat, path: /}"),
        check("{id: a, path: /}"),
        check("{id: a, kind: path}"),
        check("{id: a, kind: path, path: [/]}"),
        check("{id: a, kind: path, path: /, pth: /}"),
        check("{id: a, kind: path, path: /, exists: perhaps}"),
        check("{id: a, kind: path, path: /, severity: grave}"),
        check("{id: a, kind: path, path: /, timeout: soon}"),
        check("{id: a, kind: path, path: /, retries: some}"),
        check("{id: a, kind: path, path: /, tags: {a: b}}"),
        check("{id: a, kind: path, path: /, not: {kind: path, path: /}}"),
        check("{id: a, not: {id: b, kind: path, path: /}}"),
        check("{id: a, any_of: {kind: path, path: /}}"),
        check("{id: a, any_of: [{kind: path}]}"),
        check("{id: a, kind: path, path: /, when: {}}"),
        check("{id: a, kind: path, path: /, when: {var: v, exists: /}}"),
        check("{id: a, kind: path, path: /, when: {vra: v}}"),
        check("{id: a, kind: path, path: /, matrix: [a]}"),
        check("{id: a, kind: path, path: /, matrix: {a: []}}"),
        check("{id: a, kind: path, path: /, matrix: {a: {b: c}}}"),
        check("{id: a, kind: command, run: x, env: [A]}"),
        check("just words"),
    ] {
        assert!(refused(&text).is_some(), "the readers take it: {text}");
        assert!(complaint("checklist", &document(&text)).is_some(), "the schema takes it: {text}");
    }
}
