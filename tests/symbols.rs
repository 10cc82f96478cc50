//! Promises of `xdoctor symbols`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/libraries.rs"]
mod libraries;
#[path = "support/schema.rs"]
#[expect(clippy::panic, reason = "a test may panic")]
mod schema;
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use fixture::{Fixture, FixtureSymbol};
use libraries::{library, run, xdoctor};
use serde_json::Value;
use tempfile::TempDir;

/// A library with two nodes, a weak function, data and a C++ name.
fn sample() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let source = "int a(){return puts(\"\");} __attribute__((weak)) int b(){return 0;} int data[4]={1}; int _ZN2ns1fEi(int x){return x;}";
    let script = "V1 { global: a; data; local: *; }; V2 { global: b; _ZN*; } V1;";
    let path = library(dir.path(), "libsample.so", source, Some(script));
    (dir, path)
}

fn symbols(args: &[&str], file: &Path) -> Output {
    xdoctor().arg("symbols").args(args).arg(file).output().unwrap()
}

fn text(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

/// The symbol lines, without their addresses.
fn lines(output: &Output) -> Vec<&str> {
    text(output).lines().skip_while(|line| !line.is_empty()).skip(1).map(|line| &line[17..]).collect()
}

fn json(command: &mut Command) -> Value {
    let document = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    schema::assert_valid("symbols", &document);
    document
}

#[test]
fn definitions_read_as_nm_shows_them_under_what_the_file_is() {
    let (_dir, path) = sample();
    let output = symbols(&["--defined"], &path);
    let mut found = lines(&output);
    found.sort_unstable();
    assert_eq!(found, ["A V1", "A V2", "D data@@V1", "T _ZN2ns1fEi@@V2", "T a@@V1", "W b@@V2"]);
    let head: Vec<&str> = text(&output).lines().take_while(|line| !line.is_empty()).collect();
    assert_eq!(head[0], path.display().to_string());
    assert!(head.contains(&"  node      V1  2 symbols") && head.contains(&"  node        V2  2 symbols"), "{head:?}");
    assert!(head.iter().any(|line| line.starts_with("  needs     libc.so.6: GLIBC_2.2.5")), "{head:?}");
}

#[test]
fn filters_restrict_and_an_empty_selection_ends_with_4() {
    let (_dir, path) = sample();
    assert_eq!(lines(&symbols(&["--name", "[ab]"], &path)).len(), 2);
    assert_eq!(lines(&symbols(&["--version-node", "V2", "--name", "b*"], &path)), ["W b@@V2"]);
    let undefined = symbols(&["--undefined", "--name", "puts"], &path);
    assert_eq!(lines(&undefined), ["U puts@GLIBC_2.2.5"]);
    let none = symbols(&["--name", "hip*"], &path);
    assert_eq!((none.status.code(), lines(&none).len()), (Some(4), 0));
    assert_eq!(symbols(&["--defined", "--undefined"], &path).status.code(), Some(2));
}

#[test]
fn versions_shows_the_nodes_alone() {
    let (_dir, path) = sample();
    let output = symbols(&["--versions"], &path);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output).contains("  node      V1  2 symbols\n  node        V2  2 symbols\n"));
    assert!(!text(&output).contains("@@"));
}

#[test]
fn cpp_names_are_demangled_on_request() {
    let (_dir, path) = sample();
    let output = symbols(&["--demangle", "--name", "_Z*"], &path);
    assert_eq!(lines(&output), ["T ns::f(int)@@V2"]);
}

#[test]
fn the_document_follows_its_schema_and_tells_every_field() {
    let (_dir, path) = sample();
    let document = json(xdoctor().args(["--format", "json", "symbols", "--name", "b", "--defined"]).arg(&path));
    let file = &document["files"][0];
    assert_eq!(file["file"], path.display().to_string());
    assert_eq!(file["class"], if cfg!(target_pointer_width = "64") { "ELF64" } else { "ELF32" });
    let nodes: Vec<(&str, u64)> = file["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["name"].as_str().unwrap(), node["symbols"].as_u64().unwrap()))
        .collect();
    assert_eq!(nodes, [("libsample.so", 0), ("V1", 2), ("V2", 2)]);
    let mut symbol = file["symbols"][0].clone();
    assert!(symbol["value"].as_u64().unwrap() > 0 && symbol["size"].as_u64().unwrap() > 0);
    for field in ["value", "size"] {
        symbol.as_object_mut().unwrap().remove(field);
    }
    let expected = serde_json::json!({
        "name": "b", "version": "V2", "default": true, "hidden": false, "defined": true, "kind": "function",
        "binding": "weak", "visibility": "default", "section": ".text"
    });
    assert_eq!(symbol, expected);
}

#[test]
fn numbers_without_a_name_keep_their_value_in_the_document() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("odd.so");
    let symbol = FixtureSymbol {
        name: b"odd".to_vec(),
        versym: 1,
        defined: true,
        weak: false,
        kind: 13,
        visibility: 3,
        value: u64::MAX,
        size: u64::MAX,
    };
    let mut odd = Fixture { machine: 0xbeef, symbols: vec![symbol], ..Fixture::default() };
    std::fs::write(&path, odd.write()).unwrap();
    let document = json(xdoctor().args(["--format", "json", "symbols"]).arg(&path));
    let (file, symbol) = (&document["files"][0], &document["files"][0]["symbols"][0]);
    assert_eq!((file["machine"].as_str(), symbol["kind"].as_str()), (Some("0xbeef"), Some("0xd")));
    assert_eq!((symbol["value"].as_u64(), symbol["visibility"].as_str()), (Some(u64::MAX), Some("protected")));
}

#[test]
fn several_files_come_in_the_order_in_which_they_were_named() {
    let files: Vec<PathBuf> = libraries::versioned_libraries().into_iter().rev().take(40).collect();
    let output = xdoctor().args(["symbols", "--versions"]).args(&files).output().unwrap();
    let headings: Vec<PathBuf> =
        text(&output).lines().filter(|line| line.starts_with('/')).map(PathBuf::from).collect();
    assert_eq!(headings, files);
}

#[test]
fn a_listing_does_not_depend_on_the_number_of_threads() {
    let (dir, _) = sample();
    let path = dir.path().join("large.so");
    std::fs::write(&path, Fixture::of_size(50_000).write()).unwrap();
    let with =
        |threads: &str| xdoctor().env("RAYON_NUM_THREADS", threads).arg("symbols").arg(&path).output().unwrap().stdout;
    let one = with("1");
    assert_eq!(one.iter().filter(|byte| **byte == b'\n').count() - 50_000, text_head(&one));
    assert!(one == with("4"));
}

/// The number of lines up to the first symbol.
fn text_head(listing: &[u8]) -> usize {
    std::str::from_utf8(listing).unwrap().lines().take_while(|line| !line.is_empty()).count() + 1
}

#[test]
fn a_bare_name_is_found_as_the_loader_finds_it_and_the_answer_says_so() {
    let output = symbols(&["--defined", "--name", "malloc"], Path::new("libc.so.6"));
    assert!(
        text(&output).lines().next().unwrap().ends_with("/libc.so.6 (found in the loader's cache)"),
        "{}",
        text(&output)
    );
    assert_eq!(lines(&output), ["T malloc@@GLIBC_2.2.5"]);
}

#[test]
fn library_path_counts_only_on_request() {
    let (dir, _) = sample();
    let ask = |args: &[&str]| {
        let mut command = xdoctor();
        command.current_dir("/").env("LD_LIBRARY_PATH", dir.path()).arg("symbols").args(args).arg("libsample.so");
        command.output().unwrap()
    };
    assert_eq!(ask(&[]).status.code(), Some(2));
    assert!(text(&ask(&["--inherit-env"])).contains("libsample.so (found in LD_LIBRARY_PATH)"));
}

#[test]
fn a_name_that_only_the_bundle_has_is_taken_from_there() {
    if !support::require(!xdoctor::bundle::entries().is_empty(), "bundle in this build") {
        return;
    }
    let mut command = xdoctor();
    let document =
        json(command.current_dir("/").args(["--format", "json", "symbols", "libshimhip.so", "--name", "hipMalloc"]));
    let file = &document["files"][0];
    assert!(file["found"].as_str().unwrap().starts_with("in the bundle"), "{file}");
    assert_eq!(file["symbols"][0]["version"], "hip_4.2");
}

#[test]
fn debians_hip_runtime_exports_409_functions_in_seven_nodes() {
    let path = Path::new("/usr/lib/x86_64-linux-gnu/libamdhip64.so.5");
    if !support::require(path.exists(), "libamdhip64-5") {
        return;
    }
    let document = json(xdoctor().args(["--format", "json", "symbols", "--defined"]).arg(path));
    let file = &document["files"][0];
    let nodes: Vec<(&str, u64)> = file["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["name"].as_str().unwrap(), node["symbols"].as_u64().unwrap()))
        .collect();
    let expected = [
        ("libamdhip64.so.5", 0),
        ("hip_4.2", 270),
        ("hip_4.3", 28),
        ("hip_4.4", 15),
        ("hip_4.5", 43),
        ("hip_5.0", 3),
        ("hip_5.1", 32),
        ("hip_5.2", 18),
    ];
    assert_eq!(nodes, expected);
    let symbols = file["symbols"].as_array().unwrap();
    assert_eq!(symbols.iter().filter(|symbol| symbol["kind"] == "function" && symbol["default"] == true).count(), 409);
    let malloc = symbols.iter().find(|symbol| symbol["name"] == "hipMalloc").unwrap();
    assert_eq!((malloc["version"].as_str(), malloc["default"].as_bool()), (Some("hip_4.2"), Some(true)));
}

#[test]
fn a_stripped_section_table_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (_keep, exporting) = sample();
    let program = dir.path().join("program");
    let source = dir.path().join("program.c");
    std::fs::write(&source, "int puts(const char*); int main(){return puts(\"\");}").unwrap();
    run(Command::new("cc").args(["-o"]).arg(&program).arg(&source));
    for file in [exporting, program] {
        let stripped = dir.path().join("stripped");
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[0x28..0x30].fill(0);
        bytes[0x3c..0x40].fill(0);
        std::fs::write(&stripped, bytes).unwrap();
        let listing =
            |path: &Path| lines(&symbols(&[], path)).iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        assert!(!listing(&file).is_empty());
        assert_eq!(listing(&file), listing(&stripped), "{}", file.display());
    }
}

#[test]
fn names_cannot_steer_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hostile.so");
    let symbol = |name: &[u8]| FixtureSymbol {
        name: name.to_vec(),
        versym: 1,
        defined: true,
        weak: false,
        kind: 2,
        visibility: 0,
        value: 0x1_0000,
        size: 0,
    };
    let symbols_ =
        vec![symbol(b"\x1b]0;owned\x07"), symbol(b"line\nbreak"), symbol(b"\xff\xfe"), symbol("a\u{202e}b".as_bytes())];
    let mut fixture = Fixture { soname: "lib\x1b[31m.so".to_owned(), symbols: symbols_, ..Fixture::default() };
    std::fs::write(&path, fixture.write()).unwrap();
    let output = symbols(&[], &path);
    assert!(output.stdout.iter().all(|byte| *byte == b'\n' || (0x20..0x7f).contains(byte)), "{}", text(&output));
    let mut found = lines(&output);
    found.sort_unstable();
    assert_eq!(found, ["T \\u{1b}]0;owned\\u{7}", "T \\xff\\xfe", "T a\\u{202e}b", "T line\\nbreak"]);
    assert!(text(&output).contains("SONAME    lib\\u{1b}[31m.so"));
    let document = json(xdoctor().args(["--format", "json", "symbols", "--name", "*fe*"]).arg(&path));
    assert_eq!(document["files"][0]["symbols"][0]["name"], "\\xff\\xfe");
}

#[test]
fn what_is_no_elf_file_is_said_in_one_line_with_2() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("text");
    std::fs::write(&file, "just text").unwrap();
    let output = symbols(&[], &file);
    assert_eq!(output.status.code(), Some(2));
    let expected = format!(
        "xdoctor: {}: not an ELF file: expected \\x7fELF at offset 0, found \"just\" (a text file)\n",
        file.display()
    );
    assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
    let output = xdoctor().args(["--format", "json", "symbols"]).arg(&file).output().unwrap();
    let error: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((error["schema"].as_str(), error["file"].as_str()), (Some("xdoctor/error/1"), file.to_str()));
}

#[test]
fn a_file_that_was_cut_off_is_said_to_be_truncated_and_where() {
    let (dir, path) = sample();
    let cut = dir.path().join("cut");
    std::fs::write(&cut, &std::fs::read(&path).unwrap()[..100]).unwrap();
    let output = symbols(&[], &cut);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("truncated: program header table needs"), "{said}");
    assert!(said.contains("bytes at offset 0x40, but the file ends at 0x64"), "{said}");
}

#[test]
fn a_reader_that_closes_the_pipe_ends_it_quietly() {
    let mut child =
        xdoctor().args(["symbols", "libc.so.6"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{output:?}");
}

#[test]
fn a_static_program_has_nothing_that_is_bound_at_run_time() {
    let dir = tempfile::tempdir().unwrap();
    let (source, object) = (dir.path().join("s.c"), dir.path().join("s.o"));
    std::fs::write(&source, "int f(){return 0;}").unwrap();
    run(Command::new("cc").args(["-c", "-o"]).arg(&object).arg(&source));
    let output = symbols(&[], &object);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output).contains("no dynamic section"));
}

/// A file of the corpus: 32-bit, big-endian, with both hash tables.
fn of_the_corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/elf/ppc.so")
}

fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(env!("CARGO_MANIFEST_DIR"), "[here]");
    settings
}

#[test]
fn the_text_of_a_whole_file_stays_as_it_is() {
    settings().bind(|| insta::assert_snapshot!(text(&symbols(&[], &of_the_corpus()))));
}

#[test]
fn the_document_of_a_whole_file_stays_as_it_is() {
    let output = xdoctor().args(["--format", "json", "symbols"]).arg(of_the_corpus()).output().unwrap();
    settings().bind(|| insta::assert_snapshot!(text(&output)));
}
