//! `xdoctor coverage`: will this shim intercept these clients?

mod gate;

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use colored::Colorize;
use serde::Serialize;

use crate::code::{Code, Severity};
use crate::interpose::version_script::{ScriptError, VersionScript};
use crate::interpose::{
    Api, Blame, ClientCoverage, Coverage, Deploy, Library, Question, Role, Subject, SymbolCoverage, blames, coverage,
    derive, is_critical,
};
use crate::loader::Module;
use crate::report;

use super::output::{Wanted, after_printing};
use super::waiting::Waiting;
use super::{Exit, Output, Unusable};

/// Will this shim intercept these clients? For each client and role: needed, covered, bypassed, and why
///
/// A client is a program, a library, or a folder of them (a wheel's site-packages). Nothing is run.
///
/// Examples:
///   xdoctor coverage --shim libshimhip.so --client site-packages/torch \
///       --runtime /opt/rocm/lib/libamdhip64.so.7
///   xdoctor coverage --shim S --runtime R --client ./app --deploy replace
///   xdoctor coverage --shim S --runtime libOpenCL.so.1 --api auto --client ./app
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The shim
    #[arg(long, value_name = "LIB")]
    shim: PathBuf,
    /// The runtime whose API it stands in front of
    #[arg(long, value_name = "LIB")]
    runtime: PathBuf,
    /// Whom it is to intercept; repeatable
    #[arg(long = "client", value_name = "PATH", required = true)]
    clients: Vec<PathBuf>,
    /// What a program among the clients opens after start-up, as RTLD_LOCAL, or LIB:global, LIB:deepbind; repeatable, in order
    #[arg(long = "module", value_name = "LIB")]
    modules: Vec<OsString>,
    /// How the shim gets in front
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    deploy: Deploy,
    /// The API: hip, a table of your own, or `auto` for what the runtime exports [default: hip for a HIP runtime, else auto]
    #[arg(long, value_name = "NAME|FILE|auto")]
    api: Option<String>,
    /// The shim's version script, so that the line to blame can be named
    #[arg(long, value_name = "MAP")]
    script: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// Where a file that was named cannot be read, or the API is not known.
pub fn run(args: &Args, output: Output, wanted: Wanted) -> anyhow::Result<Exit> {
    let api = api(args)?;
    let modules: Vec<Module> = args.modules.iter().map(|module| Module::parse(module)).collect();
    let bar = Waiting::of("files looked at", output.quiet);
    let question = Question {
        shim: &args.shim,
        runtime: &args.runtime,
        deploy: args.deploy,
        api: &api,
        clients: &args.clients,
        modules: &modules,
        progress: &|done, all| bar.tell(done, all),
    };
    let answer = coverage(&question)?;
    drop(bar);
    let script = args.script.as_deref().map(read_script).transpose()?;
    let blamed = script.map(|script| blames(&script, &answer.clients)).unwrap_or_default();
    let exit = exit(&answer);
    let printed = match wanted {
        Wanted::Json => output.json(&document(args, &answer, &blamed)),
        Wanted::Text | Wanted::Markdown => print(&answer, &api, args, &blamed, output),
        Wanted::Sarif => gate::write(args, &answer, &blamed, exit, |run| Ok(format!("{:#}\n", report::sarif(run)))),
        Wanted::Github => gate::write(args, &answer, &blamed, exit, |run| Ok(report::github(run))),
    };
    after_printing(printed.map_err(Into::into), exit)
}

fn read_script(path: &Path) -> anyhow::Result<VersionScript> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let unusable = |error: ScriptError| Unusable {
        message: format!("{}: {error}", path.display()),
        file: Some(path.to_owned()),
        line: Some(error.line),
        column: Some(error.column),
    };
    Ok(VersionScript::parse(&text).map_err(unusable)?)
}

fn exit(answer: &Coverage) -> Exit {
    let warned = answer.diagnoses.iter().any(|subject| subject.diagnosis.severity() == Severity::Warn);
    if answer.fails() {
        Exit::Fails
    } else if answer.clients.is_empty() {
        Exit::NothingSelected
    } else if warned {
        Exit::Warns
    } else {
        Exit::Holds
    }
}

fn api(args: &Args) -> anyhow::Result<Api> {
    let runtime = || Library::read(&args.runtime);
    match args.api.as_deref() {
        Some("hip") => Ok(Api::hip().clone()),
        Some("auto") => Ok(derive(&runtime()?)),
        None if runtime()?.name().starts_with("libamdhip64.so") => Ok(Api::hip().clone()),
        None => Ok(derive(&runtime()?)),
        Some(file) => {
            let text = fs::read_to_string(file).with_context(|| format!("--api {file}: no known API and no table"))?;
            let unusable = |error: crate::interpose::ApiError| Unusable {
                message: format!("{file}: {error}"),
                file: Some(file.into()),
                line: None,
                column: None,
            };
            Ok(Api::parse(&text).map_err(unusable)?)
        }
    }
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    shim: PathBuf,
    runtime: PathBuf,
    deploy: Deploy,
    verdict: String,
    clients: Vec<ClientRow>,
    diagnoses: Vec<DiagnosisRow>,
}

#[derive(Serialize)]
struct ClientRow {
    client: PathBuf,
    roles: Vec<RoleRow>,
    symbols: Vec<SymbolRow>,
}

#[derive(Serialize)]
struct RoleRow {
    role: Role,
    needed: usize,
    covered: usize,
}

#[derive(Serialize)]
struct SymbolRow {
    symbol: String,
    version: Option<String>,
    role: Role,
    covered: bool,
    code: Option<Code>,
}

#[derive(Serialize)]
struct DiagnosisRow {
    code: Code,
    severity: Severity,
    subject: PathBuf,
    others: usize,
    message: String,
    fix: Option<String>,
    location: Option<Location>,
}

/// The line of the version script that is to blame.
#[derive(Clone, Serialize)]
struct Location {
    file: PathBuf,
    line: usize,
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn document(args: &Args, answer: &Coverage, blamed: &[Blame]) -> Document {
    let location = args.script.as_deref().zip(blamed.first());
    let location = location.map(|(file, blame)| Location { file: absolute(file), line: blame.line });
    Document {
        schema: "xdoctor/coverage/1",
        shim: absolute(&args.shim),
        runtime: absolute(&args.runtime),
        deploy: args.deploy,
        verdict: answer.sentence(),
        clients: answer.clients.iter().map(client_row).collect(),
        diagnoses: answer.diagnoses.iter().map(|subject| diagnosis_row(subject, location.clone())).collect(),
    }
}

fn client_row(client: &ClientCoverage) -> ClientRow {
    let roles = client.roles().into_iter().map(|(role, (needed, covered))| RoleRow { role, needed, covered }).collect();
    let symbol = |symbol: &SymbolCoverage| SymbolRow {
        symbol: symbol.reference.symbol.clone(),
        version: symbol.reference.version.clone(),
        role: symbol.role,
        covered: symbol.covered,
        code: symbol.code,
    };
    ClientRow { client: absolute(&client.client), roles, symbols: client.symbols.iter().map(symbol).collect() }
}

fn diagnosis_row(subject: &Subject, script: Option<Location>) -> DiagnosisRow {
    let diagnosis = &subject.diagnosis;
    DiagnosisRow {
        code: diagnosis.code,
        severity: diagnosis.severity(),
        subject: absolute(&subject.subject),
        others: subject.others,
        message: format!("expected {}; found {}", diagnosis.expected, diagnosis.actual),
        fix: fix(subject),
        location: script.filter(|_| is_of_exports(diagnosis.code)),
    }
}

/// Whether a version script can be what a diagnosis comes from.
fn is_of_exports(code: Code) -> bool {
    matches!(code, Code::ExportsNothing | Code::VersionMismatch | Code::VersionPartial | Code::NotCovered)
}

fn fix(subject: &Subject) -> Option<String> {
    let general = || subject.diagnosis.code.page().map(|page| page.mend.trim().to_owned());
    subject.diagnosis.fix.clone().or_else(general)
}

/// Clients down, roles across; what is wrong below, worst first; one sentence at the end.
fn print(answer: &Coverage, api: &Api, args: &Args, blamed: &[Blame], output: Output) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let roles: Vec<Role> = Role::ALL.into_iter().filter(|role| needs(answer, *role)).collect();
    if !answer.clients.is_empty() {
        let heads: Vec<String> = roles.iter().map(|role| format!("{:>WIDTH$}", short(*role))).collect();
        writeln!(out, "{}", heads.concat().trim_end())?;
    }
    for client in &answer.clients {
        writeln!(out, "{}", client.client.display().to_string().bold())?;
        let (counts, of) = (client.roles(), |role| counts_cell(client, role, output));
        let cells: Vec<String> = roles.iter().map(|role| counts.get(role).map_or_else(blank, |_| of(*role))).collect();
        writeln!(out, "{}", cells.concat().trim_end())?;
    }
    for subject in &answer.diagnoses {
        print_diagnosis(&mut out, subject)?;
    }
    for (script, blame) in args.script.iter().flat_map(|script| blamed.iter().map(move |blame| (script, blame))) {
        writeln!(out, "\n{}:{}: {}", script.display(), blame.line, blame.what)?;
    }
    let needed: usize = answer.clients.iter().map(|client| client.symbols.len()).sum();
    let bypassing: usize = answer.clients.iter().map(|client| client.bypassing().count()).sum();
    let covered = needed - bypassing;
    writeln!(
        out,
        "\n{covered} of {needed} references to the {} API covered, in {} clients",
        api.name,
        answer.clients.len()
    )?;
    writeln!(out, "{}", answer.sentence().bold())?;
    out.flush()
}

/// Columns of a cell: `12/12`, a mark, and a space.
const WIDTH: usize = 8;

/// The role's name, short enough for a column.
fn short(role: Role) -> &'static str {
    match role {
        Role::Allocate => "alloc",
        Role::Synchronise => "sync",
        Role::Register => "regist",
        _ => role.name(),
    }
}

fn needs(answer: &Coverage, role: Role) -> bool {
    answer.clients.iter().any(|client| client.symbols.iter().any(|symbol| symbol.role == role))
}

fn blank() -> String {
    format!("{:>WIDTH$}", "\u{b7}")
}

/// `4/4`, `3/5 ✗` where that makes an experiment worthless, `3/5 !` elsewhere.
fn counts_cell(client: &ClientCoverage, role: Role, output: Output) -> String {
    let (needed, covered) = client.roles().get(&role).copied().unwrap_or_default();
    let text = format!("{covered}/{needed}");
    match (covered == needed, is_critical(role)) {
        (true, _) => format!("{text:>WIDTH$}").green().to_string(),
        (false, true) => {
            format!("{:>WIDTH$}", format!("{text} {}", if output.draws_marks() { "✗" } else { "X" })).red().to_string()
        }
        (false, false) => format!("{:>WIDTH$}", format!("{text} !")).yellow().to_string(),
    }
}

fn print_diagnosis(out: &mut impl Write, subject: &Subject) -> io::Result<()> {
    let diagnosis = &subject.diagnosis;
    let word = match diagnosis.severity() {
        Severity::Fail => "FAILS".red(),
        Severity::Warn => "warning".yellow(),
        Severity::Info => "note".cyan(),
    };
    let others = if subject.others > 0 { format!(" and {} more", subject.others) } else { String::new() };
    writeln!(out, "\n{word} [{}] {}{others}", diagnosis.code, subject.subject.display())?;
    writeln!(out, "  expected: {}\n  found:    {}", diagnosis.expected, diagnosis.actual)?;
    for (index, line) in fix(subject).unwrap_or_default().lines().enumerate() {
        writeln!(out, "  {:<9} {line}", if index == 0 { "fix:" } else { "" })?;
    }
    Ok(())
}
