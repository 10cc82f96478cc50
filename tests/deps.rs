//! `xdoctor deps`: the closure as a tree, with how each file was found; another machine's tree; bad input.
#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]

#[path = "support/built.rs"]
mod built;
#[path = "support/ldso.rs"]
mod ldso;
#[path = "support/patch.rs"]
mod patch;
#[path = "support/schema.rs"]
mod schema;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use built::Fixture;
use schema::assert_valid;
use serde_json::Value;
use xdoctor::xdoctor;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// client → libask.so (RUNPATH) → libanswer.so (RPATH of libask.so).
fn chain(fixture: &Fixture) -> (PathBuf, PathBuf, PathBuf) {
    let answer = fixture.library("b/libanswer.so", "answer.c", &["-DVALUE=1", "-Wl,-soname,libanswer.so"]);
    let flags = ["-Wl,-soname,libask.so", text(&answer), "-Wl,--disable-new-dtags", "-Wl,-rpath,$ORIGIN/../b"];
    let ask = fixture.library("a/libask.so", "caller.c", &flags);
    let program = fixture.program("asking", "asking.c", &[text(&ask), "-Wl,-rpath,$ORIGIN/a"]);
    (program, ask, answer)
}

fn library<'v>(document: &'v Value, name: &str) -> &'v Value {
    let libraries = document["libraries"].as_array().unwrap();
    libraries.iter().find(|library| library["name"] == name).unwrap_or_else(|| panic!("{document:#}"))
}

#[test]
fn each_file_tells_what_led_to_it_and_whose_path_that_was() {
    let fixture = Fixture::new();
    let (program, ask, _) = chain(&fixture);
    let document = xdoctor(["deps", text(&program), "--format", "json"]).exits(0).json();
    assert_valid("deps", &document);
    let of = |name| ["found", "found_by", "requested_by"].map(|member| library(&document, name)[member].clone());
    assert_eq!(of("libask.so"), ["runpath", text(&program), text(&program)]);
    let ask = fixture.path("a/libask.so").parent().map(|_| text(&ask).to_owned()).unwrap();
    assert_eq!(of("libanswer.so"), ["rpath", &ask, &ask]);
    assert_eq!(library(&document, "libc.so.6")["found"], "cache");
    let edges = document["dependencies"].as_array().unwrap();
    assert!(edges.iter().any(|edge| edge["object"] == ask && edge["name"] == "libanswer.so"));
}

#[test]
fn the_tree_shows_each_objects_needs_once_below_it() {
    let fixture = Fixture::new();
    let (program, _, answer) = chain(&fixture);
    let said = xdoctor(["deps", text(&program)]).exits(0).stdout;
    let at = |name: &str| said.lines().position(|line| line.contains(name)).unwrap_or_else(|| panic!("{said}"));
    assert!(at("libask.so =>") < at("libanswer.so =>"), "{said}");
    assert!(said.contains("(runpath of ") && said.contains("(rpath of "), "{said}");
    fs::remove_file(answer).unwrap();
    let said = xdoctor(["deps", text(&program)]).exits(1).stdout;
    assert!(said.contains("libanswer.so missing"), "{said}");
    assert!(said.contains("asked for by") && said.contains("libask.so"), "{said}");
}

#[test]
fn below_a_sysroot_absolute_paths_and_links_stay_in_it() {
    let fixture = Fixture::new();
    let root = fixture.path("root");
    for file in ["/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6"] {
        let there = fixture.path(&format!("root/real{file}"));
        fs::copy(file, &there).unwrap();
        let link = fixture.path(&format!("root{file}"));
        symlink(Path::new("/real").join(file.trim_start_matches('/')), link).unwrap();
    }
    let answer = fixture.library("root/opt/libanswer.so", "answer.c", &["-DVALUE=1", "-Wl,-soname,libanswer.so"]);
    let program = fixture.program("root/bin/client", "client.c", &[text(&answer), "-Wl,-rpath,/opt"]);
    let by_inner_path = ["deps", "--sysroot", text(&root), "/bin/client", "--format", "json"];
    let document = xdoctor(by_inner_path).exits(0).json();
    assert_valid("deps", &document);
    assert_eq!(library(&document, "libanswer.so")["path"], "/opt/libanswer.so");
    assert_eq!(library(&document, "libc.so.6")["found"], "default", "the host's cache is not that of the tree");
    assert_eq!(document["sysroot"], text(&root));
    let by_host_path = ["deps", "--sysroot", text(&root), text(&program), "--format", "json"];
    assert_eq!(xdoctor(by_host_path).exits(0).json(), document);
    fs::remove_file(root.join("lib/x86_64-linux-gnu/libc.so.6")).unwrap();
    let document = xdoctor(by_inner_path).exits(1).json();
    assert_eq!(document["missing"][0]["name"], "libc.so.6", "the host's is not taken for it");
    let run = xdoctor(["deps", "--sysroot", "/no/such/tree", "/bin/client", "--format", "json"]).exits(2);
    assert_valid("error", &run.json());
}

#[test]
fn links_that_loop_and_dangle_are_missing_libraries() {
    let fixture = Fixture::new();
    let (program, _, answer) = chain(&fixture);
    fs::remove_file(&answer).unwrap();
    for target in ["libanswer.so", "nowhere"] {
        fs::remove_file(&answer).ok();
        symlink(target, &answer).unwrap();
        let document = xdoctor(["deps", text(&program), "--format", "json"]).exits(1).json();
        assert_eq!(document["missing"][0]["name"], "libanswer.so", "a link to {target}");
        let root = fixture.path("");
        let inner = ["deps", "--sysroot", text(&root), "/asking", "--format", "json"];
        let document = xdoctor(inner).exits(1).json();
        assert!(
            document["missing"]
                .as_array()
                .unwrap()
                .iter()
                .any(|missing| missing["name"] == "libask.so" || missing["name"] == "libanswer.so")
        );
    }
}

#[test]
fn libraries_that_need_one_another_in_a_circle_are_loaded_once() {
    let fixture = Fixture::new();
    let first = ["-DVALUE=1", "-Wl,-soname,libfirst.so"];
    fixture.library("libfirst.so", "answer.c", &first);
    let one = fixture.path("libfirst.so");
    let needs =
        ["-DVALUE=2", "-DNAME=ask", "-Wl,-soname,libsecond.so", "-Wl,--no-as-needed", text(&one), "-Wl,-rpath,$ORIGIN"];
    let second = fixture.library("libsecond.so", "answer.c", &needs);
    let both = [&first[..], &["-Wl,--no-as-needed", text(&second), "-Wl,-rpath,$ORIGIN"]].concat();
    fixture.library("libfirst.so", "answer.c", &both);
    let program = fixture.program("client", "client.c", &[text(&one), "-Wl,-rpath,$ORIGIN"]);
    let document = xdoctor(["deps", text(&program), "--format", "json"]).exits(0).json();
    let named =
        |name: &str| document["libraries"].as_array().unwrap().iter().filter(|one| one["soname"] == name).count();
    assert_eq!((named("libfirst.so"), named("libsecond.so")), (1, 1));
    xdoctor(["deps", text(&program)]).exits(0);
}

#[test]
fn ten_thousand_needs_are_read_and_each_missing_one_is_named() {
    let fixture = Fixture::new();
    let source = fixture.file("main.c", "int main(void) { return 0; }");
    let stub = fixture.library("libstub.so", "answer.c", &["-DVALUE=0"]);
    let mut arguments = String::from("-Wl,--no-as-needed\n");
    // One file under many names: GNU ld writes each name that it was called by where there is no SONAME.
    for number in 0..10_000 {
        let link = fixture.path(&format!("many/l{number}.so"));
        symlink(&stub, &link).unwrap();
        arguments.push_str(&format!("-l:l{number}.so\n"));
    }
    let arguments = fixture.file("arguments", &arguments);
    let program = fixture.path("many/client");
    let folder = format!("-L{}", fixture.path("many").display());
    let link = |linker: &[&str]| {
        let mut compiler = std::process::Command::new("cc");
        compiler.args(linker).arg("-o").arg(&program).arg(&source).arg(&folder);
        compiler.arg(format!("@{}", arguments.display())).output().unwrap().status.success()
    };
    // GNU ld's time is quadratic in the number of libraries.
    assert!(link(&["-fuse-ld=gold"]) || link(&[]));
    let document = xdoctor(["deps", text(&program), "--format", "json"]).exits(1).json();
    assert_eq!(document["missing"].as_array().unwrap().len(), 10_000);
    let beside = format!("{}/many", fixture.path("").display());
    let document = xdoctor(["deps", text(&program), "--library-path", &beside, "--format", "json"]).exits(0).json();
    assert!(document["libraries"].as_array().unwrap().len() < 10, "one file is one object");
}

#[test]
fn what_is_no_elf_file_or_cannot_be_read_is_one_clear_line() {
    let fixture = Fixture::new();
    let notes = fixture.file("notes.txt", "text");
    let empty = fixture.file("empty", "");
    let folder = fixture.path("folder/x").parent().unwrap().to_owned();
    for target in [notes.as_path(), &empty, &folder, Path::new("/no/such/file")] {
        for command in ["deps", "bindings"] {
            let run = xdoctor([command, text(target), "--format", "json"]).exits(2);
            assert_valid("error", &run.json());
            assert_eq!(run.json()["file"], text(target));
            assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        }
    }
}

#[test]
fn a_library_that_is_no_sound_elf_file_is_named_with_what_is_wrong_with_it() {
    let fixture = Fixture::new();
    let (program, ask, answer) = chain(&fixture);
    fs::write(&answer, "text, where a library should be").unwrap();
    let said = xdoctor(["deps", text(&program)]).exits(1).stdout;
    assert!(said.contains("not an ELF file") && said.contains(text(&ask)), "{said}");
    let sound = fs::read(&ask).unwrap();
    for length in [0, 3, 16, 63, 64, 100, 1000, sound.len() / 2] {
        fs::write(&answer, &sound[..length]).unwrap();
        let run = xdoctor(["deps", text(&program), "--format", "json"]);
        assert!(run.status <= 1, "{length} bytes: {}", run.stderr);
        assert_valid("deps", &run.json());
    }
}

#[test]
fn another_libcs_program_is_not_judged_by_glibcs_rules() {
    let fixture = Fixture::new();
    let source = fixture.file("main.c", "int main(void) { return 0; }");
    let program = fixture.path("musl");
    let flags = ["-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1", "-o"];
    let mut compiler = std::process::Command::new("cc");
    assert!(compiler.args(flags).args([&program, &source]).status().unwrap().success());
    let run = xdoctor(["deps", text(&program)]).exits(3);
    assert!(run.stderr.contains("ld-musl") && run.stderr.contains("glibc"), "{}", run.stderr);
    for args in [&["deps"][..], &["bindings"], &["explain", "main"]] {
        let document = xdoctor(args.iter().chain(&[text(&program), "--format", "json"])).exits(3).json();
        assert_valid("error", &document);
        assert_eq!(document["file"], text(&program), "{args:?}");
    }
}

#[test]
fn a_corrupt_cache_is_no_cache() {
    let fixture = Fixture::new();
    let answer = fixture.library("root/usr/lib/libanswer.so", "answer.c", &["-DVALUE=1", "-Wl,-soname,libanswer.so"]);
    fixture.program("root/bin/client", "client.c", &[text(&answer)]);
    let root = fixture.path("root");
    let cache = fs::read("/etc/ld.so.cache").unwrap();
    let mut torn = cache[..cache.len() / 2].to_vec();
    let mut counted = cache.clone();
    counted[20..24].copy_from_slice(&u32::MAX.to_le_bytes());
    torn.truncate(100);
    for bytes in [&b"text"[..], &torn, &counted, &cache[..48], &[]] {
        fs::write(fixture.path("root/etc/ld.so.cache"), bytes).unwrap();
        let run = xdoctor(["deps", "--sysroot", text(&root), "/bin/client", "--format", "json"]).exits(1);
        assert_eq!(library(&run.json(), "libanswer.so")["found"], "default");
    }
}

/// Root may read everything, so that another user has to ask.
#[test]
fn a_library_that_may_not_be_read_is_named_with_who_needs_it() {
    use std::os::unix::fs::PermissionsExt;
    let root = fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
    let fixture = Fixture::new();
    let (program, _, answer) = chain(&fixture);
    fs::set_permissions(&answer, fs::Permissions::from_mode(0o000)).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let copy = scratch.path().join("xdoctor");
    fs::copy(env!("CARGO_BIN_EXE_xdoctor"), &copy).unwrap();
    let tree = scratch.path().join("tree");
    let copied = std::process::Command::new("cp").arg("-a").arg(program.parent().unwrap()).arg(&tree).status();
    assert!(copied.unwrap().success());
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&tree, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = match root {
        true => {
            let mut command = std::process::Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&copy);
            command
        }
        false => std::process::Command::new(&copy),
    };
    let output = command.args(["deps", "--format", "json"]).arg(tree.join("asking")).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let missing = document["missing"].to_string();
    assert!(missing.contains("libanswer.so") && missing.contains("libask.so"), "{document:#}");
}
