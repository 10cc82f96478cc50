//! For many machines: sorted lines, the same bytes wherever the same holds. No time, no host and no path is in them, so
//! that `clush -b`, `dshbak` or `sort | uniq -c` fold equal machines into one; what was seen stands in the JSON report.

use std::fmt::Write;

use crate::check::Status;
use crate::elf::escape;

use super::Run;

/// Columns of the first line: what a node's reason field or a table of machines has room for.
const WIDTH: usize = 80;

/// A check as its line has it: id, status, code.
type Row = (String, Status, &'static str);

/// The report: a line with the failing ids first, then `id status [code]` for each check, sorted.
pub fn fleet(run: &Run<'_>) -> String {
    let row = |check: &crate::check::Outcome| -> Row {
        (escape(check.id.as_bytes()).to_string(), check.status, check.code.map_or("", |code| code.name()))
    };
    let mut rows: Vec<Row> = run.checks().map(|(_, check)| row(check)).collect();
    rows.sort_by(|a, b| (&a.0, a.1.word(), a.2).cmp(&(&b.0, b.1.word(), b.2)));
    let mut out = headline(&rows);
    out.push('\n');
    for (id, status, code) in &rows {
        let line = format!("{id} {} {code}", status.word());
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// `fail: a, b +1; undetermined: c; 14 pass, 2 skip`: the `+1` found no room.
fn headline(rows: &[Row]) -> String {
    let with = |status| rows.iter().filter(move |row| row.1 == status).map(|row| row.0.as_str());
    let named = [Status::Fail, Status::Undetermined, Status::Warn].map(|status| (status, with(status).collect()));
    let counted = [Status::Pass, Status::Skip].map(|status| (status, with(status).count()));
    // More than one id a column never fit.
    let mut shown = named.each_ref().map(|(_, ids): &(Status, Vec<&str>)| ids.len().min(WIDTH));
    loop {
        let line = phrase(&named, shown, counted);
        // The last to be named are the first to be left out: a failure is worth more room than a warning.
        match shown.iter_mut().rev().find(|count| **count > 0) {
            Some(count) if line.chars().count() > WIDTH => *count -= 1,
            _ => return line,
        }
    }
}

fn phrase(named: &[(Status, Vec<&str>); 3], shown: [usize; 3], counted: [(Status, usize); 2]) -> String {
    let groups = named.iter().zip(shown).filter(|((_, ids), _)| !ids.is_empty());
    let mut parts: Vec<String> = groups.map(|((status, ids), shown)| group(*status, ids, shown)).collect();
    let counted = counted.iter().filter(|(_, count)| *count > 0);
    let counted: Vec<String> = counted.map(|(status, count)| format!("{count} {}", status.word())).collect();
    if !counted.is_empty() {
        parts.push(counted.join(", "));
    }
    if parts.is_empty() { "nothing was checked".to_owned() } else { parts.join("; ") }
}

fn group(status: Status, ids: &[&str], shown: usize) -> String {
    let (word, named) = (status.word(), ids.iter().take(shown).copied().collect::<Vec<_>>().join(", "));
    match ids.len() - shown {
        0 => format!("{word}: {named}"),
        all if shown == 0 => format!("{word}: {all}"),
        more => format!("{word}: {named} +{more}"),
    }
}
