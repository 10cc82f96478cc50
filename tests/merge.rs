//! `xdoctor merge`: a thousand reports become one table, with the odd machines first.

#[path = "support/feed.rs"]
mod feed;
#[path = "support/page.rs"]
mod page;
#[path = "support/schema.rs"]
mod schema;
mod support;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Instant;

use feed::{fed, has};
use serde_json::{Value, json};
use tempfile::TempDir;
use xdoctor::{Run, check, xdoctor};

/// A checklist of one check that holds and two that depend on what is there.
const CHECKLIST: &str = "title: The nodes of the cluster
vars: {driver: /proc/self, scratch: /tmp}
steps:
  - title: Hardware
    checks:
      - {id: root, kind: path, path: /}
      - {id: driver, title: the driver is loaded, kind: path, path: '${driver}'}
  - title: Storage
    checks:
      - {id: scratch, title: there is scratch space, kind: path, path: '${scratch}', severity: warn}
";

/// What `xdoctor check` really reports of that checklist, with these variables.
fn report(folder: &Path, vars: &[&str]) -> Value {
    let mut args = vec!["--format", "json"];
    args.extend(vars.iter().flat_map(|var| ["--var", var]));
    check(folder, CHECKLIST, &args).json()
}

fn of_host(report: &Value, host: &str) -> Value {
    let mut report = report.clone();
    report["host"] = host.into();
    report
}

/// A folder of reports, one file a host.
struct Reports {
    folder: TempDir,
}

impl Reports {
    fn new() -> Reports {
        Reports { folder: tempfile::tempdir().expect("scratch") }
    }

    fn add(&self, host: &str, report: &Value) -> &Reports {
        self.write(&format!("{host}.json"), &serde_json::to_string_pretty(&of_host(report, host)).expect("JSON"))
    }

    fn write(&self, file: &str, text: &str) -> &Reports {
        fs::write(self.folder.path().join(file), text).expect("written");
        self
    }

    fn merge(&self, args: &[&str]) -> Run {
        let mut all = vec!["merge".as_ref(), self.folder.path().as_os_str()];
        all.extend(args.iter().map(std::ffi::OsStr::new));
        xdoctor(all)
    }

    /// The document, as its schema says.
    fn document(&self, args: &[&str], status: i32) -> Value {
        let document = self.merge(&[&["--format", "json"], args].concat()).exits(status).json();
        schema::assert_valid("merge", &document);
        assert_eq!(document["exit_status"], status);
        document
    }
}

/// A thousand hosts of which three are odd: two fail alike, one only warns.
fn thousand() -> Reports {
    let (reports, scratch) = (Reports::new(), tempfile::tempdir().expect("scratch"));
    let well = report(scratch.path(), &[]);
    let broken = report(scratch.path(), &["driver=/nowhere"]);
    let full = report(scratch.path(), &["scratch=/nowhere"]);
    for number in 1..=1000 {
        let report = match number {
            37 | 512 => &broken,
            99 => &full,
            _ => &well,
        };
        reports.add(&format!("n{number:04}"), report);
    }
    reports
}

mod a_thousand_hosts {
    use super::*;

    #[test]
    fn become_three_groups_with_the_odd_ones_first() {
        let started = Instant::now();
        let reports = thousand();
        println!("1,000 reports written in {:.2} s", started.elapsed().as_secs_f64());
        let started = Instant::now();
        let document = reports.document(&[], 1);
        println!("1,000 reports merged in {:.2} s", started.elapsed().as_secs_f64());
        assert_eq!(
            document["summary"],
            json!({"reports": 1000, "hosts": 1000, "failing": 2, "undetermined": 0, "odd": 3})
        );
        let groups = document["groups"].as_array().expect("groups");
        let hosts: Vec<&str> = groups.iter().filter_map(|group| group["hosts"].as_str()).collect();
        assert_eq!(hosts, ["n[0037,0512]", "n0099", "n[0001-0036,0038-0098,0100-0511,0513-1000]"]);
        assert_eq!(groups[2]["as_most"], true);
        let difference = &groups[0]["differences"][0];
        for (member, value) in [("id", "driver"), ("status", "fail"), ("code", "file-missing"), ("most_status", "pass")]
        {
            assert_eq!(difference[member], value, "{member}");
        }
        assert_eq!(difference["variants"][0]["hosts"], "n[0037,0512]");
        assert_eq!(groups[1]["differences"][0]["status"], "warn");
    }

    #[test]
    fn are_a_page_of_a_few_lines_that_says_what_differs_and_how_to_mend_it() {
        let run = thousand().merge(&["--consensus"]).exits(1);
        let (text, lines) = (&run.stdout, run.stdout.lines().collect::<Vec<_>>());
        assert!(lines.len() < 30, "{text}");
        assert_eq!(lines[0], "1000 reports of 1000 hosts");
        assert_eq!(lines[2], "n[0037,0512]  2 hosts: 1 fail, 2 pass");
        assert_eq!(lines[3], "  ✗ driver  fail [file-missing]; most: pass");
        assert!(lines[4].starts_with("      expected: something at /nowhere"), "{text}");
        assert!(text.contains("\n✓ driver  998 of 1000: pass; n[0037,0512]: fail [file-missing]\n"), "{text}");
        assert_eq!(lines.last(), Some(&"2 of 1000 hosts fail; 3 differ from most"));
    }
}

mod the_exit_status {
    use super::*;

    fn of(hosts: &[(&str, &Value)]) -> Reports {
        let reports = Reports::new();
        for (host, report) in hosts {
            reports.add(host, report);
        }
        reports
    }

    #[test]
    fn is_that_of_the_worst_host() {
        let scratch = tempfile::tempdir().expect("scratch");
        let well = report(scratch.path(), &[]);
        let warned = report(scratch.path(), &["scratch=/nowhere"]);
        let broken = report(scratch.path(), &["driver=/nowhere"]);
        // What leads to itself cannot be looked at, and so is neither there nor missing.
        std::os::unix::fs::symlink("loop", scratch.path().join("loop")).expect("linked");
        let open = report(scratch.path(), &[&format!("driver={}/loop/x", scratch.path().display())]);
        assert_eq!(open["exit_status"], 3);
        of(&[("a", &well), ("b", &well)]).merge(&[]).exits(0);
        of(&[("a", &well), ("b", &warned)]).merge(&[]).exits(0);
        of(&[("a", &well), ("b", &warned)]).merge(&["--exit-style", "nagios"]).exits(1);
        of(&[("a", &well), ("b", &open)]).merge(&[]).exits(3);
        let all = of(&[("a", &well), ("b", &open), ("c", &broken)]);
        let run = all.merge(&[]).exits(1);
        assert!(run.stdout.ends_with("1 of 3 hosts fails, 1 could not be determined; 2 differ from most\n"));
        Reports::new().merge(&[]).exits(4);
    }

    #[test]
    fn is_1_although_all_fail_alike_and_none_is_odd() {
        let scratch = tempfile::tempdir().expect("scratch");
        let broken = report(scratch.path(), &["driver=/nowhere"]);
        let document = of(&[("a1", &broken), ("a2", &broken)]).document(&[], 1);
        assert_eq!(document["summary"]["odd"], 0);
        assert_eq!(document["groups"][0]["shared"][0]["id"], "driver");
        assert_eq!(document["consensus"][1]["status"], "fail");
        let run = of(&[("a1", &broken), ("a2", &broken)]).merge(&[]).exits(1);
        assert!(run.stdout.contains("  ✗ driver  fail [file-missing]\n"), "{}", run.stdout);
        assert!(run.stdout.contains("a[1-2]  2 hosts"), "{}", run.stdout);
    }

    #[test]
    fn is_3_where_an_expected_host_is_silent() {
        let scratch = tempfile::tempdir().expect("scratch");
        let well = report(scratch.path(), &[]);
        let reports = of(&[("n1", &well), ("n3", &well)]);
        let document = reports.document(&["--expect", "n[1-4]"], 3);
        assert_eq!(document["silent"], json!(["n2", "n4"]));
        let run = reports.merge(&["--expect", "n[1-4]"]).exits(3);
        assert!(run.stdout.contains("n[2,4]  2 hosts\n  ? expected, and no report is there"), "{}", run.stdout);
        assert!(run.stdout.ends_with("; all are alike; 2 expected hosts sent no report\n"), "{}", run.stdout);
        reports.merge(&["--expect", "n[1,3]"]).exits(0);
        let said = reports.merge(&["--expect", "n[1"]).exits(2).stderr;
        assert!(said.contains("`n[1`: expected host names as in n[1-36,38-512]"), "{said}");
    }
}

mod a_file_that_is_no_report {
    use super::*;

    /// One report, and five files that are none, with what is said of each.
    fn with_damage() -> (Reports, [(&'static str, &'static str); 6]) {
        let (reports, scratch) = (Reports::new(), tempfile::tempdir().expect("scratch"));
        let well = report(scratch.path(), &[]);
        reports.add("n1", &well);
        let text = serde_json::to_string_pretty(&well).expect("JSON");
        reports.write("cut.json", &text[..text.len() / 2]).write("empty.json", "").write("alien.json", "[1, 2]");
        reports.write("other.json", r#"{"schema": "xdoctor/smoke/1", "rungs": []}"#);
        let bad = xdoctor(["check", "/nowhere.yaml", "--format", "json"]).exits(2).stdout;
        reports.write("stopped.json", &bad);
        let mut malformed = well;
        malformed["steps"] = json!(7);
        reports.write("malformed.json", &malformed.to_string()).write("notes.txt", "not asked for");
        let said = [
            ("alien.json", "is JSON without `\"schema\": \"xdoctor/check/1\"`"),
            ("cut.json", "no whole JSON document: EOF while parsing"),
            ("empty.json", "empty: expected a report of `xdoctor check --format json`"),
            ("malformed.json", "says that it is a report and is not as one: invalid type: integer `7`"),
            ("other.json", "holds `xdoctor/smoke/1`, expected `xdoctor/check/1`"),
            ("stopped.json", "holds no report but what stopped xdoctor there: no checklist `/nowhere.yaml`"),
        ];
        (reports, said)
    }

    #[test]
    fn is_named_with_its_fault_and_the_others_are_folded_all_the_same() {
        let (reports, faults) = with_damage();
        let run = reports.merge(&["-q"]).exits(2);
        assert_eq!(run.stderr.lines().count(), faults.len(), "{}", run.stderr);
        for ((file, fault), line) in faults.iter().zip(run.stderr.lines()) {
            assert!(line.contains(&format!("{file}: {fault}")), "{line}");
        }
        assert!(run.stdout.starts_with("1 report of 1 host\n\nn1  1 host: 3 pass\n"), "{}", run.stdout);
    }

    #[test]
    fn is_an_error_document_in_json_unless_it_is_to_keep_going() {
        let (reports, faults) = with_damage();
        let error = reports.merge(&["--format", "json"]).exits(2).json();
        schema::assert_valid("error", &error);
        let message = error["message"].as_str().expect("words");
        assert!(faults.iter().all(|(file, _)| message.contains(file)), "{message}");
        let document = reports.document(&["--keep-going"], 3);
        let files = document["refused"].as_array().expect("files").iter();
        let files: Vec<&str> = files.filter_map(|file| file["file"].as_str()?.rsplit('/').next()).collect();
        assert_eq!(files, faults.map(|(file, _)| file));
        assert!(document["refused"][1]["line"].as_u64() > Some(1), "{document:#}");
    }

    #[test]
    fn is_wrong_at_a_column_that_an_editor_knows_also_where_it_ends_too_early() {
        for (text, line, column) in
            [("{\"schema\":\n", 2, 1), ("{\"schema\": \"xdoc\ntor\"}", 1, 17), ("{\"ä\": ?}", 1, 7)]
        {
            let reports = Reports::new();
            reports.write("n1.json", text);
            let error = reports.merge(&["--format", "json"]).exits(2).json();
            schema::assert_valid("error", &error);
            assert_eq!((error["line"].as_u64(), error["column"].as_u64()), (Some(line), Some(column)), "{error:#}");
            let said = error["message"].as_str().expect("words");
            assert!(said.ends_with(&format!("at line {line} column {column}")), "{said}");
            let refused = &reports.document(&["--keep-going"], 3)["refused"][0];
            assert_eq!(refused["line"].as_u64(), Some(line));
        }
    }

    #[test]
    fn is_said_where_it_is_not_there_at_all() {
        let run = xdoctor(["merge", "/nowhere/n1.json"]).exits(2);
        assert!(run.stderr.starts_with("xdoctor: /nowhere/n1.json: No such file"), "{}", run.stderr);
        assert_eq!(run.stdout, "");
    }
}

mod reports {
    use super::*;

    #[test]
    fn of_one_host_count_once_the_newest() {
        let (reports, scratch) = (Reports::new(), tempfile::tempdir().expect("scratch"));
        let mut old = of_host(&report(scratch.path(), &["driver=/nowhere"]), "n1");
        old["started"] = "2020-01-01T00:00:00Z".into();
        let new = of_host(&report(scratch.path(), &[]), "n1");
        reports.write("a.json", &new.to_string()).write("b.json", &old.to_string());
        let run = reports.merge(&[]).exits(0);
        assert!(run.stdout.starts_with("1 report of 1 host\n"), "{}", run.stdout);
        assert!(
            run.stderr.contains("from 2020-01-01T00:00:00Z is left out: there is one as new or newer"),
            "{}",
            run.stderr
        );
        assert_eq!(reports.document(&[], 0)["superseded"][0]["host"], "n1");
    }

    #[test]
    fn may_come_one_after_another_in_a_file_or_on_stdin() {
        let scratch = tempfile::tempdir().expect("scratch");
        let well = report(scratch.path(), &[]);
        let mut stream = String::new();
        for host in ["n1", "n2", "n3"] {
            let _ = writeln!(stream, "{:#}", of_host(&well, host));
        }
        let output = fed(env!("CARGO_BIN_EXE_xdoctor"), &["merge", "-"], &stream);
        let run = Run::of(output).exits(0);
        assert!(run.stdout.contains("n[1-3]  3 hosts: 3 pass\n"), "{}", run.stdout);
    }

    #[test]
    fn of_two_checklists_are_compared_each_with_its_own() {
        let (reports, scratch) = (Reports::new(), tempfile::tempdir().expect("scratch"));
        let mut gpu = report(scratch.path(), &[]);
        gpu["checklist"] = "/etc/gpu.yaml".into();
        let mut login = report(scratch.path(), &["driver=/nowhere"]);
        login["checklist"] = "/etc/login.yaml".into();
        reports.add("n1", &gpu).add("n2", &gpu).add("login", &login);
        let document = reports.document(&[], 1);
        assert_eq!(document["summary"]["odd"], 0);
        let text = reports.merge(&[]).stdout;
        assert!(text.contains("  ✗ /etc/login.yaml driver  fail [file-missing]\n"), "{text}");
    }

    #[test]
    fn that_lack_a_check_differ_by_that() {
        let (reports, scratch) = (Reports::new(), tempfile::tempdir().expect("scratch"));
        let well = report(scratch.path(), &[]);
        let mut less = well.clone();
        less["steps"].as_array_mut().expect("steps").pop();
        reports.add("n1", &well).add("n2", &well).add("n3", &less);
        let text = reports.merge(&[]).exits(0).stdout;
        assert!(text.contains("n3  1 host: 2 pass\n  – scratch  not run; most: pass\n"), "{text}");
    }

    #[test]
    fn cannot_steer_the_terminal_of_who_reads_them() {
        let (reports, scratch) = (Reports::new(), tempfile::tempdir().expect("scratch"));
        let mut bad = report(scratch.path(), &["driver=/nowhere"]);
        bad["steps"][0]["checks"][1]["actual"] = "\u{1b}[2J\u{202e}gone".into();
        reports.write("x.json", &of_host(&bad, "n1\u{1b}[31m,n[2]").to_string());
        let text = reports.merge(&["--consensus"]).exits(1).stdout;
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text:?}");
        assert!(text.contains("found:    \\u{1b}[2J\\u{202e}gone"), "{text}");
        let page = reports.merge(&["--format", "markdown"]).stdout;
        assert!(!page.contains('\u{1b}'), "{page:?}");
    }
}

mod names_of_hosts {
    use super::*;
    use ::xdoctor::merge::hosts::{expand, fold};
    use proptest::prelude::*;

    fn has_nodeset() -> bool {
        support::require(has("nodeset"), "nodeset (Debian's package clustershell)")
    }

    #[track_caller]
    fn nodeset(args: &[&str], text: &str) -> String {
        let output = fed("nodeset", args, text);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8").trim_end().to_owned()
    }

    #[test]
    fn fold_to_the_words_of_nodeset() {
        if has_nodeset() {
            let range = |numbers: &[u32], width: usize| {
                numbers.iter().map(|number| format!("n{number:0width$}")).collect::<Vec<_>>().join(" ")
            };
            let product =
                (1..=4).flat_map(|rack| (1..=36).map(move |n| format!("r{rack}-n{n:02}.x7"))).collect::<Vec<_>>();
            for names in [
                range(&(1..=512).filter(|number| *number != 37).collect::<Vec<_>>(), 0),
                range(&[9, 10, 99, 100, 101, 7], 3),
                range(&[98, 99, 100, 101], 0),
                "n1 n2 n01 n10 n001 n002 n010".to_owned(),
                "n9 n10 n08 n09 n11".to_owned(),
                "n0 n00 n000 n007 n8".to_owned(),
                "b1 a1 a2 login x N1 n n-1 n-2".to_owned(),
                "ip-10-0-3-17 ip-10-0-3-18 ip-10-0-3-19".to_owned(),
                "n1.a2 n2.a2 n3.a2".to_owned(),
                "r1n1 r1n2 r2n1 r2n2 r3n1".to_owned(),
                product.join(" "),
            ] {
                assert_eq!(fold(names.split(' ')), nodeset(&["-f"], &(names.clone() + "\n")), "{names}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]

        #[test]
        fn mean_to_nodeset_just_those_that_were_folded(
            names in prop::collection::btree_set("[ab]{0,1}n?-?[0-9]{1,3}(r[01]{1,2})?", 1..40)
        ) {
            // A name that begins with a minus is an option to nodeset's reader, and none to DNS either.
            let names: Vec<String> = names.into_iter().filter(|name| !name.starts_with('-')).collect();
            if !names.is_empty() && has_nodeset() {
                let folded = fold(names.iter().map(String::as_str));
                let mut meant: Vec<String> = nodeset(&["-e", &folded], "").split(' ').map(str::to_owned).collect();
                meant.sort();
                prop_assert_eq!(&meant, &names, "{}", folded);
                let mut ours = expand(&folded).expect("hosts");
                ours.sort();
                prop_assert_eq!(&ours, &names, "{}", folded);
            }
        }
    }
}

mod the_progress_page {
    use super::*;

    #[test]
    fn has_a_row_for_each_checklist_and_ticks_the_steps_that_hold() {
        let (reports, scratch) = (Reports::new(), tempfile::tempdir().expect("scratch"));
        let mut first = report(scratch.path(), &[]);
        first["checklist"] = "/lab/01-build.yaml".into();
        first["title"] = "Build | install".into();
        let mut second = report(scratch.path(), &["driver=/nowhere"]);
        second["checklist"] = "/lab/02-matmul.yaml".into();
        reports.write("1.json", &of_host(&first, "gpu1").to_string());
        reports.write("2.json", &of_host(&second, "gpu1").to_string());
        let page = reports.merge(&["--format", "markdown"]).exits(1).stdout;
        let date = &first["started"].as_str().expect("a time")[..10];
        for line in [
            "# Progress",
            &format!("| Build \\| install | `gpu1` | 2/2 | 3 | 0 | 0 | 0 | every check holds | {date} |"),
            &format!("| The nodes of the cluster | `gpu1` | 1/2 | 2 | 1 | 0 | 0 | 1 of 3 checks fail | {date} |"),
            "- [x] 1. Hardware",
            "- [ ] 1. Hardware: `driver` fail (`file-missing`)",
            "- [x] 2. Storage",
        ] {
            assert!(page.lines().any(|there| there == line), "{line}\n{page}");
        }
    }

    const PAGE: page::Page = page::Page::at("docs/reports.md");

    /// Runs the page's block with these words, where two checklists lie.
    fn run(words: &str) -> (TempDir, Run) {
        let folder = tempfile::tempdir().expect("scratch");
        let build = "title: Build and install\nsteps:\n  - {title: A, checks: [{id: a, kind: path, path: /}]}\n  \
                     - {title: B, checks: [{id: b, kind: path, path: /}, {id: c, kind: path, path: /}]}\n";
        let matmul = "title: Matmul under the shim\nsteps:\n  \
                      - {title: A, checks: [{id: a, kind: path, path: /}, {id: b, kind: path, path: /nowhere}]}\n";
        fs::write(folder.path().join("01-build.yaml"), build).expect("written");
        fs::write(folder.path().join("02-matmul.yaml"), matmul).expect("written");
        let bin = Path::new(env!("CARGO_BIN_EXE_xdoctor")).parent().expect("a folder").display().to_string();
        let path = format!("{bin}:{}", std::env::var("PATH").expect("a PATH"));
        let mut bash = std::process::Command::new("bash");
        bash.args(["-c", &PAGE.block("sh", words)]).current_dir(folder.path()).env("PATH", path).env("LANG", "C.UTF-8");
        let run = Run::of(bash.output().expect("bash runs"));
        (folder, run)
    }

    #[test]
    fn is_made_by_the_commands_of_its_documentation_as_shown_there() {
        let (folder, run) = run("PROGRESS.md");
        run.exits(1);
        let made = fs::read_to_string(folder.path().join("PROGRESS.md")).expect("a page");
        let host = fs::read_to_string("/proc/sys/kernel/hostname").expect("a host");
        let date = regex::Regex::new(r"\d{4}-\d\d-\d\d").expect("a pattern");
        let settled = date.replace_all(&made, "2026-11-22").replace(&format!("`{}`", host.trim()), "`gpu1`");
        for line in PAGE.block("markdown", "checklist").lines() {
            assert!(settled.lines().any(|there| there == line), "{line}\n{settled}");
        }
    }

    #[test]
    fn has_beside_it_the_results_page_and_the_page_for_a_browser() {
        let (folder, ran) = run("RESULTS.md");
        ran.exits(0);
        let made = fs::read_to_string(folder.path().join("RESULTS.md")).expect("a page");
        assert!(made.starts_with("# Build and install\n\n**every check holds**\n"), "{made}");
        let (folder, ran) = run("report.html");
        ran.exits(1);
        let made = fs::read_to_string(folder.path().join("report.html")).expect("a page");
        assert!(made.starts_with("<!DOCTYPE html>"), "{made}");
    }
}
