//! `xdoctor lock`: what is remembered is remembered whole, the same bytes for the same state, and nothing else is trusted.

#[path = "support/remembered.rs"]
mod remembered;
#[path = "support/schema.rs"]
mod schema;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use remembered::{CHECKLIST, Remembered, SHIM};
use serde_json::Value;
use sha2::{Digest, Sha256};

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every line of a lock, read as the JSON that it is.
fn lines(lock: &Path) -> Vec<Value> {
    read(lock).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The line about a thing.
fn line<'a>(lines: &'a [Value], what: &str, name: &str) -> &'a Value {
    let is = |line: &&Value| line["what"] == what && (line["path"] == name || line["of"] == name);
    lines.iter().find(is).unwrap_or_else(|| panic!("no line {what} of {name}"))
}

mod a_lock {
    use super::*;

    #[test]
    fn remembers_files_libraries_and_repositories_a_line_for_each_thing() {
        let sample = Remembered::locked();
        let lines = lines(&sample.lock());
        assert_eq!((&lines[0]["what"], &lines[0]["checklist"]), (&"lock".into(), &"xdoctor.yaml".into()));
        let bytes = fs::read(sample.path(SHIM)).expect("readable");
        let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let file = line(&lines, "file", SHIM);
        assert_eq!((&file["sha256"], &file["size"]), (&hash.into(), &bytes.len().into()));
        let elf = line(&lines, "elf", SHIM);
        assert_eq!((&elf["soname"], &elf["runpath"]), (&"libshimhip.so".into(), &"$ORIGIN".into()));
        assert_eq!(elf["needed"], serde_json::json!(["libhalhip.so", "libc.so.6"]));
        let repository = line(&lines, "repository", "source");
        assert_eq!(repository["commit"], "d5c0c4fb8d10ecc48ef7bd24162bd60d18a6e859");
        let exported: Vec<&Value> =
            lines.iter().filter(|line| line["what"] == "exports" && line["of"] == SHIM).collect();
        let count: usize = exported.iter().map(|line| line["functions"].as_array().expect("functions").len()).sum();
        assert_eq!(count, 569, "568 functions of the API, and the shim's own");
        let node = exported.iter().find(|line| line["node"] == "hip_6.0").expect("the node");
        assert!(node["functions"].as_array().expect("names").contains(&"hipGetDevicePropertiesR0600".into()));
        assert!(lines.iter().any(|line| line["what"] == "host" && line["fact"] == "glibc"));
    }

    #[test]
    fn ends_with_the_checksum_that_sha256sum_gives_for_the_lines_before() {
        let sample = Remembered::locked();
        let text = read(&sample.lock());
        let (body, last) = text.trim_end().rsplit_once('\n').expect("lines");
        let hash: String = Sha256::digest(format!("{body}\n")).iter().map(|byte| format!("{byte:02x}")).collect();
        let last: Value = serde_json::from_str(last).expect("JSON");
        assert_eq!(last, serde_json::json!({"what": "end", "lines": body.lines().count(), "sha256": hash}));
    }

    #[test]
    fn has_the_same_bytes_for_the_same_state_wherever_it_lies() {
        let sample = Remembered::locked();
        let first = read(&sample.lock());
        sample.run(&["lock"]).exits(0);
        assert_eq!(read(&sample.lock()), first);
        assert!(!first.contains(sample.folder.path().to_str().expect("text")), "an absolute path in a lock");
        assert_eq!(fs::metadata(sample.lock()).expect("there").permissions().mode() & 0o777, 0o644);
    }

    #[test]
    fn is_never_seen_half_written() {
        let sample = Remembered::locked();
        let whole = read(&sample.lock());
        let mut child = xdoctor::command(["lock"]).current_dir(sample.folder.path()).spawn().expect("starts");
        let mut reads = 0;
        while child.try_wait().expect("a child").is_none() {
            assert_eq!(read(&sample.lock()), whole);
            reads += 1;
        }
        assert!(reads > 0);
        let left = fs::read_dir(sample.folder.path())
            .expect("readable")
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut left: Vec<String> = left.collect();
        left.sort();
        assert_eq!(left, ["build", "install", "source", "xdoctor.lock", "xdoctor.yaml"]);
    }

    #[test]
    fn says_in_json_what_it_remembers_and_what_has_changed() {
        let sample = Remembered::locked();
        let document = sample.run(&["lock", "--format", "json"]).exits(0).json();
        schema::assert_valid("lock", &document);
        assert_eq!(document["changes"], serde_json::json!([]));
        assert_eq!(document["things"].as_array().expect("things").len(), 6);
        fs::write(sample.path("source/CMakeLists.txt"), "edited").expect("written");
        let document = sample.run(&["lock", "--format", "json"]).exits(0).json();
        schema::assert_valid("lock", &document);
        let of_shim = document["changes"].as_array().expect("changes").iter().find(|change| change["subject"] == SHIM);
        let of_shim = of_shim.expect("a change");
        assert_eq!((&of_shim["code"], &of_shim["rebuild"]), (&"rebuild-needed".into(), &"yes".into()));
        let run = sample.run(&["lock"]).exits(0);
        assert!(run.stdout.contains("6 things remembered"), "{}", run.stdout);
    }
}

mod a_lock_that_is_not_whole {
    use super::*;

    /// Exit status 2 of `check` and of `lock`, with these words, and nothing compared.
    #[track_caller]
    fn refused(sample: &Remembered, words: &str) {
        let run = sample.run(&["check", "--only", "map", "--format", "json"]).exits(2);
        let document = run.json();
        schema::assert_valid("error", &document);
        let message = document["message"].as_str().expect("a message");
        assert!(message.contains(words) && message.contains("xdoctor lock --force"), "{message}");
        assert_eq!(document["file"], sample.lock().to_str().expect("text"));
        let before = read(&sample.lock());
        sample.run(&["lock"]).exits(2);
        assert_eq!(read(&sample.lock()), before, "a damaged lock was replaced unasked");
        sample.run(&["check", "--only", "map", "--no-lock"]).exits(0);
        sample.run(&["lock", "--force"]).exits(0);
        sample.drift(0);
    }

    #[test]
    fn because_it_was_cut_off_is_refused() {
        let sample = Remembered::locked();
        let text = read(&sample.lock());
        fs::write(sample.lock(), &text[..text.len() / 2]).expect("written");
        refused(&sample, "it was cut off");
        fs::write(sample.lock(), "").expect("written");
        refused(&sample, "it was cut off");
    }

    #[test]
    fn because_it_was_edited_is_refused() {
        let sample = Remembered::locked();
        let text = read(&sample.lock());
        fs::write(sample.lock(), text.replace("d5c0c4fb8d10", "000000000000")).expect("written");
        refused(&sample, "it was edited, or damaged in copying");
    }

    #[test]
    fn because_a_merge_left_both_sides_in_it_is_refused() {
        let sample = Remembered::locked();
        let text = read(&sample.lock());
        fs::write(sample.lock(), format!("<<<<<<< ours\n{text}=======\n{text}>>>>>>> theirs\n")).expect("written");
        refused(&sample, "line 1 is the mark of a merge conflict");
    }

    #[test]
    fn because_a_later_xdoctor_wrote_it_is_refused() {
        let sample = Remembered::locked();
        let text = read(&sample.lock()).replace("\"version\":1", "\"version\":2");
        let (body, _) = text.trim_end().rsplit_once('\n').expect("lines");
        let body = format!("{body}\n");
        let hash: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
        let end = serde_json::json!({"what": "end", "lines": body.lines().count(), "sha256": hash});
        fs::write(sample.lock(), format!("{body}{end}\n")).expect("written");
        refused(&sample, "it has version 2 of the format");
    }

    #[test]
    fn because_it_would_steer_a_terminal_is_refused() {
        let sample = Remembered::locked();
        let text = read(&sample.lock()).replace("\"branch\":\"main\"", "\"branch\":\"\\u001b[2Jmain\"");
        let (body, _) = text.trim_end().rsplit_once('\n').expect("lines");
        let body = format!("{body}\n");
        let hash: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
        let end = serde_json::json!({"what": "end", "lines": body.lines().count(), "sha256": hash});
        fs::write(sample.lock(), format!("{body}{end}\n")).expect("written");
        refused(&sample, "it holds a control character");
    }

    #[test]
    fn because_it_is_a_link_to_nothing_is_refused_with_what_it_leads_to() {
        let sample = Remembered::with(CHECKLIST);
        std::os::unix::fs::symlink("elsewhere/gone.lock", sample.lock()).expect("a link");
        for command in ["check", "lock"] {
            let document = sample.run(&[command, "--format", "json"]).exits(2).json();
            schema::assert_valid("error", &document);
            assert_eq!(document["file"], sample.lock().to_str().expect("text"));
            let said = document["message"].as_str().expect("words");
            assert!(said.contains("is a symbolic link to elsewhere/gone.lock, which is not there"), "{said}");
        }
        sample.run(&["check", "--no-lock", "--only", "map"]).exits(0);
        sample.run(&["lock", "--force"]).exits(0);
        assert!(sample.lock().symlink_metadata().expect("there").is_file());
    }

    #[test]
    fn because_it_is_a_folder_or_a_fifo_is_refused_at_once() {
        let sample = Remembered::with(CHECKLIST);
        fs::create_dir(sample.lock()).expect("a folder");
        let run = sample.run(&["check", "--only", "map"]).exits(2);
        assert!(run.stderr.contains("expected a regular file"), "{}", run.stderr);
    }
}

mod what_is_not_to_be_remembered {
    use super::*;

    #[test]
    fn without_a_checklist_ends_with_4_and_says_what_writes_one() {
        let folder = tempfile::tempdir().expect("scratch");
        let run = xdoctor::command(["lock"]).current_dir(folder.path()).output().expect("runs");
        let run = xdoctor::Run::of(run).exits(4);
        assert!(run.stderr.contains("xdoctor init"), "{}", run.stderr);
        let run = xdoctor::command(["lock", "--format", "json"]).current_dir(folder.path()).output().expect("runs");
        let document = xdoctor::Run::of(run).exits(4).json();
        schema::assert_valid("lock", &document);
        assert_eq!([&document["lock"], &document["checklist"]], [&Value::Null, &Value::Null]);
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
    }

    #[test]
    fn because_a_checklist_names_nothing_ends_with_4() {
        let sample =
            Remembered::with("title: T\nsteps:\n  - title: S\n    checks: [{id: c, kind: command, run: \"true\"}]\n");
        let run = sample.run(&["lock"]).exits(4);
        assert!(run.stderr.contains("names no file, tree or repository"), "{}", run.stderr);
        let document = sample.run(&["lock", "--format", "json"]).exits(4).json();
        schema::assert_valid("lock", &document);
        assert_eq!(document["checklist"], sample.path("xdoctor.yaml").to_str().expect("text"));
        assert!(!sample.lock().exists());
    }

    #[test]
    fn because_it_cannot_be_looked_at_ends_with_2_and_keeps_the_lock_of_before() {
        let sample = Remembered::locked();
        let before = read(&sample.lock());
        fs::remove_file(sample.path(SHIM)).expect("gone");
        std::os::unix::fs::symlink("libshimhip.so", sample.path(SHIM)).expect("a link to itself");
        let run = sample.run(&["lock"]).exits(2);
        assert!(run.stderr.contains(&format!("cannot look at {SHIM}")), "{}", run.stderr);
        assert_eq!(read(&sample.lock()), before);
    }

    #[test]
    fn because_the_lock_is_of_another_checklist_is_kept_until_forced() {
        let sample = Remembered::locked();
        fs::copy(sample.path("xdoctor.yaml"), sample.path("other.yaml")).expect("copied");
        let run = sample.run(&["lock", "other.yaml"]).exits(2);
        assert!(run.stderr.contains("is of the checklist xdoctor.yaml, not of other.yaml"), "{}", run.stderr);
        let run = sample.run(&["check", "other.yaml", "--only", "map"]).exits(0);
        assert!(run.stderr.contains("it is not compared"), "{}", run.stderr);
        assert!(!run.stdout.contains("Memory"), "{}", run.stdout);
        sample.run(&["lock", "other.yaml", "--force"]).exits(0);
    }
}

mod a_bundled_checklist {
    use super::*;

    #[test]
    fn is_remembered_in_the_folder_that_one_stands_in() {
        let folder = tempfile::tempdir().expect("scratch");
        let sample = Remembered::with(CHECKLIST);
        let source = format!("source={}", sample.path("source").display());
        let xdoctor =
            |args: &[&str]| xdoctor::Run::of(xdoctor::command(args).current_dir(folder.path()).output().expect("runs"));
        xdoctor(&["lock", "xsched-hip", "--var", &source]).exits(0);
        assert!(folder.path().join("xdoctor.lock").is_file());
        let run = xdoctor(&["check", "xsched-hip", "--var", &source, "--only", "lock"]);
        assert!(run.stdout.contains("Memory"), "{}{}", run.stdout, run.stderr);
        // The self-check is of a sample that lasts as long as the run.
        let run = xdoctor(&["check", "--list"]).exits(0);
        assert!(!run.stdout.contains("Memory"), "{}", run.stdout);
    }
}
