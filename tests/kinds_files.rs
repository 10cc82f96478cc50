//! The kinds `path`, `hash` and `tree`: files as they should be, and each way in which they are not.

#[path = "support/kinds.rs"]
mod kinds;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use std::time::{Duration, SystemTime};

use kinds::{Place, failed, has, is_root, passed, sha256sum, skipped, undetermined, without_rights};
use xdoctor::Run;

mod path {
    use super::*;

    #[test]
    fn with_mode_owner_group_size_age_and_type_as_wanted_passes() {
        let place = Place::new();
        place.write("old", "");
        let file = place.write("file", "0123456789");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("set");
        let id = |flag| String::from_utf8(Command::new("id").arg(flag).output().expect("id").stdout).expect("text");
        let (user, group) = (id("-un"), id("-g"));
        let seen = place.passes(&format!(
            "kind: path\npath: file\ntype: file\nmode: 0640\nowner: {}\ngroup: {}\nsize: {{min: 10, max: 1KiB}}\nnewer_than: old",
            user.trim(),
            group.trim(),
        ));
        has(&seen, "mode 0640");
        has(&seen, "10 bytes");
    }

    #[test]
    fn of_another_mode_owner_group_or_size_fails_each_with_its_code_and_mend() {
        let place = Place::new();
        let file = place.write("file", "0123456789");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("set");
        let said = place.fails("kind: path\npath: file\nmode: '0644'", "wrong-permissions");
        has(&said, "expected mode 0644");
        has(&said, "mode 0666");
        has(&said, "fix chmod 0644 ");
        has(
            &place.fails("kind: path\npath: file\nowner: no-such-user", "wrong-permissions"),
            "expected owner no-such-user",
        );
        has(&place.fails("kind: path\npath: file\ngroup: 54321", "wrong-permissions"), "expected group 54321");
        has(&place.fails("kind: path\npath: file\nsize: {min: 1MiB}", "wrong-size"), "of at least 1 MiB");
        has(&place.fails("kind: path\npath: file\nsize: {max: 9}", "wrong-size"), "10 bytes");
        has(&place.fails("kind: path\npath: .\nsize: {max: 9}", "wrong-type"), "a folder");
    }

    #[test]
    fn older_than_another_warns_and_names_both_times() {
        let place = Place::new();
        let old = fs::File::create(place.path("old")).expect("made");
        old.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).expect("set");
        place.write("new", "");
        has(&place.warns("kind: path\npath: old\nnewer_than: new", "stale-build"), "changed at 2001-09-09T01:46:40Z");
        place.fails("kind: path\npath: old\nnewer_than: gone", "file-missing");
    }

    #[test]
    fn that_is_a_link_leads_where_it_should_in_whatever_words() {
        let place = Place::new();
        place.write("lib/libx.so.1.2", "");
        for (to, name) in [("libx.so.1.2", "libx.so.1"), ("libx.so.1", "libx.so")] {
            symlink(to, place.path("lib").join(name)).expect("linked");
        }
        let link = |target: &str| format!("kind: path\npath: lib/libx.so\ntarget: {target}");
        place.passes(&link("libx.so.1"));
        place.passes(&link("libx.so.1.2"));
        place.passes(&link(place.path("lib/libx.so.1.2").to_str().expect("text")));
        let said = place.fails(&link("libx.so.2"), "wrong-target");
        has(&said, "it leads to libx.so.1");
        has(&said, "fix ln -sfn libx.so.2 ");
        has(&place.fails("kind: path\npath: lib/libx.so.1.2\ntarget: x", "wrong-type"), "symbolic link");
        fs::remove_file(place.path("lib/libx.so.1.2")).expect("removed");
        has(&place.fails(&link("libx.so.1"), "file-missing"), "which is not there");
    }

    #[test]
    fn below_a_folder_that_may_not_be_searched_is_undetermined() {
        let place = Place::new();
        place.write("closed/file", "");
        fs::set_permissions(place.path("closed"), fs::Permissions::from_mode(0o000)).expect("set");
        let command = place.command("kind: path\npath: closed/file");
        let run = Run::of(without_rights(&command).output().expect("runs"));
        has(&undetermined(run), "Permission denied");
        fs::set_permissions(place.path("closed"), fs::Permissions::from_mode(0o755)).expect("set");
    }

    #[test]
    fn tells_devices_sockets_and_pipes_from_files() {
        let place = Place::new();
        place.passes("kind: path\npath: /dev/null\ntype: device");
        has(&place.fails("kind: path\npath: /dev/null\ntype: file", "wrong-type"), "a device");
        let _socket = std::os::unix::net::UnixListener::bind(place.path("socket")).expect("bound");
        place.passes("kind: path\npath: socket\ntype: socket");
        assert!(Command::new("mkfifo").arg(place.path("pipe")).status().expect("coreutils").success());
        has(&place.fails("kind: path\npath: pipe\ntype: file", "wrong-type"), "a pipe");
    }

    #[test]
    fn with_fields_that_mean_nothing_is_refused() {
        let place = Place::new();
        let said = place.is_refused("kind: path\npath: x\nmode: rw\nsize: {min: big, most: 2}");
        has(&said, "expected permissions in octal such as 0644 for `mode`, found `rw`");
        has(&said, "expected a size such as 512, 64KiB, 1MiB or 2GB for `min`, found `big`");
        has(&said, "unknown field `most` in `size`");
        has(&place.is_refused("kind: path\npath: x\nsize: {}"), "`size` asks for nothing");
        has(&place.is_refused("kind: path\npath: x\nsize: {min: 2, max: 1}"), "greater than its `max`");
        has(&place.is_refused("kind: path\npath: x\nsize: 12"), "expected `size` (a mapping)");
        has(&place.is_refused("kind: path\npath: x\nexists: false\nmode: 0644"), "leaves nothing");
    }
}

mod hash {
    use super::*;

    #[test]
    fn passes_where_the_contents_are_those_meant() {
        let place = Place::new();
        let (a, b) = (place.write("a", "one"), place.write("b", "two"));
        let seen = place.passes(&format!("kind: hash\npath: a\nsha256: {}", sha256sum(&a).to_uppercase()));
        has(&seen, "3 bytes, sha256 7692c3ad");
        place.passes(&format!("kind: hash\nfiles:\n  a: {}\n  b: {}", sha256sum(&a), sha256sum(&b)));
    }

    #[test]
    fn names_the_file_that_differs_and_the_one_that_is_gone() {
        let place = Place::new();
        let digest = sha256sum(&place.write("a", "one"));
        place.write("b", "two");
        let said =
            place.fails(&format!("kind: hash\nfiles:\n  a: {digest}\n  b: {digest}\n  c: {digest}"), "hash-differs");
        has(&said, "b has sha256 3fc4ccfe");
        has(&said, "also file-missing");
        place.fails(&format!("kind: hash\npath: c\nsha256: {digest}"), "file-missing");
        place.fails(&format!("kind: hash\npath: /dev/zero\nsha256: {digest}"), "wrong-type");
        place.fails(&format!("kind: hash\npath: /\nsha256: {digest}"), "wrong-type");
    }

    #[test]
    fn of_a_file_that_may_not_be_read_is_undetermined() {
        let place = Place::new();
        let file = place.write("a", "one");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).expect("set");
        let command = place.command(&format!("kind: hash\npath: a\nsha256: {}", "0".repeat(64)));
        has(&undetermined(Run::of(without_rights(&command).output().expect("runs"))), "Permission denied");
    }

    #[test]
    fn of_any_kind_whose_files_may_not_be_read_is_undetermined_and_not_missing() {
        let place = Place::new();
        for name in ["a.so", "build/CMakeCache.txt"] {
            place.write(&format!("closed/{name}"), "");
        }
        fs::set_permissions(place.path("closed"), fs::Permissions::from_mode(0o000)).expect("set");
        let checks = [
            "kind: library\npath: closed/a.so",
            "kind: symbols\npath: closed/a.so\ndefines: x",
            "kind: deps\npath: closed/a.so",
            "kind: loads\npath: closed/a.so",
            "kind: build\npath: closed/build\nbuild_type: Release",
            "kind: coverage\nshim: closed/a.so\nruntime: closed/a.so",
        ];
        let runs = checks.map(|check| Run::of(without_rights(&place.command(check)).output().expect("runs")));
        let unseen = without_rights(&place.command("kind: path\npath: /\nwhen: {exists: closed/a.so}")).output();
        fs::set_permissions(place.path("closed"), fs::Permissions::from_mode(0o755)).expect("set");
        for run in runs {
            has(&undetermined(run), "Permission denied");
        }
        has(&skipped(Run::of(unseen.expect("runs"))), "cannot be told: Permission denied");
    }

    #[test]
    fn without_a_whole_digest_is_refused() {
        let place = Place::new();
        has(
            &place.is_refused("kind: hash\npath: a\nsha256: e3b0c4"),
            "expected 64 hexadecimal digits as the sha256 of",
        );
        has(&place.is_refused("kind: hash\npath: a"), "needs `sha256`");
        has(&place.is_refused("kind: hash"), "lacks `path`");
        has(&place.is_refused(&format!("kind: hash\nsha256: {}", "0".repeat(64))), "needs `path`");
    }
}

mod tree {
    use super::*;

    /// A folder of three files, and its manifest by sha256sum beside it.
    fn tree() -> Place {
        let place = Place::new();
        for name in ["lib/libx.so", "lib/sub/with space", "include/x.h"] {
            place.write(&format!("tree/{name}"), name);
        }
        let script = "find . -type f -exec sha256sum {} + > ../SHA256SUMS";
        let status = Command::new("sh").args(["-c", script]).current_dir(place.path("tree")).status();
        assert!(status.expect("sh").success());
        place
    }

    const CHECK: &str = "kind: tree\npath: tree\nmanifest: SHA256SUMS\ncomplete: true";

    #[test]
    fn passes_against_the_manifest_that_sha256sum_wrote() {
        has(&tree().passes(CHECK), "3 files, 40 bytes: 0 changed, 0 missing");
    }

    #[test]
    fn names_what_changed_what_is_missing_and_what_is_there_besides() {
        let place = tree();
        place.write("tree/lib/libx.so", "changed");
        let said = place.fails(CHECK, "hash-differs");
        has(&said, "changed: lib/libx.so");
        fs::remove_file(place.path("tree/lib/libx.so")).expect("removed");
        has(&place.fails(CHECK, "file-missing"), "missing: lib/libx.so");
        place.write("tree/lib/libx.so", "lib/libx.so");
        place.write("tree/core.123", "");
        has(&place.fails(CHECK, "file-unexpected"), "besides: core.123");
        place.passes("kind: tree\npath: tree\nmanifest: SHA256SUMS");
        place.passes(&format!("{CHECK}\nexclude: core.*"));
    }

    #[test]
    fn with_its_files_named_in_the_checklist_needs_no_manifest() {
        let place = tree();
        let digest = sha256sum(&place.path("tree/include/x.h"));
        place.passes(&format!("kind: tree\npath: tree\nfiles: {{include/x.h: {digest}}}"));
        let said = place.fails(&format!("kind: tree\npath: tree\nfiles: {{include/y.h: {digest}}}"), "file-missing");
        has(&said, "missing: include/y.h");
        place.fails(&format!("kind: tree\npath: gone\nfiles: {{a: {digest}}}"), "file-missing");
    }

    #[test]
    fn does_not_take_the_manifest_for_a_stranger() {
        let place = tree();
        fs::rename(place.path("SHA256SUMS"), place.path("tree/SHA256SUMS")).expect("moved");
        place.passes(&CHECK.replace("SHA256SUMS", "tree/SHA256SUMS"));
    }

    #[test]
    fn says_what_is_wrong_with_a_manifest() {
        let place = tree();
        has(&place.fails(&CHECK.replace("SHA256SUMS", "gone"), "file-missing"), "a manifest, as sha256sum writes it");
        place.write("SHA256SUMS", "d41d8cd98f00b204e9800998ecf8427e  lib/libx.so\n");
        has(&place.fails(CHECK, "wrong-type"), "line 1 is no `SHA256  PATH`");
        place.write("SHA256SUMS", &format!("{}  ../../etc/passwd\n", "0".repeat(64)));
        has(&place.fails(CHECK, "wrong-type"), "line 1 is no `SHA256  PATH` in the folder");
        place.write("SHA256SUMS", "\n");
        has(&place.fails(CHECK, "wrong-type"), "it lists no file");
        fs::write(place.path("SHA256SUMS"), [0xff, 0xfe]).expect("written");
        place.fails(CHECK, "wrong-type");
    }

    #[test]
    fn with_a_file_that_may_not_be_read_is_undetermined() {
        let place = tree();
        fs::set_permissions(place.path("tree/lib/libx.so"), fs::Permissions::from_mode(0o000)).expect("set");
        let run = Run::of(without_rights(&place.command(CHECK)).output().expect("runs"));
        has(&undetermined(run), "lib/libx.so: Permission denied");
        if is_root() {
            passed(place.run(CHECK));
        }
        place.write("tree/include/x.h", "changed");
        let run = Run::of(without_rights(&place.command(CHECK)).output().expect("runs"));
        failed(run, "hash-differs");
    }

    #[test]
    fn without_anything_to_compare_is_refused() {
        let place = Place::new();
        has(&place.is_refused("kind: tree\npath: ."), "needs one of `manifest`");
        has(&place.is_refused("kind: tree\npath: .\nfiles: {../a: ''}"), "does not lie in the folder");
        has(&place.is_refused("kind: tree\npath: .\nfiles: {a: xyz}"), "expected 64 hexadecimal digits");
        has(&place.is_refused("kind: tree\npath: .\nmanifest: x\nexclude: '['"), "is no glob");
    }
}
