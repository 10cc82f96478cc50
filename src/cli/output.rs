//! Where a command's words go: results on stdout, remarks on stderr, colour and marks as the streams allow.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};

use clap::ValueEnum;
use serde::Serialize;

use super::exit::Exit;

/// `--format`, as it is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Wanted {
    /// For people; may change
    #[default]
    Text,
    /// For programs: one document, first member `schema`
    Json,
    /// SARIF 2.1.0, for code scanning: `coverage` only (`check` has --report)
    Sarif,
    /// Annotations of GitHub Actions: `coverage` only (`check` has --report)
    Github,
    /// A page of progress: `merge` only (`check` has --report)
    Markdown,
}

impl Wanted {
    /// The form of a command that knows of text and JSON only; what stands for another is text.
    pub fn form(self) -> Format {
        if self == Wanted::Json { Format::Json } else { Format::Text }
    }

    /// Whether every command has it.
    pub fn is_common(self) -> bool {
        matches!(self, Wanted::Text | Wanted::Json)
    }
}

/// The forms that every command has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people; may change.
    #[default]
    Text,
    /// For programs: one document, first member `schema`.
    Json,
}

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// NO_COLOR, CLICOLOR_FORCE, CLICOLOR=0, then whether the stream is a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What every command knows of where it prints to.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// The form that results take on stdout.
    pub format: Format,
    /// Remarks are left out.
    pub quiet: bool,
    /// How often `-v` was given.
    pub verbose: u8,
}

impl Output {
    /// Settles colour for the whole process, for what goes to stdout.
    pub fn new(format: Format, color: Color, quiet: bool, verbose: u8) -> Output {
        colored::control::set_override(wants_color(color, io::stdout().is_terminal()));
        Output { format, quiet, verbose }
    }

    /// Whether marks may be drawn (`✓`), or must be spelled (`[ok]`): the locale is not UTF-8, or TERM=dumb.
    pub fn draws_marks(&self) -> bool {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        let utf8 = locale.is_some_and(|name| {
            let name = name.to_ascii_lowercase();
            name.contains("utf-8") || name.contains("utf8")
        });
        utf8 && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
    }

    /// The width to fold text at: the terminal's, else 80 columns.
    pub fn width(&self) -> usize {
        terminal_size::terminal_size_of(io::stdout()).map_or(80, |(width, _)| usize::from(width.0)).max(40)
    }

    /// A remark on stderr, unless `-q`.
    pub fn remark(&self, text: impl Display) {
        if !self.quiet {
            // A closed stderr is no reason to end.
            let _ = writeln!(io::stderr(), "xdoctor: {text}");
        }
    }

    /// What is wrong with an input, on stderr, though the command goes on; `-q` does not silence it.
    pub fn complaint(&self, text: impl Display) {
        let _ = writeln!(io::stderr(), "xdoctor: {text}");
    }

    /// Prints one JSON document; to nobody, where the reader has left.
    ///
    /// # Errors
    /// Where stdout cannot be written.
    pub fn json(&self, document: &impl Serialize) -> io::Result<()> {
        // Whole or not at all: half a document would be worse than none.
        let text = serde_json::to_vec_pretty(document)?;
        let mut out = streamed();
        out.write_all(&text)?;
        out.write_all(b"\n")?;
        out.flush()
    }
}

fn wants_color(color: Color, terminal: bool) -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if set("NO_COLOR").is_some() => false,
        Color::Auto if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        Color::Auto if set("CLICOLOR").is_some_and(|value| value == "0") => false,
        Color::Auto => terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
    }
}

/// The document that `--format json` prints where nothing can be said: of a whole command, or of one of its targets.
#[derive(Serialize)]
struct ErrorDocument<'a> {
    schema: &'static str,
    message: &'a str,
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
}

/// That document, in a line: what is wrong, in which file, and where in it.
pub fn error_line(message: &str, file: Option<String>, line: Option<usize>, column: Option<usize>) -> String {
    let document = ErrorDocument { schema: "xdoctor/error/1", message, file, line, column };
    // Texts and numbers always serialise.
    serde_json::to_string(&document).unwrap_or_default() + "\n"
}

/// Input that cannot be used, with the place in it where that is known.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Unusable {
    /// What is wrong and what was expected.
    pub message: String,
    /// The file that is wrong.
    pub file: Option<std::path::PathBuf>,
    /// Line in it, from 1.
    pub line: Option<usize>,
    /// Column in it, in characters from 1.
    pub column: Option<usize>,
}

/// Stdout, for results that are written while the answer is still being found.
pub fn streamed() -> Streamed<io::BufWriter<io::StdoutLock<'static>>> {
    Streamed { out: io::BufWriter::with_capacity(1 << 16, io::stdout().lock()), left: false }
}

/// What takes results until its reader leaves, and nothing more from then on: a closed pipe keeps nobody from judging to
/// the end, and so from ending with the exit status that is true.
pub struct Streamed<W> {
    out: W,
    /// The reader is gone.
    left: bool,
}

impl<W> Streamed<W> {
    fn until_left<T>(&mut self, write: impl FnOnce(&mut W) -> io::Result<T>, if_left: T) -> io::Result<T> {
        if self.left {
            return Ok(if_left);
        }
        match write(&mut self.out) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.left = true;
                Ok(if_left)
            }
            other => other,
        }
    }
}

impl<W: Write> Write for Streamed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.until_left(|out| out.write(bytes), bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.until_left(W::flush, ())
    }
}

/// The exit status of a command whose answer is known, whether or not anybody read all that was printed.
///
/// # Errors
/// What went wrong in printing, but for a reader that closed the pipe.
pub fn after_printing(printed: anyhow::Result<()>, exit: Exit) -> anyhow::Result<Exit> {
    match printed {
        Err(error) if !error.chain().any(is_closed_pipe) => Err(error),
        _ => Ok(exit),
    }
}

/// Reports an error of exit status 2, or ends quietly where a reader closed the pipe.
pub fn report_error(error: &anyhow::Error, format: Format) -> Exit {
    if error.chain().any(is_closed_pipe) {
        return Exit::Holds;
    }
    let message = message(error);
    if format == Format::Json {
        let place = error.downcast_ref::<Unusable>();
        let file = place.and_then(|place| place.file.as_ref()).map(|file| file.display().to_string());
        let line = error_line(&message, file, place.and_then(|place| place.line), place.and_then(|place| place.column));
        let _ = write!(io::stdout(), "{line}");
    }
    let _ = writeln!(io::stderr(), "xdoctor: {message}");
    Exit::Unusable
}

/// The error with its causes, each said once: some say their cause themselves.
fn message(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |said, cause| {
        let cause = cause.to_string();
        if said.ends_with(&cause) { said } else { format!("{said}: {cause}") }
    })
}

fn is_closed_pipe(cause: &(dyn std::error::Error + 'static)) -> bool {
    let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
    let json = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
    io.or(json) == Some(ErrorKind::BrokenPipe)
}
