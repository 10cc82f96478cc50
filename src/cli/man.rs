//! `xdoctor man`: the manual pages.

use std::io::{self, Write};

use anyhow::anyhow;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::{Cli, Exit};

/// Print the manual page of xdoctor, or of one of its commands, for man(1)
///
/// Examples:
///   xdoctor man check | man -l -
///   xdoctor man > ~/.local/share/man/man1/xdoctor.1
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The command; xdoctor itself where none is given
    command: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// Where there is no such command, or stdout cannot be written.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut xdoctor = Cli::command();
    // Only then do its commands know their full names and the flags that they share.
    xdoctor.build();
    let command = match &args.command {
        None => &xdoctor,
        Some(name) => documented(&xdoctor)
            .find(|command| command.get_name() == name)
            .ok_or_else(|| anyhow!("there is no command `{name}`; expected one of {}", names(&xdoctor)))?,
    };
    let page = page(command.clone())?;
    let mut out = io::stdout().lock();
    out.write_all(&page)?;
    out.flush()?;
    Ok(Exit::Holds)
}

/// The examples at the end of a command's help have a section of their own, where their lines stay as they are.
fn page(command: Command) -> io::Result<Vec<u8>> {
    let help = command.get_long_about().map(ToString::to_string).unwrap_or_default();
    let mut page = Vec::new();
    let Some((description, examples)) = help.split_once("\n\nExamples:\n") else {
        Man::new(command).render(&mut page)?;
        return Ok(page);
    };
    Man::new(command.long_about(description.to_owned())).render(&mut page)?;
    let mut section = Roff::new();
    section.control("SH", ["EXAMPLES"]).control("nf", []).text([roman(examples)]).control("fi", []);
    section.to_writer(&mut page)?;
    Ok(page)
}

fn documented(xdoctor: &Command) -> impl Iterator<Item = &Command> {
    xdoctor.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help")
}

fn names(xdoctor: &Command) -> String {
    documented(xdoctor).map(Command::get_name).collect::<Vec<_>>().join(", ")
}
