//! `matrix`: one check, or one step, for each combination of values.

use super::fields::{Fields, Reader};
use super::shape::Shape;
use super::yaml::{Node, Value};

/// One value for each name of a matrix, in their order; none where there is no matrix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Combination(pub Vec<(String, String)>);

/// More combinations than anybody means; keeps a hostile matrix from filling the memory.
const MOST: usize = 1000;

impl Combination {
    /// `id[a,x]` for the values of this combination and of the one around it.
    pub fn name(&self, id: &str, around: &Combination) -> String {
        let values: Vec<&str> = around.0.iter().chain(&self.0).map(|(_, value)| value.as_str()).collect();
        if values.is_empty() { id.to_owned() } else { format!("{id}[{}]", values.join(",")) }
    }

    /// Whether there is no matrix.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Tells a mapping's reader that the field belongs to it. Its values were read before: what stands beside it uses them.
pub fn belongs_to(fields: &Fields<'_>) {
    fields.shaped("matrix", || Shape::Lists);
}

/// Every combination of the `matrix` of a check or step, or the one of nothing where there is none; `None` after a complaint.
pub fn combinations(reader: &Reader<'_>, node: &Node) -> Option<Vec<Combination>> {
    let Value::Map(entries) = &node.value else { return Some(vec![Combination::default()]) };
    let matrix = entries.iter().find(|entry| entry.key == "matrix").map(|entry| &entry.value);
    let Some(matrix) = matrix.filter(|matrix| !matches!(matrix.value, Value::Null)) else {
        return Some(vec![Combination::default()]);
    };
    let Value::Map(axes) = &matrix.value else {
        reader.complain(matrix.place, format!("expected NAME: [value, …] pairs for `matrix`, found {}", matrix.kind()));
        return None;
    };
    let axes: Option<Vec<(&str, Vec<String>)>> =
        axes.iter().map(|axis| Some((axis.key.as_str(), values(reader, &axis.value, &axis.key)?))).collect();
    let axes = axes?;
    let count = axes.iter().try_fold(1_usize, |count, (_, values)| count.checked_mul(values.len()));
    if axes.is_empty() || count.is_none_or(|count| count > MOST) {
        let found = count.map_or("more than can be counted".to_owned(), |count| count.to_string());
        let found = if axes.is_empty() { "none".to_owned() } else { found };
        reader.complain(matrix.place, format!("expected 1 to {MOST} combinations for `matrix`, found {found}"));
        return None;
    }
    let mut all = vec![Combination::default()];
    for (name, values) in &axes {
        let longer = |start: &Combination| {
            let one = |value: &String| Combination([&start.0[..], &[((*name).to_owned(), value.clone())]].concat());
            values.iter().map(one).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    Some(all)
}

fn values(reader: &Reader<'_>, node: &Node, name: &str) -> Option<Vec<String>> {
    let wanted = format!("a text or a list of texts for `{name}` of the `matrix`");
    let nodes = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if nodes.is_empty() || nodes.len() > MOST {
        reader.complain(
            node.place,
            format!("expected 1 to {MOST} values for `{name}` of the `matrix`, found {}", nodes.len()),
        );
        return None;
    }
    let mut values = Vec::with_capacity(nodes.len());
    for node in nodes {
        let value = reader.text(node, &wanted)?;
        if values.contains(&value) {
            reader.complain(node.place, format!("`{value}` stands twice in `{name}` of the `matrix`"));
            return None;
        }
        values.push(value);
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_the_matrix_around_come_first_in_a_name() {
        let of = |pairs: &[(&str, &str)]| {
            Combination(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        assert_eq!(of(&[("b", "y")]).name("id", &of(&[("a", "x")])), "id[x,y]");
        assert_eq!(of(&[]).name("id", &of(&[])), "id");
    }
}
