//! `xdoctor coverage`: right in both directions. What it says from the files alone is compared with what really happens
//! when the client runs under the shim.

#[path = "support/cupy.rs"]
mod cupy;
#[path = "support/schema.rs"]
mod schema;
#[path = "support/shims.rs"]
mod shims;
mod support;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use shims::{Shim, version_script};
use tempfile::TempDir;
use xdoctor::xdoctor;

/// A folder with the bundle in it, and room for a shim.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().expect("scratch");
        xdoctor(["bundle", folder.path().join("bundle").to_str().expect("text")]).exits(0);
        Place(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn runtime(&self) -> PathBuf {
        self.path("bundle/lib/libamdhip64.so.7")
    }

    fn shim(&self) -> Shim {
        Shim::in_folder(&self.path("shim"))
    }

    /// What coverage says of the bundled client, or of another.
    #[track_caller]
    fn coverage(&self, shim: &Path, client: &Path, more: &[&str], status: i32) -> Value {
        let runtime = self.runtime();
        let mut args = vec!["coverage", "--format", "json", "--shim", text(shim), "--runtime", text(&runtime)];
        args.extend(["--client", text(client)]);
        args.extend(more);
        let document = xdoctor(args).exits(status).json();
        schema::assert_valid("coverage", &document);
        document
    }

    fn client(&self) -> PathBuf {
        self.path("bundle/bin/hip-matmul")
    }

    /// What really happens with the bundled client: the first rung that fails, and its code.
    fn reality(&self, shim: &Path) -> Option<(String, String)> {
        let document = xdoctor(["smoke", "--format", "json", "--shim", text(shim)]).json();
        let rungs = document["rungs"].as_array().expect("rungs").clone();
        let failed = rungs.into_iter().find(|rung| rung["status"] == "fail")?;
        let word = |name: &str| failed[name].as_str().expect("text").to_owned();
        Some((word("rung"), word("code")))
    }

    fn compile(&self, output: &str, source: &str, flags: &[&str]) -> PathBuf {
        let file = self.path("source.c");
        fs::write(&file, source).expect("written");
        let output = self.path(output);
        let mut cc = Command::new("cc");
        cc.args(["-w", "-o"]).arg(&output).arg(file).args(flags);
        assert!(cc.status().expect("gcc").success(), "{cc:?}");
        output
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

fn codes(document: &Value) -> Vec<&str> {
    let rows = document["diagnoses"].as_array().expect("diagnoses");
    rows.iter().filter(|row| row["severity"] == "fail").map(|row| row["code"].as_str().expect("a code")).collect()
}

fn diagnosis<'a>(document: &'a Value, code: &str) -> &'a Value {
    let rows = document["diagnoses"].as_array().expect("diagnoses");
    let found = rows.iter().find(|row| row["code"] == code).unwrap_or_else(|| panic!("no {code} in {document:#}"));
    assert!(found["fix"].as_str().is_some_and(|fix| !fix.is_empty()), "{found:#}");
    found
}

mod sound_shims {
    use super::*;

    /// Every reference covered, nothing failing, and so it is when the client runs.
    #[track_caller]
    fn is_sound(place: &Place, shim: &Path) {
        let document = place.coverage(shim, &place.client(), &[], 0);
        assert_eq!(codes(&document), [""; 0], "{document:#}");
        let roles = document["clients"][0]["roles"].as_array().expect("roles");
        assert!(roles.len() >= 12 && roles.iter().all(|role| role["needed"] == role["covered"]), "{roles:#?}");
        assert_eq!(place.reality(shim), None);
    }

    #[test]
    fn with_the_runtimes_nodes_cover_everything() {
        let place = Place::new();
        is_sound(&place, &place.shim().link());
    }

    #[test]
    fn without_any_version_cover_everything() {
        let place = Place::new();
        let shim = place.shim().without_map().link();
        is_sound(&place, &shim);
        let document = place.coverage(&shim, &place.client(), &[], 0);
        assert_eq!(diagnosis(&document, "unversioned-shim")["severity"], "warn");
    }

    #[test]
    fn with_an_anonymous_node_cover_everything() {
        let place = Place::new();
        is_sound(&place, &place.shim().with_map("{ global: hip*; __hip*; xdoctor*; amd*; local: *; };").link());
    }

    #[test]
    fn with_more_nodes_than_the_runtime_cover_everything() {
        let place = Place::new();
        let map = version_script() + "\nMY_SHIM_1 { global: my_shim_entry; };\n";
        is_sound(
            &place,
            &place.shim().with_map(map).with_source("more.c", "int my_shim_entry(void) { return 0; }").link(),
        );
    }

    #[test]
    fn with_cxx_names_beside_the_plain_ones_cover_everything() {
        let place = Place::new();
        let map = version_script() + "\nCXX_1 { global: _Z*; };\n";
        let alias = "-Wl,--defsym=_Z21hipModuleLaunchKernelPvj=hipModuleLaunchKernel";
        is_sound(&place, &place.shim().with_map(map).with_flag(alias).link());
    }
}

mod broken_shims {
    use super::*;

    /// The verdict from the files is what really happens.
    #[track_caller]
    fn fails_as_in_reality(place: &Place, shim: &Path, code: &str) -> Value {
        let document = place.coverage(shim, &place.client(), &[], 1);
        assert!(codes(&document).contains(&code), "{document:#}");
        let (_, real) = place.reality(shim).expect("it fails when it runs, too");
        assert_eq!(real, code);
        document
    }

    #[test]
    fn that_export_nothing_compare_the_runtime_with_itself() {
        let place = Place::new();
        let shim = place.shim().with_map("X { global: X*; local: *; };").link();
        let document = fails_as_in_reality(&place, &shim, "exports-nothing");
        let sentence = "no call reaches the shim: an experiment would compare the runtime with itself";
        assert_eq!(document["verdict"], sentence);
    }

    #[test]
    fn that_have_data_under_a_functions_name_do_not_have_the_function() {
        let place = Place::new();
        let shim = place.shim().without_function("hipFree").with_source("data.c", "int hipFree = 1;").link();
        let document = place.coverage(&shim, &place.client(), &[], 1);
        let found = diagnosis(&document, "not-covered");
        let said = "expected functions: hipFree; found data of that name in libshimhip.so: a call would jump into it";
        assert_eq!((&found["severity"], &found["message"]), (&"fail".into(), &said.into()), "{found:#}");
    }

    #[test]
    fn in_nodes_that_no_client_asks_for_miss_every_reference() {
        let place = Place::new();
        let shim = place.shim().with_map(version_script().replace("hip_", "hop_")).link();
        let document = fails_as_in_reality(&place, &shim, "version-mismatch");
        let symbols = document["clients"][0]["symbols"].as_array().expect("symbols");
        assert!(symbols.iter().all(|symbol| symbol["covered"] == false && symbol["code"] == "version-mismatch"));
    }

    #[test]
    fn with_one_function_in_another_node_are_named_for_it() {
        let place = Place::new();
        let moved = "hip_6.0 {\n  global:\n    hipMalloc;";
        let map = version_script().replace(" hipMalloc;", "").replace("hip_6.0 {\n  global:", moved);
        let document = fails_as_in_reality(&place, &place.shim().with_map(map).link(), "version-partial");
        assert!(
            diagnosis(&document, "version-partial")["message"].as_str().expect("words").contains("hipMalloc@hip_4.2")
        );
    }

    #[test]
    fn without_a_launch_function_time_kernels_that_they_never_saw() {
        let place = Place::new();
        let map = version_script().replace(" hipModuleLaunchKernel;", "");
        let document = fails_as_in_reality(&place, &place.shim().with_map(map).link(), "not-covered");
        assert!(document["verdict"].as_str().expect("words").starts_with("launches bypass the shim"));
        let launch =
            document["clients"][0]["roles"].as_array().expect("roles").iter().find(|row| row["role"] == "launch");
        let launch = launch.expect("launches are needed");
        assert_eq!(launch["covered"].as_u64().map(|covered| covered + 1), launch["needed"].as_u64());
    }

    #[test]
    fn without_any_function_are_told_what_mends_that_in_lines_that_fit_80_columns() {
        let place = Place::new();
        for map in ["X { global: nothing; local: *; };", "hip_4.2 { global: hipMalloc; local: *; };"] {
            let found = place.coverage(&place.shim().with_map(map.to_owned()).link(), &place.client(), &[], 1);
            let fix = found["diagnoses"][0]["fix"].as_str().expect("a mend").to_owned();
            assert!(fix.lines().any(|line| line == "xdoctor map RUNTIME > shim.map"), "a command to copy: {fix}");
            assert!(fix.contains("hip_4.2 { global: __hip"), "{fix}");
            assert!(fix.lines().all(|line| 16 + line.chars().count() <= 80), "{fix}");
        }
    }

    #[test]
    fn without_a_function_that_is_not_critical_are_a_warning() {
        let place = Place::new();
        let shim = place.shim().with_map(version_script().replace(" hipEventElapsedTime;", "")).link();
        let document = place.coverage(&shim, &place.client(), &[], 0);
        assert_eq!(diagnosis(&document, "not-covered")["severity"], "warn");
    }

    #[test]
    fn with_a_launch_function_under_its_cxx_name_only_are_named_for_it() {
        let place = Place::new();
        let mangled = "_Z21hipModuleLaunchKernelPvj";
        let map = version_script().replace(" hipModuleLaunchKernel;", &format!(" {mangled};"));
        let shim = place.shim().with_map(map).with_flag(format!("-Wl,--defsym={mangled}=hipModuleLaunchKernel")).link();
        fails_as_in_reality(&place, &shim, "mangled-name");
    }

    #[test]
    fn that_need_what_nobody_has_are_named_for_it() {
        let place = Place::new();
        let absent = place.compile("libabsent.so", "int absent;", &["-shared", "-Wl,-soname,libabsent.so.9"]);
        let shim = place.shim().with_flag(format!("-Wl,--no-as-needed,{}", absent.display())).link();
        let document = fails_as_in_reality(&place, &shim, "missing-library");
        assert!(diagnosis(&document, "missing-library")["message"].as_str().expect("words").contains("libabsent.so.9"));
    }

    #[test]
    fn whose_neighbour_hides_what_they_need_are_told_where_it_lies() {
        let place = Place::new();
        fs::create_dir_all(place.path("shim")).expect("made");
        fs::write(place.path("hide.map"), "{ local: *; };").expect("written");
        let source = "int _ZTIN6xsched3hip10HipCommandE = 1;";
        let open = place.compile("shim/libhalhip.so", source, &["-shared", "-fPIC", "-Wl,-soname,libhalhip.so"]);
        let user =
            "extern int _ZTIN6xsched3hip10HipCommandE; int *wanted(void) { return &_ZTIN6xsched3hip10HipCommandE; }";
        let rpath = "-Wl,-rpath,$ORIGIN".to_owned();
        let shim = place.shim().with_source("use.c", user).with_flag(text(&open).to_owned()).with_flag(rpath).link();
        assert_eq!(place.reality(&shim), None);
        let script = format!("-Wl,--version-script={}", place.path("hide.map").display());
        place.compile("shim/libhalhip.so", source, &["-shared", "-fPIC", "-Wl,-soname,libhalhip.so", &script]);
        let document = fails_as_in_reality(&place, &shim, "undefined-symbol");
        let found = diagnosis(&document, "undefined-symbol");
        let message = found["message"].as_str().expect("words");
        assert!(message.contains("libhalhip.so holds _ZTIN6xsched3hip10HipCommandE as a local symbol"), "{message}");
    }

    #[test]
    fn of_another_machine_are_preloads_that_ld_so_ignores() {
        let place = Place::new();
        let shim = place.shim().link();
        let mut bytes = fs::read(&shim).expect("read");
        bytes[18] = 183; // e_machine: EM_AARCH64
        fs::write(&shim, bytes).expect("written");
        fails_as_in_reality(&place, &shim, "preload-ignored");
    }
}

mod the_version_script {
    use super::*;

    /// The line that the script's text has this on.
    fn line_of(script: &str, text: &str) -> usize {
        script.lines().position(|line| line.contains(text)).expect("it is there") + 1
    }

    #[track_caller]
    fn blamed(map: &str, code: &str) -> (Value, usize) {
        let place = Place::new();
        let shim = place.shim().with_map(map).link();
        let script = place.path("shim/test.map");
        let document = place.coverage(&shim, &place.client(), &["--script", text(&script)], 1);
        let location = diagnosis(&document, code)["location"].clone();
        assert_eq!(location["file"], text(&script));
        let line = location["line"].as_u64().expect("a line");
        (document, usize::try_from(line).expect("small"))
    }

    #[test]
    fn is_named_with_the_line_that_hides_the_api() {
        let map = "X {\n  global:\n    X*;\n  local:\n    *;\n};\n";
        assert_eq!(blamed(map, "exports-nothing").1, line_of(map, " *;"));
    }

    #[test]
    fn is_named_with_the_line_that_puts_a_function_into_another_node() {
        let moved = "hip_6.0 {\n  global:\n    hipMalloc;";
        let map = version_script().replace("    hipMalloc;\n", "").replace("hip_6.0 {\n  global:", moved);
        assert_eq!(blamed(&map, "version-partial").1, line_of(&map, " hipMalloc;"));
    }

    #[test]
    fn that_cannot_be_read_is_refused_with_line_and_column() {
        let place = Place::new();
        let (shim, runtime, client) = (place.shim().link(), place.runtime(), place.client());
        let script = place.path("bad.map");
        fs::write(&script, "hip_4.2 {\n  global hipMalloc;\n};\n").expect("written");
        let args = ["coverage", "--format", "json", "--shim", text(&shim), "--runtime", text(&runtime)];
        let more = ["--client", text(&client), "--script", text(&script)];
        let document = xdoctor(args.into_iter().chain(more)).exits(2).json();
        assert_eq!((&document["file"], &document["line"]), (&text(&script).into(), &2.into()));
    }
}

mod for_gates {
    use super::*;

    /// What coverage says of a shim whose version script hides the API, in this form.
    fn said(form: &str) -> (Place, String) {
        let place = Place::new();
        let shim = place.shim().with_map("X {\n  global:\n    X*;\n  local:\n    *;\n};\n").link();
        let (runtime, client, script) = (place.runtime(), place.client(), place.path("shim/test.map"));
        let args = ["coverage", "--format", form, "--shim", text(&shim), "--runtime", text(&runtime)];
        let more = ["--client", text(&client), "--script", text(&script)];
        let run = xdoctor(args.into_iter().chain(more)).exits(1);
        (place, run.stdout)
    }

    #[test]
    fn sarif_anchors_the_result_to_the_line_of_the_version_script_and_is_valid() {
        let (_place, sarif) = said("sarif");
        let document: Value = serde_json::from_str(&sarif).expect("JSON");
        let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/standards/sarif-2.1.0.json");
        let mut schemas = boon::Schemas::new();
        let index = boon::Compiler::new().compile(text(&schema), &mut schemas).expect("SARIF's own schema");
        schemas.validate(&document, index).unwrap_or_else(|error| panic!("{error:#}"));
        let results = document["runs"][0]["results"].as_array().expect("results");
        let found = results.iter().find(|result| result["ruleId"] == "exports-nothing").expect("it is there");
        let place = &found["locations"][0]["physicalLocation"];
        assert_eq!(place["region"]["startLine"], 5);
        assert!(place["artifactLocation"]["uri"].as_str().expect("a URI").ends_with("shim/test.map"), "{place:#}");
    }

    #[test]
    fn github_annotates_the_line_of_the_version_script() {
        let (_place, annotations) = said("github");
        let error = annotations.lines().find(|line| line.starts_with("::error ")).expect("an error");
        assert!(error.contains("shim/test.map") && error.contains("line=5"), "{error}");
        assert!(error.contains("[exports-nothing]"), "{error}");
    }

    #[test]
    fn other_commands_say_that_they_have_no_such_form() {
        let run = xdoctor(["codes", "--format", "sarif"]).exits(2);
        assert!(run.stderr.contains("this command has no such --format"), "{}", run.stderr);
    }
}

mod clients {
    use super::*;

    const CALLER: &str = "int hipMalloc(void **, unsigned long); int main() { void *p; return hipMalloc(&p, 8); }";

    #[test]
    fn that_define_the_function_themselves_outrank_any_shim() {
        let place = Place::new();
        let shim = place.shim().link();
        let library = "int hipMalloc(void **, unsigned long); int wrapped(void) { void *p; return hipMalloc(&p, 8); }";
        let wrapper = place.compile("libwrapper.so", library, &["-shared", "-fPIC", text(&place.runtime())]);
        let own = "int wrapped(void); int hipMalloc(void **p, unsigned long n) { return 0; } int main() { return wrapped(); }";
        let runtime = place.runtime();
        let flags = ["-rdynamic", text(&wrapper), text(&runtime), "-Wl,-rpath,$ORIGIN"];
        let client = place.compile("client", own, &flags);
        let document = place.coverage(&shim, &client, &[], 1);
        let row = document["clients"].as_array().expect("clients").iter().find(|row| row["client"] == text(&wrapper));
        let symbol = &row.expect("the wrapper is a client")["symbols"][0];
        assert_eq!((&symbol["covered"], &symbol["code"]), (&false.into(), &"outranked".into()), "{document:#}");
    }

    #[test]
    fn that_are_static_cannot_be_preloaded_into() {
        let place = Place::new();
        let client = place.compile("client", "int main() { return 0; }", &["-static"]);
        let document = place.coverage(&place.shim().link(), &client, &[], 1);
        diagnosis(&document, "preload-impossible");
    }

    #[test]
    fn that_may_look_functions_up_by_name_are_a_warning() {
        let place = Place::new();
        let source = "#include <dlfcn.h>\nint main() { return dlsym(RTLD_DEFAULT, \"hipModuleLaunchKernel\") != 0; }";
        let client = place.compile("client", source, &["-Wl,--no-as-needed", text(&place.runtime())]);
        let document = place.coverage(&place.shim().link(), &client, &[], 4);
        let found = diagnosis(&document, "dlsym-bypass");
        assert_eq!(found["severity"], "warn");
        assert!(found["message"].as_str().expect("words").contains("hipModuleLaunchKernel"));
    }

    #[test]
    fn that_have_nothing_to_do_with_the_api_are_not_called_covered() {
        let place = Place::new();
        let client = place.compile("client", "int main() { return 0; }", &[]);
        let document = place.coverage(&place.shim().link(), &client, &[], 4);
        assert_eq!(document["clients"], serde_json::json!([]));
        assert!(document["verdict"].as_str().expect("words").contains("would measure nothing of the shim"));
    }

    #[test]
    fn bound_through_the_programs_canonical_plt_entry_are_followed_to_the_shim() {
        let place = Place::new();
        let source = "int hipMalloc(void **, unsigned long); void *table[] = { hipMalloc };\n\
                      int main() { void *p; return table[0] == 0 || hipMalloc(&p, 8); }";
        let client = place.compile("client", source, &["-no-pie", "-fno-pie", text(&place.runtime())]);
        place.coverage(&place.shim().link(), &client, &[], 0);
    }

    #[test]
    fn that_cannot_be_read_are_exit_status_2() {
        let place = Place::new();
        let (shim, runtime) = (place.shim().link(), place.runtime());
        let args = ["coverage", "--shim", text(&shim), "--runtime", text(&runtime), "--client"];
        for wrong in ["/no/such/client", "/etc/passwd"] {
            let run = xdoctor(args.into_iter().chain([wrong])).exits(2);
            assert!(run.stderr.contains(wrong), "{}", run.stderr);
        }
    }

    #[test]
    fn of_a_runtime_without_table_are_judged_by_what_it_exports() {
        let place = Place::new();
        let api = "int toyMalloc(int n) { return n; } int toyLaunchKernel(int n) { return n; } int toyFree(int n) { return n; }";
        let runtime = place.compile("libtoy.so.1", api, &["-shared", "-fPIC", "-Wl,-soname,libtoy.so.1"]);
        let shim = place.compile(
            "libtoyshim.so",
            "int toyMalloc(int n) { return n; } int toyFree(int n) { return n; }",
            &["-shared", "-fPIC"],
        );
        let source = "int toyMalloc(int), toyLaunchKernel(int), toyFree(int); int main() { return toyMalloc(0) + toyLaunchKernel(0) + toyFree(0); }";
        let client = place.compile("client", source, &[text(&runtime)]);
        let args = [
            "coverage",
            "--format",
            "json",
            "--shim",
            text(&shim),
            "--runtime",
            text(&runtime),
            "--client",
            text(&client),
        ];
        let document = xdoctor(args).exits(1).json();
        let missed: Vec<&Value> = document["clients"][0]["symbols"]
            .as_array()
            .expect("symbols")
            .iter()
            .filter(|symbol| symbol["covered"] == false)
            .collect();
        assert_eq!(missed.len(), 1);
        assert_eq!((&missed[0]["symbol"], &missed[0]["role"]), (&"toyLaunchKernel".into(), &"launch".into()));
    }

    #[test]
    fn read_their_api_from_a_table_of_ones_own() {
        let place = Place::new();
        let table = place.path("mine.tsv");
        fs::write(&table, "hipMalloc\thip_4.2\t1\tyes\tint\tallocate\n").expect("written");
        let client = place.compile("client", CALLER, &[text(&place.runtime())]);
        let document = place.coverage(&place.shim().link(), &client, &["--api", text(&table)], 0);
        assert_eq!(
            document["clients"][0]["roles"],
            serde_json::json!([{"role": "allocate", "needed": 1, "covered": 1}])
        );
        fs::write(&table, "hipMalloc\thip_4.2\n").expect("written");
        let (shim, runtime) = (place.path("shim/libshimhip.so"), place.runtime());
        let args = [
            "coverage",
            "--api",
            text(&table),
            "--shim",
            text(&shim),
            "--runtime",
            text(&runtime),
            "--client",
            text(&client),
        ];
        assert!(xdoctor(args).exits(2).stderr.contains("line 1: expected at least 6"));
    }
}

mod replacing_the_runtime {
    use super::*;

    #[test]
    fn works_where_a_link_of_the_name_that_the_client_asks_for_leads_to_the_shim() {
        let place = Place::new();
        let shim = place.shim().link();
        let document = place.coverage(&shim, &place.client(), &["--deploy", "replace"], 1);
        let found = diagnosis(&document, "soname-mismatch");
        assert!(found["fix"].as_str().expect("a mend").starts_with("ln -s libshimhip.so "), "{found:#}");
        symlink("libshimhip.so", place.path("shim/libamdhip64.so.7")).expect("linked");
        let document = place.coverage(&shim, &place.client(), &["--deploy", "replace"], 0);
        assert_eq!(codes(&document), [""; 0], "{document:#}");
    }

    #[test]
    fn without_a_node_that_the_client_needs_is_fatal() {
        let place = Place::new();
        let map = version_script().replace("hip_6.0", "hip_6.9");
        let shim = place.shim().with_map(map).link();
        symlink("libshimhip.so", place.path("shim/libamdhip64.so.7")).expect("linked");
        let document = place.coverage(&shim, &place.client(), &["--deploy", "replace"], 1);
        let found = diagnosis(&document, "replacement-missing-version");
        assert!(found["message"].as_str().expect("words").contains("hip_6.0"), "{found:#}");
        let mut client = Command::new(place.client());
        let output = client.env("LD_LIBRARY_PATH", place.path("shim")).output().expect("starts");
        assert!(String::from_utf8_lossy(&output.stderr).contains("version `hip_6.0' not found"), "and so it is");
    }
}

mod the_wheel_of_cupy {
    use super::*;

    #[test]
    fn is_covered_by_the_bundled_shim_in_every_node_it_asks_for() {
        let Some(cupy) = cupy::installed() else { return };
        let (place, wheel) = (Place::new(), &cupy.packages);
        let document = place.coverage(&place.path("bundle/lib/libshimhip.so"), wheel, &[], 0);
        let clients = document["clients"].as_array().expect("clients");
        assert!(clients.len() >= 8, "{}", clients.len());
        let symbols = clients.iter().flat_map(|client| client["symbols"].as_array().expect("symbols"));
        let (covered, missed): (Vec<_>, Vec<_>) = symbols.partition(|symbol| symbol["covered"] == true);
        assert!(missed.is_empty() && covered.len() > 200, "{} covered, missed: {missed:#?}", covered.len());
    }

    #[test]
    fn asks_debians_runtime_for_nodes_and_functions_that_it_lacks() {
        let runtime = Path::new("/usr/lib/x86_64-linux-gnu/libamdhip64.so.5");
        let Some(cupy) = cupy::installed() else { return };
        if !support::require(runtime.exists(), "package libamdhip64-5") {
            return;
        }
        let (place, wheel) = (Place::new(), &cupy.packages);
        let shim = place.path("bundle/lib/libshimhip.so");
        let args = [
            "coverage",
            "--format",
            "json",
            "--shim",
            text(&shim),
            "--runtime",
            text(runtime),
            "--client",
            text(wheel),
        ];
        let document = xdoctor(args).exits(1).json();
        let messages: Vec<&str> = document["diagnoses"]
            .as_array()
            .expect("diagnoses")
            .iter()
            .filter_map(|row| row["message"].as_str())
            .collect();
        for node in ["hip_5.3", "hip_6.0"] {
            assert!(messages.iter().any(|message| message.contains(node)), "{node}: {messages:#?}");
        }
        assert!(
            messages.iter().any(|message| message.contains("hipGetDevicePropertiesR0600@hip_6.0")),
            "{messages:#?}"
        );
    }
}
