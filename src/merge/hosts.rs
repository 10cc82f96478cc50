//! Many host names as one, in the notation of clustershell's nodeset: `n[1-36,38-512]`, zero padding kept.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::elf::escape;

/// A run of digits in a host name. Ordered by length, then by value: `9`, `08`, `10`, `008`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Digits(String);

impl Ord for Digits {
    fn cmp(&self, other: &Digits) -> Ordering {
        (self.0.len(), &self.0).cmp(&(other.0.len(), &other.0))
    }
}

impl PartialOrd for Digits {
    fn partial_cmp(&self, other: &Digits) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Digits {
    fn is_padded(&self) -> bool {
        self.0.len() > 1 && self.0.starts_with('0')
    }

    /// Whether `next` goes on where this ends, in a range whose first number was padded or not.
    fn precedes(&self, next: &Digits, padded: bool) -> bool {
        let same_width = if padded { next.0.len() == self.0.len() } else { !next.is_padded() };
        let number = |digits: &Digits| digits.0.parse::<u128>().ok();
        same_width && number(self).and_then(|number| number.checked_add(1)).is_some_and(|one| number(next) == Some(one))
    }
}

/// A name as the words around its numbers, and the numbers.
fn parsed(name: &str) -> (Vec<&str>, Vec<Digits>) {
    let (mut words, mut numbers) = (Vec::new(), Vec::new());
    let mut rest = name;
    loop {
        let start = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(start);
        words.push(word);
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        if end == 0 {
            return (words, numbers);
        }
        let (digits, after) = after.split_at(end);
        numbers.push(Digits(digits.to_owned()));
        rest = after;
    }
}

/// The order of people: `n2` before `n10`.
pub fn natural(a: &str, b: &str) -> Ordering {
    parsed(a).cmp(&parsed(b)).then_with(|| a.cmp(b))
}

/// Names that differ in one set of numbers for each of their places.
type Block = Vec<BTreeSet<Digits>>;

/// The names, each once, with their numbers folded into ranges. What no host name may hold is escaped and stays as it is.
pub fn fold<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut patterns: BTreeMap<Vec<&str>, BTreeSet<Vec<Digits>>> = BTreeMap::new();
    let mut odd = BTreeSet::new();
    for name in names {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)) {
            odd.insert(format!("\"{}\"", escape(name.as_bytes())));
        } else {
            let (words, numbers) = parsed(name);
            patterns.entry(words).or_default().insert(numbers);
        }
    }
    // As nodeset sorts: by the pattern, its numbers written as %s.
    let mut patterns: Vec<_> =
        patterns.into_iter().map(|(words, numbers)| (words.join("%s"), words, numbers)).collect();
    patterns.sort();
    let mut written: Vec<String> = Vec::new();
    for (_, words, numbers) in patterns {
        written.extend(blocks(numbers).iter().map(|block| write(&words, block)));
    }
    written.extend(odd);
    written.join(",")
}

/// As few blocks as merging along one place at a time gives: exact, and the whole of a product in one.
fn blocks(numbers: BTreeSet<Vec<Digits>>) -> Vec<Block> {
    let places = numbers.first().map_or(0, Vec::len);
    let single = |numbers: Vec<Digits>| numbers.into_iter().map(|digits| BTreeSet::from([digits])).collect();
    let mut blocks: Vec<Block> = numbers.into_iter().map(single).collect();
    loop {
        let before = blocks.len();
        for place in (0..places).rev() {
            let mut merged: BTreeMap<Block, BTreeSet<Digits>> = BTreeMap::new();
            for mut block in blocks {
                let here = std::mem::take(&mut block[place]);
                merged.entry(block).or_default().extend(here);
            }
            blocks = merged
                .into_iter()
                .map(|(mut block, here)| {
                    block[place] = here;
                    block
                })
                .collect();
        }
        if blocks.len() == before || places == 0 {
            break;
        }
    }
    let size = |block: &Block| block.iter().map(BTreeSet::len).product::<usize>();
    blocks.sort_by(|a, b| size(b).cmp(&size(a)).then_with(|| a.cmp(b)));
    blocks
}

fn write(words: &[&str], block: &Block) -> String {
    let mut out = String::new();
    for (at, word) in words.iter().enumerate() {
        out.push_str(word);
        if let Some(numbers) = block.get(at) {
            out.push_str(&ranges(numbers));
        }
    }
    out
}

/// `7`, or `[1-36,38]`.
fn ranges(numbers: &BTreeSet<Digits>) -> String {
    let mut ranges: Vec<(&Digits, &Digits)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((first, last)) if last.precedes(number, first.is_padded()) => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let text = |(first, last): &(&Digits, &Digits)| {
        if first == last { first.0.clone() } else { format!("{}-{}", first.0, last.0) }
    };
    let list = ranges.iter().map(text).collect::<Vec<_>>().join(",");
    if numbers.len() == 1 { list } else { format!("[{list}]") }
}

/// Text that names no hosts.
#[derive(Debug, thiserror::Error)]
pub enum BadHosts {
    /// A bracket without its partner, or nothing in it.
    #[error("`{0}`: expected host names as in n[1-36,38-512],login: a bracket is left open, empty, or in another")]
    Bracket(String),
    /// What stands between brackets is neither a number nor a range.
    #[error("`{hosts}`: expected a number or a range like 001-512, found `{found}`")]
    Range {
        /// The whole text.
        hosts: String,
        /// The part.
        found: String,
    },
    /// More names than any machine room has.
    #[error("`{0}` means more than {MOST} hosts")]
    TooMany(String),
}

/// Names that one text may mean: a slip in a range must not eat the memory.
const MOST: usize = 1_000_000;

/// The names that a text like `n[1-36,38-512],login` means, in its order.
///
/// # Errors
/// Where brackets or ranges are none, or mean more than a million names.
pub fn expand(text: &str) -> Result<Vec<String>, BadHosts> {
    let mut names = Vec::new();
    for part in parts(text)?.into_iter().filter(|part| !part.is_empty()) {
        names.extend(expanded(part, text)?);
        if names.len() > MOST {
            return Err(BadHosts::TooMany(text.to_owned()));
        }
    }
    Ok(names)
}

/// Splits at the commas outside brackets.
fn parts(text: &str) -> Result<Vec<&str>, BadHosts> {
    let (mut parts, mut start, mut inside) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        match c {
            '[' | ']' if inside == (c == '[') => return Err(BadHosts::Bracket(text.to_owned())),
            '[' | ']' => inside = !inside,
            ',' if !inside => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    if inside { Err(BadHosts::Bracket(text.to_owned())) } else { Ok(parts) }
}

fn expanded(part: &str, text: &str) -> Result<Vec<String>, BadHosts> {
    let Some((before, rest)) = part.split_once('[') else { return Ok(vec![part.to_owned()]) };
    let (list, after) = rest.split_once(']').ok_or_else(|| BadHosts::Bracket(text.to_owned()))?;
    let mut names = Vec::new();
    let tails = expanded(after, text)?;
    for range in list.split(',') {
        let bad = || BadHosts::Range { hosts: text.to_owned(), found: range.to_owned() };
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        if ![first, last].iter().all(|bound| bound.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(bad());
        }
        let (from, to): (usize, usize) = (first.parse().map_err(|_| bad())?, last.parse().map_err(|_| bad())?);
        if from > to {
            return Err(bad());
        }
        if (to - from).saturating_add(1).saturating_mul(tails.len()) > MOST {
            return Err(BadHosts::TooMany(text.to_owned()));
        }
        let width = if first.starts_with('0') { first.len() } else { 0 };
        let numbered = |number| tails.iter().map(move |tail| format!("{before}{number:0width$}{tail}"));
        names.extend((from..=to).flat_map(numbered));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(names: &str) -> String {
        fold(names.split(' '))
    }

    #[test]
    fn names_fold_into_ranges_with_their_padding() {
        assert_eq!(folded("n1 n2 n3 n5"), "n[1-3,5]");
        assert_eq!(folded("n10 n9 n11"), "n[9-11]");
        assert_eq!(folded("n098 n099 n100"), "n[098-100]");
        assert_eq!(folded("n9 n10 n08 n09 n11"), "n[9,08-11]");
        assert_eq!(folded("login b1 a1 a2"), "a[1-2],b1,login");
        assert_eq!(folded("rack1-n1 rack1-n2 rack2-n1 rack2-n2"), "rack[1-2]-n[1-2]");
    }

    #[test]
    fn what_is_no_host_name_is_not_folded() {
        assert_eq!(fold(["n[1-2]", "", "a,b", "n1"]), r#"n1,"","a,b","n[1-2]""#);
    }

    #[test]
    fn a_folded_text_expands_to_its_names() {
        for text in ["n[1-3,5]", "n[098-100]", "rack[1-2]-n[1-2]", "login,n7.x"] {
            let names = expand(text).expect("hosts");
            let folded = fold(names.iter().map(String::as_str));
            assert_eq!(expand(&folded).expect("hosts").len(), names.len(), "{text}");
        }
        assert_eq!(expand("n[08-10]x,b").expect("hosts"), ["n08x", "n09x", "n10x", "b"]);
        assert_eq!(expand("").expect("none"), [""; 0]);
        for bad in
            ["n[1", "n]1", "n[[1]]", "n[]", "n[3-1]", "n[a]", "n[1-2-3]", "n[1-99999999999]", "n[1-9999]m[1-9999]"]
        {
            assert!(expand(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn people_count_before_they_spell() {
        let mut names = ["n10", "n2", "login", "n1"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["login", "n1", "n2", "n10"]);
    }
}
