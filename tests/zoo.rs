//! The zoo: shims that are sound, and shims broken in each way that gcc can reproduce. For each, what `xdoctor coverage`
//! says from the files alone is compared with its folder's expectations, with what ld.so and the client really do, and with
//! what `xdoctor smoke` says of that.
//!
//! A folder under fixtures/zoo holds what differs from fixtures/zoo/common. Lines that begin with `//#` (`##` in a
//! version script) say how it is made (tests/support/toys.rs) and what is expected:
//!
//! - `covered: all|none|NAME…` are the references that the shim gets, in the model and in the process
//! - `outranked: NAME…` are those that another definition wins; what remains is bypassed
//! - `code: SEVERITY CODE` is a diagnosis; there are no others
//! - `says: TEXT` stands in a diagnosis; `stderr: TEXT` in what the client's run writes
//! - `loads: FILE` is a file that the client's run loads
//! - `calls: NAME…` are the calls that arrive, where they are others than `covered` says
//! - `smoke: WORDS` are the words with which `xdoctor smoke` runs it, where they are others
//! - `deploy: replace`, `module: LIB` and `client: STATUS` say how the client is run and how it ends

#[path = "support/schema.rs"]
mod schema;
#[path = "support/toys.rs"]
mod toys;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use regex::Regex;
use serde_json::Value;
use toys::Toys;
use xdoctor::{Run, command, xdoctor};

/// One folder of the zoo, built.
struct Exhibit {
    toys: Toys,
}

type Names = BTreeSet<String>;

const KEYS: [&str; 11] =
    ["smoke", "loads", "covered", "outranked", "code", "says", "stderr", "calls", "deploy", "module", "client"];

impl Exhibit {
    fn build(name: &str) -> Exhibit {
        Exhibit { toys: Toys::build("zoo", name, &KEYS) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.toys.path(name)
    }

    fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.toys.all(key)
    }

    fn one(&self, key: &str) -> Option<&str> {
        self.toys.one(key)
    }

    fn names(&self, key: &str) -> Option<Names> {
        self.one(key).map(|names| names.split_whitespace().map(str::to_owned).collect())
    }

    fn replaces(&self) -> bool {
        self.one("deploy") == Some("replace")
    }

    /// What xdoctor says.
    fn coverage(&self) -> Value {
        let path = |name: &str| self.path(name).display().to_string();
        let mut args: Vec<String> = ["coverage", "--format", "json", "--shim"].map(str::to_owned).into();
        args.extend([path("shim/libshimhip.so"), "--runtime".into(), path("lib/libamdhip64.so.7")]);
        args.extend(["--client".into(), path("client"), "--deploy".into()]);
        args.push(if self.replaces() { "replace" } else { "preload" }.to_owned());
        args.extend(self.all("module").flat_map(|module| ["--module".to_owned(), path(module)]));
        let run = xdoctor(args);
        let document = run.json();
        schema::assert_valid("coverage", &document);
        let missed =
            |row: &&Value| row["covered"] == false && CRITICAL.contains(&row["role"].as_str().expect("a role"));
        let fails = symbols(&document).iter().any(|(_, row)| missed(row))
            || self.all("code").any(|code| code.starts_with("fail "));
        assert_eq!(run.status == 1, fails, "exit status {}: {document:#}", run.status);
        document
    }

    /// What xdoctor says once it has run the client: the exit status, and the code of the rung that fails or, where none
    /// does, nothing.
    fn smoke(&self) -> (i32, Option<String>) {
        let deploy = if self.replaces() { "replace" } else { "preload" };
        let usual = format!("--runtime lib/libamdhip64.so.7 --deploy {deploy}");
        let words = self.one("smoke").unwrap_or(&usual);
        let all = format!("smoke --format json --shim shim/libshimhip.so {words} -- ./client");
        let output = command(all.split(' ')).current_dir(self.toys.place()).output().expect("xdoctor starts");
        let run = Run::of(output);
        let document = run.json();
        let mut rungs = document["rungs"].as_array().unwrap_or_else(|| panic!("{document:#}")).iter();
        let failed = rungs.find(|rung| rung["status"] == "fail").map(|rung| rung["code"].as_str().expect("a code"));
        (run.status, failed.map(str::to_owned))
    }

    /// What really happens: ld.so tells what it binds, the toy shim what calls arrive.
    fn run(&self) -> Output {
        let mut client = Command::new(self.path("client"));
        client.current_dir(self.toys.place()).env("LD_DEBUG", "bindings").env("LD_BIND_NOW", "1").env("LC_ALL", "C");
        client.env_remove("LD_PRELOAD").env_remove("LD_LIBRARY_PATH");
        if self.replaces() {
            client.env("LD_LIBRARY_PATH", self.path("shim"));
        } else {
            client.env("LD_PRELOAD", self.path("shim/libshimhip.so"));
        }
        client.output().expect("starts")
    }
}

const CRITICAL: [&str; 4] = ["allocate", "free", "copy", "launch"];

/// Every reference in the document, with the client that has it.
fn symbols(document: &Value) -> Vec<(PathBuf, &Value)> {
    let clients = document["clients"].as_array().expect("clients");
    let mut found = Vec::new();
    for client in clients {
        let path = PathBuf::from(client["client"].as_str().expect("a path"));
        found.extend(client["symbols"].as_array().expect("rows").iter().map(|row| (path.clone(), row)));
    }
    found
}

fn name(row: &Value) -> String {
    row["symbol"].as_str().expect("a name").to_owned()
}

/// Which file ld.so bound a client's reference to.
fn bound_to(said: &str, client: &Path, symbol: &str) -> Option<PathBuf> {
    let client = regex::escape(&client.display().to_string());
    let line =
        Regex::new(&format!(r"binding file {client} \[0\] to (\S+) \[0\]: normal symbol `{symbol}'")).expect("valid");
    line.captures(said).map(|found| fs::canonicalize(&found[1]).expect("a file"))
}

/// The promise that every folder makes.
fn is_judged_as_it_behaves(folder: &str) {
    let exhibit = Exhibit::build(folder);
    let document = exhibit.coverage();
    let rows = symbols(&document);
    let needed: Names = rows.iter().map(|(_, row)| name(row)).collect();
    let covered: Names = rows.iter().filter(|(_, row)| row["covered"] == true).map(|(_, row)| name(row)).collect();

    // As its author says.
    let expected = match exhibit.one("covered").expect("every folder says what is covered") {
        "all" => needed.clone(),
        "none" => Names::new(),
        _ => exhibit.names("covered").expect("names"),
    };
    assert_eq!(covered, expected, "{document:#}");
    assert_eq!(diagnoses(&document), exhibit.all("code").map(str::to_owned).collect(), "{document:#}");
    let outranked: Names =
        rows.iter().filter(|(_, row)| row["code"] == "outranked").map(|(_, row)| name(row)).collect();
    assert_eq!(exhibit.names("outranked").unwrap_or_default(), outranked, "{document:#}");
    for text in exhibit.all("says") {
        assert!(document["diagnoses"].to_string().contains(text), "{text}: {document:#}");
    }

    // As it happens.
    let run = exhibit.run();
    let said = String::from_utf8_lossy(&run.stderr);
    let status = exhibit.one("client").map_or(0, |status| status.parse().expect("a number"));
    assert_eq!(run.status.code(), Some(status), "{said}");
    for text in exhibit.all("stderr") {
        assert!(said.contains(text), "{text}: {said}");
    }
    for file in exhibit.all("loads") {
        assert!(said.contains(&format!("to {} [0]", exhibit.path(file).display())), "{file}: {said}");
    }
    let arrived: Names =
        said.lines().filter_map(|line| line.strip_prefix("the shim got ")).map(str::to_owned).collect();
    if status != 0 {
        assert_eq!(arrived, Names::new(), "it did not start");
        return;
    }
    assert_eq!(arrived, exhibit.names("calls").unwrap_or(expected), "{said}");
    let shim = fs::canonicalize(exhibit.path("shim/libshimhip.so")).expect("the shim");
    for (client, row) in rows {
        let provider = bound_to(&said, &client, &name(row)).unwrap_or_else(|| panic!("{row} in {said}"));
        assert_eq!(row["covered"], provider == shim, "{row} of {} to {}", client.display(), provider.display());
    }
}

/// The other promise that every folder makes: what runs is judged as the files were. What is a mere possibility there may
/// have come true.
fn is_climbed_as_it_was_judged(folder: &str) {
    let exhibit = Exhibit::build(folder);
    let (status, failed) = exhibit.smoke();
    let codes = |severity: &str| -> Names {
        exhibit.all("code").filter_map(|code| code.strip_prefix(severity)).map(|code| code.trim().to_owned()).collect()
    };
    match failed {
        Some(code) if codes("fail").is_empty() => assert!(codes("warn").contains(&code), "{code} on a rung"),
        Some(code) => assert!(codes("fail").contains(&code), "{code} on a rung"),
        None => {
            assert_eq!(codes("fail"), Names::new(), "no rung fails");
            // The toy shims forward nothing where RTLD_NEXT finds nothing, and nobody can tell that from the outside.
            assert!(status == 0 || status == 3, "exit status {status}");
        }
    }
}

fn diagnoses(document: &Value) -> Names {
    let rows = document["diagnoses"].as_array().expect("diagnoses").iter();
    let checked = rows.inspect(|row| assert!(row["fix"].as_str().is_some_and(|fix| !fix.is_empty()), "{row}"));
    checked
        .map(|row| format!("{} {}", row["severity"].as_str().expect("text"), row["code"].as_str().expect("text")))
        .collect()
}

/// One test for each folder, and a folder for each test.
macro_rules! zoo {
    ($($test:ident $folder:literal,)*) => {
        const FOLDERS: &[&str] = &[$($folder,)*];

        $(#[test]
        fn $test() {
            is_judged_as_it_behaves($folder);
            is_climbed_as_it_was_judged($folder);
        })*
    };
}

zoo! {
    a_versioned_shim_is_sound "sound-versioned",
    an_unversioned_shim_is_sound_as_a_preload "sound-unversioned",
    an_anonymous_node_is_sound_as_a_preload "sound-anonymous-node",
    functions_in_the_base_version_beside_nodes_are_sound "sound-base-and-default",
    an_old_and_a_default_version_of_a_function_are_sound "sound-two-versions",
    a_cxx_shim_with_extern_c_is_sound "sound-extern-c",
    a_replacement_of_the_right_name_and_nodes_is_sound "sound-replacement",
    a_version_script_for_another_library_exports_nothing "exports-nothing",
    nodes_that_nobody_asks_for_get_nothing "version-mismatch",
    one_function_in_an_older_node_is_missed "version-partial",
    a_launch_function_that_is_forgotten_is_a_failure "not-covered",
    an_event_function_that_is_forgotten_is_a_warning "not-covered-event",
    a_forgotten_extern_c_hides_a_function_behind_its_cxx_name "mangled-name",
    a_library_that_the_shim_needs_and_nobody_has_is_fatal "missing-library",
    a_version_that_the_shim_needs_and_nobody_has_is_fatal "missing-version",
    a_symbol_that_the_neighbour_holds_locally_is_fatal "undefined-symbol",
    what_the_program_defines_itself_wins "outranked",
    a_static_program_takes_no_preload "preload-impossible",
    a_shim_for_another_machine_is_ignored "preload-ignored",
    a_replacement_without_versions_is_a_warning "unversioned-replacement",
    a_replacement_without_a_node_is_fatal "replacement-missing-version",
    a_replacement_under_another_name_is_never_loaded "soname-mismatch",
    a_symbolic_runtime_is_a_warning "symbolic-bypass",
    a_runtime_inside_a_library_is_a_warning "static-runtime",
    a_module_opened_with_deepbind_goes_past_the_shim "deepbind-bypass",
    a_module_opened_without_it_is_sound "sound-module",
    a_search_path_that_is_gone_loses_what_the_shim_needs "runpath-dangling",
    a_search_path_that_is_gone_is_a_warning_where_nothing_is_lost "runpath-dangling-harmless",
    another_runtime_that_the_client_finds_by_itself_is_a_possibility "wrong-runtime",
    a_shim_that_exports_dlsym_answers_lookups_itself "dlsym-hijacked",
    a_runtime_inside_a_stripped_library_is_a_note "static-runtime-stripped",
    a_stripped_library_that_names_functions_in_messages_is_sound "sound-messages",
    a_lookup_in_the_runtimes_own_handle_is_a_possibility "dlsym-bypass",
}

#[test]
fn every_folder_of_the_zoo_is_visited() {
    let visited: Names = FOLDERS.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(toys::folders("zoo").into_iter().collect::<Names>(), visited);
}
