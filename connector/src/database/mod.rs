//! A Turso or libSQL database: how to speak to its server, what is in it, and
//! the statements that read it.
//!
//! Reading order: [`table`] (what there is), [`catalog`] (how the database
//! says so), [`statement`] (how it is read), [`server`] and [`stream`] (over
//! HTTP), [`discovery`] (asking for the catalogue), [`failure`] (what went
//! wrong). Nothing here decides what is read.

pub mod catalog;
pub mod discovery;
pub mod failure;
pub mod server;
pub mod statement;
pub mod stream;
pub mod table;
