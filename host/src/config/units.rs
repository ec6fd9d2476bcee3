//! Sizes and durations in the notation of the pipeline file.

use std::time::Duration;

use super::error::ConfigError;

/// Parses a size: a number with B, KB, MB, GB (1000) or KiB, MiB, GiB (1024).
pub(super) fn bytes(key: &str, text: &str) -> Result<u64, ConfigError> {
    let unit = |unit: &str| {
        Some(match unit {
            "" | "B" => 1,
            "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return None,
        })
    };
    scaled(text, unit).ok_or_else(|| {
        ConfigError::value(
            key,
            format!("\"{text}\" is not a size"),
            "write it as \"256MiB\" or \"1GB\"",
        )
    })
}

/// Parses a rate: bytes that have to arrive in each minute, or zero for no minimum.
pub(super) fn rate(key: &str, text: &str) -> Result<u64, ConfigError> {
    if text == "0B" {
        return Ok(0);
    }
    bytes(key, text).map_err(|_| {
        ConfigError::value(
            key,
            format!("\"{text}\" is not a rate"),
            "write it as \"100B\" for each minute, or as \"0B\" for no minimum",
        )
    })
}

/// Parses a duration: a number with ms, s, m, h or d.
pub(crate) fn duration(key: &str, text: &str) -> Result<Duration, ConfigError> {
    let unit = |unit: &str| {
        Some(match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        })
    };
    scaled(text, unit)
        .map(Duration::from_millis)
        .ok_or_else(|| {
            ConfigError::value(
                key,
                format!("\"{text}\" is not a duration"),
                "write it as \"30s\", \"10m\" or \"1h\"",
            )
        })
}

fn scaled(text: &str, unit: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let scaled = number.checked_mul(unit(text[digits..].trim_start())?)?;
    (scaled > 0).then_some(scaled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_rate_may_be_zero() {
        assert_eq!(rate("k", "0B").unwrap(), 0);
        assert_eq!(rate("k", "2KB").unwrap(), 2_000);
        assert!(bytes("k", "0B").is_err());
        let error = rate("k", "fast").unwrap_err().to_string();
        assert!(error.contains("\"fast\" is not a rate"), "{error}");
    }
}
