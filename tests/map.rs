//! Promises of `xdoctor map`: linkers take the script, and a shim linked with it has its runtime's nodes.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/libraries.rs"]
mod libraries;
#[path = "support/schema.rs"]
#[expect(clippy::panic, reason = "a test may panic")]
mod schema;
mod support;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use libraries::{library, run, xdoctor};
use rayon::prelude::*;
use xdoctor::elf::{Image, Mapped, Symbols, escape};
use xdoctor::interpose::map::Map;
use xdoctor::interpose::version_script::{Assignment, VersionScript};

#[test]
fn ld_and_lld_take_the_script_of_every_library_of_the_machine() {
    if !support::require(libraries::has_program("ld.lld"), "lld") {
        return;
    }
    let others: Vec<&str> = ["ld.gold", "mold"].into_iter().filter(|name| libraries::has_program(name)).collect();
    let scratch = tempfile::tempdir().unwrap();
    let empty = assemble(scratch.path(), "empty", "");
    let libraries = libraries::versioned_libraries();
    assert!(libraries.len() > 3, "only {} libraries with version nodes", libraries.len());
    libraries.par_iter().enumerate().for_each(|(index, path)| {
        let script = scratch.path().join(format!("{index}.map"));
        std::fs::write(&script, run(xdoctor().arg("map").arg(path).arg("--quiet"))).unwrap();
        // The other linkers get a sample: they follow one of the two.
        let sampled = if index % 8 == 0 { &others[..] } else { &[] };
        for linker in ["ld", "ld.lld"].iter().chain(sampled) {
            let out = scratch.path().join(format!("{index}.{linker}.so"));
            let mut link = Command::new(linker);
            link.arg("-shared").arg(format!("--version-script={}", script.display())).arg("-o").arg(&out).arg(&empty);
            if undefined_names_are_errors(linker) {
                link.arg("--undefined-version");
            }
            run(&mut link);
        }
    });
}

#[test]
fn a_shim_linked_with_the_script_has_every_library_of_the_machine_node_by_node() {
    if !support::require(libraries::has_program("as") && libraries::has_program("ld"), "as and ld") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    libraries::versioned_libraries().par_iter().enumerate().for_each(|(index, path)| {
        let runtime = Mapped::open(path).unwrap();
        let runtime = Image::parse(&runtime).unwrap().symbols().unwrap();
        let map = Map::new(&runtime, None);
        if !map.unversioned.is_empty() {
            return;
        }
        let dir = scratch.path().join(index.to_string());
        std::fs::create_dir(&dir).unwrap();
        let shim = relinked(&dir, &map);
        let shim = Mapped::open(&shim).unwrap();
        let shim = Image::parse(&shim).unwrap().symbols().unwrap();
        assert_eq!(defaults(&shim), defaults(&runtime), "{}", path.display());
        assert_eq!(inheritance(&shim), inheritance(&runtime), "{}", path.display());
    });
}

#[test]
fn the_script_places_every_symbol_as_the_runtime_does() {
    for path in libraries::versioned_libraries() {
        let runtime = Mapped::open(&path).unwrap();
        let runtime = Image::parse(&runtime).unwrap().symbols().unwrap();
        let map = Map::new(&runtime, None);
        let script = VersionScript::parse(&map.script().to_string()).unwrap();
        for (name, node) in defaults(&runtime).iter().take(200) {
            let Assignment::Exported(found, _) = script.assign(name) else {
                panic!("{name} of {} is hidden", path.display())
            };
            assert_eq!(found.name.as_deref(), Some(node.as_str()), "{name} of {}", path.display());
        }
        let hidden = matches!(script.assign("in no library"), Assignment::Hidden(..));
        assert_eq!(hidden, map.unversioned.is_empty(), "{}", path.display());
    }
}

#[test]
fn what_the_shim_lacks_stands_as_a_comment_in_its_node() {
    let scratch = tempfile::tempdir().unwrap();
    let runtime = library(
        scratch.path(),
        "libruntime.so",
        "int f(){return 1;} int g(){return 2;} int h(){return 3;}",
        Some("V1 { global: f; g; local: *; }; V2 { global: h; } V1;"),
    );
    let shim = library(scratch.path(), "libshim.so", "int f(){return 1;} int own(){return 1;}", None);
    let script = run(xdoctor().arg("map").arg(&runtime).arg("--shim").arg(&shim));
    let body = script.split_once("*/\n\n").unwrap().1;
    assert_eq!(
        body,
        "V1 {\n  global:\n    f;\n  local:\n    *;\n  /* missing in the shim: g */\n};\n\n\
         V2 {\n  /* missing in the shim: h */\n} V1;\n"
    );
}

#[test]
fn cpp_names_go_out_quoted_as_c_names() {
    let scratch = tempfile::tempdir().unwrap();
    let runtime = library(
        scratch.path(),
        "libcpp.so",
        "int _ZN7xsched31fEi(int x){return x;} int plain(){return 0;}",
        Some("V1 { global: _Z*; plain; local: *; };"),
    );
    let script = run(xdoctor().arg("map").arg(&runtime));
    assert!(script.contains("    plain;\n    extern \"C\" {\n      \"_ZN7xsched31fEi\";\n    };\n"), "{script}");
}

#[test]
fn a_version_that_is_not_the_default_is_left_to_symver() {
    let scratch = tempfile::tempdir().unwrap();
    let source = "__asm__(\".symver f1,f@V1\\n.symver f2,f@@V2\"); int f1(){return 1;} int f2(){return 2;}";
    let runtime = library(scratch.path(), "libtwo.so", source, Some("V1 { local: f1; f2; }; V2 { } V1;"));
    let script = run(xdoctor().arg("map").arg(&runtime));
    assert!(script.contains("/* not the default, so .symver must place it: f */\n};"), "{script}");
    assert!(script.contains("V2 {\n  global:\n    f;\n} V1;"), "{script}");
}

#[test]
fn a_runtime_without_nodes_gives_a_script_that_hides_the_rest() {
    let scratch = tempfile::tempdir().unwrap();
    let runtime = library(scratch.path(), "libplain.so", "int f(){return 1;}", None);
    let output = xdoctor().arg("map").arg(&runtime).output().unwrap();
    let script = String::from_utf8(output.stdout).unwrap();
    assert!(script.contains("{\n  global:\n    f;\n  local:\n    *;\n};\n"), "{script}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("has no version nodes"));
}

#[test]
fn the_document_follows_its_schema() {
    let scratch = tempfile::tempdir().unwrap();
    let source = "int f(){return 1;} int g(){return 2;}";
    let runtime = library(scratch.path(), "libr.so", source, Some("V1 { global: f; g; local: *; };"));
    let shim = library(scratch.path(), "libs.so", "int g(){return 2;}", None);
    let text = run(xdoctor().args(["--format", "json", "map"]).arg(&runtime).arg("--shim").arg(&shim));
    let document = serde_json::from_str(&text).unwrap();
    schema::assert_valid("map", &document);
    let expected = serde_json::json!({
        "name": "V1", "parents": [], "symbols": ["g"], "missing": ["f"], "not_default": []
    });
    assert_eq!(document["nodes"][0], expected);
}

#[test]
fn a_shim_that_defines_nothing_of_the_runtime_ends_with_4() {
    let scratch = tempfile::tempdir().unwrap();
    let runtime = library(scratch.path(), "libr.so", "int f(){return 1;}", Some("V1 { global: f; local: *; };"));
    let shim = library(scratch.path(), "libs.so", "int other(){return 1;}", None);
    let output = xdoctor().arg("map").arg(&runtime).arg("--shim").arg(&shim).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
}

/// Whether a linker refuses names that are not defined, as lld does from 16 on, so that an empty library needs a flag.
fn undefined_names_are_errors(linker: &str) -> bool {
    let version = run(Command::new(linker).arg("--version"));
    let major = version.split_once("LLD ").and_then(|(_, number)| number.split('.').next()?.parse::<u32>().ok());
    major.is_some_and(|major| major >= 16)
}

fn assemble(dir: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let (source, object) = (dir.join(format!("{name}.s")), dir.join(format!("{name}.o")));
    std::fs::write(&source, text).unwrap();
    run(Command::new("as").arg("-o").arg(&object).arg(&source));
    object
}

/// A library that defines all that the map wants, linked with its script.
fn relinked(dir: &Path, map: &Map<'_>) -> std::path::PathBuf {
    let mut text = String::from(".text\n");
    for name in map.nodes.iter().flat_map(|node| &node.symbols) {
        let name = escape(name);
        writeln!(text, ".globl \"{name}\"\n.type \"{name}\",%function\n\"{name}\":\n.byte 0").unwrap();
    }
    let object = assemble(dir, "shim", &text);
    let (script, out) = (dir.join("shim.map"), dir.join("shim.so"));
    std::fs::write(&script, map.script().to_string()).unwrap();
    let script = format!("--version-script={}", script.display());
    run(Command::new("ld").args(["-shared", &script, "-o"]).arg(&out).arg(&object));
    out
}

/// Every default definition with its node.
fn defaults(symbols: &Symbols<'_>) -> BTreeMap<String, String> {
    let shown = symbols.iter().filter(|symbol| symbol.default && !symbol.is_node_marker() && !symbol.is_debugging());
    shown.map(|symbol| (escape(symbol.name).to_string(), escape(symbol.version.unwrap().name).to_string())).collect()
}

fn inheritance(symbols: &Symbols<'_>) -> BTreeMap<String, Vec<String>> {
    let definitions = symbols.versions().definitions().iter().filter(|definition| !definition.base);
    let texts = |names: &[&[u8]]| names.iter().map(|name| escape(name).to_string()).collect();
    definitions.map(|definition| (escape(definition.name).to_string(), texts(&definition.parents))).collect()
}
