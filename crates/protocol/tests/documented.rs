//! Holds the table of `docs/compatibility.md` against the table that is served.

use std::path::Path;

use highwater_protocol::served;

/// The rows of the document's table of APIs: key, name, lowest and highest version.
fn documented() -> std::io::Result<Vec<(i16, String, i16, i16)>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/compatibility.md");
    let text = std::fs::read_to_string(path)?;
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let key = cells.next()?.parse().ok()?;
        let name = cells.next()?.to_owned();
        let (min, max) = cells.next()?.split_once('–')?;
        Some((key, name, min.parse().ok()?, max.parse().ok()?))
    });
    Ok(rows.collect())
}

#[test]
fn every_served_range_is_documented_as_it_is() {
    let ranges = served().iter();
    let expected: Vec<_> = ranges
        .map(|range| (range.key, range.name.to_owned(), range.min, range.max))
        .collect();
    assert_eq!(documented().unwrap(), expected);
}
