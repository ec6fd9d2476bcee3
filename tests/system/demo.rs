//! Demonstration of `just run` without an account.

use std::process::Command;

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::paths;

#[test]
fn the_demo_loads_a_shop_and_shows_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut demo = Command::new(paths::demo()?);
    demo.current_dir(folder.path())
        .env("CONNECTOR_HOST_CACHE", paths::component_cache()?);
    let output = demo.output()?;
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{shown}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for part in [
        "sold out",
        "shop-next",
        "turso_data.orders, 5000 rows",
        "just init",
    ] {
        assert!(shown.contains(part), "{part} is not shown:\n{shown}");
    }
    let mut duckdb = DuckDb::open(&folder.path().join("demo.duckdb"))?;
    assert_eq!(
        duckdb.number("SELECT count(*) FROM turso_data.orders")?,
        5000
    );
    Ok(())
}
