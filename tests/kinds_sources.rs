//! The kinds `git` and `build`: the source tree that is meant, and a build of it with the options meant.

#[path = "support/kinds.rs"]
mod kinds;
mod support;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fs;
use std::path::Path;
use std::process::Command;

use kinds::{Place, has};

fn run(folder: &Path, program: &str, args: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder);
    for (name, value) in [("NAME", "A"), ("EMAIL", "a@example.org")] {
        command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
    }
    let output = command.output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

mod git {
    use super::*;

    /// A repository: first, then second (v1, on main) and beside it side.
    fn repository() -> Place {
        let place = Place::new();
        fs::create_dir(place.path("tree")).expect("made");
        place.git(&["init", "-q", "-b", "main"]);
        for (name, branch) in [("first", "main"), ("side", "side"), ("second", "main")] {
            if branch == "side" {
                place.git(&["checkout", "-q", "-b", "side"]);
            } else if name == "second" {
                place.git(&["checkout", "-q", "main"]);
            }
            place.write(&format!("tree/{name}"), name);
            place.git(&["add", "."]);
            place.git(&["commit", "-q", "-m", name]);
        }
        place.git(&["tag", "-a", "-m", "v1", "v1"]);
        place
    }

    impl Place {
        fn git(&self, args: &[&str]) -> String {
            run(&self.path("tree"), "git", args)
        }
    }

    #[test]
    fn at_the_tag_and_on_the_branch_wanted_passes() {
        let place = repository();
        has(&place.passes("kind: git\npath: tree\ntag: v1\nbranch: main"), "tag v1 on HEAD");
        place.git(&["checkout", "-q", "side"]);
        let said = place.fails("kind: git\npath: tree\ntag: v1", "wrong-commit");
        has(&said, "fix git -C");
        has(&said, "checkout v1");
        has(&place.fails("kind: git\npath: tree\ntag: v2", "wrong-commit"), "fetch --tags");
        place.fails("kind: git\npath: tree\nbranch: main", "wrong-commit");
    }

    #[test]
    fn whose_history_holds_what_it_should_passes_and_otherwise_fails() {
        let place = repository();
        let first = place.git(&["rev-parse", "HEAD~1"]);
        place.passes(&format!("kind: git\npath: tree\ncontains: [{first}, v1, HEAD]"));
        has(&place.fails("kind: git\npath: tree\ncontains: side", "wrong-commit"), "side in the history of HEAD");
        place.git(&["checkout", "-q", &first]);
        place.passes("kind: git\npath: tree\nancestor_of: [main, side, v1]");
        place.git(&["checkout", "-q", "side"]);
        has(&place.fails("kind: git\npath: tree\nancestor_of: main", "wrong-commit"), "HEAD in the history of main");
    }

    #[test]
    fn that_does_not_know_a_commit_cannot_say_whether_it_is_in_its_history() {
        let place = repository();
        let check = format!("kind: git\npath: tree\ncontains: {}", "d".repeat(40));
        has(&place.is_undetermined(&check), "names no commit");
        let url = format!("file://{}", place.path("tree").display());
        run(&place.path("."), "git", &["clone", "-q", "--depth=1", &url, "shallow"]);
        let first = place.git(&["rev-parse", "HEAD~1"]);
        has(&place.is_undetermined(&format!("kind: git\npath: shallow\ncontains: {first}")), "names no commit");
    }

    #[test]
    fn has_the_remote_wanted_and_never_shows_the_credentials_in_it() {
        let place = repository();
        has(&place.fails("kind: git\npath: tree\nremote: https://example.org/x", "wrong-remote"), "no remote");
        place.git(&["remote", "add", "origin", "https://me:hunter2@example.org/lab/xsched.git"]);
        let seen = place.passes("kind: git\npath: tree\nremote: https://example.org/lab/xsched");
        has(&seen, "remote origin is https://example.org/lab/xsched.git");
        place.passes("kind: git\npath: tree\nremote: https://example.org/*");
        let said = place.fails("kind: git\npath: tree\nremote: https://example.org/fork/xsched", "wrong-remote");
        assert!(!said.contains("hunter2") && !said.contains("me:"), "{said}");
        let said = place.fails("kind: git\npath: tree\nremote: https://t0ken@example.org/fork", "wrong-remote");
        assert!(!said.contains("t0ken"), "{said}");
    }

    /// A tree with the submodule `sub`, which has one of its own: `sub/inner`.
    fn with_submodules() -> Place {
        let place = Place::new();
        for name in ["inner", "sub", "tree"] {
            place.write(&format!("{name}/file"), "first");
            let folder = place.path(name);
            run(&folder, "git", &["init", "-q", "-b", "main"]);
            let below = ["inner", "sub"].iter().zip(["sub", "tree"]).find(|(_, above)| *above == name);
            if let Some((below, _)) = below {
                let url = format!("../{below}");
                run(&folder, "git", &["-c", "protocol.file.allow=always", "submodule", "add", "-q", &url, below]);
            }
            run(&folder, "git", &["add", "."]);
            run(&folder, "git", &["commit", "-q", "-m", "first"]);
        }
        place.git(&["-c", "protocol.file.allow=always", "submodule", "update", "-q", "--init", "--recursive"]);
        place.passes(SUBMODULES);
        place.passes(CLEAN);
        place
    }

    const SUBMODULES: &str = "kind: git\npath: tree\nsubmodules: true";
    const CLEAN: &str = "kind: git\npath: tree\nclean: true";

    #[test]
    fn whose_submodule_lacks_one_of_its_own_fails() {
        let place = with_submodules();
        run(&place.path("tree/sub"), "git", &["submodule", "deinit", "-q", "--all"]);
        has(&place.fails(SUBMODULES, "submodule-missing"), "found sub/inner is not checked out");
        place.passes(CLEAN);
    }

    #[test]
    fn whose_submodule_stands_elsewhere_is_neither_clean_nor_whole_nor_once_that_is_in_the_index() {
        let place = with_submodules();
        run(&place.path("tree/sub"), "git", &["commit", "-q", "--allow-empty", "-m", "second"]);
        has(&place.fails(CLEAN, "tree-dirty"), "changed: sub is at ");
        has(&place.fails(SUBMODULES, "submodule-missing"), "found sub is at ");
        place.git(&["add", "sub"]);
        place.fails(CLEAN, "tree-dirty");
        has(&place.fails(SUBMODULES, "submodule-missing"), "reset, since the index has another commit already");
    }

    #[test]
    fn with_a_change_or_a_new_file_in_a_submodule_is_dirty() {
        let place = with_submodules();
        place.write("tree/sub/inner/file", "second");
        place.write("tree/sub/new", "");
        let both = format!("{CLEAN}\nsubmodules: true");
        let said = place.fails(&both, "tree-dirty");
        has(&said, "found new: sub/new; changed: sub/inner/file");
        has(&said, "commit, stash or restore");
        place.passes(SUBMODULES);
    }

    #[test]
    fn whose_gitmodules_names_what_no_commit_records_lacks_nothing() {
        let place = with_submodules();
        place.git(&["config", "-f", ".gitmodules", "submodule.ghost.path", "ghost"]);
        place.git(&["config", "-f", ".gitmodules", "submodule.ghost.url", "../ghost"]);
        place.passes(SUBMODULES);
    }

    #[test]
    fn with_a_change_that_git_was_told_not_to_see_is_dirty_all_the_same() {
        let place = with_submodules();
        for flag in ["assume-unchanged", "skip-worktree"] {
            place.git(&["update-index", &format!("--{flag}"), "file"]);
            place.passes(CLEAN);
            place.write("tree/file", "other");
            assert_eq!(place.git(&["status", "--porcelain"]), "");
            has(&place.fails(CLEAN, "tree-dirty"), "found changed, and hidden from git: file");
            place.write("tree/file", "first");
            place.git(&["update-index", &format!("--no-{flag}"), "file"]);
        }
    }

    #[test]
    fn that_is_checked_out_sparsely_is_clean_without_what_it_leaves_out() {
        let place = with_submodules();
        place.write("tree/left/out", "");
        place.git(&["add", "."]);
        place.git(&["commit", "-q", "-m", "second"]);
        place.git(&["sparse-checkout", "set", "--no-cone", "/file", "/.gitmodules"]);
        assert!(!place.path("tree/left/out").exists());
        place.passes(CLEAN);
        fs::remove_file(place.path("tree/file")).expect("removed");
        has(&place.fails(CLEAN, "tree-dirty"), "found deleted: file");
    }

    #[test]
    fn without_a_value_asks_for_nothing_as_with_a_commit() {
        let place = repository();
        place.passes("kind: git\npath: tree\ntag: ''\nbranch: ''\ncontains: ''\nancestor_of: ['']");
        has(&place.is_refused("kind: git\npath: tree\nremote: '['"), "is no glob");
    }
}

mod build {
    use super::*;

    const LISTS: &str = "cmake_minimum_required(VERSION 3.13)\n\
        project(t C)\n\
        set(CMAKE_EXPORT_COMPILE_COMMANDS ON)\n\
        add_library(shim SHARED shim.c)\n\
        target_compile_options(shim PRIVATE -fvisibility=hidden)\n\
        target_link_options(shim PRIVATE -Wl,--version-script=${CMAKE_SOURCE_DIR}/shim.map)\n\
        add_library(hal SHARED hal.c)\n\
        add_executable(app app.c)\n\
        target_link_libraries(app shim)\n";

    /// A source tree configured and built by the real CMake.
    fn built(generator: &str) -> Option<Place> {
        let program = if generator.starts_with("Ninja") { "ninja" } else { "make" };
        let there = |program: &str| Command::new(program).arg("--version").output().is_ok();
        if !support::require(there("cmake") && there(program), &format!("cmake with {program}")) {
            return None;
        }
        let place = Place::new();
        place.write("source/CMakeLists.txt", LISTS);
        place.write("source/shim.c", "__attribute__((visibility(\"default\"))) int shim(void) { return 1; }\n");
        place.write("source/hal.c", "int hal(void) { return 2; }\n");
        place.write("source/shim.map", "v1 { global: shim; local: *; };\n");
        place.write("source/app.c", "int shim(void); int main(void) { return shim(); }\n");
        run(&place.path("source"), "cmake", &["-G", generator, "-B", "../build", "-DCMAKE_BUILD_TYPE=Release"]);
        run(&place.path("build"), "cmake", &["--build", "."]);
        Some(place)
    }

    const GENERATORS: [&str; 2] = ["Unix Makefiles", "Ninja"];

    #[test]
    fn with_the_type_compiler_variables_and_flags_wanted_passes_with_make_and_with_ninja() {
        for place in GENERATORS.into_iter().filter_map(built) {
            let seen = place.passes(
                "kind: build\npath: build\nsource: source\nbuild_type: Release\ncompiler: ['*cc*', '/usr/bin/*']\n\
                 cache: {CMAKE_PROJECT_NAME: t}\ntarget: shim\nflags: [-fvisibility=hidden, '-O[23]']\nlacks_flags: -g\n\
                 link_flags: --version-script\nlacks_link_flags: -s\nproducts: libshim.so",
            );
            has(&seen, "build type Release");
            has(&seen, "source/shim.map in every link command");
            has(&seen, "1 compile commands looked at");
        }
    }

    #[test]
    fn is_asked_for_the_same_link_lines_whatever_the_generator() {
        for place in [GENERATORS[0], GENERATORS[1], "Ninja Multi-Config"].into_iter().filter_map(built) {
            let check = |fields: &str| format!("kind: build\npath: build\n{fields}");
            place.passes(&check("target: shim\nlink_flags: [-shared, -soname, libshim.so, --version-script]"));
            place.passes(&check("target: app\nlink_flags: ['-rpath*', '*libshim.so']\nlacks_link_flags: -shared"));
            let said = place.fails(&check("lacks_link_flags: -shared"), "wrong-build-options");
            has(&said, "-shared in that of ");
        }
    }

    #[test]
    fn is_stale_for_what_went_into_its_product_and_not_for_what_went_into_another() {
        for place in [GENERATORS[0], GENERATORS[1]].into_iter().filter_map(built) {
            let check = |product: &str| format!("kind: build\npath: build\nsource: source\nproducts: {product}");
            let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
            let touch = |name: &str| {
                let file = fs::File::options().append(true).open(place.path(&format!("source/{name}"))).expect("there");
                file.set_modified(later).expect("set");
            };
            touch("hal.c");
            has(&place.warns(&check("libhal.so"), "stale-build"), "source/hal.c changed at ");
            place.passes(&check("libshim.so"));
            touch("shim.map");
            has(&place.warns(&check("libshim.so"), "stale-build"), "--clean-first");
            place.passes(&check("app"));
            touch("CMakeLists.txt");
            has(&place.warns(&check("app"), "stale-build"), "CMakeLists.txt changed at ");
        }
    }

    #[test]
    fn is_stale_for_a_source_that_git_does_not_track_yet() {
        let Some(place) = built(GENERATORS[0]) else { return };
        run(&place.path("source"), "git", &["init", "-q"]);
        run(&place.path("source"), "git", &["add", "CMakeLists.txt"]);
        let check = "kind: build\npath: build\nsource: source\nproducts: libhal.so";
        place.passes(check);
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
        let file = fs::File::options().append(true).open(place.path("source/hal.c")).expect("there");
        file.set_modified(later).expect("set");
        has(&place.warns(check, "stale-build"), "source/hal.c changed at ");
    }

    #[test]
    fn by_a_compiler_that_is_reached_over_links_is_known_by_each_of_their_names() {
        let Some(place) = built(GENERATORS[0]) else { return };
        let link = place.path("mycc");
        std::os::unix::fs::symlink("/usr/bin/gcc", &link).expect("linked");
        place.write("build/CMakeCache.txt", &format!("CMAKE_C_COMPILER:FILEPATH={}\n", link.display()));
        for name in ["mycc", "gcc", "/usr/bin/gcc"] {
            place.passes(&format!("kind: build\npath: build\ncompiler: {name}"));
        }
        let said = place.fails("kind: build\npath: build\ncompiler: '*/clang'", "wrong-build-options");
        has(&said, "-DCMAKE_C_COMPILER=clang");
    }

    #[test]
    fn that_was_moved_or_copied_fails_since_it_builds_where_it_was() {
        let Some(place) = built(GENERATORS[0]) else { return };
        place.passes("kind: build\npath: build\nsource: source");
        std::os::unix::fs::symlink("build", place.path("link")).expect("linked");
        place.passes("kind: build\npath: link\nsource: source");
        run(&place.path("."), "cp", &["-r", "build", "copy"]);
        let said = place.fails("kind: build\npath: copy\nsource: source", "build-of-other-source");
        has(&said, "and moved or copied since");
    }

    #[test]
    fn inside_its_source_without_git_cannot_be_told_from_it() {
        let place = Place::new();
        place.write("tree/shim.c", "");
        place.write("tree/libshim.so", "");
        let said = place.is_undetermined("kind: build\npath: tree\nproducts: libshim.so\nnewer_than: tree");
        has(&said, "which files of ");
        place.passes("kind: build\npath: tree\nproducts: libshim.so\nnewer_than: tree/shim.c");
    }

    /// Older than what is written from now on.
    fn long_built(place: &Place, product: &str) {
        let file = fs::File::create(place.path(product)).expect("made");
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("set");
    }

    #[test]
    fn whose_sources_lie_in_a_repository_without_a_file_is_compared_all_the_same() {
        let place = Place::new();
        place.write("tree/shim.c", "");
        fs::create_dir(place.path("build")).expect("made");
        run(&place.path("tree"), "git", &["init", "-q"]);
        long_built(&place, "build/libshim.so");
        let check = "kind: build\npath: build\nproducts: libshim.so\nnewer_than: tree";
        has(&place.warns(check, "stale-build"), "shim.c changed at ");
    }

    #[test]
    fn with_other_options_fails_and_says_how_to_configure_it_again() {
        for place in GENERATORS.into_iter().filter_map(built) {
            let fails =
                |fields: &str| place.fails(&format!("kind: build\npath: build\n{fields}"), "wrong-build-options");
            let said = fails("build_type: Debug\nsource: source");
            has(&said, "found build type Release");
            has(&said, "--fresh -DCMAKE_BUILD_TYPE=Debug");
            has(&fails("compiler: hipcc"), "a compiler hipcc");
            has(&fails("cache: {BUILD_TESTING: 'ON'}"), "no BUILD_TESTING in the cache");
            has(&fails("flags: -fvisibility=hidden"), "hal.c");
            has(&fails("lacks_flags: -fvis*"), "-fvisibility=hidden in that of");
            has(&fails("link_flags: --version-script"), "not in that of ");
            has(&fails("target: shim\nlacks_link_flags: --version-script"), "in that of shim");
            has(&fails("target: other\nlink_flags: x"), "targets ");
        }
    }

    #[test]
    fn that_cmake_did_not_make_fails_with_what_is_missing() {
        let place = Place::new();
        fs::create_dir(place.path("build")).expect("made");
        let fails = |fields: &str| place.fails(&format!("kind: build\npath: build\n{fields}"), "file-missing");
        has(&fails("build_type: Debug"), "CMakeCache.txt");
        has(&fails("flags: -g"), "CMAKE_EXPORT_COMPILE_COMMANDS=ON");
        has(&fails("link_flags: -g"), "link.txt or build.ninja");
        place.write("build/compile_commands.json", "[{\"file\": 1}]");
        place.fails("kind: build\npath: build\nflags: -g", "wrong-type");
    }

    #[test]
    fn of_which_nothing_is_asked_is_refused() {
        let place = Place::new();
        has(&place.is_refused("kind: build\npath: ."), "asks for nothing");
        has(&place.is_refused("kind: build\npath: .\ntarget: x"), "asks for nothing");
        has(&place.is_refused("kind: build\npath: .\ncache: {A: '['}"), "is no glob");
    }
}
