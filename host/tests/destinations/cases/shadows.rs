//! Columns with the names that a database or the engine uses itself.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array};
use connector_host::destination::{DeletionSource, RowGroups, TableWrite};
use connector_host::model::{DeletionMode, WriteDisposition};

use super::ids;
use super::keyed::{MERGE, Plan, begin, pairs, plain, stats};
use crate::store::{Store, batch, integers};

/// Names of row ids, aliases and columns in generated SQL.
const NAMES: [&str; 17] = [
    "rowid",
    "_rowid_",
    "oid",
    "ctid",
    "_row number",
    "_row number_",
    "number",
    "place",
    "ranked",
    "first row",
    "t",
    "s",
    "k",
    "g",
    "key",
    "row_number",
    "excluded",
];

/// Rows whose key and content are in columns with these names. The content
/// descends, so that an order by one of them shows.
fn rows<'n>(key: &'n str, content: &[&'n str], rows: &[(i64, i64)]) -> Vec<(&'n str, ArrayRef)> {
    let keys: Vec<_> = rows.iter().map(|(key, _)| *key).collect();
    let values: Vec<_> = rows.iter().map(|(_, value)| *value).collect();
    let content = content.iter().filter(|name| **name != key);
    let content = content.map(|name| (*name, integers(&values)));
    std::iter::once((key, integers(&keys)))
        .chain(content)
        .collect()
}

pub(crate) fn no_column_shadows_a_name_of_the_engine(store: &Store) {
    let mut number = 0;
    for key in ["id", "rowid", "_row number", "t"] {
        let plan = |full_refresh| Plan {
            key: match key {
                "id" => &["id"],
                "rowid" => &["rowid"],
                "t" => &["t"],
                _ => &["_row number"],
            },
            full_refresh,
            ..plain()
        };
        let mut load = |plan: &Plan, values: &[(i64, i64)]| {
            number += 1;
            plan.load(store, number, &batch(number, rows(key, &NAMES, values)))
        };
        let did = load(&plan(true), &[(1, 9), (2, 9), (1, 5), (1, 1)]);
        assert_eq!(did, stats(2, 0, 2), "{key}");
        assert_eq!(pairs(store, [key, "place"]), "1=1 2=9", "{key}");
        let did = load(&plan(false), &[(2, 8), (2, 3), (3, 0)]);
        assert_eq!(did, stats(2, 0, 1), "{key}");
        assert_eq!(pairs(store, [key, "place"]), "1=1 2=3 3=0", "{key}");
        let ordered = Plan {
            order: Some(("s", true)),
            ..plan(false)
        };
        let did = load(&ordered, &[(1, 0), (2, 4), (3, -1), (2, 2)]);
        assert_eq!(did, stats(1, 0, 3), "{key}");
        assert_eq!(pairs(store, [key, "place"]), "1=1 2=4 3=0", "{key}");
    }
}

pub(crate) fn a_column_that_is_added_later_shadows_nothing(store: &Store) {
    for (number, write) in [(1, MERGE), (2, MERGE), (3, WriteDisposition::Scd2)] {
        let plan = Plan {
            full_refresh: number == 3,
            ..Plan::new(write, DeletionSource::Unknown, DeletionMode::Ignore)
        };
        let batch = |columns| match write {
            WriteDisposition::Scd2 => begin(number, columns),
            _ => batch(number, columns),
        };
        let narrow = batch(rows("id", &["v"], &[(1, 9), (2, 9), (1, 8)]));
        let first = batch(rows("id", &["v", "_ROW number"], &[(1, 7), (3, 7)]));
        let all = [&["v", "_ROW number", "_row number__"], NAMES.as_slice()].concat();
        let all: Vec<_> = all
            .into_iter()
            .filter(|name| *name != "_row number")
            .collect();
        let wide = batch(rows("id", &all, &[(1, 6), (4, 6)]));
        let stats_by_table = store.commit(number, |load| {
            for rows in [&narrow, &first, &wide] {
                load.open_table("t", &plan.table_write(rows)).unwrap();
                load.write_rows("t", rows.clone()).unwrap();
            }
        });
        assert_eq!(stats_by_table["t"], stats(4, 0, 3), "{write:?}");
        assert_eq!(pairs(store, ["id", "v"]), "1=6 2=9 3=7 4=6", "{write:?}");
        let numbers = pairs(store, ["id", "_ROW number"]);
        assert_eq!(numbers, "1=6 2=null 3=7 4=6", "{write:?}");
    }
    // The key of a group.
    let parents = ids(4, &[7, 7]);
    let items = batch(
        4,
        vec![
            ("first row", integers(&[7, 7, 7, 7])),
            (
                "rowid",
                Arc::new(Int64Array::from(vec![None, Some(9), None, Some(1)])),
            ),
        ],
    );
    let items_write = TableWrite {
        key: vec!["first row".to_owned()],
        group: Some(RowGroups {
            index: "rowid".to_owned(),
            parent: "u".to_owned(),
        }),
        ..TableWrite::new(items.schema(), MERGE)
    };
    store.commit(4, |load| {
        load.open_table("u", &plain().table_write(&parents))
            .unwrap();
        load.open_table("items", &items_write).unwrap();
        load.write_rows("u", parents.clone()).unwrap();
        let numbers = Int64Array::from(vec![0, 0, 1, 1]);
        load.write_child_rows("items", items.clone(), numbers)
            .unwrap();
    });
    assert_eq!(store.column("items", "rowid"), super::numbers(&[1]));
}
