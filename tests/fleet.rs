//! docs/fleet.md: each of its commands, scripts and manifests is run, out of the page, on as many nodes as it names.
//!
//! A node is a UTS namespace (its own host name) or a slurmd of its own. What the page has in /usr/local/bin, /etc and
//! /shared lies in a scratch folder here, and the driver's device is a file for each node, so that nodes can differ.

#[path = "support/feed.rs"]
mod feed;
#[path = "support/page.rs"]
mod page;
#[path = "support/slurm.rs"]
mod slurm;
mod support;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use feed::{fed, has};
use page::Page;
use serde_json::Value;
use slurm::Cluster;
use tempfile::TempDir;
use xdoctor::Run;

const PAGE: Page = Page::at("docs/fleet.md");

/// Takes ssh's command line, and runs the command on a node: under its host name, as itself.
const SSH: &str = r#"#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
host=$1; shift
exec unshare --uts sh -c 'hostname "$0" && export SLURMD_NODENAME="$0" && exec sh -c "$*"' "$host" "$@"
"#;

/// How a node's driver is.
#[derive(Clone, Copy)]
enum Driver {
    Loaded,
    Missing,
    Unknown,
}

/// The machines of the page: its checklist, and a folder with a driver's device for each node.
struct Nodes {
    folder: TempDir,
}

impl Nodes {
    fn new(names: impl IntoIterator<Item = String>) -> Nodes {
        let nodes = Nodes { folder: tempfile::tempdir().expect("scratch") };
        for folder in ["bin", "shared/reports", "prometheus"] {
            fs::create_dir_all(nodes.at(folder)).expect("made");
        }
        nodes.script("bin/ssh", SSH);
        for name in names {
            nodes.driver(&name, Driver::Loaded);
        }
        nodes.driver("here", Driver::Loaded);
        nodes.checklist();
        nodes
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn script(&self, path: &str, text: &str) {
        fs::write(self.at(path), text).expect("written");
        fs::set_permissions(self.at(path), fs::Permissions::from_mode(0o755)).expect("set");
    }

    fn driver(&self, node: &str, driver: Driver) {
        let folder = self.at(node);
        let _ = fs::remove_dir_all(&folder);
        let _ = fs::remove_file(&folder);
        match driver {
            Driver::Loaded => {
                fs::create_dir(&folder).expect("made");
                fs::write(folder.join("kfd"), "").expect("written");
            }
            Driver::Missing => fs::create_dir(&folder).expect("made"),
            // It leads to itself, so that nobody can tell what is in it.
            Driver::Unknown => std::os::unix::fs::symlink(node, &folder).expect("linked"),
        }
    }

    /// The page's checklist, which looks for the driver of the node that it is run on.
    fn checklist(&self) {
        let text = PAGE.block("yaml", "# /etc/xdoctor/node.yaml");
        let device = format!("{}/${{SLURMD_NODENAME:-here}}/kfd", self.folder.path().display());
        assert!(text.contains("/dev/kfd"));
        fs::write(self.at("node.yaml"), text.replace("/dev/kfd", &device)).expect("written");
    }

    /// The page's text, with what it has in the system in this folder.
    fn placed(&self, text: &str) -> String {
        let bin = Path::new(env!("CARGO_BIN_EXE_xdoctor")).parent().expect("a folder").display().to_string();
        let here = self.folder.path().display();
        let places = [
            ("/usr/local/bin", bin),
            ("/etc/xdoctor/", format!("{here}/")),
            ("/etc/slurm/", format!("{here}/")),
            ("/shared/", format!("{here}/shared/")),
            ("/var/lib/prometheus/node-exporter/", format!("{here}/prometheus/")),
        ];
        places.iter().fold(text.to_owned(), |text, (of_page, of_test)| text.replace(of_page, of_test))
    }

    fn command(&self, program: &str) -> Command {
        let bin = Path::new(env!("CARGO_BIN_EXE_xdoctor")).parent().expect("a folder");
        let rest = std::env::var("PATH").expect("a PATH");
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env("LANG", "C.UTF-8").env_remove("SLURMD_NODENAME");
        command.env("PATH", format!("{}:{}:{rest}", self.at("bin").display(), bin.display()));
        command
    }

    /// Runs a shell command of the page.
    fn run(&self, script: &str) -> Run {
        Run::of(self.command("bash").args(["-c", &self.placed(script)]).output().expect("bash runs"))
    }
}

fn n64() -> Nodes {
    Nodes::new((1..=64).map(|number| format!("n{number}")))
}

fn has_hosts() -> bool {
    let output = Command::new("unshare").args(["--uts", "true"]).output();
    support::require(
        output.is_ok_and(|output| output.status.success()),
        "right to give a process a host name of its own (root)",
    )
}

fn has_clush() -> bool {
    support::require(has("clush"), "clush (Debian's package clustershell)")
}

/// Every line of what the page shows, but for `…`, is a line of what was said.
#[track_caller]
fn shows(shown: &str, said: &str) {
    for line in shown.lines().filter(|line| !line.is_empty() && line.trim() != "…") {
        let same = |said: &str| {
            let said =
                said.split_once("/kfd").map_or(said.to_owned(), |_| "      expected: something at /dev/kfd".to_owned());
            said == line
        };
        assert!(said.lines().any(same), "{line}\n--- is not in\n{said}");
    }
}

mod clush {
    use super::*;

    #[test]
    fn shows_the_odd_node_apart_from_the_others_and_ends_with_the_worst_status() {
        if has_clush() && has_hosts() {
            let nodes = n64();
            let all_well = nodes.run(&PAGE.block("sh", "clush -w \"n[1-64]\" -bL -S xdoctor")).exits(0);
            assert!(all_well.stdout.contains("n[1-64]: warn: shim; 2 pass"), "{}", all_well.stdout);
            nodes.driver("n37", Driver::Missing);
            let run = nodes.run(&PAGE.block("sh", "clush -w \"n[1-64]\" -bL -S xdoctor")).exits(1);
            shows(&PAGE.block("text", "n37: fail: driver"), &run.stdout);
        }
    }

    #[test]
    fn leaves_a_report_for_each_node_which_merge_folds_and_misses_those_that_sent_none() {
        if has_clush() && has_hosts() {
            let nodes = n64();
            nodes.driver("n37", Driver::Missing);
            let run = nodes.run(&PAGE.block("sh", "$(uname -n)")).exits(1);
            shows(&PAGE.block("text", "64 reports of 64 hosts"), &run.stdout);
            fs::remove_file(nodes.at("shared/reports/n5.json")).expect("removed");
            let again = nodes.run("xdoctor merge /shared/reports --expect \"n[1-64]\"").exits(1);
            assert!(again.stdout.contains("n5  1 host\n  ? expected, and no report is there"), "{}", again.stdout);
        }
    }

    #[test]
    fn runs_it_here_for_each_name_where_there_is_no_cluster() {
        if has_clush() {
            let run = n64().run(&PAGE.block("sh", "-R exec")).exits(0);
            assert!(run.stdout.contains("n[1-64]: warn: shim; 2 pass\n"), "{}", run.stdout);
            assert!(run.stdout.ends_with("no failure on 64 hosts; all are alike\n"), "{}", run.stdout);
        }
    }
}

#[test]
fn dshbak_folds_what_pdsh_brings() {
    if support::require(has("pdsh") && has("dshbak"), "pdsh (Debian's package pdsh)") && has_hosts() {
        let nodes = n64();
        nodes.driver("n37", Driver::Missing);
        let run = nodes.run(&PAGE.block("sh", "dshbak -c"));
        assert!(
            run.stdout.contains("\nn37\n----------------\nfail: driver; warn: shim; 1 pass\n"),
            "{}\n{}",
            run.stdout,
            run.stderr
        );
        assert!(run.stdout.contains("\nn[1-36,38-64]\n----------------\nwarn: shim; 2 pass\n"), "{}", run.stdout);
    }
}

mod in_slurm {
    use super::*;

    fn has_slurm() -> bool {
        let all = ["slurmctld", "slurmd", "srun", "munged"].iter().all(|program| slurm::has(program));
        let root = rustix::process::getuid().is_root();
        support::require(all && root, "Slurm as root (Debian's packages slurmctld, slurmd, slurm-client, munge)")
    }

    /// Four nodes with what the page says belongs into slurm.conf.
    fn cluster(nodes: &Nodes, ini: &str) -> Cluster {
        for (script, words) in [("prolog.sh", "/etc/slurm/prolog.sh"), ("health.sh", "/etc/slurm/health.sh")] {
            // Here slurm.conf does not lie where Slurm's programs look for it by themselves.
            let conf = format!("export SLURM_CONF={} PATH=", nodes.at("slurm/slurm.conf").display());
            nodes.script(script, &nodes.placed(&PAGE.block("sh", words)).replace("export PATH=", &conf));
        }
        let often = nodes.placed(&PAGE.block("ini", ini)).replace("HealthCheckInterval=300", "HealthCheckInterval=2");
        Cluster::start(nodes.folder.path(), 4, &often)
    }

    fn four() -> Nodes {
        Nodes::new((1..=4).map(|number| format!("n{number}")))
    }

    #[test]
    fn the_prolog_drains_for_a_fault_of_the_node_and_not_for_what_nobody_could_tell() {
        if has_slurm() {
            let nodes = four();
            nodes.driver("n4", Driver::Unknown);
            let cluster = cluster(&nodes, "Prolog=");
            let environment = cluster.environment();
            let job = |script: &str| {
                let mut command = nodes.command("bash");
                command.args(["-c", &nodes.placed(script)]).envs(environment.clone());
                Run::of(command.output().expect("bash runs"))
            };
            let run = job(&PAGE.block("sh", "srun -N4")).exits(3);
            assert!(run.stdout.starts_with("4 reports of 4 hosts\n\nn4  1 host: 1 undetermined"), "{}", run.stdout);
            assert_eq!(cluster.drained(), "", "{}", cluster.logs());
            nodes.driver("n3", Driver::Missing);
            job("timeout 60 srun -N4 --immediate=30 true");
            assert!(cluster.comes_to_pass(|| cluster.drained() == "n3 Prolog error\n"), "{}", cluster.logs());
            let log = cluster.log("n3");
            assert!(log.contains("rc:1 output:fail: driver; 1 pass"), "{log}");
        }
    }

    #[test]
    fn the_health_check_drains_with_the_headline_as_the_reason_and_overwrites_nobody_elses() {
        if has_slurm() {
            let nodes = four();
            nodes.driver("n2", Driver::Missing);
            nodes.driver("n4", Driver::Unknown);
            let cluster = cluster(&nodes, "HealthCheckProgram=");
            let reason = "n2 xdoctor: fail: driver; 1 pass\n";
            assert!(cluster.comes_to_pass(|| cluster.drained() == reason), "{}", cluster.logs());
            cluster.scontrol(&["update", "NodeName=n1", "State=DRAIN", "Reason=mine"]);
            nodes.driver("n1", Driver::Missing);
            nodes.driver("n3", Driver::Missing);
            let all = "n1 mine\nn2 xdoctor: fail: driver; 1 pass\nn3 xdoctor: fail: driver; 1 pass\n";
            assert!(cluster.comes_to_pass(|| cluster.drained() == all), "{}\n{}", cluster.drained(), cluster.logs());
        }
    }
}

mod slurm_prolog {
    use super::*;

    /// Exit status and remarks of `check --slurm-prolog` over the page's checklist.
    #[track_caller]
    fn prolog(nodes: &Nodes, args: &str, status: i32) -> String {
        let run = nodes.run(&format!("xdoctor check /etc/xdoctor/node.yaml --slurm-prolog {args}")).exits(status);
        run.stderr
    }

    #[test]
    fn fails_for_a_check_of_the_node_and_for_nothing_else() {
        let nodes = Nodes::new([]);
        prolog(&nodes, "", 0);
        let said = prolog(&nodes, "--fail-on warn", 0);
        assert_eq!(said, "xdoctor: --slurm-prolog: not held against the node: shim is no check of the node\n");
        nodes.driver("here", Driver::Unknown);
        let said = prolog(&nodes, "", 0);
        assert_eq!(said, "xdoctor: --slurm-prolog: not held against the node: driver could not be determined\n");
        nodes.driver("here", Driver::Missing);
        assert_eq!(prolog(&nodes, "", 1), "");
        prolog(&nodes, "--only shim", 0);
    }

    #[test]
    fn fails_for_no_mistake_in_the_checklist_or_the_command_line() {
        let nodes = Nodes::new([]);
        nodes.driver("here", Driver::Missing);
        assert!(prolog(&nodes, "--no-such-flag", 0).contains("unexpected argument '--no-such-flag'"));
        assert!(prolog(&nodes, "--format sarif", 0).contains("no such --format"));
        assert!(prolog(&nodes, "--report fleet=/nowhere/x", 0).contains("there is no folder /nowhere"));
        fs::write(nodes.at("node.yaml"), "title: [").expect("written");
        assert!(prolog(&nodes, "", 0).contains("node.yaml:"));
        fs::remove_file(nodes.at("node.yaml")).expect("removed");
        assert!(prolog(&nodes, "", 0).contains("no such file"));
    }

    #[test]
    fn knows_the_kinds_that_look_at_nothing_but_the_node() {
        let nodes = Nodes::new([]);
        let of = |checks: &str| format!("title: T\nsteps: [{{title: S, checks: [{checks}]}}]\n");
        let kernel = "{id: new, kind: kernel, release: '>= 99'}";
        fs::write(nodes.at("node.yaml"), of(kernel)).expect("written");
        assert_eq!(prolog(&nodes, "", 1), "");
        let either = format!("{{id: either, any_of: [{kernel}, {{kind: mount, path: /etc, point: true}}]}}");
        fs::write(nodes.at("node.yaml"), of(&either.replace("id: new, ", ""))).expect("written");
        assert_eq!(prolog(&nodes, "", 1), "");
    }

    #[test]
    fn says_where_no_check_is_of_the_node() {
        let nodes = Nodes::new([]);
        let text = fs::read_to_string(nodes.at("node.yaml")).expect("there").replace("tags: [node]", "tags: [nodes]");
        fs::write(nodes.at("node.yaml"), text).expect("written");
        let said = prolog(&nodes, "", 0);
        assert!(said.contains("no check that was run is of the node; the tag `node` makes it one"), "{said}");
    }
}

mod in_kubernetes {
    use super::*;
    use serde::Deserialize;

    /// The manifests of the page's block with these words.
    fn manifests(words: &str) -> Vec<Value> {
        let block = PAGE.block("yaml", words);
        serde_yaml::Deserializer::from_str(&block).map(|one| Value::deserialize(one).expect("YAML")).collect()
    }

    /// What Kubernetes' own schema has against a manifest.
    fn complaint(manifest: &Value) -> Option<String> {
        let (mut compiler, mut schemas) = (boon::Compiler::new(), boon::Schemas::new());
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/standards/kubernetes-1.34.json");
        let schema = compiler.compile(path, &mut schemas).unwrap_or_else(|error| panic!("{error:#}"));
        schemas.validate(manifest, schema).err().map(|error| format!("{error:#}"))
    }

    #[test]
    fn the_manifests_are_as_kubernetes_schema_says_and_others_are_not() {
        let all = [manifests("kind: Pod"), manifests("kind: DaemonSet")].concat();
        assert_eq!(all.len(), 3);
        for manifest in &all {
            assert_eq!(complaint(manifest), None, "{manifest:#}");
        }
        let mut wrong = all[0].clone();
        wrong["spec"]["initContainers"][0]["comand"] = "x".into();
        assert!(complaint(&wrong).is_some());
    }

    /// Words of a manifest.
    fn words(list: &Value) -> Vec<String> {
        list.as_array().expect("a list").iter().map(|word| word.as_str().expect("a word").to_owned()).collect()
    }

    #[test]
    fn the_init_container_stops_the_pod_and_leaves_its_words_and_a_report() {
        let nodes = Nodes::new([]);
        let container = &manifests("kind: Pod")[0]["spec"]["initContainers"][0];
        // As the kubelet does with variables of `env`.
        let command =
            words(&container["command"]).iter().map(|word| word.replace("$(NODE_NAME)", "n7")).collect::<Vec<_>>();
        let run = |status| {
            let words: Vec<String> = command.iter().map(|word| nodes.placed(word)).collect();
            Run::of(nodes.command(&words[0]).args(&words[1..]).output().expect("runs")).exits(status)
        };
        run(0);
        nodes.driver("here", Driver::Missing);
        assert!(run(1).stdout.ends_with("1 of 3 checks fail\n"));
        let report: Value =
            serde_json::from_str(&fs::read_to_string(nodes.at("shared/reports/n7.json")).expect("there"))
                .expect("JSON");
        assert_eq!(report["host"], "n7");
        nodes.driver("here", Driver::Unknown);
        run(3);
    }

    #[test]
    fn node_problem_detector_gets_well_problem_and_unknown_with_a_headline_of_80_characters() {
        let nodes = Nodes::new([]);
        let maps = manifests("kind: DaemonSet");
        let text = maps[0]["data"]["xdoctor.json"].as_str().expect("a text");
        let config: Value = serde_json::from_str(text).expect("JSON");
        let rule = &config["rules"][0];
        assert_eq!(rule["condition"], config["conditions"][0]["type"]);
        let length = config["pluginConfig"]["max_output_length"].as_u64().expect("a number") as usize;
        let run = || {
            let args = words(&rule["args"]).into_iter().map(|word| nodes.placed(&word));
            let path = nodes.placed(rule["path"].as_str().expect("a path"));
            let run = Run::of(nodes.command(&path).args(args).output().expect("runs"));
            (run.status, run.stdout.chars().take(length).collect::<String>())
        };
        assert_eq!(run().0, 0);
        nodes.driver("here", Driver::Missing);
        let (status, kept) = run();
        assert_eq!((status, kept.lines().next()), (1, Some("fail: driver; 1 pass")));
        nodes.driver("here", Driver::Unknown);
        assert_eq!(run().0, 3);
        fs::remove_file(nodes.at("node.yaml")).expect("removed");
        assert_eq!(run().0, 2);
    }
}

#[test]
fn the_collector_finds_metrics_that_promtool_takes() {
    let nodes = Nodes::new([]);
    nodes.run(&PAGE.block("sh", "prometheus=")).exits(0);
    let metrics = fs::read_to_string(nodes.at("prometheus/xdoctor.prom")).expect("there");
    assert!(metrics.contains("xdoctor_check_status{id=\"driver\""), "{metrics}");
    if support::require(has("promtool"), "promtool (Debian's package prometheus)") {
        let output = fed("promtool", &["check", "metrics"], &metrics);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn every_command_of_the_page_is_run_by_a_test() {
    let tested = [
        "clush -w \"n[1-64]\" -bL -S xdoctor",
        "$(uname -n)",
        "-R exec",
        "dshbak -c",
        "srun -N4",
        "/etc/slurm/prolog.sh",
        "/etc/slurm/health.sh",
        "prometheus=",
    ];
    for block in PAGE.blocks("sh") {
        assert!(tested.iter().any(|words| block.contains(words)), "{block}");
    }
}
