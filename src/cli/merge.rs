//! `xdoctor merge`: the reports of many machines in one table.

mod document;
mod markdown;
mod text;

use std::io::{self, Write};
use std::path::PathBuf;

use crate::merge::{Fleet, Gathered, gather};

use super::output::{Wanted, after_printing};
use super::{Exit, Output, Unusable};

/// Fold the JSON reports of many machines: equal hosts together, the odd ones first with what differs from most
///
/// A report is what `xdoctor check --format json` or `--report json=PATH` writes. In a folder every *.json is read; a
/// file may hold several reports one after another. Of two of one host and checklist the newer counts.
///
/// Exit status: 1 where a host fails, 2 where a file is no report, 3 where a host could not be determined, 4 where there
/// is no report.
///
/// Examples:
///   xdoctor merge reports/                      one table of what the hosts have
///   xdoctor merge reports/ --consensus          what most have, and who has not
///   xdoctor merge reports/ --expect "n[1-512]"  name those that sent nothing
///   xdoctor merge reports/ --format markdown    a page over several checklists
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Reports, or folders of them; `-` is stdin
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// For each check what most hosts have, and which have not
    #[arg(long)]
    consensus: bool,
    /// Hosts that must have sent a report, as nodeset writes them; repeatable
    #[arg(long, value_name = "HOSTS")]
    expect: Vec<String>,
    /// Fold the reports there are although a file is none, and call that host undetermined
    #[arg(long)]
    keep_going: bool,
}

/// Runs the command.
///
/// # Errors
/// Where nothing that was given is a report; with `--format json` where one file is none, unless `--keep-going`.
pub fn run(args: &Args, output: Output, wanted: Wanted) -> anyhow::Result<Exit> {
    let gathered = gather(&args.paths);
    if !gathered.refused.is_empty() && !args.keep_going && (gathered.reports.is_empty() || wanted == Wanted::Json) {
        return Err(unusable(&gathered));
    }
    for refused in &gathered.refused {
        output.complaint(format_args!("{}: {}", refused.path.display(), refused.why));
    }
    for (host, checklist, started) in &gathered.superseded {
        output.remark(format_args!(
            "{host}: its report of {checklist} from {started} is left out: there is one as new or newer"
        ));
    }
    let fleet = Fleet::of(&gathered.reports);
    let silent = silent(&args.expect, &fleet)?;
    let exit = exit(&gathered, &fleet, &silent, args.keep_going);
    let merged = Merged { gathered: &gathered, fleet: &fleet, silent: &silent, exit };
    let printed = match wanted {
        Wanted::Text | Wanted::Sarif | Wanted::Github => print(&text::render(&merged, args.consensus, output)),
        Wanted::Markdown => print(&markdown::progress(&merged)),
        Wanted::Json => output.json(&document::document(&merged)),
    };
    if gathered.reports.is_empty() {
        output.remark("no report there: in a folder every *.json is read");
    }
    after_printing(printed.map_err(Into::into), exit)
}

/// What the forms of the result are made of.
struct Merged<'m> {
    gathered: &'m Gathered,
    fleet: &'m Fleet<'m>,
    /// Hosts that were expected and sent nothing.
    silent: &'m [String],
    exit: Exit,
}

impl Merged<'_> {
    /// The one sentence, with what no report tells of.
    fn verdict(&self) -> String {
        let of = |count: usize, one: &str, more: &str| match count {
            0 => String::new(),
            1 => format!("; 1 {one}"),
            count => format!("; {count} {more}"),
        };
        let silent = of(self.silent.len(), "expected host sent no report", "expected hosts sent no report");
        let refused = of(self.gathered.refused.len(), "file is no report", "files are no reports");
        format!("{}{silent}{refused}", self.fleet.verdict())
    }
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Every file that is no report at once; the first one's place stands for all.
fn unusable(gathered: &Gathered) -> anyhow::Error {
    let one = |refused: &crate::merge::Refused| format!("{}: {}", refused.path.display(), refused.why);
    let mut message = gathered.refused.iter().map(one).collect::<Vec<_>>().join("\n");
    if !gathered.reports.is_empty() {
        message.push_str(&format!("\n--keep-going folds the {} reports there are", gathered.reports.len()));
    }
    let first = gathered.refused.first();
    let place = first.and_then(crate::merge::Refused::place);
    let file = first.and_then(|refused| std::path::absolute(&refused.path).ok());
    Unusable { message, file, line: place.map(|place| place.0), column: place.map(|place| place.1) }.into()
}

fn silent(expected: &[String], fleet: &Fleet<'_>) -> anyhow::Result<Vec<String>> {
    let there: std::collections::HashSet<&str> =
        fleet.groups.iter().flat_map(|group| group.hosts.iter().copied()).collect();
    let mut silent = Vec::new();
    for hosts in expected {
        silent.extend(crate::merge::hosts::expand(hosts)?);
    }
    silent.retain(|host| !there.contains(host.as_str()));
    Ok(silent)
}

fn exit(gathered: &Gathered, fleet: &Fleet<'_>, silent: &[String], keep_going: bool) -> Exit {
    let of = |status: u8, warned: bool| match status {
        0 if warned => Exit::Warns,
        0 => Exit::Holds,
        3 => Exit::Undetermined,
        4 => Exit::NothingSelected,
        _ => Exit::Fails,
    };
    let runs = gathered.reports.iter().map(|report| of(report.exit_status, report.summary.warned > 0));
    let mut exit = runs.fold(Exit::Holds, Exit::and);
    if fleet.reports == 0 {
        exit = Exit::NothingSelected;
    }
    if !gathered.refused.is_empty() {
        exit = exit.and(if keep_going { Exit::Undetermined } else { Exit::Unusable });
    }
    if silent.is_empty() { exit } else { exit.and(Exit::Undetermined) }
}
