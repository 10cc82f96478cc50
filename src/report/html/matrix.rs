//! The coverage matrix: clients down, roles across; on a narrow screen each client with its roles below it.

use std::fmt::Write;

use crate::check::{CoverageRow, Exhibit, Outcome, Status};
use crate::interpose::{Role, is_critical};

use super::mark;
use super::text::text;

/// Clients that are shown; of a whole site-packages the worst.
const MOST: usize = 60;

/// The matrix of a check, where it has one.
pub fn table(out: &mut String, check: &Outcome) {
    let rows = check.exhibits.iter().filter_map(|exhibit| match exhibit {
        Exhibit::Coverage(rows) => Some(rows),
        _ => None,
    });
    let mut rows: Vec<&CoverageRow> = rows.flatten().collect();
    if rows.is_empty() {
        return;
    }
    let missed = |row: &CoverageRow| row.roles.values().map(|(needed, covered)| needed - covered).sum::<usize>();
    rows.sort_by_key(|row| std::cmp::Reverse(missed(row)));
    let roles: Vec<Role> =
        Role::ALL.into_iter().filter(|role| rows.iter().any(|row| row.roles.contains_key(role))).collect();
    let _ = write!(
        out,
        "<table class=\"matrix\">\n<caption><code>{}</code>: functions that the shim gets, of those that each client \
         needs</caption>\n<thead><tr><th scope=\"col\">client</th>",
        text(&check.id)
    );
    for role in &roles {
        let _ = write!(out, "<th scope=\"col\">{}</th>", role.name());
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows.iter().take(MOST) {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", text(&row.client.display().to_string()));
        roles.iter().for_each(|role| cell(out, row, *role));
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n");
    if rows.len() > MOST {
        let _ = writeln!(out, "<p>And {} clients more, none of which misses more.</p>", rows.len() - MOST);
    }
}

fn cell(out: &mut String, row: &CoverageRow, role: Role) {
    let name = role.name();
    let Some((needed, covered)) = row.roles.get(&role) else {
        let _ = write!(out, "<td class=\"none\" data-role=\"{name}\">not needed</td>");
        return;
    };
    let status = match (needed == covered, is_critical(role)) {
        (true, _) => Status::Pass,
        (false, true) => Status::Fail,
        (false, false) => Status::Warn,
    };
    let word = status.word();
    let _ = write!(
        out,
        "<td class=\"{word}\" data-role=\"{name}\"><span class=\"status\">{} {covered}/{needed}</span></td>",
        mark(status)
    );
}
