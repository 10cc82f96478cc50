//! `xdoctor explain`: why is my shim not called?
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
use serde_json::{Value, json};
use xdoctor::xdoctor;

const BESIDE: &str = "-Wl,-rpath,$ORIGIN";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn client(fixture: &Fixture) -> (PathBuf, PathBuf) {
    let script = fixture.script("v1.map", "V1 { global: answer; };");
    let library = fixture.library("libanswer.so", "answer.c", &["-DVALUE=1", "-Wl,-soname,libanswer.so", &script]);
    (fixture.program("client", "client.c", &[library.to_str().unwrap(), BESIDE]), library)
}

/// What is explained of `answer`, as JSON and as text.
fn explain(program: &Path, flags: &[&str], status: i32) -> (Value, String) {
    let args = [&["explain", "answer", text(program)][..], flags].concat();
    let said = xdoctor(args.clone()).exits(status).stdout;
    let document = xdoctor([&args[..], &["--format", "json"]].concat()).exits(status).json();
    assert_valid("explain", &document);
    (document, said.replace("\n    ", " "))
}

fn steps(document: &Value) -> Vec<(String, String)> {
    let asked = document["walks"][0]["asked"].as_array().unwrap().iter();
    let file = |path: &Value| Path::new(path.as_str().unwrap()).file_name().unwrap().display().to_string();
    asked.map(|step| (file(&step["object"]), step["answer"].as_str().unwrap().to_owned())).collect()
}

fn named(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(object, answer)| ((*object).to_owned(), (*answer).to_owned())).collect()
}

#[test]
fn a_shim_in_the_wrong_node_is_shown_as_skipped_with_the_script_line_that_mends_it() {
    let fixture = Fixture::new();
    let (program, library) = client(&fixture);
    let script = fixture.script("v9.map", "V9 { global: answer; };");
    let shim = fixture.library("libshim.so", "answer.c", &["-DVALUE=7", &script]);
    let (document, said) = explain(&program, &["--preload", text(&shim)], 0);
    let expected = [("client", "no-such-symbol"), ("libshim.so", "other-version"), ("libanswer.so", "exact-version")];
    assert_eq!(steps(&document), named(&expected));
    assert_eq!(document["walks"][0]["asked"][1]["versions"], json!(["V9"]));
    assert_eq!(document["walks"][0]["provider"], text(&library));
    assert!(said.contains("there, but in V9"), "{said}");
    assert!(said.contains("`V1 { global: answer; };`"), "{said}");
}

#[test]
fn a_shim_that_takes_the_call_is_said_to_intercept() {
    let fixture = Fixture::new();
    let (program, library) = client(&fixture);
    let script = fixture.script("own.map", "V1 { global: answer; };");
    let shim = fixture.library("libshim.so", "answer.c", &["-DVALUE=7", &script]);
    let (document, said) = explain(&program, &["--preload", text(&shim)], 0);
    assert_eq!(steps(&document), named(&[("client", "no-such-symbol"), ("libshim.so", "exact-version")]));
    let unasked = &document["walks"][0]["not_asked"][0];
    assert_eq!(unasked, &json!({"object": text(&library), "why": "behind", "would_answer": true}));
    assert!(said.contains("it is intercepted there"), "{said}");
}

#[test]
fn a_shim_that_hides_or_mangles_the_name_is_told_so() {
    let fixture = Fixture::new();
    let (program, _) = client(&fixture);
    let hides = fixture.script("hides.map", "{ global: nothing; local: *; };");
    let hidden = fixture.library("libhidden.so", "answer.c", &["-DVALUE=7", &hides]);
    let (_, said) = explain(&program, &["--preload", text(&hidden)], 0);
    assert!(said.contains("does not export it"), "{said}");
    let mangled = fixture.library("libmangled.so", "mangled.cc", &["-DVALUE=7"]);
    let (_, said) = explain(&program, &["--preload", text(&mangled)], 0);
    assert!(said.contains("_Z6answerv") && said.contains("extern \"C\""), "{said}");
    let none = fixture.library("libnone.so", "answer.c", &["-DVALUE=7", "-DNAME=other"]);
    let (_, said) = explain(&program, &["--preload", text(&none)], 0);
    assert!(said.contains("has no answer at all"), "{said}");
}

#[test]
fn an_ignored_preload_is_named_first() {
    let fixture = Fixture::new();
    let (program, _) = client(&fixture);
    let (_, said) = explain(&program, &["--preload", "/no/such/libshim.so"], 1);
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[1].contains("ignored: /no/such/libshim.so"), "{said}");
}

#[test]
fn a_shim_that_came_by_dlopen_is_out_of_scope() {
    let fixture = Fixture::new();
    let (_, library) = client(&fixture);
    let module = fixture.library("libmodule.so", "caller.c", &[text(&library), BESIDE]);
    let shim = fixture.library("libshim.so", "answer.c", &["-DVALUE=7"]);
    let opener = fixture.program("opener", "opener.c", &[]);
    let flags = ["--module", text(&shim), "--module", text(&module)];
    let (document, said) = explain(&opener, &flags, 0);
    assert_eq!(document["walks"][0]["provider"], text(&library));
    assert_eq!(document["walks"][0]["not_asked"][0]["why"], "out-of-scope");
    assert!(said.contains("RTLD_LOCAL"), "{said}");
    let global = format!("{}:global", text(&shim));
    let (document, _) = explain(&opener, &["--module", &global, "--module", text(&module)], 0);
    assert_eq!(document["walks"][0]["provider"], text(&shim));
}

#[test]
fn a_library_that_looks_in_itself_first_cannot_be_reached() {
    let fixture = Fixture::new();
    let own = ["-DVALUE=3", "-Wl,-soname,libown.so", "-Wl,-Bsymbolic"];
    let own = fixture.library("libown.so", "own.c", &own);
    let program = fixture.program("asking", "asking.c", &[text(&own), BESIDE]);
    let shim = fixture.library("libshim.so", "answer.c", &["-DVALUE=7"]);
    let (document, said) = explain(&program, &["--preload", text(&shim)], 4);
    assert_eq!(document["walks"], json!([]));
    assert!(said.contains("refers to it") && said.contains("-Bsymbolic"), "{said}");
}

#[test]
fn a_client_that_may_look_the_name_up_while_it_runs_is_said_to_be_unknown() {
    let fixture = Fixture::new();
    let lookup = fixture.library("liblookup.so", "lookup.c", &["-DHANDLE=RTLD_DEFAULT", "-Wl,-soname,liblookup.so"]);
    let program = fixture.program("asking", "asking.c", &[text(&lookup), BESIDE]);
    let (document, said) = explain(&program, &[], 4);
    assert_eq!(document["may_look_up"], json!([text(&lookup)]));
    assert!(said.contains("imports dlsym"), "{said}");
}

#[test]
fn one_node_can_be_asked_about() {
    let fixture = Fixture::new();
    let (program, _) = client(&fixture);
    xdoctor(["explain", "answer@V1", text(&program)]).exits(0);
    xdoctor(["explain", "answer@@V1", text(&program)]).exits(0);
    let said = xdoctor(["explain", "answer@V2", text(&program)]).exits(4).stdout;
    assert!(said.contains("V2"), "{said}");
}

#[test]
fn an_undefined_reference_fails_with_every_object_that_was_asked() {
    let fixture = Fixture::new();
    let alone = fixture.library("libalone.so", "caller.c", &["-Wl,--no-as-needed", "-lc"]);
    let (document, said) = explain(&alone, &[], 1);
    assert_eq!(document["walks"][0]["provider"], Value::Null);
    assert!(document["walks"][0]["asked"].as_array().unwrap().len() > 1);
    assert!(said.contains("undefined: nothing defines it"), "{said}");
}
