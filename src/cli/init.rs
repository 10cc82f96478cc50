//! `xdoctor init`: writes a first checklist from what is there.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use serde::Serialize;

use crate::check::{Checklist, FILE_NAME, Source};
use crate::init::{Finds, Written, checklist};

use super::checklists::unusable;
use super::output::after_printing;
use super::{Exit, Format, Output, Unusable};

/// Write a first checklist from what is found: git, build and install trees, shims, runtimes, Python frameworks
///
/// What it asks of a shim comes from the API's table and the sources' version script, not from how the shim is: a broken
/// one fails the checklist that is written for it.
///
/// Examples:
///   xdoctor init                                 what is here, into xdoctor.yaml
///   xdoctor init /opt/xsched /opt/rocm           what is there
///   xdoctor init -o - /opt/xsched | less         to look at first
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The folders to look through [default: this one]; `-` means `--output -`
    folders: Vec<PathBuf>,
    /// The file to write; `-` is stdout
    #[arg(short, long, value_name = "FILE", default_value = FILE_NAME)]
    output: PathBuf,
    /// Replace the file where it is there
    #[arg(long)]
    force: bool,
}

/// Runs the command.
///
/// # Errors
/// A folder that cannot be read, or a file that is there already.
pub fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let dash = Path::new("-");
    let to_stdout = args.output == dash || args.folders.iter().any(|folder| folder == dash);
    let folders = folders(args)?;
    let here = std::env::current_dir().context("the working folder")?;
    let name = if to_stdout { Path::new(FILE_NAME) } else { args.output.as_path() };
    let folder = here.join(name).parent().unwrap_or(&here).to_owned();
    let folder = std::fs::canonicalize(&folder).with_context(|| format!("cannot write in {}", folder.display()))?;
    let target = folder.join(name.file_name().context("--output names no file")?);
    if !to_stdout && !args.force && target.symlink_metadata().is_ok() {
        return Err(taken(&target));
    }
    let finds = Finds::in_folders(&folders);
    for folder in &finds.unread {
        output.remark(format_args!("not looked into: {folder}"));
    }
    if finds.is_empty() {
        let all = folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ");
        output.remark(format!("found no git tree, build tree, library or GPU framework in {all}: nothing to write"));
        let printed = if output.format == Format::Json { output.json(&document(&finds, None, None)) } else { Ok(()) };
        return after_printing(printed.map_err(Into::into), Exit::NothingSelected);
    }
    let written = checklist(&finds, &target);
    // What is written must be a checklist: a name in a file could be one that YAML does not hold.
    let source = Source { name: target.clone(), text: written.text.clone(), base: folder, unasked: false };
    Checklist::parse(&source, &[]).map_err(unusable).context("xdoctor wrote a checklist that it cannot read: a bug")?;
    if !to_stdout {
        write(&target, &written.text, args.force)?;
    }
    let printed = print(&finds, &written, (!to_stdout).then_some(&target), output);
    after_printing(printed, Exit::Holds)
}

/// The folders, without links and each as a whole path.
fn folders(args: &Args) -> anyhow::Result<Vec<PathBuf>> {
    let mut folders: Vec<PathBuf> = args.folders.iter().filter(|folder| folder.as_os_str() != "-").cloned().collect();
    if folders.is_empty() {
        folders.push(".".into());
    }
    for folder in &mut folders {
        let real = std::fs::canonicalize(&*folder).with_context(|| format!("cannot read {}", folder.display()))?;
        if !real.is_dir() {
            bail!("{} is no folder; expected one to look through", folder.display());
        }
        *folder = real;
    }
    Ok(folders)
}

fn taken(target: &Path) -> anyhow::Error {
    anyhow!(Unusable {
        message: format!(
            "{} is there already; --force replaces it, -o - shows what would be written",
            target.display()
        ),
        file: Some(target.to_owned()),
        line: None,
        column: None,
    })
}

/// Whole or not at all, and never over what somebody else has just written.
fn write(target: &Path, text: &str, force: bool) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", target.display());
    let folder = target.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(cannot)?;
    file.write_all(text.as_bytes()).with_context(cannot)?;
    file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644)).with_context(cannot)?;
    file.as_file().sync_all().with_context(cannot)?;
    if force {
        file.persist(target).with_context(cannot)?;
        return Ok(());
    }
    match file.persist_noclobber(target) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(taken(target)),
        Err(error) => Err(error).with_context(cannot),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    /// `None` where it went to nobody but this document.
    checklist: Option<String>,
    found: Vec<Found>,
    checks: Vec<CheckDocument<'a>>,
    /// `None` where nothing was found.
    text: Option<&'a str>,
}

#[derive(Serialize)]
struct Found {
    what: &'static str,
    path: String,
}

#[derive(Serialize)]
struct CheckDocument<'a> {
    id: &'a str,
    kind: &'a str,
}

fn found(finds: &Finds) -> Vec<Found> {
    let one = |what, path: &Path| Found { what, path: path.display().to_string() };
    let mut found: Vec<Found> = finds.repositories.iter().map(|tree| one("repository", &tree.path)).collect();
    found.extend(finds.builds.iter().map(|build| one("build", &build.path)));
    found.extend(finds.files.iter().map(|file| one(file.role.name(), &file.path)));
    found.extend(finds.scripts.iter().map(|script| one("version-script", script)));
    found.extend(finds.frameworks.iter().map(|framework| one("framework", &framework.libraries)));
    found
}

fn document<'a>(finds: &Finds, written: Option<&'a Written>, target: Option<&PathBuf>) -> Document<'a> {
    let checks = written.iter().flat_map(|written| &written.checks);
    Document {
        schema: "xdoctor/init/1",
        checklist: target.map(|target| target.display().to_string()),
        found: found(finds),
        checks: checks.map(|(id, kind)| CheckDocument { id, kind }).collect(),
        text: written.map(|written| written.text.as_str()),
    }
}

fn print(finds: &Finds, written: &Written, target: Option<&PathBuf>, output: Output) -> anyhow::Result<()> {
    if output.format == Format::Json {
        return Ok(output.json(&document(finds, Some(written), target))?);
    }
    let mut out = io::stdout().lock();
    match target {
        None => out.write_all(written.text.as_bytes())?,
        Some(target) => {
            for Found { what, path } in found(finds) {
                writeln!(out, "  {what:<14} {path}")?;
            }
            let checks = written.checks.len();
            let plural = if checks == 1 { "" } else { "s" };
            writeln!(out, "{}: {checks} check{plural} written; `xdoctor check` runs them", target.display())?;
        }
    }
    out.flush()?;
    Ok(())
}
