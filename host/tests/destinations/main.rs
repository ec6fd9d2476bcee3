//! The conformance suite of destinations: the same cases over each of them. A
//! new destination is a line in [`conformance`] and a reader in [`store`].

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failure of the suite is a failed test"
)]

mod cases;
mod csv;
mod duckdb;
mod files;
mod killed;
mod opening;
mod store;
mod value;

/// One test for each case and destination.
macro_rules! conformance {
    ($kind:ident, $name:ident, [$($case:ident),* $(,)?]) => {
        mod $name {
            $(
                #[test]
                fn $case() {
                    crate::cases::$case(&crate::store::Store::new(crate::store::Kind::$kind));
                }
            )*
        }
    };
    ($cases:tt) => {
        mod conformance {
            conformance!(DuckDb, duckdb, $cases);
            conformance!(Parquet, parquet, $cases);
            conformance!(Jsonl, jsonl, $cases);
            conformance!(Csv, csv, $cases);
        }
    };
}

conformance!([
    a_replace_takes_the_place_of_what_was_there,
    an_append_keeps_what_was_there,
    a_table_widens_within_a_load,
    an_append_may_lack_columns_and_bring_new_ones,
    a_changed_type_is_refused_and_leaves_the_old_rows,
    an_empty_table_is_there_after_the_commit,
    a_restart_forgets_everything,
    a_discard_keeps_what_was_there_and_the_other_tables,
    a_load_that_is_dropped_leaves_no_trace,
    a_second_writer_is_refused_until_the_first_is_gone,
    counts_are_those_of_the_store,
    interleaved_tables_keep_their_rows,
    cursors_come_back_by_pipeline,
    rejected_records_are_kept,
    loads_are_written_down,
    nasty_names_come_back,
    a_hostile_name_is_only_a_name,
    a_name_with_a_nul_harms_nothing,
    nasty_values_come_back,
    a_table_of_many_columns_is_stored,
    a_type_that_is_not_stored_is_refused,
    names_that_differ_only_in_case_are_refused,
]);
