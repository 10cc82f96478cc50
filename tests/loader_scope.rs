//! Which objects are asked, and in which order: built with gcc, predicted, and compared with what the machine's loader
//! does. The rules are those of glibc's `elf/dl-deps.c`, `elf/dl-object.c`, `elf/dl-open.c` and `elf/dl-sym.c`.
#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]

#[path = "support/built.rs"]
mod built;
#[path = "support/ldso.rs"]
mod ldso;
#[path = "support/patch.rs"]
mod patch;

use std::path::{Path, PathBuf};
use std::process::Command;

use built::{Fixture, binds, provider, run};
use ldso::{With, agreed};
use xdoctor::loader::{Files, Handle, Objects, Process, Reason, Refusal, Tree};

const BESIDE: &str = "-Wl,-rpath,$ORIGIN";

/// libNAME.so, which answers `value`.
fn answering(fixture: &Fixture, name: &str, value: i32, flags: &[&str]) -> PathBuf {
    let soname = format!("-Wl,-soname,lib{name}.so");
    let value = format!("-DVALUE={value}");
    let all = [&[value.as_str(), &soname], flags].concat();
    fixture.library(&format!("lib{name}.so"), "answer.c", &all)
}

/// A program that asks libanswer.so, which answers 1.
fn client(fixture: &Fixture) -> (PathBuf, PathBuf) {
    let library = answering(fixture, "answer", 1, &[]);
    (fixture.program("client", "client.c", &[library.to_str().unwrap(), BESIDE]), library)
}

/// libask.so, whose ask() calls answer() of libanswer.so.
fn asking(fixture: &Fixture, flags: &[&str]) -> PathBuf {
    let library = fixture.path("libanswer.so");
    let all = [&["-Wl,-soname,libask.so", library.to_str().unwrap(), BESIDE], flags].concat();
    fixture.library("libask.so", "caller.c", &all)
}

/// Runs a check over a modelled process.
fn modelled<T>(program: &Path, with: &With, check: impl FnOnce(Process<'_, '_>) -> T) -> T {
    let files = Files::new();
    let objects = Objects::new(&files, Tree::host());
    check(Process::start(&objects, program, &with.environment()).unwrap())
}

#[test]
fn rule_17_preloads_come_before_what_the_program_needs_and_the_program_before_them() {
    let fixture = Fixture::new();
    let (program, _) = client(&fixture);
    let (first, second) = (answering(&fixture, "first", 7, &[]), answering(&fixture, "second", 8, &[]));
    binds(&program, &With::preload(&[&first, &second]), "answer", &first, 7);
    binds(&program, &With::preload(&[&second, &first]), "answer", &second, 8);
    // A program that defines the name itself: libask.so's call comes back to it.
    asking(&fixture, &[]);
    let ask = fixture.path("libask.so");
    let own = fixture.path("own.c");
    std::fs::write(&own, "int ask(void); int answer(void) { return 5; } int main(void) { return ask(); }").unwrap();
    let program = fixture.path("own");
    let mut compiler = Command::new("cc");
    compiler.arg("-o").arg(&program).args([&own, &ask]).args([BESIDE, "-Wl,--export-dynamic"]);
    assert!(compiler.status().unwrap().success());
    let with = With::preload(&[&first]);
    assert_eq!(provider(&agreed(&program, &with), &ask, "answer"), program);
    assert_eq!(run(&program, &with), 5);
}

#[test]
fn rule_17_preloads_are_separated_by_spaces_and_colons() {
    let fixture = Fixture::new();
    let (program, _) = client(&fixture);
    let (first, second) = (answering(&fixture, "first", 7, &[]), answering(&fixture, "second", 8, &[]));
    for separator in [" ", ":", " : "] {
        let list = format!("{}{separator}{}", first.display(), second.display());
        let preloads = modelled(&program, &With { preload: vec![list.clone().into()], ..With::default() }, |process| {
            process.loaded().iter().filter(|loaded| loaded.reason == Reason::Preload).count()
        });
        assert_eq!(preloads, 2, "{list:?}");
        agreed(&program, &With { preload: vec![list.into()], ..With::default() });
    }
}

#[test]
fn rule_17_the_programs_needs_come_before_the_preloads_needs() {
    let fixture = Fixture::new();
    let (program, library) = client(&fixture);
    let behind = answering(&fixture, "behind", 7, &[]);
    let flags = ["-DNAME=nothing", "-DVALUE=0", "-Wl,--no-as-needed", behind.to_str().unwrap(), BESIDE];
    let preload = fixture.library("libpreload.so", "answer.c", &flags);
    binds(&program, &With::preload(&[&preload]), "answer", &library, 1);
}

#[test]
fn rule_18_a_preload_that_cannot_be_opened_is_left_out_with_a_warning() {
    let fixture = Fixture::new();
    let (program, library) = client(&fixture);
    let with = With::preload(&[&fixture.path("libgone.so")]);
    binds(&program, &with, "answer", &library, 1);
    let text =
        fixture.file("libtext.so", "not an ELF file at all, but long enough to be read as one: 64 bytes and more");
    binds(&program, &With::preload(&[&text]), "answer", &library, 1);
    modelled(&program, &with, |process| {
        assert_eq!(process.missing()[0].reason, Reason::Preload);
    });
}

#[test]
fn rule_18_a_preload_whose_own_dependency_is_missing_is_fatal() {
    let fixture = Fixture::new();
    let (program, _) = client(&fixture);
    let gone = answering(&fixture, "gone", 0, &[]);
    let flags = ["-DVALUE=7", "-Wl,--no-as-needed", gone.to_str().unwrap()];
    let preload = fixture.library("libpreload.so", "answer.c", &flags);
    std::fs::remove_file(gone).unwrap();
    let with = With::preload(&[&preload]);
    assert_eq!(run(&program, &with), 127);
    modelled(&program, &with, |process| {
        let missing = &process.missing()[0];
        assert!(matches!(missing.reason, Reason::NeededBy(index) if process.loaded()[index].path == preload));
    });
}

#[test]
fn rule_19_a_preload_with_the_soname_of_a_needed_library_replaces_it() {
    let fixture = Fixture::new();
    let (program, library) = client(&fixture);
    let named = fixture.library("other/name.so", "answer.c", &["-DVALUE=7", "-Wl,-soname,libanswer.so"]);
    let with = With::preload(&[&named]);
    binds(&program, &with, "answer", &named, 7);
    modelled(&program, &with, |process| {
        assert!(process.loaded().iter().all(|loaded| loaded.path != library), "the library itself is never opened");
    });
    // The same file name alone is not enough.
    let filed = fixture.library("other/libanswer.so", "answer.c", &["-DVALUE=8", "-Wl,-soname,libelse.so"]);
    let with = With::preload(&[&filed]);
    binds(&program, &with, "answer", &filed, 8);
    modelled(&program, &with, |process| {
        assert!(process.loaded().iter().any(|loaded| std::fs::canonicalize(&loaded.path).unwrap() == library));
    });
}

#[test]
fn rule_19_one_file_under_two_names_is_loaded_once() {
    let fixture = Fixture::new();
    let (program, library) = client(&fixture);
    let link = fixture.path("libalias.so");
    std::fs::hard_link(&library, &link).unwrap();
    let with = With::preload(&[&library, &link]);
    agreed(&program, &with);
    let count = modelled(&program, &with, |process| {
        let ids: Vec<_> = process.loaded().iter().map(|loaded| loaded.object.id()).collect();
        ids.iter().filter(|&&id| id == process.loaded()[2].object.id()).count()
    });
    assert_eq!(count, 1);
}

#[test]
fn rule_20_a_filter_comes_before_its_owner_and_an_auxiliary_one_may_be_absent() {
    for (flag, name) in [("-Wl,--filter", "filter"), ("-Wl,--auxiliary", "auxiliary")] {
        let fixture = Fixture::new();
        let behind = answering(&fixture, name, 7, &[]);
        let filter = format!("{flag},lib{name}.so");
        let library = answering(&fixture, "answer", 1, &[&filter, BESIDE]);
        let program = fixture.program("client", "client.c", &[library.to_str().unwrap(), BESIDE]);
        binds(&program, &With::default(), "answer", &behind, 7);
        std::fs::remove_file(&behind).unwrap();
        let missing = modelled(&program, &With::default(), |process| process.missing().len());
        if name == "auxiliary" {
            binds(&program, &With::default(), "answer", &library, 1);
            assert_eq!(missing, 0);
        } else {
            assert_eq!((run(&program, &With::default()), missing), (127, 1));
        }
    }
}

#[test]
fn rule_21_a_symbolic_library_looks_in_itself_first_but_the_program_does_not() {
    let fixture = Fixture::new();
    let preload = answering(&fixture, "preload", 7, &[]);
    let own = fixture.library("libown.so", "own.c", &["-DVALUE=3", "-Wl,-soname,libown.so", "-Wl,-z,now"]);
    let program = fixture.program("asking", "asking.c", &[own.to_str().unwrap(), BESIDE]);
    let with = With::preload(&[&preload]);
    assert_eq!(provider(&agreed(&program, &with), &own, "answer"), preload);
    // The flag alone, its relocations left as they are.
    patch::dynamic(&own, goblin::elf::dynamic::DT_FLAGS, |_, flags| *flags |= 2);
    assert_eq!(provider(&agreed(&program, &with), &own, "answer"), own);
    assert_eq!(run(&program, &with), 3);
}

#[test]
fn rule_21_bsymbolic_may_leave_nothing_to_interpose() {
    let fixture = Fixture::new();
    let preload = answering(&fixture, "preload", 7, &[]);
    let own = fixture.library("libown.so", "own.c", &["-DVALUE=3", "-Wl,-soname,libown.so", "-Wl,-Bsymbolic"]);
    let program = fixture.program("asking", "asking.c", &[own.to_str().unwrap(), BESIDE]);
    let with = With::preload(&[&preload]);
    assert!(!agreed(&program, &with).bindings.iter().any(|binding| binding.1 == "answer"));
    assert_eq!(run(&program, &with), 3);
}

#[test]
fn rule_22_interpose_group_and_global_flags_change_nothing() {
    let fixture = Fixture::new();
    let (program, library) = client(&fixture);
    let flags = ["-DVALUE=7", "-Wl,-soname,libinterpose.so", "-Wl,-z,interpose"];
    let interpose = fixture.library("libinterpose.so", "answer.c", &flags);
    let needed = ["-Wl,--no-as-needed", library.to_str().unwrap(), interpose.to_str().unwrap(), BESIDE];
    let behind = fixture.program("behind", "client.c", &needed);
    binds(&behind, &With::default(), "answer", &library, 1);
    drop(program);
}

#[test]
fn rule_23_a_module_sees_the_global_scope_first_then_its_own_tree() {
    let fixture = Fixture::new();
    let (_, library) = client(&fixture);
    let module = asking(&fixture, &[]);
    let opener = fixture.program("opener", "opener.c", &[]);
    let preload = answering(&fixture, "preload", 7, &[]);
    let local = With::modules(&[(&module, "local")]);
    assert_eq!(provider(&agreed(&opener, &local), &module, "answer"), library);
    assert_eq!(run(&opener, &local), 1);
    let with = With { preload: vec![preload.clone()], ..local };
    assert_eq!(provider(&agreed(&opener, &with), &module, "answer"), preload, "a preload wins");
    assert_eq!(run(&opener, &with), 7);
}

#[test]
fn rule_23_deepbind_puts_the_modules_own_tree_first() {
    let fixture = Fixture::new();
    let (_, library) = client(&fixture);
    let module = asking(&fixture, &[]);
    let opener = fixture.program("opener", "opener.c", &[]);
    let preload = answering(&fixture, "preload", 7, &[]);
    let with = With { preload: vec![preload], ..With::modules(&[(&module, "deepbind")]) };
    assert_eq!(provider(&agreed(&opener, &with), &module, "answer"), library);
    assert_eq!(run(&opener, &with), 1);
}

#[test]
fn rule_23_a_global_module_is_seen_by_those_that_come_after_it_and_a_local_one_is_not() {
    let fixture = Fixture::new();
    let (_, library) = client(&fixture);
    let module = asking(&fixture, &[]);
    let other = answering(&fixture, "other", 7, &[]);
    let opener = fixture.program("opener", "opener.c", &[]);
    for (flags, to, answers) in [("local", &library, 1), ("global", &other, 7)] {
        let with = With::modules(&[(&other, flags), (&module, "local")]);
        assert_eq!(&provider(&agreed(&opener, &with), &module, "answer"), to, "{flags}");
        assert_eq!(run(&opener, &with), answers, "{flags}");
    }
    // What was bound before is never bound again.
    let with = With::modules(&[(&module, "local"), (&other, "global"), (&module, "local")]);
    assert_eq!(provider(&agreed(&opener, &with), &module, "answer"), library);
    assert_eq!(run(&opener, &with), 1);
}

#[test]
fn rule_23_a_module_with_an_undefined_reference_or_a_missing_library_is_refused_and_not_found_later() {
    let fixture = Fixture::new();
    client(&fixture);
    let module = asking(&fixture, &[]);
    let undefined = fixture.library("libundefined.so", "caller.c", &["-DNAME=nobody"]);
    let opener = fixture.program("opener", "opener.c", &[]);
    let alone = With::modules(&[(&undefined, "global")]);
    assert_eq!(run(&opener, &alone), 97);
    modelled(&opener, &alone, |mut process| {
        assert_eq!(process.open(&alone.modules[0]), Err(Refusal::Undefined));
        let again = process.open(&ldso::module(&module, "local")).unwrap();
        assert!(process.scope(again).iter().all(|&index| process.loaded()[index].path != undefined));
    });
    std::fs::remove_file(fixture.path("libanswer.so")).unwrap();
    let with = With::modules(&[(&module, "local")]);
    assert_eq!(run(&opener, &with), 97);
    modelled(&opener, &with, |mut process| assert_eq!(process.open(&with.modules[0]), Err(Refusal::Missing)));
}

#[test]
fn rule_24_dlsym_in_a_handle_bypasses_a_preload_except_where_the_preload_took_the_librarys_place() {
    let fixture = Fixture::new();
    let (_, library) = client(&fixture);
    let program = fixture.program("handle", "handle.c", &[]);
    let preload = answering(&fixture, "preload", 7, &[]);
    let instead = fixture.library("instead.so", "answer.c", &["-DVALUE=8", "-Wl,-soname,libanswer.so"]);
    for (preload, found, answers) in [(&preload, &library, 1), (&instead, &instead, 8)] {
        let mut with = With::preload(&[preload]);
        with.library_path = library.parent().map(|folder| folder.as_os_str().to_owned());
        modelled(&program, &with, |mut process| {
            let root = process.open(&ldso::module(Path::new("libanswer.so"), "local")).unwrap();
            let (index, _) = process.dlsym(Handle::Of(root), b"answer", None).unwrap();
            assert_eq!(&std::fs::canonicalize(&process.loaded()[index].path).unwrap(), found);
        });
        let status = with.command(&program).arg("libanswer.so").status().unwrap();
        assert_eq!(status.code(), Some(answers));
    }
}

#[test]
fn rule_24_rtld_next_looks_behind_the_caller_and_does_not_find_what_a_local_module_brought() {
    let fixture = Fixture::new();
    let (_, library) = client(&fixture);
    let preload = fixture.library("libnext.so", "lookup.c", &["-DHANDLE=RTLD_NEXT"]);
    let ask = ["-Wl,--no-as-needed", preload.to_str().unwrap(), library.to_str().unwrap(), BESIDE];
    let linked = fixture.program("linked", "asking.c", &ask);
    let without = fixture.program("without", "asking.c", &["-Wl,--no-as-needed", preload.to_str().unwrap(), BESIDE]);
    for (program, found, answers) in [(&linked, true, 1), (&without, false, 96)] {
        modelled(program, &With::default(), |mut process| {
            let caller = process.loaded().iter().position(|loaded| loaded.path == preload).unwrap();
            process.open(&ldso::module(&library, "local")).unwrap();
            assert_eq!(process.dlsym(Handle::Next { caller }, b"answer", None).is_some(), found);
        });
        assert_eq!(run(program, &With::default()), answers);
    }
}

#[test]
fn rule_24_rtld_next_takes_the_newest_version_and_rtld_default_the_callers_scope() {
    let fixture = Fixture::new();
    let nodes = r#"-DNODES=".symver answer_a,answer@V1\n.symver answer_b,answer@@V2""#;
    let script = fixture.script("both.map", "V1 { }; V2 { };");
    let both = fixture.library("libboth.so", "versions.c", &[nodes, "-Wl,-soname,libboth.so", &script]);
    let newest = |fixture: &Fixture| modelled(&fixture.path("asking"), &With::default(), |p| p.glibc().since(36));
    for handle in ["RTLD_NEXT", "RTLD_DEFAULT"] {
        let ask = fixture.library("libask.so", "lookup.c", &[&format!("-DHANDLE={handle}"), "-Wl,-soname,libask.so"]);
        let flags = ["-Wl,--no-as-needed", ask.to_str().unwrap(), both.to_str().unwrap(), BESIDE];
        let program = fixture.program("asking", "asking.c", &flags);
        let expected = if handle == "RTLD_DEFAULT" || newest(&fixture) { "V2" } else { "V1" };
        modelled(&program, &With::default(), |process| {
            let ask = std::fs::canonicalize(&ask).unwrap();
            let caller = process.loaded().iter().position(|loaded| loaded.path == ask).unwrap();
            let handle = if handle == "RTLD_NEXT" { Handle::Next { caller } } else { Handle::Default { caller } };
            let (index, at) = process.dlsym(handle, b"answer", None).unwrap();
            let symbol = process.loaded()[index].object.symbols().get(at as usize).unwrap();
            assert_eq!(symbol.version.map(|version| version.name), Some(expected.as_bytes()));
        });
        assert_eq!(run(&program, &With::default()), if expected == "V2" { 2 } else { 1 });
    }
}

#[test]
fn a_module_is_refused_exactly_where_its_thread_local_variables_find_no_room_at_fixed_places() {
    let fixture = Fixture::new();
    let opener = fixture.program("opener", "opener.c", &[]);
    let library = |size: usize| {
        let size = (format!("libroom{size}.so"), format!("-DSIZE={size}"));
        fixture.library(&size.0, "static_tls.c", &[&size.1])
    };
    let opens = |with: &With| {
        let predicted = modelled(&opener, with, |mut process| {
            with.modules.iter().map(|module| process.open(module).err()).collect::<Vec<_>>()
        });
        let refused = predicted.iter().any(Option::is_some);
        assert!(predicted.iter().flatten().all(|why| *why == Refusal::StaticTls), "{predicted:?}");
        assert_eq!(run(&opener, with) == 97, refused, "{:?}", with.modules);
        !refused
    };
    // The edge is where the loader has it: found by halving.
    let (mut fits, mut too_much) = (1, 1 << 16);
    while too_much - fits > 1 {
        let middle = (fits + too_much) / 2;
        if opens(&With::modules(&[(&library(middle), "local")])) { fits = middle } else { too_much = middle }
    }
    assert!(fits > 500 && too_much < 10_000, "{fits}");
    let (first, second, small) = (library(800), library(801), library(8));
    opens(&With::modules(&[(&first, "local"), (&second, "local"), (&small, "local")]));
    opens(&With::modules(&[(&first, "local"), (&library(fits), "local")]));
}

/// What the model leaves out, and says so: a namespace of its own, and what an audit library rewrites.
#[test]
fn rule_25_a_namespace_of_its_own_has_no_preloads_and_an_audit_library_is_named_as_unknown() {
    let fixture = Fixture::new();
    client(&fixture);
    let ask = asking(&fixture, &[]);
    let shim = answering(&fixture, "first", 7, &[]);
    let opener = fixture.program("namespace", "namespace.c", &[]);
    let answers = |preload: &str| {
        let mut command = Command::new(&opener);
        command.arg(&ask).env("LD_PRELOAD", preload).output().unwrap().status.code()
    };
    assert_eq!(answers(shim.to_str().unwrap()), Some(1), "the preload is not in the new namespace");
    // Opened as a module, in the program's own namespace, the preload answers: that is what the model says.
    binds_in_module(&fixture, &ask, &shim);
    let help = Command::new(env!("CARGO_BIN_EXE_xdoctor")).args(["bindings", "--help"]).output().unwrap();
    let help = String::from_utf8_lossy(&help.stdout).replace('\n', " ");
    assert!(help.contains("dlmopen") && help.contains("LD_AUDIT"), "{help}");
    let mut bindings = Command::new(env!("CARGO_BIN_EXE_xdoctor"));
    let said = bindings.args(["bindings", "--inherit-env", "--summary"]).arg(&opener).env("LD_AUDIT", "/x.so").output();
    let said = said.unwrap();
    assert!(String::from_utf8_lossy(&said.stderr).contains("LD_AUDIT is set"), "{said:?}");
}

fn binds_in_module(fixture: &Fixture, module: &Path, shim: &Path) {
    let program = fixture.path("client");
    modelled(&program, &With::preload(&[shim]), |mut process| {
        let module = xdoctor::loader::Module { name: module.into(), global: false, deepbind: false };
        let index = process.open(&module).unwrap();
        let symbols = process.loaded()[index].object.symbols();
        let asks = |binding: &&xdoctor::loader::Binding| {
            binding.referrer as usize == index && symbols.name(binding.reference as usize) == Some(b"answer")
        };
        let binding = process.bindings().iter().find(asks).unwrap();
        let (provider, _) = binding.provider.unwrap();
        assert_eq!(process.loaded()[provider as usize].path, shim);
    });
}
