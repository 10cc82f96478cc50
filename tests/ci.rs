//! docs/ci.md: each of its configurations is read, and each of its commands run, as the gate would.

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_yaml::Value;
use tempfile::TempDir;

/// A checklist with a check that holds, has the tag that the page asks for, and one that does not.
const CHECKLIST: &str = "title: T\nsteps:\n  - title: S\n    checks:\n      \
                         - {id: fine, kind: path, path: /, tags: [static]}\n      - {id: bad, kind: path, path: /nowhere}\n";

/// The page's code blocks of a language that hold these words.
fn block(language: &str, words: &str) -> String {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci.md")).expect("the page");
    let blocks = page.split("\n```").filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'));
    let mut found = blocks.filter(|block| block.contains(words));
    let block = found.next().unwrap_or_else(|| panic!("no {language} with {words}")).to_owned();
    assert!(found.next().is_none(), "more than one {language} with {words}");
    block
}

fn yaml(words: &str) -> Value {
    serde_yaml::from_str(&block("yaml", words)).expect("YAML")
}

/// A checkout with a checklist, and what came of a command in it, xdoctor on the PATH.
struct Ran {
    folder: TempDir,
    output: Output,
}

impl Ran {
    fn of(script: &str) -> Ran {
        let folder = tempfile::tempdir().expect("scratch");
        fs::write(folder.path().join("xdoctor.yaml"), CHECKLIST).expect("written");
        let program = Path::new(env!("CARGO_BIN_EXE_xdoctor")).parent().expect("a folder");
        let path = format!("{}:{}", program.display(), std::env::var("PATH").expect("a PATH"));
        let mut command = Command::new("bash");
        command.args(["-e", "-c", script]).current_dir(folder.path()).env("PATH", path).env("LANG", "C.UTF-8");
        command.env("GITHUB_STEP_SUMMARY", folder.path().join("summary.md")).env("COLLECTOR", folder.path());
        Ran { output: command.output().expect("bash runs"), folder }
    }

    #[track_caller]
    fn exits(self, status: i32) -> Ran {
        let said = String::from_utf8_lossy(&self.output.stderr);
        assert_eq!(self.output.status.code(), Some(status), "{}\n{said}", self.stdout());
        self
    }

    fn stdout(&self) -> String {
        String::from_utf8(self.output.stdout.clone()).expect("UTF-8")
    }

    #[track_caller]
    fn wrote(&self, file: &str) -> String {
        fs::read_to_string(self.folder.path().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }
}

#[test]
fn on_github_the_step_fails_with_annotations_a_summary_and_the_file_to_upload() {
    let workflow = yaml("GITHUB_STEP_SUMMARY");
    let steps = &workflow["jobs"]["xdoctor"]["steps"];
    let ran = Ran::of(steps[1]["run"].as_str().expect("a script")).exits(1);
    let line = "::error file=xdoctor.yaml,line=6,title=bad [file-missing]::";
    assert!(ran.stdout().lines().any(|said| said.starts_with(line)), "{}", ran.stdout());
    assert!(ran.stdout().contains("1 of 2 checks fail"), "{}", ran.stdout());
    assert!(ran.wrote("summary.md").starts_with("# T\n"));
    let uploaded = ran.wrote(steps[2]["with"]["sarif_file"].as_str().expect("a file"));
    assert!(uploaded.contains("\"ruleId\": \"file-missing\""), "{uploaded}");
}

#[test]
fn on_gitlab_the_job_leaves_the_file_that_its_artifacts_name() {
    let job = &yaml(".gitlab-ci.yml")["xdoctor"];
    let ran = Ran::of(job["script"][0].as_str().expect("a command")).exits(1);
    let report = ran.wrote(job["artifacts"]["reports"]["junit"].as_str().expect("a file"));
    assert!(report.contains("<failure type=\"file-missing\""), "{report}");
}

#[test]
fn on_jenkins_the_step_leaves_the_files_that_its_plugins_read() {
    let pipeline = block("groovy", "pipeline");
    let quoted = |before: &str| {
        let (_, rest) = pipeline.split_once(before).expect(before);
        rest.split_once('\'').expect("a quote").0.to_owned()
    };
    let ran = Ran::of(&quoted("sh '")).exits(1);
    assert!(ran.wrote(&quoted("junit '")).contains("<failure type=\"file-missing\""));
    assert!(ran.wrote(&quoted("pattern: '")).contains("\"ruleId\": \"file-missing\""));
}

#[test]
fn before_a_commit_only_what_has_the_tag_is_checked() {
    let config = yaml(".pre-commit-config.yaml");
    let ran = Ran::of(config["repos"][0]["hooks"][0]["entry"].as_str().expect("a command")).exits(0);
    assert!(ran.stdout().contains("1 checks in"), "{}", ran.stdout());
}

#[test]
fn for_monitoring_the_metrics_are_left_for_the_collector_and_promtool_takes_the_rules() {
    let ran = Ran::of(&block("sh", "COLLECTOR")).exits(1);
    assert!(ran.wrote("xdoctor.prom").contains("xdoctor_exit_status 1"));
    let has = |program: &str| Command::new(program).arg("--version").stderr(Stdio::null()).output().is_ok();
    if support::require(has("promtool"), "promtool (Debian's package prometheus)") {
        fs::write(ran.folder.path().join("rules.yml"), block("yaml", "groups:")).expect("written");
        let output =
            Command::new("promtool").args(["check", "rules", "rules.yml"]).current_dir(ran.folder.path()).output();
        let output = output.expect("runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("2 rules found"));
    }
}

#[test]
fn the_pipes_of_many_machines_and_of_tap_carry_the_report() {
    let folded = Ran::of(&block("sh", "uniq -c")).exits(0);
    assert!(folded.stdout().contains("1 bad fail file-missing"), "{}", folded.stdout());
    let has_parser = Command::new("tap-parser").arg("--help").output().is_ok();
    if support::require(has_parser, "tap-parser (npm)") {
        let read = Ran::of(&block("sh", "tap-parser")).exits(1);
        assert!(read.stdout().contains("not ok 2 - bad"), "{}", read.stdout());
    }
}
