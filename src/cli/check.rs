//! `xdoctor check`: runs a checklist.

mod list;
mod progress;
mod prolog;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;

use crate::bundle;
use crate::check::{self, Checklist, Located, Options, Results, Selection, Status};
use crate::lock;
use crate::probe::shell_word;
use crate::report::{self, Run, Style};
use crate::sample::Sample;

use super::checklists::{locked, name_and_value, not_to_be_had, unusable};
use super::exit::ExitStyle;
use super::output::{Format, after_printing, streamed};
use super::scratch::scratch;
use super::{Exit, Output};

/// Run a checklist: the one given, one bundled by name, else xdoctor.yaml here or above, else the bundled self-check
///
/// Examples:
///   xdoctor check                                        the bundled self-check
///   xdoctor check xsched-hip --var source=/opt/xsched    a bundled one by name
///   xdoctor check gpu.yaml --only symbols --format json  one check of a file
///   xdoctor check --fail-on warn --report json=out.json  as a gate
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A file, or the name of a bundled checklist
    checklist: Option<PathBuf>,
    /// Run only these checks: an id, a tag, or a glob; repeatable
    #[arg(long, value_name = "ID|TAG|GLOB")]
    only: Vec<String>,
    /// Leave these checks out
    #[arg(long, value_name = "ID|TAG|GLOB")]
    skip: Vec<String>,
    /// Give a variable of the checklist a value; repeatable
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = name_and_value)]
    vars: Vec<(String, String)>,
    /// How many checks run at once, and how many threads hash and read files [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// List the checks and run none; with --format json all that the checklist says of them
    #[arg(long)]
    list: bool,
    /// What else makes the exit status 1
    #[arg(long, value_enum, value_delimiter = ',', value_name = "STATUS")]
    fail_on: Vec<FailOn>,
    /// What must be there: without it a check that would be skipped fails
    #[arg(long, value_enum, value_name = "WHAT")]
    require: Vec<Require>,
    /// Write a report besides: text, json, junit, sarif, tap, github, markdown, prometheus, fleet or html; `-` is stdout, in
    /// place of the text; repeatable
    #[arg(long = "report", value_name = "FORMAT=PATH", value_parser = format_and_path)]
    reports: Vec<(ReportFormat, PathBuf)>,
    /// Exit with 1 only for a fault of the node, else with 0: what a Slurm Prolog must do, whose failure drains the node
    ///
    /// A fault of the node is the failure of a check that has the tag `node`, or is of a kind that looks at nothing else
    /// (kernel, mount, package, and device where it asks for no group).
    /// What fails otherwise, could not be determined, or keeps the checklist from being run is said on stderr.
    #[arg(long)]
    slurm_prolog: bool,
    /// The machine's name in reports [default: this machine's]
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Keep every child's whole output in this folder
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// Do not compare with the xdoctor.lock that lies beside the checklist
    #[arg(long)]
    no_lock: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// A warning
    Warn,
    /// A skipped check
    Skip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Require {
    /// A GPU with its runtime
    Gpu,
}

/// What `--report` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    /// For people, 80 columns, without colour
    Text,
    /// The document of --format json
    Json,
    /// JUnit XML: Jenkins, GitLab
    Junit,
    /// SARIF 2.1.0: code scanning
    Sarif,
    /// TAP 14
    Tap,
    /// Annotations of GitHub Actions
    Github,
    /// A results page
    Markdown,
    /// Metrics for node_exporter's textfile collector
    Prometheus,
    /// Sorted lines, the same bytes on equal machines
    Fleet,
    /// One page for a browser, with the ladder, coverage and bindings as pictures
    Html,
}

fn format_and_path(text: &str) -> Result<(ReportFormat, PathBuf), String> {
    let (format, path) = text.split_once('=').ok_or("expected FORMAT=PATH")?;
    let known = ReportFormat::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let known = known.map(|value| value.get_name().to_owned()).collect::<Vec<_>>().join(", ");
    let format = ReportFormat::from_str(format, false).map_err(|_| format!("expected FORMAT to be one of {known}"))?;
    Ok((format, path.into()))
}

/// Runs the command.
///
/// # Errors
/// A bad checklist, wrong usage, or a folder that cannot be used.
pub fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    refuse_reports_that_cannot_be(args, output)?;
    let located = match &args.checklist {
        Some(name) => check::named(name),
        None => check::found(&std::env::current_dir().context("the working folder")?),
    };
    let located = located.map_err(not_to_be_had)?;
    let scratch = scratch()?;
    let mut given = args.vars.clone();
    let source = match &located {
        Located::File(source) => source,
        Located::Bundled(source) => {
            if source.text.contains("${bundle}") {
                let folder = bundle::unpacked_in(scratch.path())?;
                given.insert(0, ("bundle".to_owned(), folder.display().to_string()));
            }
            source
        }
        Located::SelfCheck(source) => {
            output.remark(
                "no checklist given, and no xdoctor.yaml here or above: checking the bundled sample environment",
            );
            let folder = scratch.path().join("sample");
            let sample = if args.list { Sample::at(&folder) } else { Sample::unpack(&folder)? };
            given.extend(sample.variables());
            source
        }
    };
    let mut checklist = Checklist::parse(source, &given).map_err(unusable)?;
    if !args.no_lock && !matches!(located, Located::SelfCheck(_)) {
        remember(&mut checklist, source, output)?;
    }
    let selection = Selection::new(&args.only, &args.skip, &checklist)?;
    if args.list {
        return Ok(list::list(&checklist, &selection, output)?);
    }
    let options = Options {
        selection,
        jobs: args.jobs.map_or_else(default_jobs, usize::from),
        log: args.log.clone(),
        require_gpu: args.require.contains(&Require::Gpu),
        ..Options::new(scratch.path())
    };
    if let Some(folder) = &args.log {
        fs::create_dir_all(folder).with_context(|| format!("cannot keep logs in {}", folder.display()))?;
    }
    let bar = progress::Bar::new(output.quiet);
    let mut results = check::run_told(&checklist, &options, &|event| bar.tell(event));
    bar.clear();
    let exit = exit(&results, args);
    results.verdict = check::raised_verdict(&results.verdict, &results.summary, &raised(args));
    let run = Run {
        host: args.host.clone().unwrap_or_else(this_host),
        folder: std::env::current_dir().unwrap_or_default(),
        title: &checklist.title,
        checklist: checklist.source.clone(),
        command: report::Command::Check(arguments(args)),
        vars: checklist.variables.known(),
        results: &results,
        raised: raised(args),
        exit_status: exit.status(ExitStyle::Plain),
    };
    let printed = print(&run, args, output);
    if exit == Exit::NothingSelected {
        let none = if args.only.is_empty() { "no check is left" } else { "no check matches what --only asks for" };
        output.remark(none);
    }
    let exit = if args.slurm_prolog { prolog::exit(&checklist, &run, output) } else { exit };
    after_printing(printed, exit)
}

/// Adds what the lock beside the checklist remembers, where there is one.
fn remember(checklist: &mut Checklist, source: &check::Source, output: Output) -> anyhow::Result<()> {
    let Some(lock) = lock::read(&source.base).map_err(locked)? else { return Ok(()) };
    if lock.checklist == check::lock_name(source) {
        check::remember(checklist, &source.base, lock);
    } else {
        output.remark(format!("{} is of {}: it is not compared", lock.path.display(), lock.checklist));
    }
    Ok(())
}

fn this_host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// What counts as a failure besides one.
fn raised(args: &Args) -> Vec<Status> {
    let status = |fail_on: &FailOn| match fail_on {
        FailOn::Warn => Status::Warn,
        FailOn::Skip => Status::Skip,
    };
    args.fail_on.iter().map(status).collect()
}

fn exit(results: &Results, args: &Args) -> Exit {
    let summary = &results.summary;
    let raised = raised(args);
    let raised = |status, count| raised.contains(&status) && count > 0;
    if summary.failed > 0 || raised(Status::Warn, summary.warned) || raised(Status::Skip, summary.skipped) {
        Exit::Fails
    } else if summary.undetermined > 0 {
        Exit::Undetermined
    } else if summary.total() == 0 {
        Exit::NothingSelected
    } else if summary.warned > 0 {
        Exit::Warns
    } else {
        Exit::Holds
    }
}

/// What brings the user back to this checklist with these variables.
fn arguments(args: &Args) -> String {
    let checklist = args.checklist.iter().map(|path| format!(" {}", shell_word(path.as_os_str())));
    let vars =
        args.vars.iter().map(|(name, value)| format!(" --var {}", shell_word(format!("{name}={value}").as_ref())));
    let no_lock = args.no_lock.then(|| " --no-lock".to_owned());
    let require = args.require.iter().map(|Require::Gpu| " --require gpu".to_owned());
    checklist.chain(vars).chain(require).chain(no_lock).collect()
}

fn print(run: &Run<'_>, args: &Args, output: Output) -> anyhow::Result<()> {
    let style = Style { marks: output.draws_marks(), width: output.width(), verbose: output.verbose > 0 };
    let shown = match output.format {
        Format::Json => output.json(&report::document(run)),
        // A report to stdout comes alone, so that what reads it need not tell it from the text.
        Format::Text if args.reports.iter().any(|(_, path)| path.as_os_str() == "-") => Ok(()),
        Format::Text => to_stdout(&report::render(run, style)),
    };
    // What cannot be written is no reason to leave out what comes after it.
    args.reports.iter().fold(shown.map_err(Into::into), |written, (format, path)| {
        written.and(rendered(run, *format, style).and_then(|text| write_report(path, &text)))
    })
}

/// Whether or not anybody reads it to the end: reports to files are for others.
fn to_stdout(text: &str) -> io::Result<()> {
    let mut out = streamed();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn rendered(run: &Run<'_>, format: ReportFormat, style: Style) -> anyhow::Result<String> {
    Ok(match format {
        ReportFormat::Text => strip_colour(&report::render(run, Style { width: 80, ..style })),
        ReportFormat::Json => serde_json::to_string_pretty(&report::document(run))? + "\n",
        ReportFormat::Junit => report::junit(run)?,
        ReportFormat::Sarif => serde_json::to_string_pretty(&report::sarif(run))? + "\n",
        ReportFormat::Tap => report::tap(run),
        ReportFormat::Github => report::github(run),
        ReportFormat::Markdown => report::markdown(run),
        ReportFormat::Prometheus => report::prometheus(run),
        ReportFormat::Fleet => report::fleet(run),
        ReportFormat::Html => report::html(run),
    })
}

fn strip_colour(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain + rest
}

/// Told before a run that may take long: a document on stdout stands alone there (only text and annotations, which are lines
/// for people and for GitHub, share it), and a report needs a folder.
fn refuse_reports_that_cannot_be(args: &Args, output: Output) -> anyhow::Result<()> {
    let to_stdout = args.reports.iter().filter(|(_, path)| path.as_os_str() == "-").map(|(format, _)| format);
    let (lines, documents): (Vec<&ReportFormat>, Vec<&ReportFormat>) =
        to_stdout.partition(|format| matches!(format, ReportFormat::Text | ReportFormat::Github));
    let documents = documents.len() + usize::from(output.format == Format::Json);
    if documents > 1 || (documents == 1 && !lines.is_empty()) {
        bail!("only one document can go to stdout: --format json, or one --report FORMAT=-; write the others to files");
    }
    for (_, path) in args.reports.iter().filter(|(_, path)| path.as_os_str() != "-") {
        let folder = folder_of(path);
        if !folder.is_dir() {
            bail!("cannot write the report {}: there is no folder {}", path.display(), folder.display());
        }
        if args.reports.iter().filter(|(_, other)| other == path).count() > 1 {
            bail!("two reports would be written to {}", path.display());
        }
    }
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Written apart and moved into place, so that a reader never sees half a report.
fn write_report(path: &Path, text: &str) -> anyhow::Result<()> {
    if path.as_os_str() == "-" {
        return Ok(to_stdout(text)?);
    }
    // A device or a pipe is written to: a file moved there would replace it.
    if path.metadata().is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return fs::write(path, text).with_context(|| format!("cannot write {}", path.display()));
    }
    let folder = folder_of(path);
    let mut file =
        tempfile::NamedTempFile::new_in(folder).with_context(|| format!("cannot write in {}", folder.display()))?;
    let whole = file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all());
    whole.with_context(|| format!("cannot write {}", path.display()))?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(mode)?;
    file.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}
