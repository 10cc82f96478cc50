//! Many reports folded: what most machines have, and the groups of equal machines, the odd ones first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::check::Status;

use super::hosts::natural;
use super::report::{Check, Report};

/// How a check ended: machines are equal where this is, for each check. What was seen is not compared: it holds process
/// ids, times and paths that differ between equal machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Answer<'r> {
    /// Its status; `None` where the machine ran the checklist without this check.
    pub status: Option<Status>,
    /// The stable name of what is wrong.
    pub code: Option<&'r str>,
}

/// Reports folded.
#[derive(Debug)]
pub struct Fleet<'r> {
    /// How many reports there were.
    pub reports: usize,
    /// How many machines they are of.
    pub hosts: usize,
    /// Machines of whose runs one ended with exit status 1.
    pub failing: usize,
    /// Machines of whose runs none did, and one ended with 3.
    pub undetermined: usize,
    /// For each check, what most machines have.
    pub consensus: Vec<Agreement<'r>>,
    /// Equal machines together. The odd ones come first: those that fail, then the smallest groups.
    pub groups: Vec<Group<'r>>,
}

/// What the machines have of one check.
#[derive(Debug)]
pub struct Agreement<'r> {
    /// The checklist.
    pub checklist: &'r str,
    /// The check.
    pub id: &'r str,
    /// What it claims, in words.
    pub title: &'r str,
    /// What most have.
    pub most: Answer<'r>,
    /// Every answer with the machines that gave it; that of most is first.
    pub answers: Vec<(Answer<'r>, Vec<&'r str>)>,
}

/// Machines with the same answers to the same checks.
#[derive(Debug)]
pub struct Group<'r> {
    /// The machines, `n2` before `n10`.
    pub hosts: Vec<&'r str>,
    /// How many checks each of them ran.
    pub checks: usize,
    /// The worst exit status of their runs, by the order of those: 1, 3, 4, 0.
    pub exit_status: u8,
    /// What differs from what most have, in the order of the checklists.
    pub differences: Vec<Difference<'r>>,
    /// What neither passes nor was skipped, and is so with most.
    pub shared: Vec<Difference<'r>>,
    /// How many checks ended how.
    pub counts: Vec<(Status, usize)>,
}

impl Group<'_> {
    /// Whether each answer is that of most.
    pub fn is_as_most(&self) -> bool {
        self.differences.is_empty()
    }
}

/// One check of a group.
#[derive(Debug)]
pub struct Difference<'r> {
    /// Where in [`Fleet::consensus`].
    pub at: usize,
    /// What the group has.
    pub answer: Answer<'r>,
    /// What its machines said of it, equal words together.
    pub variants: Vec<Variant<'r>>,
}

/// What some machines of a group said of a check.
#[derive(Debug)]
pub struct Variant<'r> {
    /// Those that did.
    pub hosts: Vec<&'r str>,
    /// Their words.
    pub seen: Seen<'r>,
}

/// A check's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen<'r> {
    /// Why there is no answer.
    pub reason: Option<&'r str>,
    /// What was expected.
    pub expected: Option<&'r str>,
    /// What was found.
    pub actual: Option<&'r str>,
    /// What mends it.
    pub fix: Option<&'r str>,
}

/// The answers of one machine, by the place of the check; none where it did not run the checklist.
type Row<'r> = Vec<Option<(Answer<'r>, Option<&'r Check>)>>;

impl<'r> Fleet<'r> {
    /// Folds reports, of which no two are of the same host and checklist.
    pub fn of(reports: &'r [Report]) -> Fleet<'r> {
        let mut by_host: Vec<(&str, Vec<&Report>)> = Vec::new();
        let mut sorted: Vec<&Report> = reports.iter().collect();
        sorted.sort_by(|a, b| natural(&a.host, &b.host).then_with(|| a.checklist.cmp(&b.checklist)));
        for report in sorted {
            match by_host.last_mut() {
                Some((host, reports)) if *host == report.host => reports.push(report),
                _ => by_host.push((&report.host, vec![report])),
            }
        }
        let places = Places::of(&by_host);
        let rows: Vec<Row<'r>> = by_host.iter().map(|(_, reports)| places.row(reports)).collect();
        let consensus = places.consensus(&by_host, &rows);
        let groups = groups(&by_host, &rows, &consensus);
        let ended = |status| groups.iter().filter(move |group| group.exit_status == status);
        let count = |status| ended(status).map(|group| group.hosts.len()).sum();
        Fleet {
            reports: reports.len(),
            hosts: by_host.len(),
            failing: count(1),
            undetermined: count(3),
            consensus,
            groups,
        }
    }

    /// How many machines differ from what most have.
    pub fn odd(&self) -> usize {
        self.groups.iter().filter(|group| !group.is_as_most()).map(|group| group.hosts.len()).sum()
    }

    /// The one sentence.
    pub fn verdict(&self) -> String {
        let total = self.hosts;
        let mut said = match (self.failing, self.undetermined) {
            (0, 0) if total == 0 => "there is no report".to_owned(),
            (0, 0) => format!("no failure on {total} {}", if total == 1 { "host" } else { "hosts" }),
            (0, open) => format!("{open} of {total} hosts could not be determined"),
            (failing, 0) => format!("{failing} of {total} hosts {}", if failing == 1 { "fails" } else { "fail" }),
            (failing, open) => {
                let fail = if failing == 1 { "fails" } else { "fail" };
                format!("{failing} of {total} hosts {fail}, {open} could not be determined")
            }
        };
        match self.odd() {
            0 if total > 1 => said.push_str("; all are alike"),
            0 => {}
            1 => said.push_str("; 1 differs from most"),
            odd => said.push_str(&format!("; {odd} differ from most")),
        }
        said
    }
}

/// Every check of every checklist, in the order of the first report that has it.
struct Places<'r> {
    checks: Vec<(&'r str, &'r Check)>,
    of: HashMap<(&'r str, &'r str), usize>,
}

impl<'r> Places<'r> {
    fn of(by_host: &[(&'r str, Vec<&'r Report>)]) -> Places<'r> {
        let mut by_checklist: BTreeMap<&str, Vec<&Check>> = BTreeMap::new();
        let mut known = BTreeSet::new();
        for report in by_host.iter().flat_map(|(_, reports)| reports) {
            let checks = by_checklist.entry(&report.checklist).or_default();
            for check in report.steps.iter().flat_map(|step| &step.checks) {
                if known.insert((report.checklist.as_str(), check.id.as_str())) {
                    checks.push(check);
                }
            }
        }
        let checks: Vec<(&str, &Check)> = by_checklist
            .into_iter()
            .flat_map(|(checklist, checks)| checks.into_iter().map(move |check| (checklist, check)))
            .collect();
        let of = checks.iter().enumerate().map(|(at, (checklist, check))| ((*checklist, check.id.as_str()), at));
        Places { of: of.collect(), checks }
    }

    fn row(&self, reports: &[&'r Report]) -> Row<'r> {
        let mut row: Row<'r> = vec![None; self.checks.len()];
        for report in reports {
            let of_this = self.checks.iter().zip(&mut row).filter(|((checklist, _), _)| *checklist == report.checklist);
            of_this.for_each(|(_, place)| *place = Some((Answer { status: None, code: None }, None)));
            for check in report.steps.iter().flat_map(|step| &step.checks) {
                if let Some(place) = self.of.get(&(report.checklist.as_str(), check.id.as_str())) {
                    let answer = Answer { status: Some(check.status), code: check.code.as_deref() };
                    row[*place] = Some((answer, Some(check)));
                }
            }
        }
        row
    }

    fn consensus(&self, by_host: &[(&'r str, Vec<&'r Report>)], rows: &[Row<'r>]) -> Vec<Agreement<'r>> {
        let agreement = |(at, (checklist, check)): (usize, &(&'r str, &'r Check))| {
            let mut answers: BTreeMap<Answer<'r>, Vec<&'r str>> = BTreeMap::new();
            for ((host, _), row) in by_host.iter().zip(rows) {
                if let Some((answer, _)) = row[at] {
                    answers.entry(answer).or_default().push(host);
                }
            }
            let mut answers: Vec<(Answer<'r>, Vec<&str>)> = answers.into_iter().collect();
            // Of two that as many have, the better one: nobody is blamed for being well.
            answers.sort_by_key(|(answer, hosts)| (Reverse(hosts.len()), rank(answer.status)));
            let most = answers.first().map_or(Answer { status: None, code: None }, |(answer, _)| *answer);
            Agreement { checklist, id: &check.id, title: &check.title, most, answers }
        };
        self.checks.iter().enumerate().map(agreement).collect()
    }
}

/// From the best to the worst.
fn rank(status: Option<Status>) -> u8 {
    match status {
        Some(Status::Pass) => 0,
        Some(Status::Skip) => 1,
        None => 2,
        Some(Status::Warn) => 3,
        Some(Status::Undetermined) => 4,
        Some(Status::Fail) => 5,
    }
}

/// The exit status that wins where a machine has several: 1, then 3, 4, 0.
fn worst(statuses: impl Iterator<Item = u8>) -> u8 {
    let weight = |status: &u8| match status {
        0 => 0,
        4 => 1,
        3 => 2,
        _ => 3,
    };
    statuses.max_by_key(weight).unwrap_or(0)
}

fn groups<'r>(by_host: &[(&'r str, Vec<&'r Report>)], rows: &[Row<'r>], consensus: &[Agreement<'r>]) -> Vec<Group<'r>> {
    let mut members: HashMap<(Vec<Option<Answer<'r>>>, u8), Vec<usize>> = HashMap::new();
    for (host, ((_, reports), row)) in by_host.iter().zip(rows).enumerate() {
        let answers = row.iter().map(|place| place.map(|(answer, _)| answer)).collect();
        let exit_status = worst(reports.iter().map(|report| report.exit_status));
        members.entry((answers, exit_status)).or_default().push(host);
    }
    let mut groups: Vec<Group<'r>> = members
        .into_iter()
        .map(|((_, exit_status), members)| group(&members, exit_status, by_host, rows, consensus))
        .collect();
    groups.sort_by(|a, b| {
        let key = |group: &Group<'_>| (group.is_as_most(), group.exit_status != 1, group.hosts.len());
        key(a).cmp(&key(b)).then_with(|| {
            let first = |group: &Group<'r>| group.hosts.first().copied().unwrap_or_default();
            natural(first(a), first(b))
        })
    });
    groups
}

fn group<'r>(
    members: &[usize],
    exit_status: u8,
    by_host: &[(&'r str, Vec<&'r Report>)],
    rows: &[Row<'r>],
    consensus: &[Agreement<'r>],
) -> Group<'r> {
    let (mut differences, mut shared) = (Vec::new(), Vec::new());
    let mut counts: Vec<(Status, usize)> =
        [Status::Fail, Status::Undetermined, Status::Warn, Status::Skip, Status::Pass].map(|status| (status, 0)).into();
    let row: &[_] = members.first().map_or(&[], |first| &rows[*first]);
    for (at, (answer, agreement)) in row.iter().zip(consensus).enumerate() {
        let Some((answer, _)) = *answer else { continue };
        if let Some((_, count)) = counts.iter_mut().find(|(status, _)| Some(*status) == answer.status) {
            *count += 1;
        }
        let said = || {
            let members = members.iter().map(|member| (by_host[*member].0, &rows[*member][at]));
            Difference { at, answer, variants: variants(members) }
        };
        if answer != agreement.most {
            differences.push(said());
        } else if !matches!(answer.status, Some(Status::Pass | Status::Skip) | None) {
            shared.push(said());
        }
    }
    counts.retain(|(_, count)| *count > 0);
    Group {
        hosts: members.iter().map(|member| by_host[*member].0).collect(),
        checks: counts.iter().map(|(_, count)| count).sum(),
        exit_status,
        differences,
        shared,
        counts,
    }
}

fn variants<'r, 'a>(
    members: impl Iterator<Item = (&'r str, &'a Option<(Answer<'r>, Option<&'r Check>)>)>,
) -> Vec<Variant<'r>>
where
    'r: 'a,
{
    let mut variants: BTreeMap<Seen<'r>, Vec<&'r str>> = BTreeMap::new();
    for (host, place) in members {
        let check = place.as_ref().and_then(|(_, check)| *check);
        let seen = check.map_or_else(Seen::default, |check| Seen {
            reason: check.reason.as_deref(),
            expected: check.expected.as_deref(),
            actual: check.actual.as_deref(),
            fix: check.fix.as_deref(),
        });
        variants.entry(seen).or_default().push(host);
    }
    let mut variants: Vec<Variant<'r>> = variants.into_iter().map(|(seen, hosts)| Variant { hosts, seen }).collect();
    variants.sort_by_key(|variant| Reverse(variant.hosts.len()));
    variants
}
