//! The versions that are checked when an object is loaded (glibc, `elf/dl-version.c`): built with gcc, predicted, and
//! compared with what the machine's loader does.
#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]

#[path = "support/built.rs"]
mod built;
#[path = "support/ldso.rs"]
mod ldso;

use std::path::{Path, PathBuf};
use std::process::Output;

use built::{Fixture, run};
use ldso::With;
use xdoctor::loader::{Files, Flaw, Objects, Process, Refusal, Tree};

const BESIDE: &str = "-Wl,-rpath,$ORIGIN";
/// What gives a library a version table without definitions: a reference to libc.
const NEEDS: [&str; 3] = ["-Wl,--no-as-needed", "-lc", "-Wl,-u,puts"];
const SONAME: &str = "-Wl,-soname,libanswer.so";

/// A program that needs the node V1 of libanswer.so.
fn program(fixture: &Fixture, needs: &str) -> PathBuf {
    let script = fixture.script("v1.map", &format!("{needs} {{ global: answer; }};"));
    let library = fixture.library("libanswer.so", "answer.c", &["-DVALUE=1", SONAME, &script]);
    fixture.program("client", "client.c", &[library.to_str().unwrap(), BESIDE])
}

/// The flaws that the model sees.
fn flaws(program: &Path) -> Vec<(Flaw, String)> {
    let files = Files::new();
    let objects = Objects::new(&files, Tree::host());
    let process = Process::start(&objects, program, &With::default().environment()).unwrap();
    let text = |node: &[u8]| String::from_utf8(node.to_vec()).unwrap();
    process.version_errors().iter().map(|error| (error.flaw, text(&error.node))).collect()
}

fn says(program: &Path) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = With::default().command(program).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn rule_15_a_library_without_version_definitions_is_a_warning_at_start() {
    let fixture = Fixture::new();
    let program = program(&fixture, "V1");
    fixture.library("libanswer.so", "answer.c", &["-DVALUE=7", SONAME, NEEDS[0], NEEDS[1], NEEDS[2]]);
    assert_eq!(flaws(&program), [(Flaw::NoVersionInformation, "V1".to_owned())]);
    let (status, said) = says(&program);
    assert_eq!(status, Some(7));
    assert!(said.contains("no version information available"), "{said}");
}

#[test]
fn rule_15_a_missing_node_is_fatal() {
    let fixture = Fixture::new();
    let program = program(&fixture, "V1");
    let script = fixture.script("v2.map", "V2 { global: answer; };");
    fixture.library("libanswer.so", "answer.c", &["-DVALUE=7", SONAME, &script]);
    assert_eq!(flaws(&program), [(Flaw::NodeMissing, "V1".to_owned())]);
    assert!(Flaw::NodeMissing.is_fatal());
    let (status, said) = says(&program);
    assert_eq!(status, Some(1));
    assert!(said.contains("version `V1' not found"), "{said}");
}

#[test]
fn rule_15_a_missing_node_that_is_needed_weakly_is_a_warning() {
    let fixture = Fixture::new();
    let program = program(&fixture, "V1");
    let script = fixture.script("v2.map", "V2 { global: other; };");
    fixture.library("libanswer.so", "answer.c", &["-DVALUE=7", SONAME, &script]);
    // The linker marks a need as weak where all its references are weak: set the flag of the vernaux entry.
    let mut bytes = std::fs::read(&program).unwrap();
    let hash = xdoctor::elf::sysv_hash(b"V1").to_le_bytes();
    let at = memchr::memmem::find(&bytes, &hash).unwrap();
    bytes[at + 4] = 2;
    std::fs::write(&program, bytes).unwrap();
    assert_eq!(flaws(&program), [(Flaw::WeakNodeMissing, "V1".to_owned())]);
    let (status, said) = says(&program);
    assert_eq!(status, Some(7), "{said}");
    assert!(said.contains("weak version `V1' not found"), "{said}");
}

#[test]
fn rule_15_the_base_name_satisfies_the_check_although_no_symbol_is_found_by_it() {
    let fixture = Fixture::new();
    let program = program(&fixture, "libanswer.so");
    // The base definition of this one is named as the SONAME is, which is the node that the program needs.
    let script = fixture.script("v2.map", "V2 { global: answer; };");
    fixture.library("libanswer.so", "answer.c", &["-DVALUE=7", SONAME, &script]);
    assert_eq!(flaws(&program), []);
    let bound = ldso::agreed(&program, &With::default());
    assert!(bound.undefined.contains(&(program.clone(), "answer".to_owned())));
}

#[test]
fn rule_15_dlopen_says_nothing_of_a_library_without_versions_and_fails_where_a_node_is_missing() {
    let fixture = Fixture::new();
    program(&fixture, "V1");
    let answer = fixture.path("libanswer.so");
    let asks = fixture.library("libask.so", "caller.c", &[answer.to_str().unwrap(), BESIDE]);
    let opener = fixture.program("opener", "opener.c", &[]);
    let with = With::modules(&[(&asks, "local")]);
    let v2 = fixture.script("v2.map", "V2 { global: answer; };");
    for (flags, opens) in
        [(&["-DVALUE=7", SONAME, NEEDS[0], NEEDS[1], NEEDS[2]][..], true), (&["-DVALUE=7", SONAME, &v2], false)]
    {
        fixture.library("libanswer.so", "answer.c", flags);
        let files = Files::new();
        let objects = Objects::new(&files, Tree::host());
        let mut process = Process::start(&objects, &opener, &with.environment()).unwrap();
        let opened = process.open(&with.modules[0]);
        assert_eq!(opened.is_ok(), opens);
        assert_eq!(opened.err(), (!opens).then_some(Refusal::Version));
        assert_eq!(process.version_errors().len(), usize::from(!opens), "start-up alone warns");
        assert_eq!(run(&opener, &with), if opens { 7 } else { 97 });
    }
}

#[test]
fn rule_16_packed_relocations_without_their_node_are_fatal_where_libc_is_needed() {
    let fixture = Fixture::new();
    program(&fixture, "V1");
    let library = fixture.path("libanswer.so");
    let flags = ["-Wl,-z,pack-relative-relocs", library.to_str().unwrap(), BESIDE];
    let program = fixture.program("packed", "client.c", &flags);
    assert_eq!((flaws(&program), run(&program, &With::default())), (vec![], 1));
    // Its need of the node becomes a second need of another one.
    let mut bytes = std::fs::read(&program).unwrap();
    let place = |node: &[u8]| memchr::memmem::find(&bytes, &xdoctor::elf::sysv_hash(node).to_le_bytes()).unwrap();
    let (node, other) = (place(b"GLIBC_ABI_DT_RELR"), place(b"GLIBC_2.34"));
    bytes.copy_within(other..other + 4, node);
    bytes.copy_within(other + 8..other + 12, node + 8);
    std::fs::write(&program, bytes).unwrap();
    assert_eq!(flaws(&program), [(Flaw::RelrWithoutNode, "GLIBC_ABI_DT_RELR".to_owned())]);
    let (status, said) = says(&program);
    assert_eq!(status, Some(127), "{said}");
    assert!(said.contains("DT_RELR without GLIBC_ABI_DT_RELR"), "{said}");
}

#[test]
fn rule_3_up_to_2_40_the_loader_asserts_where_the_library_of_a_version_has_no_version_information_at_all() {
    let fixture = Fixture::new();
    let program = program(&fixture, "V1");
    fixture.library("libanswer.so", "answer.c", &["-DVALUE=7", SONAME, "-nostdlib"]);
    let files = Files::new();
    let objects = Objects::new(&files, Tree::host());
    let process = Process::start(&objects, &program, &With::default().environment()).unwrap();
    let asserts = !process.glibc().since(41);
    assert_eq!(flaws(&program).contains(&(Flaw::Asserts, "V1".to_owned())), asserts);
    let (status, said) = says(&program);
    assert_eq!(said.contains("check_match: Assertion"), asserts, "{status:?} {said}");
}
