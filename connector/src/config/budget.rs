//! Budgets of time in a config. Must not know what they are for.

use std::time::Duration;

use crate::error::{Error, Result};

/// Maximum of a budget.
const MAX_SECONDS: u64 = 86_400;

/// Parses a number of seconds, minutes or hours, such as `5m`.
pub(super) fn budget(setting: &str, text: Option<&String>) -> Result<Option<Duration>> {
    let Some(text) = text else {
        return Ok(None);
    };
    let seconds = [("s", 1), ("m", 60), ("h", 3_600)]
        .into_iter()
        .find_map(|(unit, seconds)| {
            let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
            number.checked_mul(seconds)
        });
    match seconds.filter(|seconds| *seconds <= MAX_SECONDS) {
        Some(seconds) => Ok(Some(Duration::from_secs(seconds))),
        None => Err(Error::config(
            format!("`{setting}` is `{text}`, which is not a duration of at most a day"),
            format!("set `{setting}` to a duration such as \"30s\", \"5m\" or \"1h\""),
        )),
    }
}

/// Parses a budget that must be larger than zero.
pub(super) fn positive_budget(setting: &str, text: Option<&String>) -> Result<Option<Duration>> {
    let budget = budget(setting, text)?;
    if budget == Some(Duration::ZERO) {
        let text = text.map_or("", String::as_str);
        return Err(Error::config(
            format!("`{setting}` is `{text}`, in which nothing can be read"),
            format!("set `{setting}` to a duration such as \"50m\", or omit it"),
        ));
    }
    Ok(budget)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_a_number_with_a_unit() {
        let parsed = |text: &str| budget("x", Some(&text.to_owned())).ok().flatten();
        for (text, seconds) in [
            ("0s", Some(0)),
            ("30s", Some(30)),
            ("5m", Some(300)),
            ("24h", Some(86_400)),
            ("25h", None),
            ("5", None),
            ("-5m", None),
            ("1.5h", None),
            ("99999999999999999999h", None),
            ("", None),
        ] {
            assert_eq!(parsed(text), seconds.map(Duration::from_secs), "{text}");
        }
        assert_eq!(budget("x", None), Ok(None));
        let positive = |text: &str| positive_budget("x", Some(&text.to_owned()));
        assert_eq!(positive("1s"), Ok(Some(Duration::from_secs(1))));
        assert!(positive("0s").is_err() && positive("0m").is_err());
        assert_eq!(positive_budget("x", None), Ok(None));
    }
}
