//! Words as HTML: nothing in them is markup, and nothing in them is what a parser of HTML refuses.

/// Words for the inside of an element or of a quoted attribute.
pub fn text(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for c in words.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || is_treacherous(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Zero-width and direction-changing characters, with which one name can pass for another, and what is no character.
fn is_treacherous(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{fdd0}'..='\u{fdef}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// A name, shortened in the middle to what a box has room for.
pub fn shortened(name: &str, room: usize) -> String {
    let length = name.chars().count();
    if length <= room {
        return name.to_owned();
    }
    let (head, tail) = (room.div_ceil(2).saturating_sub(1), room / 2);
    let start: String = name.chars().take(head).collect();
    let end: String = name.chars().skip(length - tail).collect();
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_words_is_markup() {
        assert_eq!(text("<script>'&\"</script>"), "&lt;script&gt;&#39;&amp;&quot;&lt;/script&gt;");
        assert_eq!(text("\u{1b}[0m\u{202e}\u{ffff}\u{1fffe}"), "\\u{1b}[0m\\u{202e}\\u{ffff}\\u{1fffe}");
    }

    #[test]
    fn a_long_name_keeps_both_ends() {
        assert_eq!(shortened("libshimhip.so", 13), "libshimhip.so");
        assert_eq!(shortened("libtorch_hip_extension.so", 12), "libto…ion.so");
    }
}
