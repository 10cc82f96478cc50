//! The order of initialisation, which backwards is the order of relocation (glibc 2.35, `elf/dl-sort-maps.c`,
//! `_dl_sort_maps_dfs`).

use super::closure::{Index, Loaded};

/// Sorts a search list so that every object comes before what it needs, as far as there are no cycles; the root is first.
pub(super) fn initialisation(root: Index, list: &[Index], loaded: &[Loaded<'_>]) -> Vec<Index> {
    let needs: Vec<Vec<Index>> = (0..loaded.len()).map(|index| needs(index, root, loaded)).collect();
    let mut visited = vec![false; loaded.len()];
    let mut finished = Vec::with_capacity(list.len());
    for &start in list.iter().rev() {
        visit(start, &needs, &mut visited, &mut finished);
    }
    let mut listed = vec![false; loaded.len()];
    list.iter().for_each(|&index| listed[index] = true);
    let rest = finished.into_iter().rev().filter(|&index| listed[index] && index != root);
    std::iter::once(root).chain(rest).collect()
}

/// What the sort knows of an object's needs: nothing of the root's, and of an earlier root's all that it brought in.
fn needs(index: Index, root: Index, loaded: &[Loaded<'_>]) -> Vec<Index> {
    match &loaded[index].order {
        Some(order) => order.clone(),
        None if index == root => Vec::new(),
        None => loaded[index].dependencies.iter().filter_map(|dependency| dependency.object).collect(),
    }
}

/// Depth first, an object after all that it needs. The stack is our own: a chain of needs may be thousands long.
fn visit(start: Index, needs: &[Vec<Index>], visited: &mut [bool], finished: &mut Vec<Index>) {
    if std::mem::replace(&mut visited[start], true) {
        return;
    }
    let mut stack = vec![(start, 0)];
    while let Some((index, next)) = stack.pop() {
        let open = |&(_, &needed): &(usize, &Index)| needed != 0 && !visited[needed];
        match needs[index].iter().enumerate().skip(next).find(open) {
            Some((place, &needed)) => {
                stack.push((index, place + 1));
                visited[needed] = true;
                stack.push((needed, 0));
            }
            None => finished.push(index),
        }
    }
}
