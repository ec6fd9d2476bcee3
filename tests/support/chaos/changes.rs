//! Random changes of the source, as transactions.

use super::random::Random;
use super::tables::{CREATE_FRAGILE, FRAGILE};

/// Maximum number of changes that use keys of last rows again, between two
/// undisturbed loads. A cursor knows the last 16 rows, and each change replaces
/// three.
const MAX_REUSES: u32 = 4;

/// Maximum number of columns that are added.
const MAX_ADDED_COLUMNS: u32 = 8;

/// Generator of changes.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Number of transactions so far.
    tick: i64,
    added_columns: u32,
    /// Number of changes that used keys again since the last undisturbed load.
    reuses: u32,
    /// True if the table that is missing from time to time is missing.
    fragile_is_missing: bool,
}

impl Changes {
    /// Returns the number of transactions so far.
    pub(super) fn count(&self) -> i64 {
        self.tick
    }

    /// Allows keys to be used again, because a load knows the last rows.
    pub(super) fn allow_reuses(&mut self) {
        self.reuses = 0;
    }

    /// Returns the statements of a transaction after which no table is missing.
    pub(super) fn complete(&mut self, random: &mut Random) -> Vec<String> {
        self.fragile_is_missing = false;
        let mut statements = vec![CREATE_FRAGILE.to_owned()];
        statements.extend(self.statements(random));
        statements
    }

    /// Returns the statements of the next transaction.
    pub(super) fn next(&mut self, random: &mut Random) -> Vec<String> {
        let mut statements = Vec::new();
        if random.below(30) == 0 {
            self.fragile_is_missing = !self.fragile_is_missing;
            statements.push(if self.fragile_is_missing {
                format!("DROP TABLE IF EXISTS {FRAGILE}")
            } else {
                CREATE_FRAGILE.to_owned()
            });
        }
        statements.extend(self.statements(random));
        statements
    }

    fn statements(&mut self, random: &mut Random) -> Vec<String> {
        self.tick += 1;
        let tick = self.tick;
        let mut statements = Vec::new();
        for _ in 0..=random.below(5) {
            statements.extend(self.row_change(random));
        }
        if random.below(40) == 0 {
            statements.push(format!(
                "UPDATE orders SET total = 'on request', updated_at = {tick} WHERE id = 7"
            ));
        }
        if random.below(60) == 0 {
            statements.push(format!(
                "DELETE FROM prices WHERE sku = 'sku {}'",
                tick % 20
            ));
        }
        if random.below(50) == 0 && self.added_columns < MAX_ADDED_COLUMNS {
            self.added_columns += 1;
            let column = format!("added_{}", self.added_columns);
            statements.push(format!("ALTER TABLE orders ADD COLUMN {column} TEXT"));
            statements.push(format!(
                "UPDATE orders SET {column} = 'x', updated_at = {tick} WHERE id % 3 = 0"
            ));
        }
        if !self.fragile_is_missing {
            statements.push(format!("INSERT INTO {FRAGILE}(what) VALUES ('{tick}')"));
        }
        statements.push(format!(
            "UPDATE orders SET total = {tick}, updated_at = {tick} WHERE id = 0"
        ));
        statements.push(format!("UPDATE ticks SET tick = {tick}"));
        statements
    }

    /// Returns the statements that change some rows of one table.
    fn row_change(&mut self, random: &mut Random) -> Vec<String> {
        let tick = self.tick;
        let id = random.below(400) + 1;
        let note = random.text();
        let statement = match random.below(20) {
            0 | 1 => format!(
                "INSERT OR REPLACE INTO orders(id, total, note, updated_at) VALUES ({id}, {id}.5, '{note}', {tick})"
            ),
            2 => format!(
                "UPDATE orders SET note = '{note}', updated_at = {tick} WHERE id BETWEEN {id} AND {id} + 20"
            ),
            3 => format!("DELETE FROM orders WHERE id BETWEEN {id} AND {id} + 3"),
            4 => format!("INSERT OR REPLACE INTO pairs VALUES ('{note}', {id}, 'v{tick}', {tick})"),
            5 => format!(
                "UPDATE OR REPLACE pairs SET b = b + 1000, updated_at = {tick} WHERE b = {id}"
            ),
            6 => format!("DELETE FROM pairs WHERE b BETWEEN {id} AND {id} + 20"),
            7 => format!(
                "INSERT INTO events(what, size) VALUES ('{note}', {}), (NULL, {tick})",
                random.any_value()
            ),
            8 => format!(
                "INSERT OR REPLACE INTO carts VALUES ({}, '{}', {tick})",
                id % 60,
                random.cart()
            ),
            9 => format!("DELETE FROM carts WHERE id BETWEEN {id} % 60 AND {id} % 60 + 2"),
            // Several transactions share a value, and some are late.
            10 => format!(
                "INSERT INTO entries VALUES ('{note} {tick} {id}', {id}, {tick} / 5 - {id} % 3) ON CONFLICT DO NOTHING"
            ),
            11 => format!("INSERT INTO jobs(state) VALUES ('{note}'), ('{tick}'), (NULL)"),
            12 if self.reuses < MAX_REUSES => {
                self.reuses += 1;
                return vec![
                    "DELETE FROM jobs WHERE id > (SELECT max(id) - 3 FROM jobs)".to_owned(),
                    format!("INSERT INTO jobs(state) VALUES ('again {tick} {id}')"),
                ];
            }
            13 => format!("DELETE FROM jobs WHERE id BETWEEN {id} AND {id} + 2 AND id < 350"),
            14 => format!(
                "INSERT OR REPLACE INTO readings VALUES \
                 ({id} / 997.0 + {tick} * 0.1, '{note}', {}), ({id} + {tick} / 3.0, 'b', {tick})",
                random.any_value()
            ),
            15 => format!("DELETE FROM readings WHERE at BETWEEN {id} / 7.0 AND {id} / 7.0 + 1"),
            16 => format!(
                "INSERT INTO samples(taken, value) VALUES ({tick} / 7 / 3.1, {}), ({tick} / 7 / 3.1, {id})",
                random.any_value()
            ),
            17 => format!(
                "INSERT INTO slugs VALUES ('Slug {id}', '{note}', {at}) \
                 ON CONFLICT(slug) DO UPDATE SET slug = excluded.slug, note = excluded.note, at = excluded.at",
                at = time_text(tick - i64::from(id.is_multiple_of(9)) * 8)
            ),
            18 => format!(
                "UPDATE slugs SET slug = CASE WHEN slug GLOB 'S*' THEN lower(slug) ELSE upper(slug) END, \
                 at = {} WHERE rowid % 40 = {id} % 40",
                time_text(tick)
            ),
            19 => format!(
                "INSERT INTO rates(pair, rate, seen) VALUES ('pair {}', {id} / 3.0, {tick} - {id} % 6)",
                id % 10
            ),
            _ => format!(
                "INSERT OR REPLACE INTO prices VALUES ('sku {}', {tick})",
                id % 20
            ),
        };
        let other = match random.below(6) {
            0 => vec![format!(
                "INSERT INTO \"order\" VALUES (NULL, '{note}', {tick}, {id}, {})",
                random.any_value()
            )],
            1 => vec![format!(
                "INSERT OR REPLACE INTO prices VALUES ('sku {}', {tick})",
                id % 20
            )],
            _ => Vec::new(),
        };
        std::iter::once(statement).chain(other).collect()
    }
}

/// Returns the expression of a time in text.
fn time_text(seconds: i64) -> String {
    format!("strftime('%Y-%m-%dT%H:%M:%SZ', 1700000000 + {seconds}, 'unixepoch')")
}
