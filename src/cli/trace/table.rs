//! The table of calls: all processes together, the worst bypass first.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use colored::Colorize;

use crate::cli::Output;
use crate::probe::{Ended, Ending, Observation, Row};

/// All rows, with their counts.
pub struct Table {
    /// `None` where the calls could not be counted.
    pub rows: Vec<(Row, Option<u64>)>,
    /// The object that should serve every call: the preloaded one, else the first of several that serve the API.
    pub front: Option<PathBuf>,
    /// What the front itself calls: the runtime behind it, whose own calls go past nothing.
    behind: BTreeSet<PathBuf>,
}

/// Functions of this kind, in any API's names, are worse to miss than the others: they launch, allocate, free and copy.
const WORST: [&str; 5] = ["Launch", "Malloc", "MemAlloc", "Free", "Memcpy"];

impl Table {
    /// `preloads` are LD_PRELOAD's words.
    pub fn of(observation: &Observation, preloads: &[PathBuf]) -> Table {
        let mut rows = observation.rows();
        let front = front(observation, preloads);
        let forwarded = rows.iter().filter(|(row, _)| Some(&row.caller) == front.as_ref());
        let behind = forwarded.filter_map(|(row, _)| row.provider.clone()).collect();
        let table = Table { rows: Vec::new(), front, behind };
        rows.sort_by(|(a, a_count), (b, b_count)| {
            let rank = |row: &Row, count: &Option<u64>| {
                let past = table.goes_past(row) && *count != Some(0);
                (past, past && WORST.iter().any(|word| row.symbol.contains(word)), count.unwrap_or(u64::MAX))
            };
            rank(b, b_count).cmp(&rank(a, a_count)).then_with(|| a.cmp(b))
        });
        Table { rows, ..table }
    }

    /// Whether the row's calls go past the front: neither to it, nor from it or what lies behind it, nor from a library to itself.
    pub fn goes_past(&self, row: &Row) -> bool {
        let Some(front) = &self.front else { return false };
        let elsewhere = row.provider.as_ref().is_some_and(|provider| provider != front && *provider != row.caller);
        elsewhere && row.caller != *front && !self.behind.contains(&row.caller)
    }
}

/// The first preload that was loaded, else the first loaded of several objects that serve the same function to others.
fn front(observation: &Observation, preloads: &[PathBuf]) -> Option<PathBuf> {
    let mut loaded = observation.objects().map(|object| &object.path);
    if let Some(path) = preloads.iter().find_map(|preload| loaded.clone().find(|path| is_same(path, preload))) {
        return Some(path.clone());
    }
    let mut serving: BTreeMap<&str, BTreeSet<&PathBuf>> = BTreeMap::new();
    for call in observation.images.iter().flat_map(|image| &image.calls) {
        if let Some(provider) = call.provider.as_ref().filter(|provider| **provider != call.caller) {
            serving.entry(&call.symbol).or_default().insert(provider);
        }
    }
    let rivals: BTreeSet<_> = serving.into_values().filter(|providers| providers.len() > 1).flatten().collect();
    loaded.find(|path| rivals.contains(path)).cloned()
}

/// A preload without a slash is searched for by ld.so.
fn is_same(path: &Path, preload: &Path) -> bool {
    path == preload
        || (preload.components().count() == 1 && path.file_name() == preload.file_name())
        || preload.canonicalize().is_ok_and(|real| path.canonicalize().is_ok_and(|path| path == real))
}

/// Prints it for a person.
pub fn print(table: &Table, ended: &Ended, observation: &Observation, output: Output) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let arrow = if output.draws_marks() { "→" } else { "->" };
    let shown: Vec<_> = table.rows.iter().filter(|(_, count)| output.verbose > 0 || *count != Some(0)).collect();
    let width = shown.iter().map(|(_, count)| words(*count).len()).max().unwrap_or(0);
    for (row, count) in &shown {
        let (caller, provider) = (name(Some(&row.caller), output), name(row.provider.as_deref(), output));
        let version = row.version.as_ref().map(|version| format!("@{version}")).unwrap_or_default();
        let line = format!(
            "{:>width$}  {:<10}  {caller}  {}{version} {arrow} {provider}",
            words(*count),
            row.via.name(),
            row.symbol
        );
        writeln!(out, "{} {line}{}", mark(table, row, *count, output), remark(table, row, output))?;
    }
    summary(table, ended, observation, &mut out)?;
    out.flush()
}

fn words(count: Option<u64>) -> String {
    count.map_or_else(|| "?".to_owned(), |count| count.to_string())
}

fn mark(table: &Table, row: &Row, count: Option<u64>, output: Output) -> colored::ColoredString {
    match (count, table.goes_past(row), output.draws_marks()) {
        (None, _, true) => "?".yellow(),
        (None, _, false) => "[????]".yellow(),
        (_, true, true) => "!".red(),
        (_, true, false) => "[warn]".red(),
        (_, false, true) => "✓".green(),
        (_, false, false) => "[ok]  ".green(),
    }
}

fn remark(table: &Table, row: &Row, output: Output) -> String {
    match (row.reason, &table.front) {
        (Some(reason), _) => format!("  ({})", reason.sentence()),
        (None, Some(front)) if table.goes_past(row) => format!("  past {}", name(Some(front), output)),
        _ => String::new(),
    }
}

/// The file's name; the whole path with -v.
fn name(path: Option<&Path>, output: Output) -> String {
    let Some(path) = path else { return "?".to_owned() };
    let short = path.file_name().filter(|_| output.verbose == 0).unwrap_or(path.as_os_str());
    crate::elf::escape(short.as_encoded_bytes()).to_string()
}

fn summary(table: &Table, ended: &Ended, observation: &Observation, out: &mut impl Write) -> io::Result<()> {
    let sum = |past: bool| -> u64 {
        table.rows.iter().filter(|(row, _)| !past || table.goes_past(row)).filter_map(|(_, count)| *count).sum()
    };
    let idle = table.rows.iter().filter(|(_, count)| *count == Some(0)).count();
    let past = match &table.front {
        Some(front) => format!(", {} of them past {}", sum(true), front.display()),
        None => String::new(),
    };
    let processes = match observation.images.len() {
        1 => "1 process".to_owned(),
        count => format!("{count} processes"),
    };
    writeln!(out, "{} calls in {processes}{past}", sum(false))?;
    if idle > 0 {
        writeln!(out, "{idle} more references were bound and never called: -v lists them")?;
    }
    match ended.ending {
        Ending::Exited(_) | Ending::Signalled(_) => writeln!(out, "the command ended with {}", ended.ending),
        cut => writeln!(out, "the command was {cut}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{Call, Image, Object, Reason, Unseen, Via};

    fn call(caller: &str, symbol: &str, provider: &str, count: u64) -> Call {
        let (caller, symbol, provider) = (caller.into(), symbol.to_owned(), Some(provider.into()));
        Call { caller, symbol, version: None, provider, via: Via::Plt, count }
    }

    fn observed(calls: Vec<Call>) -> Observation {
        let objects = ["/client", "/shim", "/runtime", "/driver"];
        let objects = objects.map(|path| Object { path: path.into(), namespace: 0 }).to_vec();
        Observation { images: vec![Image { objects, calls, ..Image::default() }], ..Observation::default() }
    }

    #[test]
    fn launches_that_go_past_come_before_all_else_that_does_and_what_lies_behind_the_front_goes_past_nothing() {
        let observation = observed(vec![
            call("/client", "cudaGetDevice", "/runtime", 9),
            call("/client", "cudaMalloc", "/shim", 50),
            call("/client", "__cudaLaunchKernel", "/runtime", 2),
            call("/shim", "cudaMalloc", "/runtime", 50),
            call("/runtime", "cuMemAlloc", "/driver", 99),
            call("/client", "cuLaunchKernel", "/driver", 3),
        ]);
        let table = Table::of(&observation, &[]);
        assert_eq!(table.front.as_deref(), Some(Path::new("/shim")));
        let order: Vec<_> = table.rows.iter().map(|(row, count)| (row.symbol.as_str(), *count)).collect();
        assert_eq!(
            order[..4],
            [
                ("cuLaunchKernel", Some(3)),
                ("__cudaLaunchKernel", Some(2)),
                ("cudaGetDevice", Some(9)),
                ("cuMemAlloc", Some(99))
            ]
        );
        assert_eq!(table.rows.iter().filter(|(row, _)| table.goes_past(row)).count(), 3);
    }

    #[test]
    fn a_preload_that_serves_nothing_is_the_front_that_all_goes_past() {
        let observation = observed(vec![call("/client", "hipMalloc", "/runtime", 1)]);
        assert_eq!(Table::of(&observation, &[]).front, None);
        let table = Table::of(&observation, &["/shim".into()]);
        assert!(table.goes_past(&table.rows[0].0));
    }

    #[test]
    fn what_could_not_be_counted_stays_a_row_of_its_own_beside_what_was() {
        let mut observation = observed(vec![call("/client", "hipMalloc", "/runtime", 1)]);
        let (caller, symbol) = ("/client".into(), "hipMalloc".to_owned());
        observation.images[0].unseen.push(Unseen { caller, symbol, via: Via::Plt, reason: Reason::Refused });
        let table = Table::of(&observation, &[]);
        assert_eq!(table.rows.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [None, Some(1)]);
    }
}
