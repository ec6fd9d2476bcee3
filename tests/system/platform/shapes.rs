//! Responses that differ from the document lose no values.

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::platform::secrets::SECRET;
use connector_tests::platform::{Organization, PaginationTrap, Platform, Token, Trap, World};

use super::{TOKEN, number, pipeline, reported, world};

#[test]
fn both_shapes_of_organizations_and_of_usage_are_read() -> Result<()> {
    let world = world()
        .trap(Trap::OrganizationsInAnObject)
        .trap(Trap::UsageForTotal);
    let platform = Platform::serve(world)?;
    let pipeline = pipeline(&platform)?
        .resource("platform_organizations")
        .resource("platform_database_usage");
    pipeline.load()?;
    assert_eq!(
        number(&pipeline, "SELECT count(*) FROM platform_organizations")?,
        2
    );
    let read =
        "SELECT count(*) FROM platform_database_usage WHERE rows_read > 0 AND _extra IS NULL";
    assert_eq!(number(&pipeline, read)?, 9);
    Ok(())
}

#[test]
fn integers_keep_all_their_digits() -> Result<()> {
    let platform = Platform::serve(world())?;
    let pipeline = pipeline(&platform)?
        .resource("platform_organization_usage")
        .resource("platform_database_usage");
    pipeline.load()?;
    // Odd numbers above 2^53, which a float cannot hold.
    let exact = "SELECT count(*) FROM platform_database_usage WHERE bytes_synced > 9007199254740992 \
               AND bytes_synced % 2 = 1 AND typeof(bytes_synced) = 'BIGINT'";
    assert_eq!(number(&pipeline, exact)?, 9);
    Ok(())
}

#[test]
fn both_spellings_of_a_host_are_one_column() -> Result<()> {
    let platform = Platform::serve(world())?;
    let pipeline = pipeline(&platform)?.resource("platform_databases");
    pipeline.load()?;
    let hosts = "SELECT count(*) FROM platform_databases WHERE Hostname LIKE '%.turso.invalid' \
                 AND coalesce(_extra, '') NOT LIKE '%ostname%'";
    assert_eq!(number(&pipeline, hosts)?, 9);
    // A time with nanoseconds.
    let branched =
        "SELECT count(*) FROM platform_databases WHERE parent_branched_at__text LIKE '20%Z'";
    assert_eq!(number(&pipeline, branched)?, 1);
    Ok(())
}

#[test]
fn missing_and_null_fields_are_null() -> Result<()> {
    for trap in [Trap::FieldsVanish, Trap::FieldsAreNull] {
        let platform = Platform::serve(world().trap(trap))?;
        let pipeline = pipeline(&platform)?
            .resource("platform_databases")
            .resource("platform_audit_logs")
            .resource("platform_invoices");
        let report = pipeline.load()?;
        assert_eq!(
            number(&pipeline, "SELECT count(*) FROM platform_databases")?,
            9
        );
        assert_eq!(
            reported(&report, "platform_databases")["misfits"],
            1,
            "{report}"
        );
    }
    Ok(())
}

const AUDIT_LOGS: &str = "/v1/organizations/acme/audit-logs";

fn with_logs(logs: usize, pagination: PaginationTrap) -> World {
    World::new()
        .organization(Organization::team("acme").audit_logs(logs))
        .token(Token::unrestricted(TOKEN))
        .trap(Trap::Pagination(pagination))
}

#[test]
fn a_list_is_read_to_its_end_whatever_its_pages_state() -> Result<()> {
    for (pagination, logs, requests) in [
        // Without totals, an empty page ends the list.
        (PaginationTrap::Missing, 250, 4),
        (PaginationTrap::Null, 250, 4),
        (PaginationTrap::WithoutNumbers, 250, 4),
        (PaginationTrap::WithoutNumbers, 200, 3),
        (PaginationTrap::NumbersAreNull, 250, 4),
        (PaginationTrap::WithoutTotals, 250, 4),
        (PaginationTrap::NumbersAsText, 250, 3),
        (PaginationTrap::OnlyTotalPages, 250, 3),
        (PaginationTrap::OnlyTotalRecords, 250, 3),
        (PaginationTrap::OnePage, 250, 4),
        (PaginationTrap::TotalsOfThePage, 250, 3),
    ] {
        let platform = Platform::serve(with_logs(logs, pagination))?;
        let pipeline = pipeline(&platform)?.resource("platform_audit_logs");
        pipeline.load()?;
        let rows = number(&pipeline, "SELECT count(*) FROM platform_audit_logs")?;
        assert_eq!(usize::try_from(rows)?, logs, "{pagination:?}");
        let sent = platform.count("GET", AUDIT_LOGS);
        assert_eq!(sent, requests, "{pagination:?}");
    }
    Ok(())
}

#[test]
fn a_list_in_smaller_pages_than_requested_is_read_to_its_end() -> Result<()> {
    for pagination in [
        PaginationTrap::Missing,
        PaginationTrap::NumbersAreNull,
        PaginationTrap::WithoutTotals,
        PaginationTrap::OnlyTotalPages,
        PaginationTrap::OnlyTotalRecords,
        PaginationTrap::OnePage,
        PaginationTrap::TotalsOfThePage,
    ] {
        let platform = Platform::serve(with_logs(90, pagination).page_rows(40))?;
        let pipeline = pipeline(&platform)?.resource("platform_audit_logs");
        pipeline.load()?;
        let rows = number(&pipeline, "SELECT count(*) FROM platform_audit_logs")?;
        assert_eq!(rows, 90, "{pagination:?}");
    }
    Ok(())
}

#[test]
fn a_list_that_seems_to_be_incomplete_fails_and_keeps_its_stored_rows() -> Result<()> {
    for (pagination, part) in [
        (PaginationTrap::Text, "`pagination` is a text"),
        (
            PaginationTrap::NextIsAnObject,
            "`pagination.next` is an object",
        ),
        (
            PaginationTrap::TwoPagesTooMany,
            "states 5 pages, but the list ends with page 4",
        ),
        (
            PaginationTrap::OneRecordTooMany,
            "states 251 records, but its pages have 250",
        ),
    ] {
        let whole = with_logs(120, PaginationTrap::NumbersAsText);
        let platform = Platform::serve(whole)?;
        let pipeline = pipeline(&platform)?
            .resource("platform_audit_logs")
            .resource("platform_organizations");
        pipeline.load()?;
        platform.change(with_logs(250, pagination));
        let outcome = pipeline.host(&["run", "--json"])?;
        assert_eq!(outcome.code, Some(1), "{pagination:?}: {outcome:?}");
        let report = outcome.json()?;
        let failure = &reported(&report, "platform_audit_logs")["failure"];
        assert_eq!(failure["category"], "protocol", "{report}");
        let message = failure["message"].as_str().unwrap_or_default();
        assert!(message.contains(part), "{report}");
        assert!(reported(&report, "platform_organizations")["failure"].is_null());
        let rows = number(&pipeline, "SELECT count(*) FROM platform_audit_logs")?;
        assert_eq!(rows, 120, "{pagination:?}");
    }
    Ok(())
}

#[test]
fn a_database_that_is_listed_on_two_pages_is_stored_once() -> Result<()> {
    let platform = Platform::serve(world().trap(Trap::PagesOverlap).page_rows(2))?;
    let pipeline = pipeline(&platform)?
        .resource("platform_databases")
        .resource("platform_database_configuration");
    pipeline.load()?;
    for table in ["platform_databases", "platform_database_configuration"] {
        let rows = number(&pipeline, &format!("SELECT count(*) FROM {table}"))?;
        assert_eq!(rows, 9, "{table}");
    }
    Ok(())
}

#[test]
fn json_that_is_nested_too_deeply_is_noted() -> Result<()> {
    let company = Organization::team("acme").audit_logs(2);
    let world = World::new()
        .organization(company)
        .token(Token::unrestricted(TOKEN))
        .trap(Trap::DeepNesting);
    let platform = Platform::serve(world)?;
    let pipeline = pipeline(&platform)?.resource("platform_audit_logs");
    let report = pipeline.load()?;
    let notes = &reported(&report, "platform_audit_logs")["notes"];
    assert_eq!(
        notes[0], "values nested deeper than 64 levels: 2; they are stored as null",
        "{report}"
    );
    Ok(())
}

#[test]
fn records_that_cannot_be_rows_are_kept_as_rejected() -> Result<()> {
    let world = world()
        .trap(Trap::InvalidMembers)
        .trap(Trap::SecretsEverywhere);
    let platform = Platform::serve(world)?;
    let pipeline = pipeline(&platform)?
        .resource_with("platform_members", "write = \"merge\"")
        .resource("platform_invoices");
    let report = pipeline.load()?;
    let members = reported(&report, "platform_members");
    assert_eq!(members["rows_read"], 4, "{report}");
    assert_eq!(members["rows_rejected"], 4, "{report}");
    assert!(members["failure"].is_null(), "{report}");
    assert_eq!(
        number(&pipeline, "SELECT count(*) FROM platform_members")?,
        4
    );
    // An upcoming invoice has no number. Only a merge needs one.
    let invoices = reported(&report, "platform_invoices");
    assert_eq!(invoices["rows_rejected"], 0, "{report}");
    assert_eq!(
        number(&pipeline, "SELECT count(*) FROM platform_invoices")?,
        4
    );

    let mut duckdb = DuckDb::open(&pipeline.database())?;
    let rejected = duckdb
        .query("SELECT resource, record, reason FROM turso_data._rejected ORDER BY record")?;
    let shown = format!("{:?}", rejected.rows);
    assert!(!shown.contains(SECRET), "{shown}");
    let texts = rejected.rows.iter().map(|row| {
        let mut texts = row.iter().map(|value| value.as_text().unwrap_or_default());
        [(); 3].map(|()| texts.next().unwrap_or_default())
    });
    let not_an_object = [
        "platform_members",
        "null",
        "the record is null, not an object",
    ];
    let without_name = [
        "platform_members",
        r#"{"role":"unnamed"}"#,
        "the key column `username` has no valid value",
    ];
    let texts: Vec<_> = texts.collect();
    assert_eq!(
        texts,
        [not_an_object, not_an_object, without_name, without_name]
    );
    Ok(())
}

#[test]
fn values_of_another_type_go_to_sibling_columns() -> Result<()> {
    let platform = Platform::serve(world().trap(Trap::TypesChange))?;
    let pipeline = pipeline(&platform)?
        .resource("platform_databases")
        .resource("platform_plans")
        .resource("platform_deleted_groups")
        .resource("platform_invites");
    let report = pipeline.load()?;
    // Numbers for flags go to `_extra`: a column of flags has no sibling.
    let flags = "SELECT count(*) FROM platform_databases WHERE block_reads IS NULL \
                 AND _extra LIKE '%\"block_reads\":0%'";
    assert_eq!(number(&pipeline, flags)?, 4);
    // Texts for numbers go to a sibling column.
    let texts = "SELECT count(*) FROM platform_deleted_groups WHERE cascade_databases IS NULL \
                 AND cascade_databases__text IS NOT NULL";
    assert_eq!(number(&pipeline, texts)?, 1);
    // Lists for objects go to `_extra`.
    let quotas = "SELECT count(*) FROM platform_plans WHERE _extra LIKE '%\"quotas\":[{%'";
    assert!(number(&pipeline, quotas)? > 0);
    let notes = reported(&report, "platform_databases")["notes"].to_string();
    assert!(
        notes.contains("of another type than is documented"),
        "{report}"
    );
    Ok(())
}

#[test]
fn nested_data_is_stored_as_configured() -> Result<()> {
    let platform = Platform::serve(world())?;
    let json = pipeline(&platform)?
        .resource_with("platform_databases", "nested = \"json\"")
        .resource_with("platform_audit_logs", "nested = \"json\"");
    json.load()?;
    let typed = "SELECT count(*) FROM platform_databases WHERE typeof(regions) = 'JSON' \
                 AND json_array_length(regions) > 0";
    assert_eq!(number(&json, typed)?, 9);
    let tables = pipeline(&platform)?.resource_with("platform_databases", "nested = \"tables\"");
    tables.load()?;
    assert!(number(&tables, "SELECT count(*) FROM platform_databases__regions")? >= 9);
    Ok(())
}
