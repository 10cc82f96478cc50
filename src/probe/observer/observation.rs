//! All that was observed of a command: its process images, and what left the observer.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::probe::Met;

use super::ObserverError;
use super::counts::{self, Counts};
use super::departures::Departure;
use super::image::{Image, Object};
use super::record::{Record, parse};

/// How deep children of children are followed to the image that was started by an exec.
const GENERATIONS: usize = 1000;

/// All that was observed.
#[derive(Debug, Default)]
pub struct Observation {
    /// The process images that shook hands with the observer, by process id and then in their order.
    pub images: Vec<Image>,
    /// What processes were to become, or were started as, whether or not that shook hands.
    pub departures: Vec<Departure>,
}

impl Observation {
    /// Every object of every image: the same one once for each image that has it.
    pub fn objects(&self) -> impl Iterator<Item = &Object> + Clone {
        self.images.iter().flat_map(|image| &image.objects)
    }

    /// Processes that became, or were started as, a program that did not shake hands with the observer, each by its last try: static,
    /// secure or another loader's programs, and those whose environment lacks LD_AUDIT, however short they lived.
    pub fn departed(&self) -> Vec<&Departure> {
        // Along PATH one try follows the other; whoever tries again has not become anything yet.
        let last: BTreeMap<(u32, (u32, u32)), &Departure> =
            self.departures.iter().map(|departure| ((departure.pid, departure.from), departure)).collect();
        last.into_values()
            .filter(|departure| !departure.was_followed(&self.images) && !departure.leads_nowhere())
            .collect()
    }

    /// Those of the processes met that ran a program unobserved: either it was started without an audit library, or nobody who ran it
    /// shook hands. A fork of one that did has no files before its first call, and need not have its parent any more.
    pub fn unobserved<'m>(&self, met: &'m [Met]) -> Vec<&'m Met> {
        let shook_hands =
            |program: &Path| self.images.iter().filter_map(Image::program).any(|own| is_same(own, program));
        met.iter().filter(|one| !(one.audited && shook_hands(&one.program))).collect()
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other || one.canonicalize().is_ok_and(|one| one == other)
}

/// Every image that has left both of its files in the folder.
pub fn read_all(folder: &Path) -> Result<Observation, ObserverError> {
    let failed = |path: &Path, source| ObserverError::Folder { path: path.to_owned(), source };
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(|source| failed(folder, source))? {
        let path = entry.map_err(|source| failed(folder, source))?.path();
        if path.extension().is_some_and(|extension| extension == "log")
            && let Some(order) = order_of(&path)
        {
            found.insert(order, path);
        }
    }
    let mut images = Vec::new();
    for (order, path) in found {
        images.extend(read(order, &path).map_err(|source| failed(&path, source))?);
    }
    let departures = Departure::read_all(folder, &images).map_err(|source| failed(folder, source))?;
    Ok(Observation { images, departures })
}

/// Process id and ordinal, from `PID.N.log`.
fn order_of(path: &Path) -> Option<(u32, u32)> {
    let (pid, ordinal) = path.file_stem()?.to_str()?.split_once('.')?;
    Some((pid.parse().ok()?, ordinal.parse().ok()?))
}

fn read((pid, ordinal): (u32, u32), path: &Path) -> io::Result<Option<Image>> {
    let Some(Counts { lost, departed, lost_children, counts }) = counts::read(&path.with_extension("counts"))? else {
        return Ok(None);
    };
    let logs = lineage(path)?;
    let mut image = Image { pid, ordinal, lost, departed, lost_children, ..Image::default() };
    if let [.., (parent, _), _] = &logs[..] {
        image.forked = true;
        image.parent = order_of(parent).map_or(0, |(pid, _)| pid);
    }
    let shook_hands =
        logs.iter().flat_map(|(_, log)| parse(log)).any(|record| matches!(record, Record::Observer { .. }));
    for record in logs.iter().flat_map(|(_, log)| parse(log)) {
        image.add(record, &counts);
    }
    Ok(shook_hands.then_some(image))
}

/// The records of an image, preceded by as much of its forebears' as it was forked with, the eldest first.
fn lineage(path: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let (mut path, mut bytes) = (path.to_owned(), usize::MAX);
    let mut logs = Vec::new();
    while logs.len() < GENERATIONS {
        let mut log = fs::read(&path)?;
        log.truncate(bytes);
        let fork = match parse(&log).next() {
            Some(Record::Fork { stem, bytes }) => Some((stem, bytes)),
            _ => None,
        };
        let child = path.clone();
        logs.push((child, log));
        let Some((mut stem, length)) = fork else { break };
        stem.as_mut_os_string().push(".log");
        (path, bytes) = (stem, length);
    }
    logs.reverse();
    Ok(logs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::observer::departures;

    fn departure(record: &str) -> Departure {
        departures::parse(record.as_bytes()).expect("a record")
    }

    fn image(pid: u32, ordinal: u32, forked: bool) -> Image {
        Image { pid, ordinal, forked, ..Image::default() }
    }

    #[test]
    fn a_process_departs_where_no_later_image_of_its_own_was_begun_by_an_exec() {
        let departures = ["7\t7.0\texecvp\t./a", "8\t7.0\texecve\tb", "9\t9.0\texecve\tc", "5\t7.0\tposix_spawn\td"];
        let departures: Vec<Departure> = departures.into_iter().map(departure).collect();
        let images = vec![image(7, 0, false), image(7, 1, false), image(8, 0, true), image(9, 0, false)];
        let observation = Observation { images, departures };
        let pids: Vec<u32> = observation.departed().into_iter().map(|departure| departure.pid).collect();
        assert_eq!(pids, [5, 8, 9], "7 was observed again; 8 only as the fork that it was");
    }

    #[test]
    fn only_the_last_try_counts_and_none_for_a_file_that_is_not_there() {
        let departures = ["7\t7.0\texecve\t/usr/x", "7\t7.0\texecve\t/bin/sh", "8\t8.0\texecve\t/no/such/file"];
        let departures = departures.into_iter().map(departure).collect();
        let observation = Observation { images: vec![image(7, 0, false), image(8, 0, false)], departures };
        let departed = observation.departed();
        assert_eq!(departed.len(), 1);
        assert_eq!(departed[0].to_string(), "process 7 became /bin/sh (execve) without the observer");
    }
}
