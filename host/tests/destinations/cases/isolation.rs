//! Trouble of one table, after which the load continues without it.

use std::sync::Arc;

use arrow_array::Int64Array;
use connector_host::destination::{DestinationError, TableWrite};
use connector_host::model::WriteDisposition;

use super::keyed::{people, plain, present};
use super::{ids, numbers};
use crate::store::{Store, batch, texts};

pub(crate) fn a_load_continues_without_a_table_whose_rows_lack_a_key(store: &Store) {
    let plan = plain();
    plan.load(store, 1, &people(1, &[(1, "Ada")]));
    let without_key = batch(
        2,
        vec![
            ("id", Arc::new(Int64Array::from(vec![None]))),
            ("name", texts(&[Some("?")])),
        ],
    );
    store.commit(2, |load| {
        load.open_table("t", &plan.table_write(&without_key))
            .unwrap();
        load.write_rows("t", without_key.clone()).unwrap();
        let other = ids(2, &[7]);
        let write = TableWrite::new(other.schema(), WriteDisposition::Replace);
        load.open_table("other", &write).unwrap();
        load.write_rows("other", other).unwrap();
        let error = load.apply().unwrap_err();
        assert!(matches!(error, DestinationError::NoKey { .. }), "{error}");
        assert_eq!(error.table(), Some("t"));
        load.discard_table("t").unwrap();
    });
    assert_eq!(present(store), "1:Ada@1");
    assert_eq!(store.column("other", "id"), numbers(&[7]));
}

pub(crate) fn a_load_continues_without_a_table_that_cannot_be_stored(store: &Store) {
    store.load(1, "t", WriteDisposition::Append, &ids(1, &[1]));
    let changed = batch(2, vec![("id", texts(&[Some("one")]))]);
    store.commit(2, |load| {
        let other = ids(2, &[7]);
        let write = TableWrite::new(other.schema(), WriteDisposition::Replace);
        load.open_table("other", &write).unwrap();
        load.write_rows("other", other.clone()).unwrap();
        let write = TableWrite::new(changed.schema(), WriteDisposition::Append);
        let error = load.open_table("t", &write).unwrap_err();
        assert_eq!(error.table(), Some("t"));
        load.discard_table("t").unwrap();
        // A name that differs in case only is that of the other table.
        let write = TableWrite::new(other.schema(), WriteDisposition::Replace);
        let error = load.open_table("OTHER", &write).unwrap_err();
        assert_eq!(error.table(), Some("OTHER"));
        load.discard_table("OTHER").unwrap();
        load.write_rows("other", ids(2, &[8])).unwrap();
    });
    assert_eq!(store.column("t", "id"), numbers(&[1]));
    assert_eq!(store.column("other", "id"), numbers(&[7, 8]));
}
