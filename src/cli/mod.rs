//! The command line: one file per command, each of them arguments → call → print.

mod bindings;
mod bundle;
mod check;
mod checklists;
mod codes;
mod completions;
mod concurrent;
mod coverage;
mod deps;
mod diff;
mod exit;
mod explain;
mod figures;
mod init;
mod load;
mod lock;
mod man;
mod map;
mod merge;
mod model;
mod others;
mod output;
mod overhead;
mod schema;
mod scratch;
mod shimmed;
mod smoke;
mod source;
mod symbols;
mod trace;
mod waiting;

use std::ffi::OsString;

use clap::{Parser, Subcommand};

pub use exit::Exit;
pub use output::{Color, Format, Output, Unusable, Wanted};

/// The flags that mean the same in every command.
const EVERYWHERE: &str = "For every command";

/// What a script asks of every command.
const EXIT_STATUSES: &str = "Exit status: 0 all holds, 1 something fails, 2 wrong usage or unreadable input,
3 undetermined, 4 nothing was selected

Examples:
  xdoctor check                               checks a bundled sample environment
  xdoctor init && xdoctor check               writes a checklist for here, runs it
  xdoctor smoke --shim S -- python3 train.py  does S intercept this program?
  xdoctor codes                               what can be wrong, and what mends it";

/// Does this shim really intercept this program, and is this the environment that I think it is?
#[derive(Parser)]
#[command(name = "xdoctor", version, max_term_width = 100, arg_required_else_help = true, after_help = EXIT_STATUSES)]
struct Cli {
    /// The form of the results on stdout
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT", help_heading = EVERYWHERE)]
    format: Wanted,
    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", help_heading = EVERYWHERE)]
    color: Color,
    /// Leave remarks out
    #[arg(short, long, global = true, help_heading = EVERYWHERE)]
    quiet: bool,
    /// Say more; twice for all
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = EVERYWHERE)]
    verbose: u8,
    /// What the exit status says
    #[arg(long, global = true, value_enum, default_value_t, value_name = "STYLE", help_heading = EVERYWHERE)]
    exit_style: exit::ExitStyle,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(check::Args),
    Smoke(smoke::Args),
    Symbols(symbols::Args),
    Deps(Box<deps::Args>),
    Bindings(Box<bindings::Args>),
    Coverage(coverage::Args),
    Explain(Box<explain::Args>),
    Trace(trace::Args),
    Overhead(Box<overhead::Args>),
    Concurrent(Box<concurrent::Args>),
    Codes(codes::Args),
    Bundle(bundle::Args),
    #[command(hide = true)]
    Load(load::Args),
    Lock(lock::Args),
    Init(init::Args),
    Map(map::Args),
    Merge(merge::Args),
    Diff(diff::Args),
    Schema(schema::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// Runs the command that `args` ask for (the program's name first); returns the exit status.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    let (exit, style) = answer(&args);
    // A slip of the command line or of the checklist, though said, drains no node.
    let exit = if exit == Exit::Unusable && is_prolog(&args) { Exit::Holds } else { exit };
    exit.status(style)
}

/// How the command ended, and what its exit status is to say.
fn answer(args: &[OsString]) -> (Exit, exit::ExitStyle) {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return (usage(&error, args), exit_style(args)),
    };
    let output = Output::new(cli.format.form(), cli.color, cli.quiet, cli.verbose);
    let has_format = match cli.command {
        Command::Coverage(_) => cli.format != Wanted::Markdown,
        Command::Merge(_) => matches!(cli.format, Wanted::Text | Wanted::Json | Wanted::Markdown),
        _ => cli.format.is_common(),
    };
    if !has_format {
        let message = "this command has no such --format; `check` writes it with --report FORMAT=PATH";
        return (output::report_error(&anyhow::Error::msg(message), output.format), cli.exit_style);
    }
    let result = match cli.command {
        Command::Check(args) => check::run(&args, output),
        Command::Smoke(args) => smoke::run(&args, output),
        Command::Trace(args) => trace::run(&args, output),
        Command::Overhead(args) => overhead::run(&args, output),
        Command::Concurrent(args) => concurrent::run(&args, output),
        Command::Symbols(args) => symbols::run(&args, output),
        Command::Deps(args) => deps::run(&args, output),
        Command::Explain(args) => explain::run(&args, output),
        Command::Bindings(args) => bindings::run(&args, output),
        Command::Coverage(args) => coverage::run(&args, output, cli.format),
        Command::Codes(args) => codes::run(&args, output),
        Command::Bundle(args) => bundle::run(&args, output),
        Command::Load(args) => load::run(&args, output),
        Command::Init(args) => init::run(&args, output),
        Command::Lock(args) => lock::run(&args, output),
        Command::Map(args) => map::run(&args, output),
        Command::Merge(args) => merge::run(&args, output, cli.format),
        Command::Diff(args) => diff::run(&args, output),
        Command::Schema(args) => schema::run(&args, output),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    };
    let exit = result.unwrap_or_else(|error| output::report_error(&error, output.format));
    (exit, cli.exit_style)
}

/// Whether the word or pair of words is among the arguments, for what clap could not read.
fn asks(args: &[OsString], flag: &str, value: &str) -> bool {
    let joined = format!("{flag}={value}");
    args.windows(2).any(|pair| pair[0] == flag && pair[1] == value) || args.iter().any(|arg| *arg == *joined)
}

/// Whether the exit status decides over a node, which no slip of the command line may drain.
fn is_prolog(args: &[OsString]) -> bool {
    args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--slurm-prolog")
}

fn exit_style(args: &[OsString]) -> exit::ExitStyle {
    if asks(args, "--exit-style", "nagios") { exit::ExitStyle::Nagios } else { exit::ExitStyle::Plain }
}

/// Help and version are results; anything else is wrong usage.
fn usage(error: &clap::Error, args: &[OsString]) -> Exit {
    if !error.use_stderr() {
        let _ = error.print();
        return Exit::Holds;
    }
    let wants_json = asks(args, "--format", "json");
    if wants_json {
        let text = error.to_string();
        return output::report_error(&anyhow::Error::msg(complaint(&text)), Format::Json);
    }
    let _ = error.print();
    Exit::Unusable
}

/// What clap complains of, as one line. Its first paragraph holds it all, what is missing or would be known included;
/// what follows is the usage.
fn complaint(text: &str) -> String {
    let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ").trim_start_matches("error: ").to_owned()
}
