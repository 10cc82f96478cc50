//! One self-contained page for a browser, a phone's too: verdict, ladder, coverage, bindings, every check with its
//! evidence. It loads nothing, runs nothing, and nothing in it is markup that a machine brought along.

mod graph;
mod ladder;
mod matrix;
mod text;

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::check::{Outcome, Status, StepOutcome};

use super::Run;
use super::account;
use text::text;

const STYLE: &str = include_str!("html/style.css");

/// The page.
pub fn html(run: &Run<'_>) -> String {
    let mut out = head(run);
    out.push_str("<body>\n");
    about(&mut out, run);
    out.push_str("<main>\n");
    look_first(&mut out, run);
    pictures(&mut out, &run.results.steps);
    let steps = &run.results.steps;
    for (number, step) in steps.iter().enumerate() {
        let _ = write!(out, "<section>\n<h2>{}/{} {}</h2>\n", number + 1, steps.len(), text(&step.title));
        for (at, check) in step.checks.iter().enumerate() {
            article(&mut out, run, check, &anchor(number, at));
        }
        out.push_str("</section>\n");
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// The policy names the one style by its hash: whatever else a page could be made to load or run is refused.
fn head(run: &Run<'_>) -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'");
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>{STYLE}</style>\n</head>\n",
        text(run.title),
    )
}

/// The mark of a status; a word always stands beside it.
fn mark(status: Status) -> &'static str {
    match status {
        Status::Pass => "✓",
        Status::Warn => "!",
        Status::Fail => "✗",
        Status::Skip => "–",
        Status::Undetermined => "?",
    }
}

fn anchor(step: usize, check: usize) -> String {
    format!("check-{}-{}", step + 1, check + 1)
}

fn about(out: &mut String, run: &Run<'_>) {
    let s = &run.results.summary;
    let (status, word) = match run.exit_status {
        0 => (Status::Pass, "holds"),
        1 => (Status::Fail, "fails"),
        _ => (Status::Undetermined, "undetermined"),
    };
    let _ = write!(
        out,
        "<header>\n<h1>{}</h1>\n<p class=\"verdict {}\"><span class=\"status\">{} {word}:</span> <span>{}</span></p>\n\
         <ul class=\"counts\">\n",
        text(run.title),
        status.word(),
        mark(status),
        text(&run.results.verdict),
    );
    let counts = [
        (Status::Pass, s.passed, "passed"),
        (Status::Warn, s.warned, "warned"),
        (Status::Fail, s.failed, "failed"),
        (Status::Skip, s.skipped, "skipped"),
        (Status::Undetermined, s.undetermined, "undetermined"),
    ];
    for (status, count, word) in counts.into_iter().filter(|(_, count, _)| *count > 0) {
        let _ = writeln!(
            out,
            "<li class=\"{}\"><span class=\"status\">{} {count} {word}</span></li>",
            status.word(),
            mark(status)
        );
    }
    out.push_str("</ul>\n<dl>\n");
    let started = humantime::format_rfc3339_seconds(run.results.started).to_string();
    let (seconds, exit) = (format!("{:.2} s", s.seconds), run.exit_status.to_string());
    let checklist = run.checklist.display().to_string();
    let facts = [
        ("host", run.host.as_str()),
        ("when", &started),
        ("took", &seconds),
        ("checklist", &checklist),
        ("exit status", &exit),
        ("xdoctor", env!("CARGO_PKG_VERSION")),
    ];
    for (name, value) in facts.into_iter().chain(run.vars.iter().map(|(name, value)| (*name, *value))) {
        let _ = writeln!(out, "<dt>{}</dt><dd>{}</dd>", text(name), text(value));
    }
    out.push_str("</dl>\n</header>\n");
}

/// Links to what does not simply hold, worst first.
fn look_first(out: &mut String, run: &Run<'_>) {
    let all =
        run.results.steps.iter().enumerate().flat_map(|(number, step)| {
            step.checks.iter().enumerate().map(move |(at, check)| (anchor(number, at), check))
        });
    let mut bad: Vec<(String, &Outcome)> =
        all.filter(|(_, check)| !matches!(check.status, Status::Pass | Status::Skip)).collect();
    if bad.is_empty() {
        return;
    }
    let worst = |status| match status {
        Status::Fail => 0,
        Status::Undetermined => 1,
        _ => 2,
    };
    bad.sort_by_key(|(_, check)| worst(check.status));
    out.push_str("<nav aria-label=\"What to look at\">\n<h2>What to look at</h2>\n<ul>\n");
    for (anchor, check) in bad {
        let (mark, word) = (mark(check.status), check.status.word());
        let _ = writeln!(out, "<li>{mark} {word}: <a href=\"#{anchor}\">{}</a></li>", text(&check.title));
    }
    out.push_str("</ul>\n</nav>\n");
}

/// What the checks saw that a picture shows better.
fn pictures(out: &mut String, steps: &[StepOutcome]) {
    let mut section = |heading: &str, drawn: String| {
        if !drawn.is_empty() {
            let _ = write!(out, "<section>\n<h2>{heading}</h2>\n{drawn}</section>\n");
        }
    };
    let (mut climbed, mut covered, mut bound) = (String::new(), String::new(), String::new());
    for (number, ladder) in ladder::ladders(steps).iter().enumerate() {
        ladder::figure(&mut climbed, ladder, number + 1);
    }
    for (number, check) in steps.iter().flat_map(|step| &step.checks).enumerate() {
        matrix::table(&mut covered, check);
        graph::figure(&mut bound, check, number + 1);
    }
    section("Evidence ladder", climbed);
    section("Coverage", covered);
    section("Bindings", bound);
}

fn article(out: &mut String, run: &Run<'_>, check: &Outcome, anchor: &str) {
    let (word, mark) = (check.status.word(), mark(check.status));
    let code = check.code.map(|code| format!(" <code>{code}</code>")).unwrap_or_default();
    let _ = write!(
        out,
        "<article class=\"check {word}\" id=\"{anchor}\">\n<h3><span class=\"status\">{mark} {word}</span> {}{code}</h3>\n\
         <p><code>{}</code></p>\n",
        text(&check.title),
        text(&check.id),
    );
    let particulars = account::particulars(run, check);
    let (evidence, told): (Vec<_>, Vec<_>) = particulars.into_iter().partition(|(name, _)| *name == "evidence");
    if !told.is_empty() {
        out.push_str("<dl>\n");
        for (name, words) in told {
            let words = text(words.trim_end());
            let words = if name == "rerun" { format!("<code>{words}</code>") } else { words };
            let _ = writeln!(out, "<dt>{name}</dt><dd>{words}</dd>");
        }
        out.push_str("</dl>\n");
    }
    if !evidence.is_empty() {
        let open = if matches!(check.status, Status::Pass | Status::Skip) { "" } else { " open" };
        let _ = write!(out, "<details{open}><summary>Evidence ({})</summary>\n<pre>\n", evidence.len());
        for (_, seen) in evidence {
            let _ = writeln!(out, "{}", text(seen.trim_end()));
        }
        out.push_str("</pre>\n</details>\n");
    }
    out.push_str("</article>\n");
}
