//! A Turso or libSQL database: its schema, the statements that read it, and
//! the requests to its server. Decides nothing about what is read.
//!
//! | module | job |
//! |---|---|
//! | [`table`], [`catalog`], `shadow` | tables and views, the catalogue that lists them, and the tables it omits |
//! | [`tokens`], [`collations`] | the text of CREATE statements |
//! | [`parameters`], [`identifier`], [`condition`], [`paging`], [`row_digest`], [`checksum`], [`statement`] | the statements |
//! | [`dialect`], [`stream`], [`server`] | requests over HTTP |
//! | [`discovery`] | the requests that read the catalogue |
//! | [`failure`] | errors of servers |

pub mod catalog;
pub mod checksum;
pub mod collations;
pub mod condition;
pub mod dialect;
pub mod discovery;
pub mod failure;
pub mod identifier;
pub mod paging;
pub mod parameters;
pub mod row_digest;
pub mod server;
mod shadow;
pub mod statement;
pub mod stream;
pub mod table;
pub mod tokens;
mod typed;
