//! Finds the known name nearest to an unknown one.

/// The candidate that differs least from `name`, if it differs in no more than a third of it.
pub(crate) fn nearest(
    name: &str,
    candidates: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    // A name from outside may have any length; the table below is quadratic in it.
    if name.len() > 128 {
        return None;
    }
    let limit = (name.len() / 3).max(2);
    candidates
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many insertions, deletions, replacements and swaps of neighbours lead from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, right) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(left != right);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *left == b[j - 1] && a[i - 1] == *right {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_a_strange_one_has_none() {
        let names = [
            "log.retention.ms",
            "log.retention.hours",
            "listeners",
            "log.dirs",
        ];
        let nearest = |name| nearest(name, names.into_iter());
        assert_eq!(nearest("log.retention.mss"), Some("log.retention.ms"));
        assert_eq!(nearest("lgo.dirs"), Some("log.dirs"));
        assert_eq!(nearest("listener"), Some("listeners"));
        assert_eq!(nearest("wholly.other.thing"), None);
        assert_eq!(nearest(&"x".repeat(1000)), None);
    }

    #[test]
    fn a_swap_of_neighbours_counts_once() {
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
