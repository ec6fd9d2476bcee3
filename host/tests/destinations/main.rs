//! The conformance suite of destinations: the same cases over each of them. A
//! new destination is a line in [`conformance`] and a reader in [`store`].

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failure of the suite is a failed test"
)]

mod cases;
mod csv;
mod damage;
mod duckdb;
mod faulty;
mod files;
mod folders;
mod formats;
mod interrupted;
mod killed;
mod objects;
mod opening;
mod store;
mod value;
mod versions;

/// One test for each case and destination.
macro_rules! conformance {
    ($name:ident, $new:ident($kind:ident), [$($case:ident),* $(,)?]) => {
        mod $name {
            $(
                #[test]
                fn $case() {
                    crate::cases::$case(&crate::store::Store::$new(crate::store::Kind::$kind));
                }
            )*
        }
    };
    ($cases:tt) => {
        mod conformance {
            conformance!(duckdb, new(DuckDb), $cases);
            conformance!(parquet, new(Parquet), $cases);
            conformance!(jsonl, new(Jsonl), $cases);
            conformance!(csv, new(Csv), $cases);
            conformance!(parquet_objects, in_objects(Parquet), $cases);
            conformance!(jsonl_objects, in_objects(Jsonl), $cases);
            conformance!(csv_objects, in_objects(Csv), $cases);
        }
    };
}

conformance!([
    a_replace_replaces_all_rows,
    an_append_keeps_earlier_rows,
    a_table_gets_columns_within_a_load,
    an_append_may_lack_columns_and_add_new_ones,
    a_changed_type_is_refused_and_leaves_the_old_rows,
    an_empty_table_exists_after_the_commit,
    a_restart_discards_everything,
    a_discard_keeps_earlier_rows_and_other_tables,
    a_load_continues_without_a_table_whose_rows_lack_a_key,
    a_load_continues_without_a_table_that_cannot_be_stored,
    a_load_that_is_dropped_leaves_no_trace,
    a_second_writer_loses_nothing,
    counts_are_those_of_the_store,
    interleaved_tables_keep_their_rows,
    cursors_are_read_back_by_pipeline,
    rejected_records_are_kept,
    loads_are_recorded,
    nasty_names_are_stored_exactly,
    a_hostile_name_is_only_a_name,
    a_name_with_a_nul_harms_nothing,
    the_origins_of_columns_are_kept_with_the_table,
    nasty_values_are_stored_exactly,
    decimals_are_added_to_decimals,
    a_table_of_many_columns_is_stored,
    a_type_that_is_not_stored_is_refused,
    names_that_differ_only_in_case_are_refused,
    a_merge_inserts_and_updates,
    a_merge_of_nothing_changes_nothing,
    a_merge_without_a_table_creates_it,
    a_merge_reaches_rows_that_were_appended,
    a_composite_key_is_compared_as_a_whole,
    keys_of_every_type_are_compared,
    the_last_of_a_key_wins_within_a_load,
    the_newest_of_a_key_wins_within_a_load,
    an_older_row_does_not_replace_a_stored_one,
    a_complete_read_replaces_newer_rows,
    an_older_row_makes_no_version,
    an_older_row_replaces_a_deleted_one,
    values_of_every_type_are_ordered,
    values_that_do_not_compare_are_in_their_order_of_arrival,
    a_column_that_is_not_there_orders_nothing,
    groups_belong_to_the_newest_row,
    no_column_shadows_a_name_of_the_engine,
    a_column_that_is_added_later_shadows_nothing,
    new_columns_are_null_in_older_rows,
    siblings_of_key_columns_identify_rows,
    siblings_may_be_added_late_in_a_load,
    keys_need_not_have_the_siblings_that_rows_have,
    a_row_without_a_key_is_refused,
    unannounced_keys_are_refused,
    rows_that_are_gone_are_marked,
    rows_that_are_gone_are_deleted,
    rows_that_are_gone_stay_if_deletions_are_ignored,
    an_empty_set_of_keys_means_that_all_are_gone,
    a_row_that_went_while_it_was_read_is_gone,
    of_several_changes_the_last_one_counts,
    a_group_replaces_the_one_before,
    the_last_group_of_a_key_counts_within_a_load,
    groups_are_deleted_with_their_key,
    a_part_that_was_not_read_stays_in_a_replaced_table,
    a_part_that_was_not_read_is_not_gone,
    a_part_of_other_types_cannot_be_kept,
    versions_of_a_part_that_was_not_read_stay,
    json_is_stored_as_json,
    json_that_is_the_same_is_no_change,
    versions_begin_and_end,
    versions_end_by_keys_and_by_flags,
    a_new_column_makes_a_version_only_where_it_has_a_value,
    a_full_refresh_replaces_all_rows,
    nasty_values_survive_a_rewrite,
    nasty_values_are_no_change,
    a_merge_that_is_dropped_leaves_no_trace,
    a_merge_may_be_discarded,
    files_in_which_no_row_changes_stay,
    many_rows_are_merged,
]);
