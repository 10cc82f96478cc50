//! Words of a checklist or of a machine, for a terminal: they must not steer it, hide what stands beside them, or pass for
//! other words.

use std::borrow::Cow;

/// Control, zero-width and direction-changing characters spelled out, but for the ends of lines.
pub(crate) fn visible(words: &str) -> Cow<'_, str> {
    if !words.chars().any(steers) {
        return Cow::Borrowed(words);
    }
    let mut out = String::with_capacity(words.len());
    for c in words.chars() {
        match c {
            '\t' => out.push(' '),
            c if steers(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// The same in one line.
pub(crate) fn visible_line(words: &str) -> String {
    visible(&words.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}

fn steers(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::{visible, visible_line};

    #[test]
    fn what_steers_a_terminal_is_spelled_out_and_lines_stay_lines() {
        assert_eq!(visible("\u{1b}[2J\u{202e}a\tb\nü\u{9b}"), "\\u{1b}[2J\\u{202e}a b\nü\\u{9b}");
        assert_eq!(visible_line(" a\r\n  ✓ b\u{7f} "), "a ✓ b\\u{7f}");
    }
}
