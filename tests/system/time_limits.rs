//! Settings of time: those that have no effect are refused, and each message names
//! the setting that helps.

use anyhow::Result;
use connector_tests::faulty::{FaultyServer, ProxyFault};
use connector_tests::pipeline::Pipeline;
use connector_tests::sqld::Sqld;

#[test]
fn a_time_budget_that_the_time_limit_ends_first_is_refused() -> Result<()> {
    // Nothing is requested: no server listens here.
    let pipeline = || Pipeline::new("http://127.0.0.1:1");
    for (budget, limit) in [
        ("1h", ""),
        ("2h", ""),
        ("10m", "time = \"600s\""),
        ("90s", "time = \"1m\""),
    ] {
        for command in [&["run"][..], &["check"], &["diff"], &["preview", "t"]] {
            let pipeline = pipeline()?
                .config(&format!("time_budget = \"{budget}\""))
                .limits(limit);
            let outcome = pipeline.host(command)?;
            assert_eq!(outcome.code, Some(2), "{outcome:?}");
            let said = format!("the setting `time_budget` of the connector is `{budget}`, but");
            assert!(outcome.stderr.contains(&said), "{outcome:?}");
            let hint = "hint: set `time_budget` to less than the limit `time`, or raise";
            assert!(outcome.stderr.contains(hint), "{outcome:?}");
        }
    }
    let outcome = pipeline()?.config("time_budget = \"59m\"").host(&["run"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    Ok(())
}

#[test]
fn settings_that_are_no_usable_duration_state_the_expected_form() -> Result<()> {
    for (setting, parts) in [
        ("retry_budget = 30", ["want string", "such as \"5m\""]),
        (
            "retry_budget = \"30\"",
            ["`retry_budget` is `30`", "\"30s\""],
        ),
        ("time_budget = 50", ["want string", "such as \"50m\""]),
        ("time_budget = \"0s\"", ["`time_budget` is `0s`", "\"50m\""]),
        ("page_rows = \"many\"", ["want integer", "such as 10000"]),
        ("databases = \"*\"", ["want array", "such as [\"*\"]"]),
    ] {
        let server = Sqld::start()?;
        for command in ["run", "check"] {
            let outcome = Pipeline::new(&server.url())?
                .config(setting)
                .host(&[command])?;
            assert_eq!(outcome.code, Some(2), "{setting}: {outcome:?}");
            for part in parts {
                assert!(outcome.stderr.contains(part), "{setting}: {outcome:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn the_hint_of_the_time_limit_names_the_time_budget() -> Result<()> {
    let server = FaultyServer::always(ProxyFault::Stall)?;
    let pipeline = Pipeline::new(&server.url())?.limits("time = \"2s\"");
    let outcome = pipeline.host(&["run"])?;
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    let hint =
        "hint: raise `time` in [connector.limits], or set `time_budget` in [connector.config]";
    assert!(outcome.stderr.contains(hint), "{outcome:?}");
    Ok(())
}
