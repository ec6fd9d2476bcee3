//! Reads a DuckDB database with a connection of its own.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use adbc_core::options::{AdbcVersion, OptionDatabase};
use adbc_core::{Connection as _, Database as _, Driver as _, Statement as _};
use adbc_driver_manager::ManagedDriver;

use crate::value::{Row, rows as rows_of};

/// Path of the driver that `just build` put next to the executable.
#[expect(clippy::disallowed_methods, reason = "CI says where its driver is")]
pub(crate) fn driver() -> PathBuf {
    let library = ["libduckdb.so", "libduckdb.dylib", "duckdb.dll"];
    let executable = std::env::current_exe().unwrap();
    let next_to_executable = executable
        .ancestors()
        .skip(1)
        .take(2)
        .flat_map(|folder| library.map(|name| folder.join(name)));
    let paths: Vec<_> = std::env::var_os("CONNECTOR_HOST_DUCKDB")
        .map(PathBuf::from)
        .into_iter()
        .chain(next_to_executable)
        .collect();
    let found = paths.iter().find(|path| path.is_file());
    found.cloned().unwrap_or_else(|| end())
}

/// Ends the program, so that a missing driver is one message and not a failure
/// of every test that needs it.
#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "no other test of DuckDB could succeed"
)]
fn end() -> ! {
    static FIRST: Mutex<()> = Mutex::new(());

    // Held until the end: tests run on many threads.
    let _first = FIRST.lock();
    // Written past the test harness, which captures what tests print.
    let _ = writeln!(
        std::io::stderr(),
        "\nerror: the conformance suite needs the DuckDB driver next to its executable\n\
         hint: run `just test`; or run `just build`, then `cargo test --release`"
    );
    std::process::exit(1)
}

/// The rows of a table, or none if it is not there.
pub(crate) fn rows(database: &Path, dataset: &str, table: &str) -> Option<Vec<Row>> {
    let table = table.replace('"', "\"\"");
    let catalog = database.file_stem().unwrap().to_str().unwrap();
    query(
        database,
        &format!("SELECT * FROM \"{catalog}\".\"{dataset}\".\"{table}\""),
    )
}

/// Rows that a query returns, or `None` if it names a missing table.
pub(crate) fn query(database: &Path, sql: &str) -> Option<Vec<Row>> {
    let mut driver = ManagedDriver::load_dynamic_from_filename(
        driver(),
        Some(b"duckdb_adbc_init"),
        AdbcVersion::V110,
    )
    .unwrap();
    let options = [(
        OptionDatabase::Other("path".to_owned()),
        database.to_str().unwrap().into(),
    )];
    let database = driver.new_database_with_opts(options).unwrap();
    let mut connection = database.new_connection().unwrap();
    let mut statement = connection.new_statement().unwrap();
    match statement
        .set_sql_query(sql)
        .and_then(|()| statement.execute())
    {
        Ok(reader) => Some(reader.flat_map(|batch| rows_of(&batch.unwrap())).collect()),
        Err(error) if error.message.contains("does not exist") => None,
        Err(error) => panic!("{error}"),
    }
}
