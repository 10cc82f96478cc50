//! The binding graph as a picture: who binds to whom, solid where it should, dashed where it goes past the shim.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::check::{BindingEdge, Exhibit, Outcome};

use super::text::{shortened, text};

/// Objects on the left that are drawn; the table below the picture has all.
const MOST: usize = 24;
/// Units of the picture; a phone shows one as about a pixel.
const WIDTH: i32 = 340;
const BOX: i32 = 128;
const HEIGHT: i32 = 26;
const ROW: i32 = 44;
/// Characters that fit into a box.
const ROOM: usize = 15;

/// What stands for a provider that is not there.
const NOTHING: &str = "nothing";

/// The edges of a check.
fn edges(check: &Outcome) -> Vec<&BindingEdge> {
    let edges = check.exhibits.iter().filter_map(|exhibit| match exhibit {
        Exhibit::Bindings(edges) => Some(edges),
        _ => None,
    });
    let mut edges: Vec<&BindingEdge> = edges.flatten().collect();
    // What goes astray is worth more room than what does not.
    edges.sort_by_key(|edge| edge.intended);
    edges
}

/// Where an object is drawn.
struct Place {
    path: PathBuf,
    x: i32,
    y: i32,
}

/// A figure of a check's graph, where it has one, and the same as a table.
pub fn figure(out: &mut String, check: &Outcome, number: usize) {
    let edges = edges(check);
    if edges.is_empty() {
        return;
    }
    let to = |edge: &BindingEdge| edge.to.clone().unwrap_or_else(|| NOTHING.into());
    let mut right: Vec<PathBuf> = Vec::new();
    // The intended provider first: what goes astray passes it.
    for edge in edges.iter().filter(|edge| edge.intended).chain(edges.iter().filter(|edge| !edge.intended)) {
        if !right.contains(&to(edge)) {
            right.push(to(edge));
        }
    }
    let mut left: Vec<PathBuf> = Vec::new();
    for edge in &edges {
        if !right.contains(&edge.from) && !left.contains(&edge.from) && left.len() < MOST {
            left.push(edge.from.clone());
        }
    }
    right.truncate(MOST);
    let rows = left.len().max(right.len()).max(1) as i32;
    let spread = |paths: Vec<PathBuf>, x: i32| -> Vec<Place> {
        let room = rows * ROW / paths.len().max(1) as i32;
        let place = |(at, path): (usize, PathBuf)| Place { path, x, y: at as i32 * room + room / 2 };
        paths.into_iter().enumerate().map(place).collect()
    };
    let (left, right) = (spread(left, 2), spread(right, WIDTH - BOX - 22));
    let _ = write!(
        out,
        "<figure>\n<svg class=\"graph\" viewBox=\"0 0 {WIDTH} {}\" role=\"img\" \
         aria-labelledby=\"graph-{number}-title\">\n<title id=\"graph-{number}-title\">Binding graph of {}; the table \
         below says the same</title>\n",
        rows * ROW,
        text(&check.id),
    );
    let mut drawn: Vec<(&BindingEdge, &Place, &Place)> = edges
        .iter()
        .filter_map(|edge| {
            let of = |path: &Path| left.iter().chain(&right).find(|place| place.path == path);
            Some((*edge, of(&edge.from)?, right.iter().find(|place| place.path == to(edge))?))
        })
        .collect();
    // From the top: lines that leave one box do not cross at once.
    drawn.sort_by_key(|(_, from, to)| (from.x, from.y, to.y));
    for (at, (edge, from, to)) in drawn.iter().enumerate() {
        let beside = |(_, other, _): &&(&BindingEdge, &Place, &Place)| std::ptr::eq(*other, *from);
        let lane = Lane { at: drawn[..at].iter().filter(beside).count(), of: drawn.iter().filter(beside).count() };
        line(out, edge, from, to, lane);
    }
    left.iter().chain(&right).for_each(|place| boxed(out, place));
    out.push_str("</svg>\n");
    table(out, &edges);
    let _ = write!(out, "<figcaption>Binding graph of <code>{}</code></figcaption>\n</figure>\n", text(&check.id));
}

/// Which of the lines that leave a box one is.
#[derive(Clone, Copy)]
struct Lane {
    at: usize,
    of: usize,
}

/// A curve with its count, above the upper lines and below the lower ones.
fn line(out: &mut String, edge: &BindingEdge, from: &Place, to: &Place, lane: Lane) {
    let (at, of) = (lane.at as i32, lane.of as i32);
    let (y1, y2) = (from.y + (2 * at + 1 - of) * 5, to.y);
    let (path, label_x, label_y, head) = if from.x < to.x {
        let (x1, x2) = (from.x + BOX, to.x - 6);
        let middle = (x1 + x2) / 2;
        let path = format!("M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}");
        let label_y = if 2 * at < of { y1 - 5 } else { y1 + 14 };
        (path, x1 + 3, label_y, format!("M{} {y2}l-8 -4v8z", to.x))
    } else {
        // From one provider to another: around the right side.
        let x = to.x + BOX;
        let path = format!("M{x} {y1}C{} {y1} {} {y2} {} {y2}", x + 24, x + 24, x + 6);
        (path, x - 30, (from.y + y2) / 2 + 4, format!("M{x} {y2}l8 -4v8z"))
    };
    let (class, mark) = if edge.intended { ("", "") } else { (" class=\"stray\"", "✗ ") };
    let _ = writeln!(
        out,
        "<g{class}><path class=\"edge\" d=\"{path}\"/><path class=\"head\" d=\"{head}\"/>\
         <text class=\"count\" x=\"{label_x}\" y=\"{label_y}\">{mark}{}</text></g>",
        edge.count
    );
}

fn boxed(out: &mut String, place: &Place) {
    let (x, y, whole) = (place.x, place.y, place.path.display().to_string());
    let name = place.path.file_name().map_or_else(|| whole.clone(), |name| name.to_string_lossy().into_owned());
    let _ = writeln!(
        out,
        "<g><title>{}</title><rect x=\"{x}\" y=\"{}\" width=\"{BOX}\" height=\"{HEIGHT}\" rx=\"4\"/>\
         <text x=\"{}\" y=\"{}\">{}</text></g>",
        text(&whole),
        y - HEIGHT / 2,
        x + 6,
        y + 4,
        text(&shortened(&name, ROOM)),
    );
}

fn table(out: &mut String, edges: &[&BindingEdge]) {
    out.push_str("<details><summary>The same as a table</summary>\n<table>\n<thead><tr>");
    for head in ["from", "to", "how many", "as intended"] {
        let _ = write!(out, "<th scope=\"col\">{head}</th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for edge in edges {
        let shown = |path: &Path| text(&path.display().to_string());
        let to = edge.to.as_deref().map_or_else(|| NOTHING.to_owned(), shown);
        let _ = writeln!(
            out,
            "<tr><td><code>{}</code></td><td><code>{to}</code></td><td>{} {}</td><td>{}</td></tr>",
            shown(&edge.from),
            edge.count,
            edge.unit.word(edge.count),
            if edge.intended { "✓ yes" } else { "✗ no" },
        );
    }
    out.push_str("</tbody>\n</table>\n</details>\n");
}
