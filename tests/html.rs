//! `check --report html`: a page that a browser, an accessibility checker and an HTML checker take, on a phone too, and
//! that nothing a machine brings along can make do anything.

mod support;
#[path = "support/xdoctor.rs"]
mod xdoctor;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;
use tempfile::TempDir;
use xdoctor::{Run, command, xdoctor};

/// Words that would be markup, or wider than a phone, if they could.
const HOSTILE: &str = "<img src=x onerror=window.injected=1>'\"&lt;--";

/// Where .ci/run installs what comes from npm.
fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/browser")
}

fn has_tool(path: &str, what: &str) -> bool {
    support::require(tools().join("node_modules").join(path).exists(), what)
}

/// Pages made once, for all tests.
struct Pages {
    folder: TempDir,
    /// Of the bundled self-check, which holds.
    well: PathBuf,
    /// Of a shim that misses most of what its client needs, under names that would be markup.
    hostile: PathBuf,
    /// Of a run in which nothing was selected.
    empty: PathBuf,
}

static PAGES: LazyLock<Pages> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("scratch");
    let at = |name: &str| folder.path().join(name);
    let report = |args: &[&str], page: &Path, status| {
        let mut all = vec!["check".to_owned(), "-q".to_owned(), format!("--report=html={}", page.display())];
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        Run::of(command(&all).current_dir(folder.path()).output().expect("runs")).exits(status);
    };
    report(&[], &at("well.html"), 0);
    report(&["--only", "nothing"], &at("empty.html"), 4);
    let checklist = hostile(folder.path());
    report(&[checklist.to_str().expect("UTF-8")], &at("hostile.html"), 1);
    Pages { well: at("well.html"), hostile: at("hostile.html"), empty: at("empty.html"), folder }
});

/// A shim for two functions in a folder with a hostile name, and a checklist that looks at it in every way.
fn hostile(folder: &Path) -> PathBuf {
    // At a space or a colon LD_PRELOAD would be split.
    let there = folder.join("<script>&lt;\"'--").join("x".repeat(150));
    fs::create_dir_all(&there).expect("made");
    xdoctor(["bundle".as_ref(), folder.join("bundle").as_os_str()]).exits(0);
    fs::write(folder.join("shim.c"), "int hipMalloc(void){return 0;} int hipFree(void){return 0;}\n").expect("written");
    fs::write(folder.join("shim.map"), "hip_4.2 { global: hipMalloc; hipFree; local: *; };\n").expect("written");
    let mut gcc = Command::new("gcc");
    gcc.args(["-shared", "-fPIC", "-Wl,-soname,libshimhip.so", "-Wl,--version-script=shim.map", "-o"]);
    let built = gcc.arg(there.join("libshimhip.so")).arg("shim.c").current_dir(folder).status().expect("gcc");
    assert!(built.success());
    let quoted = |text: String| serde_json::to_string(&text).expect("JSON");
    let shim = quoted(there.join("libshimhip.so").display().to_string());
    let text = format!(
        "title: {title}\nvars: {{there: {hostile}}}\nsteps:\n  - title: {title}\n    checks:\n      \
         - {{id: holds, kind: path, path: /}}\n      \
         - {{id: {hostile}, title: {title}, kind: path, path: {missing}, fix: {hostile}}}\n      \
         - {{id: open, kind: command, run: [/etc/passwd]}}\n      \
         - {{id: left, kind: path, path: /, needs: [open]}}\n      \
         - {{id: odd, kind: path, path: /nowhere, severity: warn}}\n      \
         - {{id: said, kind: command, run: [sh, -c, {say}]}}\n  - title: The shim\n    checks:\n      \
         - {{id: covers, kind: coverage, shim: {shim}, runtime: bundle/lib/libamdhip64.so.7, clients: bundle/bin/hip-matmul}}\n      \
         - {{id: binds, kind: bindings, path: bundle/bin/hip-matmul, symbols: [hipMalloc, hipFree, hipLaunchKernel], \
             provider: {shim}, preload: [{shim}], library_path: bundle/lib}}\n      \
         - {{id: matmul, kind: smoke, shim: {shim}, runtime: bundle/lib/libamdhip64.so.7}}\n",
        title = quoted(format!("{HOSTILE} <script>window.injected=1</script> \u{1b}[31m \u{202e}gone")),
        hostile = quoted(HOSTILE.to_owned()),
        missing = quoted(format!("/{HOSTILE}/{}", "w".repeat(300))),
        say = quoted(format!("printf '%s\\n' '</pre><script>window.injected=1</script>{}'; exit 3", "v".repeat(500))),
    );
    let checklist = folder.join("hostile.yaml");
    fs::write(&checklist, text).expect("written");
    checklist
}

fn page(path: &Path) -> String {
    fs::read_to_string(path).expect("a page")
}

/// What a browser saw of a page in each of its views.
fn seen(path: &Path) -> Option<Vec<Value>> {
    let chromium = ["chromium-headless-shell", "chromium"]
        .into_iter()
        .find(|program| Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success()));
    let has_chromium = support::require(chromium.is_some(), "Chromium (Debian's package chromium-headless-shell)");
    let program = chromium.filter(|_| has_chromium && has_tool("puppeteer-core", "puppeteer-core (npm)"))?;
    let which = Command::new("sh").args(["-c", "command -v \"$0\"", program]).output().expect("sh runs");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/look.mjs");
    let mut node = Command::new("node");
    node.arg(script).arg(String::from_utf8(which.stdout).expect("UTF-8").trim()).arg(path).current_dir(tools());
    let output = node.output().expect("node runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

#[track_caller]
fn is_empty(view: &Value, member: &str) {
    assert_eq!(view[member], Value::Array(Vec::new()), "{} {} {member}", view["width"], view["scheme"]);
}

mod a_browser {
    use super::*;

    /// Shown on a phone and on a desktop, light and dark: nothing wider than the window, no message on the console, no
    /// request but for the page, nothing against it by axe's rules of accessibility.
    #[track_caller]
    fn is_content_with(path: &Path) -> Option<Vec<Value>> {
        let views = seen(path)?;
        assert_eq!(views.len(), 4);
        for view in &views {
            assert_eq!(view["scrollWidth"], view["width"], "{:#}", view["wide"]);
            for member in ["wide", "console", "violations"] {
                is_empty(view, member);
            }
            assert_eq!(view["requests"].as_array().map(Vec::len), Some(1), "{:#}", view["requests"]);
            assert_eq!((&view["scripts"], &view["injected"]), (&Value::from(0), &Value::Null));
            for rule in ["color-contrast", "heading-order", "region", "document-title"] {
                assert!(view["rules"].as_array().is_some_and(|rules| rules.contains(&rule.into())), "{rule}");
            }
        }
        assert_ne!(views[0]["background"], views[1]["background"], "light and dark are the same");
        Some(views)
    }

    #[test]
    fn shows_a_page_of_what_holds() {
        if let Some(views) = is_content_with(&PAGES.well) {
            let words = views[0]["text"].as_str().expect("words");
            assert!(words.contains("✓ holds: interception proven for 12 of 12 roles"), "{words}");
            assert!(views[0]["smallest"].as_f64() >= Some(12.0), "{}", views[0]["smallest"]);
        }
    }

    #[test]
    fn shows_hostile_words_as_words_and_runs_none_of_them() {
        if let Some(views) = is_content_with(&PAGES.hostile) {
            let words = views[0]["text"].as_str().expect("words");
            assert!(words.contains("<script>window.injected=1</script> \\u{1b}[31m \\u{202e}gone"), "{words}");
            assert!(words.contains(HOSTILE), "{words}");
        }
    }

    #[test]
    fn shows_a_page_of_nothing() {
        if let Some(views) = is_content_with(&PAGES.empty) {
            assert!(views[0]["text"].as_str().expect("words").contains("? undetermined: nothing was checked"));
        }
    }

    #[test]
    fn would_have_complained_of_a_page_that_loads_runs_or_overflows() {
        let bad = page(&PAGES.well).replace(
            "</main>",
            "<img src=\"http://127.0.0.1:9/x.png\" alt=\"\"><script>window.injected=1</script>\
             <div class=\"w\" style=\"width:2000px\">w</div><p><b>&nbsp;</b><input></p></main>",
        );
        let path = PAGES.folder.path().join("bad.html");
        fs::write(&path, bad).expect("written");
        if let Some(views) = seen(&path) {
            // The page's own policy stops all three, and says so.
            assert_eq!(views[0]["console"].as_array().map(Vec::len), Some(3), "{:#}", views[0]["console"]);
            assert_eq!(views[0]["injected"], Value::Null);
            assert!(views[0]["violations"][0].as_str().is_some_and(|rule| rule.starts_with("label")), "{views:#?}");
            let open = page(&path).replace("http-equiv=\"Content-Security-Policy\"", "name=\"x\"");
            fs::write(&path, open).expect("written");
            let views = seen(&path).expect("seen");
            assert_eq!(views[0]["injected"], 1);
            assert!(views[0]["scrollWidth"].as_u64() > Some(360));
        }
    }
}

#[test]
fn an_html_checker_takes_it_and_another_page_not() {
    if has_tool(".bin/html-validate", "html-validate (npm)") {
        let checked = |path: &Path| {
            let mut node = Command::new("node");
            node.arg(tools().join("node_modules/html-validate/bin/html-validate.mjs"));
            node.args(["--preset", "standard", "--formatter", "text"]).arg(path).current_dir(tools());
            let output = node.output().expect("runs");
            (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
        };
        for path in [&PAGES.well, &PAGES.hostile, &PAGES.empty] {
            assert_eq!(checked(path), (true, String::new()));
        }
        let path = PAGES.folder.path().join("wrong.html");
        fs::write(&path, page(&PAGES.well).replacen("</article>", "</section>", 1)).expect("written");
        assert!(!checked(&path).0);
    }
}

mod the_page {
    use super::*;

    #[test]
    fn draws_the_ladder_from_the_bottom_with_a_word_on_every_rung() {
        let page = page(&PAGES.well);
        let words = "From the bottom: present: pass, loads: pass, binds: pass, called: pass, forwards: pass, \
                     correct: pass, survives: pass.";
        assert!(page.contains(words), "{page}");
        assert_eq!(page.matches("<text class=\"word\"").count(), 7);
    }

    #[test]
    fn has_the_coverage_of_each_client_by_role_with_what_bypasses_first_by_word() {
        let page = page(&PAGES.hostile);
        let row = page.split("<tr>").find(|row| row.contains("bin/hip-matmul</th>")).expect("a row");
        for cell in [
            "data-role=\"launch\"><span class=\"status\">✗ 0/4</span>",
            "data-role=\"free\"><span class=\"status\">✗ 1/",
            "data-role=\"event\"><span class=\"status\">! 0/",
        ] {
            assert!(row.contains(cell), "{cell} is not in {row}");
        }
    }

    #[test]
    fn draws_who_binds_to_whom_and_says_the_same_in_a_table() {
        let page = page(&PAGES.hostile);
        let graph = page.split("<figure>").find(|figure| figure.contains("Binding graph of binds;")).expect("a graph");
        assert!(graph.contains("<g><path class=\"edge\"") && graph.contains(">2</text>"), "{graph}");
        assert!(graph.contains("<g class=\"stray\">") && graph.contains(">✗ 1</text>"), "{graph}");
        assert!(graph.contains("<td>2 references</td><td>✓ yes</td>"), "{graph}");
        assert!(graph.contains("<td>1 reference</td><td>✗ no</td>"), "{graph}");
    }

    #[test]
    fn leads_to_what_fails_first() {
        let page = page(&PAGES.hostile);
        let (_, nav) = page.split_once("<nav").expect("a list");
        let (nav, _) = nav.split_once("</nav>").expect("its end");
        let kinds: Vec<&str> = nav.lines().filter_map(|line| line.strip_prefix("<li>")?.split(':').next()).collect();
        let mut sorted = kinds.clone();
        sorted.sort_by_key(|kind| ["✗ fail", "? undetermined", "! warn"].iter().position(|known| known == kind));
        assert_eq!(kinds, sorted);
        for anchor in nav.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(page.contains(&format!("id=\"{anchor}\"")), "{anchor}");
        }
    }

    #[test]
    fn never_leaves_the_status_to_its_colour() {
        for path in [&PAGES.well, &PAGES.hostile] {
            let page = page(path);
            for status in ["pass", "warn", "fail", "skip", "undetermined"] {
                for article in page.split(&format!("<article class=\"check {status}\"")).skip(1) {
                    let head = article.split("</h3>").next().unwrap_or_default();
                    assert!(head.contains(&format!(" {status}</span>")), "{head}");
                }
            }
        }
    }

    #[test]
    fn has_every_check_with_its_evidence_and_what_mends_it() {
        let page = page(&PAGES.hostile);
        let bad = page.split("<article").find(|article| article.contains("<code>file-missing</code>")).expect("one");
        for words in
            ["<dt>expected</dt>", "<dt>found</dt><dd>nothing", "<dt>fix</dt>", "<dt>rerun</dt><dd><code>xdoctor check "]
        {
            assert!(bad.contains(words), "{words} is not in {bad}");
        }
        assert!(page.contains("&lt;/pre&gt;&lt;script&gt;window.injected=1&lt;/script&gt;vvv"));
    }
}
