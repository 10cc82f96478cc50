//! Where a file is found: built with gcc, predicted, and compared with what the machine's loader does. The rules are those
//! of glibc's `elf/dl-load.c`, `elf/dl-cache.c` and `elf/dl-hwcaps.c`.
#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]

#[path = "support/built.rs"]
mod built;
#[path = "support/ldso.rs"]
mod ldso;
#[path = "support/patch.rs"]
mod patch;
mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use built::{Fixture, binds, run};
use ldso::With;
use xdoctor::loader::{Environment, Files, Objects, Process, Reason, Tree, Where};

/// libanswer.so in a folder, which answers `value`.
fn answering(fixture: &Fixture, folder: &str, value: i32) -> PathBuf {
    let flags = [format!("-DVALUE={value}"), "-Wl,-soname,libanswer.so".to_owned()];
    fixture.library(&format!("{folder}/libanswer.so"), "answer.c", &[&flags[0], &flags[1]])
}

/// A program that needs libanswer.so and was linked with these flags.
fn client(fixture: &Fixture, name: &str, flags: &[&str]) -> PathBuf {
    let library = answering(fixture, "link", 0);
    fixture.program(name, "client.c", &[&[library.to_str().unwrap()], flags].concat())
}

fn rpath(folder: &Path) -> [String; 2] {
    ["-Wl,--disable-new-dtags".to_owned(), format!("-Wl,-rpath,{}", folder.display())]
}

fn runpath(folder: &Path) -> [String; 2] {
    ["-Wl,--enable-new-dtags".to_owned(), format!("-Wl,-rpath,{}", folder.display())]
}

/// How the model finds libanswer.so; `None` where it is missing.
fn found_by(program: &Path, with: &With) -> Option<Where> {
    let files = Files::new();
    let objects = Objects::new(&files, Tree::host());
    let process = Process::start(&objects, program, &with.environment()).unwrap();
    let named = |loaded: &&xdoctor::loader::Loaded<'_>| loaded.names.iter().any(|name| name == b"libanswer.so");
    process.loaded().iter().find(named).and_then(|loaded| loaded.by)
}

#[test]
fn rule_26_a_name_with_a_slash_is_that_path() {
    let fixture = Fixture::new();
    let library = fixture.library("sub/noname.so", "answer.c", &["-DVALUE=4"]);
    let program = fixture.program("client", "client.c", &[library.to_str().unwrap()]);
    binds(&program, &With::library_path(fixture.path("elsewhere")), "answer", &library, 4);
}

#[test]
fn rule_26_rpath_then_library_path_then_runpath() {
    let fixture = Fixture::new();
    let (first, second) = (answering(&fixture, "first", 1), answering(&fixture, "second", 2));
    let folder = first.parent().unwrap();
    let with = With::library_path(second.parent().unwrap());
    let [a, b] = rpath(folder);
    let old = client(&fixture, "old", &[&a, &b]);
    binds(&old, &with, "answer", &first, 1);
    assert_eq!(found_by(&old, &with), Some(Where::Rpath(0)));
    let [a, b] = runpath(folder);
    let new = client(&fixture, "new", &[&a, &b]);
    binds(&new, &with, "answer", &second, 2);
    assert_eq!(found_by(&new, &with), Some(Where::LibraryPath));
    binds(&new, &With::default(), "answer", &first, 1);
    assert_eq!(found_by(&new, &With::default()), Some(Where::Runpath(0)));
}

#[test]
fn rule_26_rpaths_are_inherited_along_the_chain_of_loaders_and_runpaths_are_not() {
    for (flags, found) in [(rpath as fn(&Path) -> [String; 2], true), (runpath, false)] {
        let fixture = Fixture::new();
        let library = answering(&fixture, "lib", 1);
        let ask = fixture.library("lib/libask.so", "caller.c", &["-Wl,-soname,libask.so", library.to_str().unwrap()]);
        let [a, b] = flags(library.parent().unwrap());
        let below = format!("-Wl,-rpath-link,{}", library.parent().unwrap().display());
        let program = fixture.program("asking", "asking.c", &[ask.to_str().unwrap(), &a, &b, &below]);
        let by = found_by(&program, &With::default());
        assert_eq!(by, found.then_some(Where::Rpath(0)));
        assert_eq!(run(&program, &With::default()), if found { 1 } else { 127 });
    }
}

#[test]
fn rule_27_a_runpath_cancels_the_rpath_of_the_same_object() {
    let fixture = Fixture::new();
    let library = answering(&fixture, "old", 1);
    let [a, b] = rpath(library.parent().unwrap());
    let program = client(&fixture, "client", &[&a, &b]);
    binds(&program, &With::default(), "answer", &library, 1);
    // A second entry with a path that holds nothing: DT_DEBUG, which only a debugger reads, becomes DT_RUNPATH.
    let bytes = fs::read(&program).unwrap();
    let strings = xdoctor::elf::Image::parse(&bytes).unwrap().dynamic().get(goblin::elf::dynamic::DT_STRTAB).unwrap();
    let needed = memchr::memmem::find(&bytes, b"libanswer.so\0").unwrap() as u64;
    patch::dynamic(&program, goblin::elf::dynamic::DT_DEBUG, |tag, value| {
        (*tag, *value) = (goblin::elf::dynamic::DT_RUNPATH, needed - strings);
    });
    assert_eq!(found_by(&program, &With::default()), None);
    assert_eq!(run(&program, &With::default()), 127);
}

#[test]
fn rule_27_dlopen_searches_with_the_callers_paths_and_what_it_opens_has_no_chain_above_it() {
    let fixture = Fixture::new();
    let library = answering(&fixture, "lib", 1);
    let ask = fixture.library("lib/libask.so", "caller.c", &["-Wl,-soname,libask.so", library.to_str().unwrap()]);
    let [a, b] = rpath(library.parent().unwrap());
    let opener = fixture.program("opener", "opener.c", &[&a, &b]);
    // By its name it is found in the program's RPATH; what it needs then is found there too, because the program's RPATH
    // always counts.
    let with = With::modules(&[(Path::new("libask.so"), "local")]);
    let bound = ldso::agreed(&opener, &with);
    assert_eq!(built::provider(&bound, &ask, "answer"), library);
    assert_eq!(run(&opener, &with), 1);
}

#[test]
fn rule_28_better_processors_directories_come_first() {
    let fixture = Fixture::new();
    let plain = answering(&fixture, "lib", 1);
    let with = With::library_path(plain.parent().unwrap());
    let program = client(&fixture, "client", &[]);
    binds(&program, &with, "answer", &plain, 1);
    let files = Files::new();
    let objects = Objects::new(&files, Tree::host());
    let process = Process::start(&objects, &program, &with.environment()).unwrap();
    let subdirectories: Vec<String> = process.hwcaps().subdirectories();
    drop(process);
    // From the last to the first, each beats all that were there before.
    for (number, folder) in subdirectories.iter().rev().enumerate().skip(1) {
        let value = 10 + number as i32;
        let better = answering(&fixture, &format!("lib/{folder}"), value);
        binds(&program, &with, "answer", &better, value);
    }
    assert!(subdirectories.len() > 1, "{subdirectories:?}");
}

#[test]
fn rule_28_the_subdirectories_can_be_those_of_another_processor() {
    let fixture = Fixture::new();
    let plain = answering(&fixture, "lib", 1);
    let better = answering(&fixture, "lib/glibc-hwcaps/x86-64-v9", 9);
    let program = client(&fixture, "client", &[]);
    let files = Files::new();
    let objects = Objects::new(&files, Tree::host());
    for (hwcaps, found) in [(vec![], &plain), (vec!["x86-64-v9".to_owned()], &better)] {
        let with = With::library_path(plain.parent().unwrap()).environment();
        let process = Process::start(&objects, &program, &Environment { hwcaps: Some(hwcaps), ..with }).unwrap();
        assert!(process.loaded().iter().any(|loaded| &loaded.path == found), "{}", found.display());
    }
}

#[test]
fn rule_29_the_cache_gives_the_best_usable_entry() {
    // A tree of its own, whose cache ldconfig makes.
    let fixture = Fixture::new();
    let ldconfig = ["/sbin/ldconfig", "/usr/sbin/ldconfig"].into_iter().find(|path| Path::new(path).exists());
    if !support::require(ldconfig.is_some(), "ldconfig") {
        return;
    }
    let program = client(&fixture, "root/bin/client", &[]);
    let plain = answering(&fixture, "root/usr/lib", 1);
    let better = answering(&fixture, "root/usr/lib/glibc-hwcaps/x86-64-v3", 3);
    answering(&fixture, "root/usr/lib/glibc-hwcaps/x86-64-v4", 4);
    fixture.file("root/etc/ld.so.conf", "/usr/lib\n");
    let root = fixture.path("root");
    let made = Command::new(ldconfig.unwrap()).arg("-r").arg(&root).output().unwrap();
    assert!(made.status.success() && root.join("etc/ld.so.cache").exists(), "{made:?}");
    fs::remove_dir_all(root.join("usr/lib/glibc-hwcaps/x86-64-v2")).ok();
    let files = Files::new();
    let objects = Objects::new(&files, Tree::below(&root));
    let inner = Path::new("/").join(program.strip_prefix(&root).unwrap());
    for (hwcaps, found) in [(vec![], &plain), (vec!["x86-64-v3".to_owned(), "x86-64-v2".to_owned()], &better)] {
        let environment = Environment { hwcaps: Some(hwcaps), ..Environment::default() };
        let process = Process::start(&objects, &inner, &environment).unwrap();
        let by_cache = process.loaded().iter().find(|loaded| loaded.by == Some(Where::Cache)).unwrap();
        assert_eq!(objects.tree().on_host(&by_cache.path), found.as_path());
    }
}

#[test]
fn rule_30_nodeflib_keeps_an_object_from_the_system_directories_and_from_cache_entries_in_them() {
    let fixture = Fixture::new();
    let flags = ["-Wl,-z,nodefaultlib", "-Wl,--no-as-needed"];
    let program = client(&fixture, "client", &flags);
    let with = With::library_path(fixture.path("link"));
    let files = Files::new();
    let objects = Objects::new(&files, Tree::host());
    let process = Process::start(&objects, &program, &with.environment()).unwrap();
    assert_eq!(process.missing().iter().map(|missing| missing.name.as_slice()).collect::<Vec<_>>(), [b"libc.so.6"]);
    assert_eq!(run(&program, &with), 127);
}

#[test]
fn rule_31_a_file_of_another_class_or_machine_is_passed_over_and_a_corrupt_one_is_fatal() {
    let fixture = Fixture::new();
    let (wrong, right) = (answering(&fixture, "wrong", 1), answering(&fixture, "right", 2));
    let program = client(&fixture, "client", &[]);
    let both = format!("{}:{}", wrong.parent().unwrap().display(), right.parent().unwrap().display());
    let with = With::library_path(&both);
    binds(&program, &with, "answer", &wrong, 1);
    // e_machine: AArch64; then EI_CLASS: 32 bits.
    patch::bytes(&wrong, 18, &183u16.to_le_bytes());
    binds(&program, &with, "answer", &right, 2);
    patch::bytes(&wrong, 18, &62u16.to_le_bytes());
    patch::bytes(&wrong, 4, &[1]);
    binds(&program, &with, "answer", &right, 2);
    fs::write(&wrong, "text").unwrap();
    assert_eq!(run(&program, &with), 127);
    assert_eq!(found_by(&program, &with), None);
}

#[test]
fn rule_32_semicolons_separate_in_the_library_path_alone_and_tokens_are_replaced() {
    let fixture = Fixture::new();
    let library = answering(&fixture, "lib", 1);
    let program = client(&fixture, "client", &[]);
    let folder = library.parent().unwrap().display().to_string();
    binds(&program, &With::library_path(format!("/nowhere;{folder}")), "answer", &library, 1);
    binds(&program, &With::library_path("$ORIGIN/lib"), "answer", &library, 1);
    let semicolon = client(&fixture, "semicolon", &[&format!("-Wl,-rpath,/nowhere;{folder}")]);
    assert_eq!((run(&semicolon, &With::default()), found_by(&semicolon, &With::default())), (127, None));
    for token in ["$ORIGIN/lib", "${ORIGIN}/lib", "$ORIGIN/../$LIB", "$ORIGIN/at-$PLATFORM"] {
        let expanded = token.replace("$LIB", "lib/x86_64-linux-gnu");
        let tail = expanded.replace("${ORIGIN}/", "").replace("$ORIGIN/", "");
        let here = tail.replace("$PLATFORM", "x86_64");
        let there = answering(&fixture, &format!("bin/{here}"), 5);
        let program = client(&fixture, "bin/token", &[&format!("-Wl,-rpath,{token}")]);
        let status = run(&program, &With::default());
        assert_eq!(found_by(&program, &With::default()).is_some(), status == 5, "{token}: {status}");
        if status == 5 {
            fs::remove_file(fs::canonicalize(there).unwrap()).unwrap();
        }
    }
}

#[test]
fn rule_32_an_empty_element_is_the_current_directory() {
    // The model's current directory is this process's: the crate's folder, in which there is no such library.
    let fixture = Fixture::new();
    answering(&fixture, "lib", 1);
    let program = client(&fixture, "client", &[]);
    let with = With::library_path(":/nowhere");
    assert_eq!(found_by(&program, &with), None);
    let there = With::default();
    let mut command = there.command(&program);
    command.env("LD_LIBRARY_PATH", ":/nowhere").current_dir(fixture.path("lib"));
    assert_eq!(command.status().unwrap().code(), Some(1));
    let mut xdoctor = Command::new(env!("CARGO_BIN_EXE_xdoctor"));
    xdoctor.args(["deps", "--library-path", ":/nowhere", "--format", "json"]).arg(&program);
    let output = xdoctor.current_dir(fixture.path("lib")).output().unwrap();
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = fixture.path("lib/libanswer.so");
    let libraries = said["libraries"].as_array().unwrap();
    assert!(libraries.iter().any(|library| library["path"] == expected.to_str().unwrap()), "{said:#}");
}

#[test]
fn rule_33_a_program_with_another_users_rights_ignores_library_path_and_preloads_with_a_slash() {
    let fixture = Fixture::new();
    if !support::require(rustix::process::geteuid().is_root(), "right to change a file's owner") {
        return;
    }
    let (first, second) = (answering(&fixture, "first", 1), answering(&fixture, "second", 2));
    let [a, b] = rpath(first.parent().unwrap());
    let program = client(&fixture, "client", &[&a, &b]);
    let preload = fixture.library("libpreload.so", "answer.c", &["-DVALUE=7"]);
    let with = With { preload: vec![preload], ..With::library_path(second.parent().unwrap()) };
    assert_eq!(run(&program, &with), 7);
    chown(&program, Some(65534), None).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
    assert_eq!(run(&program, &with), 1, "as the loader has it");
    let files = Files::new();
    let objects = Objects::new(&files, Tree::host());
    let process = Process::start(&objects, &program, &with.environment()).unwrap();
    assert!(process.is_secure());
    assert_eq!(process.missing()[0].reason, Reason::Preload);
    assert!(process.loaded().iter().any(|loaded| loaded.path == first));
    assert!(process.loaded().iter().all(|loaded| loaded.path != second));
}
