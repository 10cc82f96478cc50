//! `xdoctor codes`: every code, or one explained.

use std::io::{self, Write};

use colored::Colorize;
use serde::Serialize;

use crate::code::{Code, Page, Severity};

use super::output::Format;
use super::{Exit, Output};

/// All codes, or one explained: what it is, how it comes about, how to see it by hand, how to mend it
///
/// Examples:
///   xdoctor codes
///   xdoctor codes exports-nothing
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The code; all of them, a line each, where none is given
    code: Option<Code>,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    codes: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    code: Code,
    severity: Severity,
    #[serde(flatten)]
    page: Option<&'static Page>,
}

/// Runs the command.
///
/// # Errors
/// Where stdout cannot be written.
pub fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let chosen: Vec<Code> = args.code.map_or_else(|| Code::ALL.to_vec(), |code| vec![code]);
    if output.format == Format::Json {
        let row = |code: &Code| Row { code: *code, severity: code.default_severity(), page: code.page() };
        output.json(&Document { schema: "xdoctor/codes/1", codes: chosen.iter().map(row).collect() })?;
        return Ok(Exit::Holds);
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    match args.code {
        Some(code) => explain(&mut out, code)?,
        None => list(&mut out)?,
    }
    out.flush()?;
    Ok(Exit::Holds)
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Fail => "fail",
        Severity::Warn => "warn",
        Severity::Info => "info",
    }
}

fn list(out: &mut impl Write) -> io::Result<()> {
    for code in Code::ALL {
        let what = code.page().map(|page| page.what.trim()).unwrap_or_default();
        writeln!(out, "{:<28} {:<5} {what}", code.name().bold(), word(code.default_severity()))?;
    }
    Ok(())
}

fn explain(out: &mut impl Write, code: Code) -> io::Result<()> {
    writeln!(out, "{} ({})", code.name().bold(), word(code.default_severity()))?;
    let Some(page) = code.page() else { return Ok(()) };
    let sections = [
        ("What it is", &page.what),
        ("How it comes about", &page.how),
        ("How to see it by hand", &page.see),
        ("How to mend it", &page.mend),
    ];
    for (title, text) in sections {
        writeln!(out, "\n{}", title.bold())?;
        for line in text.trim_end().lines() {
            writeln!(out, "  {line}")?;
        }
    }
    Ok(())
}
