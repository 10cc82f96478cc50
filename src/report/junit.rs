//! JUnit XML, as Jenkins and GitLab read it: a suite per step, a case per check.

use std::fmt::Write as _;
use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::check::{Outcome, Status, StepOutcome};

use super::Run;
use super::account;

type Xml = Writer<Vec<u8>>;

/// How JUnit sees a check: a warning is a pass that has something to say, unless `--fail-on` makes it a failure.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Passed,
    Failure,
    Error,
    Skipped,
}

/// The document.
///
/// # Errors
/// None that is known: it is written to memory.
pub fn junit(run: &Run<'_>) -> io::Result<String> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let all: Vec<&Outcome> = run.checks().map(|(_, check)| check).collect();
    let [tests, failures, errors, _] = counts(run, &all);
    let seconds = format!("{:.3}", run.results.summary.seconds);
    xml.create_element("testsuites")
        .with_attributes([("name", plain(run.title).as_str()), ("tests", &tests)])
        .with_attributes([("failures", failures.as_str()), ("errors", &errors), ("time", &seconds)])
        .write_inner_content(|xml| run.results.steps.iter().try_for_each(|step| suite(xml, run, step)))?;
    let text = String::from_utf8(xml.into_inner()).map_err(io::Error::other)?;
    Ok(text + "\n")
}

/// Tests, failures, errors, skipped.
fn counts(run: &Run<'_>, checks: &[&Outcome]) -> [String; 4] {
    let count = |wanted| checks.iter().filter(|check| case(run, check) == wanted).count().to_string();
    [checks.len().to_string(), count(Case::Failure), count(Case::Error), count(Case::Skipped)]
}

fn case(run: &Run<'_>, check: &Outcome) -> Case {
    match check.status {
        status if run.fails(status) => Case::Failure,
        Status::Fail => Case::Failure,
        Status::Undetermined => Case::Error,
        Status::Skip => Case::Skipped,
        Status::Pass | Status::Warn => Case::Passed,
    }
}

/// A suite has no time of its own: its checks run beside those of other steps.
fn suite(xml: &mut Xml, run: &Run<'_>, step: &StepOutcome) -> io::Result<()> {
    let [tests, failures, errors, skipped] = counts(run, &step.checks.iter().collect::<Vec<_>>());
    let started = humantime::format_rfc3339_seconds(run.results.started).to_string();
    xml.create_element("testsuite")
        .with_attributes([("name", plain(&step.title).as_str()), ("tests", &tests)])
        .with_attributes([("failures", failures.as_str()), ("errors", &errors), ("skipped", &skipped)])
        .with_attributes([("timestamp", started.as_str()), ("hostname", &plain(&run.host))])
        .write_inner_content(|xml| {
            properties(xml, run)?;
            step.checks.iter().try_for_each(|check| test_case(xml, run, step, check))
        })?;
    Ok(())
}

fn properties(xml: &mut Xml, run: &Run<'_>) -> io::Result<()> {
    let mut properties = vec![
        ("xdoctor_version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("checklist".to_owned(), plain(&run.checklist.display().to_string())),
    ];
    properties.extend(run.vars.iter().map(|(name, value)| (plain(&format!("var.{name}")), plain(value))));
    xml.create_element("properties").write_inner_content(|xml| {
        for (name, value) in &properties {
            let attributes = [("name", name.as_str()), ("value", value.as_str())];
            xml.create_element("property").with_attributes(attributes).write_empty()?;
        }
        Ok(())
    })?;
    Ok(())
}

fn test_case(xml: &mut Xml, run: &Run<'_>, step: &StepOutcome, check: &Outcome) -> io::Result<()> {
    let seconds = format!("{:.3}", check.seconds);
    let complaint = match case(run, check) {
        Case::Passed => None,
        Case::Failure => Some("failure"),
        Case::Error => Some("error"),
        Case::Skipped => Some("skipped"),
    };
    // GitLab shows the text of the complaint and no `system-out`, Jenkins both: it stands where it is shown, once.
    let told = plain(&told(run, check));
    xml.create_element("testcase")
        .with_attributes([("name", plain(&check.id).as_str()), ("classname", &plain(&step.title))])
        .with_attribute(("time", seconds.as_str()))
        .write_inner_content(|xml| {
            if let Some(element) = complaint {
                let kind = check.code.map_or(check.status.word(), |code| code.name());
                let message = plain(&account::sentence(check));
                let xml = xml.create_element(element).with_attributes([("type", kind), ("message", message.as_str())]);
                xml.write_text_content(BytesText::new(&told))?;
            } else {
                xml.create_element("system-out").write_text_content(BytesText::new(&told))?;
            }
            Ok(())
        })?;
    Ok(())
}

/// What the check claims, how it ended (JUnit has no word for a warning), where it stands, and everything known.
fn told(run: &Run<'_>, check: &Outcome) -> String {
    let code = check.code.map(|code| format!(" [{code}]")).unwrap_or_default();
    let mut text = format!("{}\nstatus:   {}{code}\n", check.title, check.status.word());
    if let Some(location) = &check.location {
        let _ = writeln!(text, "at:       {}:{}", run.relative(&location.file).display(), location.line);
    }
    text + &account::lines(&account::particulars(run, check))
}

/// Text without what XML 1.0 cannot hold, not even as references (its production `Char`): that is spelled `\u{1b}`. The
/// writer escapes the rest.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'.. => out.push(c),
            c => out.extend(c.escape_default()),
        }
    }
    out
}
