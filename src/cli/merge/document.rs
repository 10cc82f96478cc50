//! The JSON document of `xdoctor merge`.

use serde::Serialize;

use crate::check::Status;
use crate::cli::exit::ExitStyle;
use crate::merge::{Difference, Fleet, Group, hosts};

use super::Merged;

/// `xdoctor/merge/1`.
#[derive(Serialize)]
pub struct Document<'d> {
    schema: &'static str,
    verdict: String,
    exit_status: u8,
    summary: Summary,
    groups: Vec<GroupRow<'d>>,
    consensus: Vec<ConsensusRow<'d>>,
    silent: &'d [String],
    superseded: Vec<SupersededRow<'d>>,
    refused: Vec<RefusedRow>,
}

#[derive(Serialize)]
struct Summary {
    reports: usize,
    hosts: usize,
    failing: usize,
    undetermined: usize,
    odd: usize,
}

#[derive(Serialize)]
struct GroupRow<'d> {
    hosts: String,
    names: &'d [&'d str],
    exit_status: u8,
    checks: usize,
    as_most: bool,
    differences: Vec<DifferenceRow<'d>>,
    shared: Vec<DifferenceRow<'d>>,
}

#[derive(Serialize)]
struct DifferenceRow<'d> {
    checklist: &'d str,
    id: &'d str,
    title: &'d str,
    status: Option<Status>,
    code: Option<&'d str>,
    most_status: Option<Status>,
    most_code: Option<&'d str>,
    variants: Vec<VariantRow<'d>>,
}

#[derive(Serialize)]
struct VariantRow<'d> {
    hosts: String,
    reason: Option<&'d str>,
    expected: Option<&'d str>,
    actual: Option<&'d str>,
    fix: Option<&'d str>,
}

#[derive(Serialize)]
struct ConsensusRow<'d> {
    checklist: &'d str,
    id: &'d str,
    title: &'d str,
    status: Option<Status>,
    code: Option<&'d str>,
    count: usize,
    of: usize,
    others: Vec<AnswerRow<'d>>,
}

#[derive(Serialize)]
struct AnswerRow<'d> {
    status: Option<Status>,
    code: Option<&'d str>,
    count: usize,
    hosts: String,
}

#[derive(Serialize)]
struct SupersededRow<'d> {
    host: &'d str,
    checklist: &'d str,
    started: &'d str,
}

#[derive(Serialize)]
struct RefusedRow {
    file: String,
    line: Option<usize>,
    column: Option<usize>,
    message: String,
}

/// The document of what was merged.
pub fn document<'d>(merged: &Merged<'d>) -> Document<'d> {
    let Merged { gathered, fleet, silent, exit } = *merged;
    let superseded = gathered.superseded.iter();
    Document {
        schema: "xdoctor/merge/1",
        verdict: merged.verdict(),
        exit_status: exit.status(ExitStyle::Plain),
        summary: Summary {
            reports: fleet.reports,
            hosts: fleet.hosts,
            failing: fleet.failing,
            undetermined: fleet.undetermined,
            odd: fleet.odd(),
        },
        groups: fleet.groups.iter().map(|group| group_row(fleet, group)).collect(),
        consensus: consensus(fleet),
        silent,
        superseded: superseded.map(|(host, checklist, started)| SupersededRow { host, checklist, started }).collect(),
        refused: gathered.refused.iter().map(refused_row).collect(),
    }
}

fn group_row<'d>(fleet: &'d Fleet<'d>, group: &'d Group<'d>) -> GroupRow<'d> {
    let rows = |differences: &'d [Difference<'d>]| -> Vec<DifferenceRow<'d>> {
        differences.iter().map(|difference| difference_row(fleet, difference)).collect()
    };
    GroupRow {
        hosts: hosts::fold(group.hosts.iter().copied()),
        names: &group.hosts,
        exit_status: group.exit_status,
        checks: group.checks,
        as_most: group.is_as_most(),
        differences: rows(&group.differences),
        shared: rows(&group.shared),
    }
}

fn difference_row<'d>(fleet: &'d Fleet<'d>, difference: &'d Difference<'d>) -> DifferenceRow<'d> {
    let agreement = &fleet.consensus[difference.at];
    let variants = difference.variants.iter().map(|variant| VariantRow {
        hosts: hosts::fold(variant.hosts.iter().copied()),
        reason: variant.seen.reason,
        expected: variant.seen.expected,
        actual: variant.seen.actual,
        fix: variant.seen.fix,
    });
    DifferenceRow {
        checklist: agreement.checklist,
        id: agreement.id,
        title: agreement.title,
        status: difference.answer.status,
        code: difference.answer.code,
        most_status: agreement.most.status,
        most_code: agreement.most.code,
        variants: variants.collect(),
    }
}

fn consensus<'d>(fleet: &'d Fleet<'d>) -> Vec<ConsensusRow<'d>> {
    let row = |agreement: &'d crate::merge::Agreement<'d>| ConsensusRow {
        checklist: agreement.checklist,
        id: agreement.id,
        title: agreement.title,
        status: agreement.most.status,
        code: agreement.most.code,
        count: agreement.answers.first().map_or(0, |(_, hosts)| hosts.len()),
        of: agreement.answers.iter().map(|(_, hosts)| hosts.len()).sum(),
        others: agreement
            .answers
            .iter()
            .skip(1)
            .map(|(answer, names)| AnswerRow {
                status: answer.status,
                code: answer.code,
                count: names.len(),
                hosts: hosts::fold(names.iter().copied()),
            })
            .collect(),
    };
    fleet.consensus.iter().map(row).collect()
}

fn refused_row(refused: &crate::merge::Refused) -> RefusedRow {
    let place = refused.place();
    let path = std::path::absolute(&refused.path).unwrap_or_else(|_| refused.path.clone());
    RefusedRow {
        file: path.display().to_string(),
        line: place.map(|place| place.0),
        column: place.map(|place| place.1),
        message: refused.why.to_string(),
    }
}
