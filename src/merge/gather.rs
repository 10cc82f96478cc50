//! Reports from files and folders, read in parallel.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use walkdir::WalkDir;

use super::report::{Refusal, Report};

/// What was found in files and folders.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The newest report of each host and checklist.
    pub reports: Vec<Report>,
    /// Older reports of the same host and checklist: host, checklist, when.
    pub superseded: Vec<(String, String, String)>,
    /// What is no report.
    pub refused: Vec<Refused>,
}

/// A file that was asked for, or ends in `.json` in a folder that was, and holds no report.
#[derive(Debug)]
pub struct Refused {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub why: Why,
}

/// Why a file gave no report.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    /// What it holds is no report.
    #[error("{0}")]
    Refusal(#[from] Refusal),
}

impl Refused {
    /// Line and column in the file, from 1, where the fault has a place.
    pub fn place(&self) -> Option<(usize, usize)> {
        match &self.why {
            Why::Refusal(Refusal::Damaged(fault) | Refusal::Malformed(fault)) => Some((fault.line, fault.column)),
            _ => None,
        }
    }
}

/// Reads the reports in these files, and in every `*.json` in or below these folders.
pub fn gather(paths: &[PathBuf]) -> Gathered {
    let mut gathered = Gathered::default();
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() { look_through(path, &mut files, &mut gathered.refused) } else { files.push(path.clone()) }
    }
    let read: Vec<(&PathBuf, Result<Vec<Report>, Why>)> = files.par_iter().map(|file| (file, read(file))).collect();
    let mut newest: BTreeMap<(String, String), Report> = BTreeMap::new();
    for (path, reports) in read {
        match reports {
            Ok(reports) => reports.into_iter().for_each(|report| keep(report, &mut newest, &mut gathered.superseded)),
            Err(why) => gathered.refused.push(Refused { path: path.clone(), why }),
        }
    }
    gathered.reports = newest.into_values().collect();
    gathered
}

fn look_through(folder: &Path, files: &mut Vec<PathBuf>, refused: &mut Vec<Refused>) {
    for entry in WalkDir::new(folder).follow_links(true).sort_by_file_name() {
        match entry {
            // A fifo there would keep the reader waiting for a writer.
            Ok(entry) if !entry.file_type().is_file() => {}
            Ok(entry) if entry.path().extension().is_some_and(|extension| extension == "json") => {
                files.push(entry.into_path());
            }
            Ok(_) => {}
            Err(error) => {
                let path = error.path().unwrap_or(folder).to_owned();
                let why = error.into_io_error().unwrap_or_else(|| io::Error::other("a loop of links"));
                refused.push(Refused { path, why: why.into() });
            }
        }
    }
}

fn read(path: &Path) -> Result<Vec<Report>, Why> {
    if path.as_os_str() != "-" {
        return Ok(Report::read(&fs::read(path)?)?);
    }
    let mut text = Vec::new();
    io::stdin().lock().read_to_end(&mut text)?;
    Ok(Report::read(&text)?)
}

fn keep(
    report: Report,
    newest: &mut BTreeMap<(String, String), Report>,
    superseded: &mut Vec<(String, String, String)>,
) {
    let key = (report.host.clone(), report.checklist.clone());
    let older = match newest.get(&key) {
        Some(kept) if kept.started > report.started => Some(report),
        _ => newest.insert(key, report),
    };
    superseded.extend(older.map(|report| (report.host, report.checklist, report.started)));
}
