//! `xdoctor completions`: what makes a shell complete xdoctor's command line.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Exit};

/// Print the completion script of a shell
///
/// Examples:
///   xdoctor completions bash > ~/.local/share/bash-completion/completions/xdoctor
///   xdoctor completions fish > ~/.config/fish/completions/xdoctor.fish
///   xdoctor completions zsh > ~/.zfunc/_xdoctor        ~/.zfunc is in fpath
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Runs the command.
///
/// # Errors
/// Where stdout cannot be written.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    // The generator panics where its writer fails, as a closed pipe does.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut visible(&Cli::command()), "xdoctor", &mut script);
    let mut out = io::stdout().lock();
    out.write_all(&script)?;
    out.flush()?;
    Ok(Exit::Holds)
}

/// The command line without its hidden commands, which the generator for bash would offer as well.
fn visible(xdoctor: &Command) -> Command {
    let commands = xdoctor.get_subcommands().filter(|command| !command.is_hide_set());
    Command::new("xdoctor")
        .version(env!("CARGO_PKG_VERSION"))
        .args(xdoctor.get_arguments().cloned())
        .subcommands(commands.cloned())
}
