//! The table for people: a block for each group of equal hosts, the odd ones first.

use std::fmt::Write;

use colored::{Color, Colorize};

use crate::check::Status;
use crate::cli::{Exit, Output};
use crate::merge::{Agreement, Answer, Difference, Fleet, Group, hosts};
use crate::report::visible;
use crate::report::{Style, field, mark};

use super::Merged;

/// The whole of it, ending in the verdict.
pub fn render(merged: &Merged<'_>, consensus: bool, output: Output) -> String {
    let style = Style { marks: output.draws_marks(), width: output.width(), verbose: output.verbose > 0 };
    let fleet = merged.fleet;
    let mut out = String::new();
    let _ = writeln!(out, "{} of {}", counted(fleet.reports, "report"), counted(fleet.hosts, "host"));
    if !merged.silent.is_empty() {
        let silent = hosts::fold(merged.silent.iter().map(String::as_str));
        let _ = writeln!(out, "\n{}  {}", silent.bold(), counted(merged.silent.len(), "host"));
        let _ = writeln!(out, "  {} expected, and no report is there", mark(Status::Undetermined, style));
    }
    for group in &fleet.groups {
        block(&mut out, fleet, group, style);
    }
    if consensus {
        out.push('\n');
        fleet.consensus.iter().for_each(|agreement| agreed(&mut out, agreement, style));
    }
    let colour = match merged.exit {
        Exit::Holds | Exit::Warns => Color::Green,
        Exit::Fails => Color::Red,
        _ => Color::Yellow,
    };
    let _ = writeln!(out, "\n{}", merged.verdict().color(colour).bold());
    out
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn block(out: &mut String, fleet: &Fleet<'_>, group: &Group<'_>, style: Style) {
    let names = hosts::fold(group.hosts.iter().copied());
    let counts: Vec<String> = group.counts.iter().map(|(status, count)| format!("{count} {}", status.word())).collect();
    let counts = if counts.is_empty() { "nothing was checked".to_owned() } else { counts.join(", ") };
    let _ = writeln!(out, "\n{}  {}: {counts}", names.bold(), counted(group.hosts.len(), "host"));
    for difference in &group.differences {
        check(out, fleet, difference, true, style);
    }
    for difference in &group.shared {
        check(out, fleet, difference, false, style);
    }
}

/// How many different wordings of one check are shown; `-v` shows all.
const SHOWN: usize = 3;

fn check(out: &mut String, fleet: &Fleet<'_>, difference: &Difference<'_>, odd: bool, style: Style) {
    let agreement = &fleet.consensus[difference.at];
    let most = if odd { format!("; most: {}", answer(agreement.most)) } else { String::new() };
    let (mark, said) = (drawn(difference.answer, style), answer(difference.answer).bold());
    let _ = writeln!(out, "  {mark} {}  {said}{most}", named(fleet, agreement));
    let all = difference.variants.len();
    let shown = if style.verbose { all } else { SHOWN.min(all) };
    for variant in &difference.variants[..shown] {
        let seen = variant.seen;
        let passes = difference.answer.status == Some(Status::Pass);
        for (name, words) in [("reason:", seen.reason), ("expected:", seen.expected), ("found:", seen.actual)] {
            if let Some(words) = words.filter(|_| !passes) {
                field(out, name, words, style);
            }
        }
        if let Some(fix) = seen.fix.filter(|_| !passes) {
            field(out, "fix:", fix, style);
        }
        if all > 1 {
            field(out, "on:", &hosts::fold(variant.hosts.iter().copied()), style);
        }
    }
    if shown < all {
        field(out, "", &format!("and {} more that differ in words; -v shows them", all - shown), style);
    }
}

/// The check's id, with its checklist where there are several. Checks stand by their checklist.
fn named(fleet: &Fleet<'_>, agreement: &Agreement<'_>) -> String {
    let of_ends = [fleet.consensus.first(), fleet.consensus.last()];
    let several = of_ends.into_iter().flatten().any(|other| other.checklist != agreement.checklist);
    let id = visible(agreement.id);
    if several { format!("{} {id}", visible(agreement.checklist)) } else { id.into_owned() }
}

fn drawn(answer: Answer<'_>, style: Style) -> String {
    mark(answer.status.unwrap_or(Status::Skip), style)
}

/// `pass`, `fail [hash-differs]`, `not run`.
fn answer(answer: Answer<'_>) -> String {
    let word = answer.status.map_or("not run", Status::word);
    answer.code.map_or_else(|| word.to_owned(), |code| format!("{word} [{}]", visible(code)))
}

/// `✓ shim  997 of 1000: pass; n37: fail [hash-differs]`.
fn agreed(out: &mut String, agreement: &Agreement<'_>, style: Style) {
    let total: usize = agreement.answers.iter().map(|(_, names)| names.len()).sum();
    let most = agreement.answers.first().map_or(0, |(_, names)| names.len());
    let others = agreement.answers.iter().skip(1);
    let others: String =
        others.map(|(other, names)| format!("; {}: {}", hosts::fold(names.iter().copied()), answer(*other))).collect();
    let (mark, said) = (drawn(agreement.most, style), answer(agreement.most));
    let _ = writeln!(out, "{mark} {}  {most} of {total}: {said}{others}", visible(agreement.id));
}
