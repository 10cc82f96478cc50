//! The order of initialisation, which backwards is the order of relocation (glibc 2.35, `elf/dl-sort-maps.c`,
//! `_dl_sort_maps_dfs`).

use super::closure::{Index, Loaded};

/// Sorts a search list so that every object comes before what it needs, as far as there are no cycles; the root is first.
pub(super) fn initialisation(list: &[Index], loaded: &[Loaded<'_>]) -> Vec<Index> {
    let Some(&root) = list.first() else { return Vec::new() };
    let mut visited = vec![false; loaded.len()];
    let mut finished = Vec::with_capacity(list.len());
    for &start in list.iter().rev() {
        visit(start, loaded, &mut visited, &mut finished);
    }
    finished.reverse();
    finished.retain(|index| list.contains(index) && *index != root);
    finished.insert(0, root);
    finished
}

/// Depth first, an object after all that it needs. The stack is our own: a chain of needs may be thousands long.
fn visit(start: Index, loaded: &[Loaded<'_>], visited: &mut [bool], finished: &mut Vec<Index>) {
    if std::mem::replace(&mut visited[start], true) {
        return;
    }
    let mut stack = vec![(start, 0)];
    while let Some((index, next)) = stack.pop() {
        let needs = loaded[index].needs.as_deref().unwrap_or_default();
        match needs.iter().enumerate().skip(next).find(|(_, needed)| **needed != 0 && !visited[**needed]) {
            Some((place, &needed)) => {
                stack.push((index, place + 1));
                visited[needed] = true;
                stack.push((needed, 0));
            }
            None => finished.push(index),
        }
    }
}
