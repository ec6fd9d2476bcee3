//! Unit of the numbers of a cursor column that are times. Knows no statements.

use crate::moment::Moment;
use crate::rows::logical_type::{EpochUnit, LogicalType};
use crate::rows::value::Value;
use crate::selection::Selection;

const NANOS_PER_SECOND: i128 = 1_000_000_000;
const NANOS_PER_DAY: i128 = 86_400 * NANOS_PER_SECOND;

/// 1970-01-01 as a Julian day, in half days.
const HALF_JULIAN_DAYS_AT_1970: i128 = 4_881_175;

/// Unit in which a column counts time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeUnit {
    /// Nanoseconds in one unit.
    nanos: i128,
    /// Nanoseconds from the origin of the numbers to 1970-01-01.
    nanos_at_1970: i128,
}

impl TimeUnit {
    /// Returns the unit that the type of a column states.
    pub(super) fn of_column(selection: &Selection, column: &str) -> Option<Self> {
        let mut types = selection.types.iter();
        let requested = types.find(|requested| requested.column.eq_ignore_ascii_case(column))?;
        match requested.requested.logical()? {
            LogicalType::Timestamp { unit, .. } => Self::new(unit),
            _ => None,
        }
    }

    fn new(unit: EpochUnit) -> Option<Self> {
        let (nanos, nanos_at_1970) = match unit {
            EpochUnit::Second => (NANOS_PER_SECOND, 0),
            EpochUnit::Milli => (NANOS_PER_SECOND / 1_000, 0),
            EpochUnit::Micro => (NANOS_PER_SECOND / 1_000_000, 0),
            EpochUnit::JulianDay => (NANOS_PER_DAY, HALF_JULIAN_DAYS_AT_1970 * NANOS_PER_DAY / 2),
            EpochUnit::Unknown => return None,
        };
        Some(Self {
            nanos,
            nanos_at_1970,
        })
    }

    /// Returns the number that a time is in this unit: an integer if it is whole.
    pub(super) fn number(self, moment: Moment) -> Value {
        let nanos = moment.nanos() + self.nanos_at_1970;
        match i64::try_from(nanos / self.nanos) {
            Ok(count) if nanos % self.nanos == 0 => Value::Integer(count),
            #[expect(clippy::cast_precision_loss, reason = "a fraction is a float")]
            _ => Value::Real(nanos as f64 / self.nanos as f64),
        }
    }

    /// Returns the number of units in a number of seconds.
    #[expect(clippy::cast_precision_loss, reason = "a unit has fewer digits")]
    pub(super) fn units(self, seconds: f64) -> f64 {
        seconds * (NANOS_PER_SECOND as f64 / self.nanos as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_numbers_in_the_unit_of_the_column() {
        for (unit, time, number) in [
            (EpochUnit::Second, "1970-01-02", Value::Integer(86_400)),
            (
                EpochUnit::Milli,
                "1970-01-01T00:00:00.5",
                Value::Integer(500),
            ),
            (EpochUnit::Second, "1970-01-01T00:00:00.5", Value::Real(0.5)),
            (EpochUnit::JulianDay, "1970-01-01", Value::Real(2_440_587.5)),
            (
                EpochUnit::JulianDay,
                "2000-01-01T12:00:00",
                Value::Integer(2_451_545),
            ),
        ] {
            let moment = Moment::parse(time).unwrap();
            assert_eq!(
                TimeUnit::new(unit).unwrap().number(moment),
                number,
                "{time}"
            );
        }
        assert_eq!(TimeUnit::new(EpochUnit::Unknown), None);
    }

    #[test]
    fn seconds_are_converted_into_units() {
        let units = |unit| TimeUnit::new(unit).unwrap().units(43_200.0).to_string();
        assert_eq!(units(EpochUnit::Milli), "43200000");
        assert_eq!(units(EpochUnit::JulianDay), "0.5");
    }
}
