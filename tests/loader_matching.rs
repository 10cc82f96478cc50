//! How one definition is matched: each rule built with gcc, predicted, and compared with what the machine's loader does.
//! The rules are glibc's `elf/dl-lookup.c`, `check_match` and `do_lookup_x`.
#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]

#[path = "support/built.rs"]
mod built;
#[path = "support/ldso.rs"]
mod ldso;
#[path = "support/patch.rs"]
mod patch;

use std::path::{Path, PathBuf};

use built::{Fixture, binds, provider, run};
use ldso::{With, agreed, model};
use xdoctor::elf::SymbolKind;
use xdoctor::loader::{Files, Handle, Objects, Process, Tree, TypeClass};

const BESIDE: &str = "-Wl,-rpath,$ORIGIN";
const V1: &str = "V1 { global: answer; ask; };";
const V2: &str = "V2 { global: answer; ask; };";

/// A program that asks for `answer@V1` of libanswer.so, which answers 1.
fn versioned(fixture: &Fixture) -> (PathBuf, PathBuf) {
    let script = fixture.script("v1.map", V1);
    let library = fixture.library("libanswer.so", "answer.c", &["-DVALUE=1", "-Wl,-soname,libanswer.so", &script]);
    let program = fixture.program("client", "client.c", &[library.to_str().unwrap(), BESIDE]);
    (program, library)
}

/// A program that asks for `answer` in no version.
fn unversioned(fixture: &Fixture) -> (PathBuf, PathBuf) {
    let library = fixture.library("libanswer.so", "answer.c", &["-DVALUE=1", "-Wl,-soname,libanswer.so"]);
    let program = fixture.program("client", "client.c", &[library.to_str().unwrap(), BESIDE]);
    (program, library)
}

/// The version of the definition that the model takes for a program's symbol.
fn taken(program: &Path, with: &With, symbol: &str) -> Option<String> {
    let files = Files::new();
    let objects = Objects::new(&files, Tree::host());
    let process = Process::start(&objects, program, &with.environment()).unwrap();
    let walk = process.explain(symbol.as_bytes(), None).into_iter().find(|walk| walk.binding.referrer == 0).unwrap();
    let (provider, at) = walk.binding.provider.unwrap();
    let definition = process.loaded()[provider as usize].object.symbols().get(at as usize).unwrap();
    definition.version.map(|version| String::from_utf8(version.name.to_vec()).unwrap())
}

#[test]
fn rule_1_a_reference_to_the_objects_own_versioned_export_asks_for_that_version() {
    let fixture = Fixture::new();
    let script = fixture.script("v1.map", V1);
    let own = fixture.library("libown.so", "own.c", &["-DVALUE=1", "-Wl,-soname,libown.so", &script]);
    let program = fixture.program("asking", "asking.c", &[own.to_str().unwrap(), BESIDE]);
    for (node, text, taken, answers) in [("v2", V2, false, 1), ("same", V1, true, 7)] {
        let script = fixture.script(&format!("{node}.map"), text);
        let preload = fixture.library(&format!("lib{node}.so"), "answer.c", &["-DVALUE=7", &script]);
        let with = With::preload(&[&preload]);
        let bound = agreed(&program, &with);
        let asked = bound.bindings.iter().find(|binding| binding.0 == own && binding.1 == "answer").unwrap();
        assert_eq!(asked.2.as_deref(), Some("V1"), "the version comes from the object's own definitions");
        assert_eq!(asked.3, if taken { preload } else { own.clone() });
        assert_eq!(run(&program, &with), answers);
    }
}

#[test]
fn rule_2_the_file_that_a_version_is_needed_of_does_not_restrict_the_lookup() {
    let fixture = Fixture::new();
    let (program, _) = versioned(&fixture);
    let script = fixture.script("v1.map", V1);
    let other = fixture.library("lib/libother.so", "answer.c", &["-DVALUE=5", "-Wl,-soname,libother.so", &script]);
    let empty = ["-DVALUE=0", "-DNAME=ask", "-Wl,-soname,libanswer.so", "-Wl,--no-as-needed", &script, BESIDE];
    fixture.library("lib/libanswer.so", "answer.c", &[&empty[..], &[other.to_str().unwrap()]].concat());
    let program = {
        let moved = fixture.path("lib/client");
        std::fs::copy(program, &moved).unwrap();
        moved
    };
    binds(&program, &With::default(), "answer", &other, 5);
}

#[test]
fn rule_3_an_object_without_version_information_satisfies_every_versioned_reference() {
    let fixture = Fixture::new();
    let (program, _) = versioned(&fixture);
    // Without libc it needs no version either.
    let preload = fixture.library("libplain.so", "answer.c", &["-DVALUE=7", "-nostdlib"]);
    binds(&program, &With::preload(&[&preload]), "answer", &preload, 7);
}

#[test]
fn rule_4_the_right_version_matches_though_it_is_hidden() {
    let fixture = Fixture::new();
    let (program, library) = versioned(&fixture);
    let nodes = r#"-DNODES=".symver answer_a,answer@V1\n.symver answer_b,answer@@V2""#;
    let script = fixture.script("both.map", "V1 { }; V2 { };");
    fixture.library("libanswer.so", "versions.c", &[nodes, "-Wl,-soname,libanswer.so", &script]);
    binds(&program, &With::default(), "answer", &library, 1);
    assert_eq!(taken(&program, &With::default(), "answer").as_deref(), Some("V1"));
}

#[test]
fn rule_4_a_definition_in_the_base_version_stands_in_for_every_node() {
    let fixture = Fixture::new();
    let (program, _) = versioned(&fixture);
    let script = fixture.script("base.map", "V9 { global: nothing; };");
    let with_definitions = fixture.library("libbase.so", "answer.c", &["-DVALUE=7", &script]);
    binds(&program, &With::preload(&[&with_definitions]), "answer", &with_definitions, 7);
    // Needs without definitions make a version table too, in which all is base.
    let needs = ["-DVALUE=8", "-Wl,--no-as-needed", "-lc", "-Wl,-u,puts"];
    let with_needs = fixture.library("libneeds.so", "answer.c", &needs);
    binds(&program, &With::preload(&[&with_needs]), "answer", &with_needs, 8);
}

#[test]
fn rule_4_of_base_and_exact_version_the_model_takes_the_one_that_the_loader_takes() {
    let fixture = Fixture::new();
    let (program, library) = versioned(&fixture);
    let base_too =
        r#"-DNODES=".symver answer_a,answer@V1\n.globl answer\n.set answer,answer_b\n.type answer,@function""#;
    let script = fixture.script("base.map", "V1 { };");
    fixture.library("libanswer.so", "versions.c", &[base_too, "-Wl,-soname,libanswer.so", &script]);
    assert_eq!(provider(&agreed(&program, &With::default()), &program, "answer"), library);
    let expected = if taken(&program, &With::default(), "answer").is_some() { 1 } else { 2 };
    assert_eq!(run(&program, &With::default()), expected);
}

#[test]
fn rule_5_another_version_never_matches_and_the_search_goes_on_silently() {
    let fixture = Fixture::new();
    let (program, library) = versioned(&fixture);
    let script = fixture.script("v2.map", V2);
    let preload = fixture.library("libv2.so", "answer.c", &["-DVALUE=7", &script]);
    binds(&program, &With::preload(&[&preload]), "answer", &library, 1);
}

#[test]
fn rule_6_an_unversioned_reference_takes_the_oldest_version_even_a_hidden_one() {
    let fixture = Fixture::new();
    let (program, library) = unversioned(&fixture);
    let nodes = r#"-DNODES=".symver answer_a,answer@V1\n.symver answer_b,answer@V2\n.symver answer_c,answer@@V3""#;
    let script = fixture.script("three.map", "V1 { }; V2 { }; V3 { };");
    fixture.library("libanswer.so", "versions.c", &[nodes, "-Wl,-soname,libanswer.so", &script]);
    binds(&program, &With::default(), "answer", &library, 1);
    assert_eq!(taken(&program, &With::default(), "answer").as_deref(), Some("V1"));
}

#[test]
fn rule_6_an_unversioned_reference_takes_the_only_visible_definition() {
    let fixture = Fixture::new();
    let (program, library) = unversioned(&fixture);
    let nodes = r#"-DNODES=".symver answer_b,answer@V2\n.symver answer_c,answer@@V3""#;
    let script = fixture.script("late.map", "V1 { global: other; }; V2 { }; V3 { };");
    fixture.library("libanswer.so", "versions.c", &[nodes, "-Wl,-soname,libanswer.so", &script]);
    binds(&program, &With::default(), "answer", &library, 3);
    assert_eq!(taken(&program, &With::default(), "answer").as_deref(), Some("V3"));
}

#[test]
fn rule_7_dlsym_takes_the_default_version_and_dlvsym_the_exact_one() {
    let fixture = Fixture::new();
    let nodes = r#"-DNODES=".symver answer_a,answer@V1\n.symver answer_b,answer@@V2""#;
    let script = fixture.script("both.map", "V1 { }; V2 { };");
    let both = fixture.library("libboth.so", "versions.c", &[nodes, &script]);
    let only = r#"-DNODES=".symver answer_a,answer@V1""#;
    let hidden = fixture.library("libhidden.so", "versions.c", &[only, &script]);
    let base = fixture.script("base.map", "V1 { global: nothing; };");
    let base = fixture.library("libbase.so", "answer.c", &["-DVALUE=5", &base]);
    let program = fixture.program("handle", "handle.c", &[]);
    let cases = [
        (&both, None, Some("V2"), 2),
        (&both, Some("V1"), Some("V1"), 1),
        (&hidden, None, None, 96),
        (&hidden, Some("V1"), Some("V1"), 1),
        (&base, None, Some(""), 5),
        (&base, Some("V1"), None, 96),
    ];
    for (library, node, found, answers) in cases {
        let files = Files::new();
        let objects = Objects::new(&files, Tree::host());
        let mut process = Process::start(&objects, &program, &With::default().environment()).unwrap();
        let root = process.open(&ldso::module(library, "local")).unwrap();
        let predicted = process.dlsym(Handle::Of(root), b"answer", node.map(str::as_bytes)).map(|(index, at)| {
            let symbol = process.loaded()[index].object.symbols().get(at as usize).unwrap();
            symbol.version.map_or(String::new(), |version| String::from_utf8(version.name.to_vec()).unwrap())
        });
        assert_eq!(predicted.as_deref(), found, "{} {node:?}", library.display());
        let status = With::default().command(&program).arg(library).args(node).status().unwrap();
        assert_eq!(status.code(), Some(answers), "{} {node:?}", library.display());
    }
}

#[test]
fn rule_8_only_symbols_that_can_be_code_or_data_match() {
    let fixture = Fixture::new();
    let (program, library) = unversioned(&fixture);
    let preload = fixture.library("libpreload.so", "answer.c", &["-DVALUE=7"]);
    let with = With::preload(&[&preload]);
    for (kind, counts) in [(0, true), (1, true), (2, true), (3, false), (4, false), (5, true), (13, false)] {
        patch::kind(&preload, "answer", kind);
        let to = if counts { &preload } else { &library };
        assert_eq!(&provider(&agreed(&program, &with), &program, "answer"), to, "type {kind}");
    }
    patch::kind(&preload, "answer", 2);
    patch::value(&preload, "answer", 0);
    binds(&program, &with, "answer", &library, 1);
}

#[test]
fn rule_8_libraries_bind_to_a_canonical_plt_entry_although_the_call_lands_elsewhere() {
    let fixture = Fixture::new();
    let library = fixture.library("libanswer.so", "answer.c", &["-DVALUE=1", "-Wl,-soname,libanswer.so"]);
    let asks = ["-DADDRESS", "-Wl,-soname,libask.so", library.to_str().unwrap(), BESIDE];
    let caller = fixture.library("libask.so", "caller.c", &asks);
    let flags = ["-fno-pie", "-no-pie", caller.to_str().unwrap(), library.to_str().unwrap(), BESIDE];
    let program = fixture.program("address", "address.c", &flags);
    let bound = agreed(&program, &With::default());
    assert_eq!(provider(&bound, &caller, "answer"), program, "its address is that of the program's PLT entry");
    assert_eq!(provider(&bound, &program, "answer"), library, "whose own reference leads on");
    let files = Files::new();
    let objects = Objects::new(&files, Tree::host());
    let process = Process::start(&objects, &program, &With::default().environment()).unwrap();
    let walks = process.explain(b"answer", None);
    let walk = walks.iter().find(|walk| walk.binding.provider.is_some_and(|(index, _)| index == 0)).unwrap();
    let lands = walk.lands_in.map(|index| process.loaded()[index].path.clone());
    assert_eq!(lands.map(|path| std::fs::canonicalize(path).unwrap()), Some(library));
    assert_eq!(run(&program, &With::default()), 1);
}

#[test]
fn rule_9_a_hidden_definition_is_skipped_and_a_hidden_reference_is_not_looked_up() {
    let fixture = Fixture::new();
    let (program, library) = unversioned(&fixture);
    let preload = fixture.library("libpreload.so", "answer.c", &["-DVALUE=7"]);
    let with = With::preload(&[&preload]);
    for (visibility, seen) in [(1, false), (2, false), (3, true), (0, true)] {
        patch::visibility(&preload, "answer", visibility);
        let to = if seen { &preload } else { &library };
        assert_eq!(&provider(&agreed(&program, &with), &program, "answer"), to, "visibility {visibility}");
    }
    let own = fixture.library("libown.so", "own.c", &["-DVALUE=3", "-Wl,-soname,libown.so"]);
    let program = fixture.program("asking", "asking.c", &[own.to_str().unwrap(), BESIDE]);
    patch::visibility(&own, "answer", 2);
    let bound = agreed(&program, &with);
    assert!(!bound.bindings.iter().any(|binding| binding.0 == own && binding.1 == "answer"), "it is not looked up");
    assert_eq!(run(&program, &with), 3, "the preload does not come before it");
}

#[test]
fn rule_10_a_protected_reference_keeps_its_own_definition() {
    for address in [&[][..], &["-DADDRESS"]] {
        let fixture = Fixture::new();
        let flags = [&["-DVALUE=3", "-Wl,-soname,libown.so"], address].concat();
        let own = fixture.library("libown.so", "own.c", &flags);
        let program = fixture.program("asking", "asking.c", &[own.to_str().unwrap(), BESIDE]);
        let preload = fixture.library("libpreload.so", "answer.c", &["-DVALUE=7"]);
        let with = With::preload(&[&preload]);
        assert_eq!(provider(&agreed(&program, &with), &own, "answer"), preload, "{address:?}");
        patch::visibility(&own, "answer", 3);
        assert_eq!(provider(&agreed(&program, &with), &own, "answer"), own, "{address:?}");
        assert_eq!(run(&program, &with), 3, "{address:?}");
    }
}

#[test]
fn rule_11_the_first_definition_wins_weak_or_not() {
    let fixture = Fixture::new();
    let (program, _) = unversioned(&fixture);
    let weak = fixture.library("libweak.so", "answer.c", &["-DVALUE=7", "-DATTRIBUTE=__attribute__((weak))"]);
    let strong = fixture.library("libstrong.so", "answer.c", &["-DVALUE=8"]);
    binds(&program, &With::preload(&[&weak, &strong]), "answer", &weak, 7);
    binds(&program, &With::preload(&[&strong, &weak]), "answer", &strong, 8);
}

#[test]
fn rule_11_of_a_unique_symbol_a_process_has_the_first_that_was_bound() {
    let fixture = Fixture::new();
    let library = |name: &str, value: &str| {
        fixture.library(&format!("{name}.so"), "unique.cc", &[&format!("-DVALUE={value}"), "-DNAME=ask"])
    };
    let (first, second) = (library("first", "1"), library("second", "2"));
    let program = fixture.program("opener", "opener.c", &[]);
    // Both are RTLD_LOCAL, so that nothing else of the second can be bound to the first.
    let with = With::modules(&[(&first, "local"), (&second, "local")]);
    let bound = agreed(&program, &with);
    let unique = "_ZZ7countervE5value";
    assert_eq!(provider(&bound, &second, unique), first);
    assert_eq!(run(&program, &with), 1);
}

#[test]
fn rule_12_every_object_uses_the_executables_copy_of_a_copied_variable() {
    let fixture = Fixture::new();
    let library = fixture.library("libvariable.so", "variable.c", &["-DVALUE=7", "-Wl,-soname,libvariable.so"]);
    let flags = ["-fno-pie", "-no-pie", library.to_str().unwrap(), BESIDE];
    let program = fixture.program("copies", "copies.c", &flags);
    let bound = agreed(&program, &With::default());
    assert_eq!(provider(&bound, &library, "variable"), program);
    let copied = bound.bindings.iter().find(|binding| binding.0 == program && binding.1 == "variable");
    assert_eq!(copied.map(|binding| &binding.3), Some(&library), "what is copied is the library's");
    assert_eq!(run(&program, &With::default()), 107);
}

#[test]
fn rule_13_an_ifunc_binds_like_a_function() {
    let fixture = Fixture::new();
    let library = fixture.library("libifunc.so", "ifunc.c", &["-Wl,-soname,libifunc.so"]);
    let program = fixture.program("client", "client.c", &[library.to_str().unwrap(), BESIDE]);
    binds(&program, &With::default(), "answer", &library, 21);
    let files = Files::new();
    let objects = Objects::new(&files, Tree::host());
    let process = Process::start(&objects, &program, &With::default().environment()).unwrap();
    let (index, at) = process.explain(b"answer", None)[0].binding.provider.unwrap();
    let definition = process.loaded()[index as usize].object.symbols().get(at as usize).unwrap();
    assert_eq!(definition.kind, SymbolKind::Ifunc, "which function it chooses is not known");
}

#[test]
fn rule_14_a_gnu_hash_table_replaces_the_other_one_and_without_buckets_the_object_is_skipped() {
    let fixture = Fixture::new();
    let (program, library) = unversioned(&fixture);
    for style in ["gnu", "sysv", "both"] {
        let flags = ["-DVALUE=7", &format!("-Wl,--hash-style={style}")];
        let preload = fixture.library(&format!("lib{style}.so"), "answer.c", &flags);
        binds(&program, &With::preload(&[&preload]), "answer", &preload, 7);
    }
    let skipped = fixture.path("libboth.so");
    patch::gnu_buckets(&skipped, 0);
    binds(&program, &With::preload(&[&skipped]), "answer", &library, 1);
}

#[test]
fn thread_local_references_are_bound_like_calls() {
    let fixture = Fixture::new();
    let flags = ["-DDEFINE", "-DVALUE=9", "-Wl,-soname,libtls.so"];
    let library = fixture.library("libtls.so", "tls.c", &flags);
    let program = fixture.program("tls", "tls.c", &[library.to_str().unwrap(), BESIDE]);
    binds(&program, &With::default(), "answer_tls", &library, 9);
    let files = Files::new();
    let objects = Objects::new(&files, Tree::host());
    let process = Process::start(&objects, &program, &With::default().environment()).unwrap();
    assert_eq!(process.explain(b"answer_tls", None)[0].binding.class, TypeClass::Plt);
}

#[test]
fn a_weak_reference_may_stay_unbound_and_a_strong_one_is_undefined() {
    let fixture = Fixture::new();
    let weak = fixture.program("weak", "client.c", &["-DWEAK", "-Wl,-z,dynamic-undefined-weak", "-fPIE"]);
    assert!(agreed(&weak, &With::default()).undefined.is_empty());
    assert_eq!(run(&weak, &With::default()), 99);
    let (strong, _) = unversioned(&fixture);
    fixture.library("libanswer.so", "answer.c", &["-DVALUE=1", "-DNAME=other", "-Wl,-soname,libanswer.so"]);
    let bound = agreed(&strong, &With::default());
    assert!(bound.undefined.contains(&(strong.clone(), "answer".to_owned())));
    assert_eq!(model(&strong, &With::default()).undefined, bound.undefined);
}
