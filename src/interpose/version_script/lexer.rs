//! The words and marks of a version script (binutils, `ld/ldlex.l`, the VERS_ states).

use std::fmt::{self, Display};

/// A version script that does not follow the grammar.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line}, column {column}: expected {expected}, found {found}")]
pub struct ScriptError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What the grammar wants there.
    pub expected: &'static str,
    /// What stands there.
    pub found: String,
}

/// A word or a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    Quoted(String),
    Punctuation(char),
    End,
}

impl Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(text) => write!(f, "`{text}`"),
            Token::Quoted(text) => write!(f, "`\"{text}\"`"),
            Token::Punctuation(c) => write!(f, "`{}`", c.escape_default()),
            Token::End => f.write_str("the end"),
        }
    }
}

/// Reads them one after another, and one ahead.
pub(super) struct Lexer<'t> {
    chars: std::iter::Peekable<std::str::Chars<'t>>,
    line: usize,
    column: usize,
    /// Where the last token started.
    at: (usize, usize),
    peeked: Option<Token>,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Lexer<'t> {
        Lexer { chars: text.chars().peekable(), line: 1, column: 1, at: (1, 1), peeked: None }
    }

    /// The line that the last token started on, from 1.
    pub(super) fn line(&self) -> usize {
        self.at.0
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    pub(super) fn error(&self, expected: &'static str, found: impl Display) -> ScriptError {
        ScriptError { line: self.at.0, column: self.at.1, expected, found: found.to_string() }
    }

    pub(super) fn peek(&mut self) -> Result<&Token, ScriptError> {
        if self.peeked.is_none() {
            self.peeked = Some(self.read()?);
        }
        Ok(self.peeked.as_ref().unwrap_or(&Token::End))
    }

    pub(super) fn next(&mut self) -> Result<Token, ScriptError> {
        match self.peeked.take() {
            Some(token) => Ok(token),
            None => self.read(),
        }
    }

    fn read(&mut self) -> Result<Token, ScriptError> {
        self.skip_blank()?;
        self.at = (self.line, self.column);
        Ok(match self.bump() {
            None => Token::End,
            Some('"') => {
                let mut text = String::new();
                loop {
                    match self.bump() {
                        Some('"') => break Token::Quoted(text),
                        Some(c) => text.push(c),
                        None => return Err(self.error("a closing quote", Token::End)),
                    }
                }
            }
            Some(c) if "{};:".contains(c) => Token::Punctuation(c),
            Some(c) => {
                let mut text = String::from(c);
                while self.extend_word(&mut text) {}
                Token::Word(text)
            }
        })
    }

    /// A word ends at white space, punctuation, quotes and comments; `::` belongs to it.
    fn extend_word(&mut self, word: &mut String) -> bool {
        let mut ahead = self.chars.clone();
        let taken = match (ahead.next(), ahead.next()) {
            (Some(':'), Some(':')) => 2,
            (Some('/'), Some('*')) | (None, _) => 0,
            (Some(c), _) if c.is_whitespace() || "{};:\"".contains(c) => 0,
            _ => 1,
        };
        word.extend((0..taken).filter_map(|_| self.bump()));
        taken > 0
    }

    fn skip_blank(&mut self) -> Result<(), ScriptError> {
        while let Some(&c) = self.chars.peek() {
            let mut ahead = self.chars.clone();
            ahead.next();
            if c.is_whitespace() {
                self.bump();
            } else if c == '#' {
                while self.chars.peek().is_some_and(|&c| c != '\n') {
                    self.bump();
                }
            } else if c == '/' && ahead.next() == Some('*') {
                self.skip_comment()?;
            } else {
                break;
            }
        }
        Ok(())
    }

    fn skip_comment(&mut self) -> Result<(), ScriptError> {
        self.at = (self.line, self.column);
        self.bump();
        self.bump();
        loop {
            match self.bump() {
                Some('*') if self.chars.peek() == Some(&'/') => {
                    self.bump();
                    return Ok(());
                }
                Some(_) => {}
                None => return Err(self.error("`*/` to end the comment", Token::End)),
            }
        }
    }
}
