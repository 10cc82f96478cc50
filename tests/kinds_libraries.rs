//! The kinds `copies`, `library`, `symbols` and `coverage`: what is asked of a library beyond its being there.

#[path = "support/bundle.rs"]
mod bundle;
#[path = "support/kinds.rs"]
mod kinds;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use kinds::{Place, has, undetermined, without_rights};
use xdoctor::Run;

/// Links a library of this one line of C.
fn link(place: &Place, name: &str, source: &str, flags: &[&str]) -> PathBuf {
    let (file, library) = (place.write("source.c", source), place.path(name));
    fs::create_dir_all(library.parent().expect("a folder")).expect("made");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-w", "-o"]).arg(&library).arg(file).args(flags);
    let output = cc.output().expect("gcc");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    library
}

mod copies {
    use super::*;

    const CHECK: &str = "kind: copies\nname: libx.so*\nfolders: ['opt/rocm*/lib', lib, gone]";

    fn one() -> Place {
        let place = Place::new();
        link(&place, "opt/rocm-1/lib/libx.so.1.2", "int x;", &[]);
        symlink("libx.so.1.2", place.path("opt/rocm-1/lib/libx.so.1")).expect("linked");
        symlink("rocm-1", place.path("opt/rocm")).expect("linked");
        fs::create_dir(place.path("lib")).expect("made");
        place
    }

    #[test]
    fn of_which_there_is_one_under_many_names_pass() {
        let place = one();
        place.write("lib/libx.so", "INPUT(libx.so.1)");
        let seen = place.passes(CHECK);
        has(&seen, "opt/rocm-1/lib/libx.so.1.2: SONAME none");
        has(&seen, "not counted:");
        has(&seen, "3 folders looked into");
    }

    #[test]
    fn of_which_there_are_two_fail_and_both_are_named() {
        let place = one();
        fs::copy(place.path("opt/rocm-1/lib/libx.so.1.2"), place.path("lib/libx.so.1")).expect("copied");
        let said = place.fails(CHECK, "wrong-runtime");
        has(&said, "lib/libx.so.1, ");
        has(&said, "opt/rocm-1/lib/libx.so.1.2");
        place.passes(&format!("{CHECK}\ncount: {{min: 2}}"));
    }

    #[test]
    fn of_which_there_is_none_fail_or_are_skipped() {
        let place = Place::new();
        has(&place.fails(CHECK, "library-missing"), "found none");
        has(&place.skips(&format!("{CHECK}\nskip_if_missing: true")), "no libx.so* in ");
    }

    #[test]
    fn in_a_folder_that_may_not_be_looked_into_are_undetermined() {
        let place = Place::new();
        fs::create_dir(place.path("lib")).expect("made");
        fs::set_permissions(place.path("lib"), fs::Permissions::from_mode(0o000)).expect("set");
        let run = Run::of(without_rights(&place.command(CHECK)).output().expect("runs"));
        has(&undetermined(run), "lib cannot be looked into");
        fs::set_permissions(place.path("lib"), fs::Permissions::from_mode(0o755)).expect("set");
    }

    #[test]
    fn without_a_name_or_folders_are_refused() {
        let said = Place::new().is_refused("kind: copies");
        has(&said, "lacks `name`");
        has(&said, "lacks `folders`");
    }
}

mod library {
    use super::*;

    #[test]
    fn installed_from_the_build_that_is_there_passes_and_from_another_fails() {
        let place = Place::new();
        let build = |name: &str, text: &str| {
            let source = place.write("a.c", text);
            let mut cc = std::process::Command::new("cc");
            cc.args(["-shared", "-Wl,--build-id", "-o"]).arg(place.path(name)).arg(source);
            assert!(cc.status().expect("a compiler").success());
        };
        build("built.so", "int a(void) { return 1; }");
        std::fs::copy(place.path("built.so"), place.path("installed.so")).expect("installed");
        let strip = std::process::Command::new("strip").arg(place.path("installed.so")).status();
        assert!(strip.expect("binutils").success());
        let check = "kind: library\npath: installed.so\nsame_build_as: built.so";
        has(&place.passes(check), "the same build as ");
        build("built.so", "int a(void) { return 2; }");
        has(&place.fails(check, "stale-build"), "install it again");
        std::fs::remove_file(place.path("built.so")).expect("removed");
        has(&place.is_undetermined(check), "which build it is cannot be told");
    }

    #[test]
    fn whose_search_path_is_as_wanted_passes_and_otherwise_fails_with_the_line_that_mends_it() {
        let place = Place::new();
        link(&place, "libx.so", "int x;", &["-Wl,-rpath,$ORIGIN/../lib:/tmp"]);
        fs::create_dir(place.path("../lib")).unwrap_or_default();
        place.passes("kind: library\npath: libx.so\nrunpath: ['$ORIGIN*', /tmp]");
        let said = place.fails("kind: library\npath: libx.so\nrunpath: $ORIGIN*", "runpath-dangling");
        has(&said, "in RPATH and RUNPATH nothing but $ORIGIN*\nfound /tmp\n");
        has(&said, "patchelf --set-rpath '$ORIGIN'");
    }
}

mod symbols {
    use super::*;

    fn shim(place: &Place, map: &str) {
        let map = place.write("shim.map", map);
        let flag = format!("-Wl,--version-script={}", map.display());
        let source = "int hipMalloc(void) { return 0; }\nint hipEventCreate(void) { return 0; }";
        link(place, "libshim.so", source, &[&flag]);
        let map =
            place.write("runtime.map", "hip_4.2 { global: hipMalloc; };\nhip_6.0 { global: hipEventCreate; } hip_4.2;");
        let flag = format!("-Wl,--version-script={}", map.display());
        link(place, "libruntime.so", source, &[&flag]);
    }

    #[test]
    fn in_the_nodes_of_the_runtime_pass_whatever_the_runtime_is() {
        let place = Place::new();
        shim(&place, "hip_4.2 { global: hipMalloc; };\nhip_6.0 { global: hipEventCreate; local: *; } hip_4.2;");
        let seen =
            place.passes("kind: symbols\npath: libshim.so\nruntime: libruntime.so\nnodes: {hip_4.2: 1, hip_6.0: 1}");
        has(&seen, "all 2 functions of");
        has(&seen, "1 symbols in hip_6.0");
    }

    #[test]
    fn in_other_nodes_than_the_runtimes_fail() {
        let place = Place::new();
        shim(&place, "hip_9.9 { global: hip*; local: *; };");
        let check = |fields: &str| format!("kind: symbols\npath: libshim.so\n{fields}");
        has(&place.fails(&check("runtime: libruntime.so"), "version-mismatch"), "hipMalloc@@hip_9.9");
        has(&place.fails(&check("nodes: {hip_4.2: 1}"), "version-mismatch"), "expected 1 symbols in hip_4.2");
        place.fails(&check("nodes: {hip_9.9: 3}"), "symbol-missing");
        place.fails(&check("nodes: {hip_9.9: 1}"), "symbol-unexpected");
        place.fails(&check("runtime: gone.so"), "library-missing");
        place.write("pointer.so", "version https://git-lfs.github.com/spec/v1\n");
        has(&place.fails(&check("runtime: pointer.so"), "wrong-type"), "a Git LFS pointer");
        has(&place.is_refused(&check("nodes: {hip_4.2: all}")), "expected a whole number of symbols for `hip_4.2`");
    }
}

mod coverage {
    use super::*;

    fn check(shim: &Path) -> String {
        format!("kind: coverage\nshim: {}\nruntime: {}", shim.display(), bundle::file("lib/libamdhip64.so.7").display())
    }

    #[test]
    fn without_clients_asks_whether_the_shim_is_fit_at_all() {
        has(&Place::new().passes(&check(&bundle::file("lib/libshimhip.so"))), "every reference of its own resolves");
        let place = Place::new();
        let library = link(&place, "libshim.so", "int gone(void); int hipMalloc(void) { return gone(); }", &[]);
        has(&place.fails(&check(&library), "undefined-symbol"), "gone, which the shim refers to");
        let silent = link(&place, "libsilent.so", "int other(void) { return 0; }", &[]);
        has(&place.fails(&check(&silent), "exports-nothing"), "none of them of the API");
    }
}
