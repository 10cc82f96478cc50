//! `xdoctor bindings`: its documents, filters, counts and exit statuses.
#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]

#[path = "support/built.rs"]
mod built;
#[path = "support/ldso.rs"]
mod ldso;
#[path = "support/schema.rs"]
mod schema;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::path::{Path, PathBuf};

use built::Fixture;
use schema::assert_valid;
use serde_json::Value;
use xdoctor::xdoctor;

const BESIDE: &str = "-Wl,-rpath,$ORIGIN";

/// A program that asks for `answer@V1` of libanswer.so.
fn client(fixture: &Fixture) -> (PathBuf, PathBuf) {
    let script = fixture.script("v1.map", "V1 { global: answer; };");
    let library = fixture.library("libanswer.so", "answer.c", &["-DVALUE=1", "-Wl,-soname,libanswer.so", &script]);
    (fixture.program("client", "client.c", &[library.to_str().unwrap(), BESIDE]), library)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn rows<'v>(document: &'v Value, symbol: &str) -> Vec<&'v Value> {
    document["bindings"].as_array().unwrap().iter().filter(|row| row["symbol"] == symbol).collect()
}

#[test]
fn a_binding_names_referrer_and_provider_with_the_version_asked_for_and_the_one_taken() {
    let fixture = Fixture::new();
    let (program, library) = client(&fixture);
    let preload = fixture.library("libpreload.so", "answer.c", &["-DVALUE=7", "-nostdlib"]);
    let cases = [(vec![], &library, Value::from("V1")), (vec!["--preload", text(&preload)], &preload, Value::Null)];
    for (flags, provider, version) in cases {
        let args = [vec!["bindings", text(&program), "--format", "json"], flags].concat();
        let document = xdoctor(args).exits(0).json();
        assert_valid("bindings", &document);
        let [row] = rows(&document, "answer")[..] else { panic!("{document:#}") };
        assert_eq!(row["referrer"], text(&program));
        assert_eq!(row["version"], "V1");
        assert_eq!(row["provider"], text(provider));
        assert_eq!(row["provider_version"], version);
        assert_eq!((&row["kind"], &row["weak"]), (&Value::from("function"), &Value::from(false)));
    }
}

#[test]
fn every_library_tells_how_it_was_found_and_who_asked_for_it() {
    let fixture = Fixture::new();
    let (program, library) = client(&fixture);
    let preload = fixture.library("libpreload.so", "answer.c", &["-DVALUE=7"]);
    let module = fixture.library("libmodule.so", "answer.c", &["-DVALUE=8"]);
    let flags = ["--preload", text(&preload), "--module", text(&module), "--format", "json"];
    let document = xdoctor([&["bindings", text(&program)][..], &flags].concat()).exits(0).json();
    assert_valid("bindings", &document);
    let of = |path: &Path| {
        let libraries = document["libraries"].as_array().unwrap();
        let found = libraries.iter().find(|library| library["path"] == text(path)).unwrap();
        ["found", "requested_by", "scope"].map(|member| found[member].as_str().unwrap_or("null").to_owned())
    };
    assert_eq!(of(&program), ["target", "null", "global"]);
    assert_eq!(of(&preload), ["preload", "LD_PRELOAD", "global"]);
    assert_eq!(of(&library), ["runpath", text(&program), "global"]);
    assert_eq!(of(&module), ["path", "dlopen", "local"]);
}

#[test]
fn undefined_references_missing_libraries_fatal_versions_and_refused_modules_fail() {
    let fixture = Fixture::new();
    let (program, library) = client(&fixture);
    let undefined = fixture.library("libundefined.so", "caller.c", &[]);
    let refused = xdoctor(["bindings", text(&program), "--module", text(&undefined), "--format", "json"]);
    let document = refused.exits(0).json();
    assert_eq!(document["refused"], Value::Array(vec![]), "the program brings answer");
    let alone = xdoctor(["bindings", text(&undefined), "--format", "json"]).exits(1).json();
    assert_eq!(rows(&alone, "answer")[0]["provider"], Value::Null);
    assert_eq!(alone["summary"]["undefined"], 1);
    let gone = fixture.path("libgone.so");
    let document = xdoctor(["bindings", text(&program), "--preload", text(&gone), "--format", "json"]).exits(1).json();
    assert_eq!(document["missing"][0]["requested_by"], "LD_PRELOAD");
    let script = fixture.script("v2.map", "V2 { global: answer; };");
    fixture.library("libanswer.so", "answer.c", &["-DVALUE=1", "-Wl,-soname,libanswer.so", &script]);
    let document = xdoctor(["bindings", text(&program), "--format", "json"]).exits(1).json();
    assert_valid("bindings", &document);
    assert_eq!(document["version_errors"][0]["node"], "V1");
    assert_eq!(document["version_errors"][0]["fatal"], true);
    std::fs::remove_file(&library).unwrap();
    let document = xdoctor(["bindings", text(&program), "--format", "json"]).exits(1).json();
    assert_eq!(document["missing"][0]["name"], "libanswer.so");
    assert_eq!(document["missing"][0]["requested_by"], text(&program));
    let said = xdoctor(["bindings", text(&program)]).exits(1).stdout;
    assert!(said.contains("libanswer.so") && said.contains(text(&program)), "{said}");
    let document = xdoctor(["bindings", "/bin/true", "--module", text(&program), "--format", "json"]).exits(1).json();
    assert_eq!(document["refused"][0]["reason"], "missing", "a program cannot be opened");
}

#[test]
fn filters_select_by_symbol_referrer_and_provider_and_nothing_selected_is_status_4() {
    let fixture = Fixture::new();
    let (program, library) = client(&fixture);
    let count = |flags: &[&str], status| {
        let run = xdoctor([&["bindings", text(&program), "--format", "json"][..], flags].concat()).exits(status);
        run.json()["bindings"].as_array().unwrap().len()
    };
    assert_eq!(count(&["--symbol", "answ*"], 0), 1);
    assert_eq!(count(&["--provider", "libanswer.so", "--referrer", "client"], 0), 1);
    assert_eq!(count(&["--provider", text(&library), "--symbol", "answer"], 0), 1);
    assert_eq!(count(&["--symbol", "no_such_symbol"], 4), 0);
    assert!(count(&["--provider", "libc.so*"], 0) > 1);
    let said = xdoctor(["bindings", text(&program), "--symbol", "answer"]).exits(0).stdout;
    assert!(said.contains("answer@V1"), "what is asked for is shown in full: {said}");
}

#[test]
fn several_targets_give_a_document_a_line_in_order_and_one_that_cannot_be_read_stops_no_other() {
    let fixture = Fixture::new();
    let (program, library) = client(&fixture);
    let text_file = fixture.file("notes.txt", "no ELF file");
    let targets = [&program, &text_file, &library, &program].map(|path| text(path));
    let run = xdoctor([&["bindings", "--format", "json"][..], &targets].concat()).exits(2);
    let documents: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let schemas: Vec<&str> = documents.iter().map(|document| document["schema"].as_str().unwrap()).collect();
    assert_eq!(schemas, ["xdoctor/bindings/1", "xdoctor/error/1", "xdoctor/bindings/1", "xdoctor/bindings/1"]);
    assert!(run.stdout.lines().all(|line| line.starts_with("{\"schema\":")), "the first member: {}", run.stdout);
    assert_eq!(documents[0]["target"], text(&program));
    assert_eq!(documents[2]["target"], text(&library));
    assert_eq!(documents[0], documents[3]);
    let run = xdoctor(["bindings", "--format", "json", "--summary", text(&program), text(&library)]).exits(0);
    for (line, whole) in run.stdout.lines().zip([&documents[0], &documents[2]]) {
        let summary: Value = serde_json::from_str(line).unwrap();
        assert_valid("bindings", &summary);
        assert_eq!(summary["summary"], whole["summary"]);
        assert!(summary.get("bindings").is_none());
    }
}

#[test]
fn the_environment_counts_only_where_it_is_asked_to() {
    let fixture = Fixture::new();
    let (program, library) = client(&fixture);
    let preload = fixture.library("libpreload.so", "answer.c", &["-DVALUE=7"]);
    for (flags, provider) in [(&[][..], &library), (&["--inherit-env"], &preload)] {
        let args = [&["bindings", text(&program), "--format", "json"][..], flags].concat();
        let mut command = xdoctor::command(args);
        let document = xdoctor::Run::of(command.env("LD_PRELOAD", &preload).output().unwrap()).exits(0).json();
        assert_eq!(rows(&document, "answer")[0]["provider"], text(provider));
    }
}

#[test]
fn a_copied_variable_a_thread_local_and_an_ifunc_are_told_apart() {
    let fixture = Fixture::new();
    let variable = fixture.library("libvariable.so", "variable.c", &["-DVALUE=7", "-Wl,-soname,libvariable.so"]);
    let copies = fixture.program("copies", "copies.c", &["-fno-pie", "-no-pie", text(&variable), BESIDE]);
    let tls = fixture.library("libtls.so", "tls.c", &["-DDEFINE", "-DVALUE=9", "-Wl,-soname,libtls.so"]);
    let thread = fixture.program("thread", "tls.c", &[text(&tls), BESIDE]);
    let ifunc = fixture.library("libifunc.so", "ifunc.c", &["-Wl,-soname,libifunc.so"]);
    let chooses = fixture.program("chooses", "client.c", &[text(&ifunc), BESIDE]);
    for (program, symbol, kind) in
        [(copies, "variable", "copy"), (thread, "answer_tls", "tls"), (chooses, "answer", "ifunc")]
    {
        let document = xdoctor(["bindings", text(&program), "--format", "json"]).exits(0).json();
        let rows = rows(&document, symbol);
        let own = rows.iter().find(|row| row["referrer"] == text(&program)).unwrap();
        assert_eq!(own["kind"], kind);
    }
}

#[test]
fn a_static_program_binds_nothing() {
    let fixture = Fixture::new();
    let source = fixture.file("main.c", "int main(void) { return 0; }");
    let program = fixture.path("static");
    let built = std::process::Command::new("cc").args(["-static", "-o"]).args([&program, &source]).status();
    assert!(built.unwrap().success());
    let document = xdoctor(["bindings", text(&program), "--format", "json"]).exits(0).json();
    assert_valid("bindings", &document);
    assert_eq!((&document["interpreter"], &document["summary"]["bindings"]), (&Value::Null, &Value::from(0)));
    assert!(xdoctor(["bindings", text(&program)]).exits(0).stdout.contains("a preload no effect"));
}

#[test]
fn an_audit_library_in_the_environment_is_said_to_be_out_of_reach() {
    let mut command = xdoctor::command(["bindings", "--summary", "--inherit-env", "/bin/true"]);
    // The name of no file: the loader that starts xdoctor itself leaves it out, with a word on stderr.
    let run = xdoctor::Run::of(command.env("LD_AUDIT", "/no/such/audit.so").output().unwrap()).exits(0);
    assert!(run.stderr.contains("LD_AUDIT is set"), "{}", run.stderr);
}
