//! One file for each promise.

mod canary;
mod changes;
mod chaos;
mod command_line;
mod demo;
mod duckdb_load;
mod endpoints;
mod faults;
mod files_load;
mod incremental;
mod keys;
mod kills;
mod nasty_source;
mod nested;
mod overrides;
mod point_in_time;
mod policy;
mod queries;
mod readme;
mod refusals;
mod schema_changes;
mod servers;
mod state;
mod tokens;
mod transport;
mod tursodb_load;
