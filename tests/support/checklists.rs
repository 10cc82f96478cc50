//! Checklists of any size, none of whose checks starts a child.

use std::fmt::Write;

/// So many checks, in steps of a hundred, nine of ten with a need; ids, variables and conditions included.
pub fn of_size(size: usize) -> String {
    let mut text = String::from("title: Large\nvars: {root: /}\nsteps:\n");
    for number in 0..size {
        if number % 100 == 0 {
            let _ = writeln!(text, "- title: Step {number}\n  checks:");
        }
        let need = if number % 10 == 0 { String::new() } else { format!(", needs: [c{}]", number - 1) };
        let _ = writeln!(text, "  - {{id: c{number}, kind: path, path: '${{root}}', when: {{var: root}}{need}}}");
    }
    text
}

/// So many checks of one matrix, and as many that need all of those.
pub fn of_matrices(size: usize) -> String {
    let values: Vec<String> = (0..size).map(|value| value.to_string()).collect();
    let values = values.join(", ");
    format!(
        "title: Matrices\nsteps:\n- title: Step\n  checks:\n  - {{id: a, kind: path, path: /, matrix: {{n: [{values}]}}}}\n  \
         - {{id: b, kind: path, path: /, needs: a, matrix: {{n: [{values}]}}}}\n"
    )
}
