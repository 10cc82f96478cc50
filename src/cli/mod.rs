//! The command line: one file per command, each of them arguments → call → print.

mod exit;
mod output;
mod symbols;

use std::ffi::OsString;

use clap::{Parser, Subcommand};

pub use exit::Exit;
pub use output::{Color, Format, Output, Unusable};

/// Does this shim really intercept this program, and is this the environment that I think it is?
#[derive(Parser)]
#[command(name = "xdoctor", version, max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    /// The form of the results on stdout
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: Color,
    /// Leave remarks out
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Say more; twice for all
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Symbols(symbols::Args),
}

/// Runs the command that `args` ask for (the program's name first) and says how it ended.
pub fn main(args: impl IntoIterator<Item = OsString>) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &args),
    };
    let output = Output::new(cli.format, cli.color, cli.quiet, cli.verbose);
    let result = match cli.command {
        Command::Symbols(args) => symbols::run(&args, output),
    };
    result.unwrap_or_else(|error| output::report_error(&error, output.format))
}

/// Help and version are results; anything else is wrong usage.
fn usage(error: &clap::Error, args: &[OsString]) -> Exit {
    if !error.use_stderr() {
        let _ = error.print();
        return Exit::Holds;
    }
    let wants_json = args.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json")
        || args.iter().any(|arg| arg == "--format=json");
    if wants_json {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        return output::report_error(&anyhow::Error::msg(first), Format::Json);
    }
    let _ = error.print();
    Exit::Unusable
}
