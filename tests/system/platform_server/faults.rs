//! Faults affect exactly the requests that a test selects.

use std::sync::mpsc;
use std::thread;

use anyhow::Result;
use connector_tests::platform::{Fault, Platform, RateLimit};
use serde_json::Value as Json;

use super::{TOKEN, fetch, get, whole};

const USER: &str = "/v1/user";

#[test]
fn a_refusal_has_its_status_and_an_optional_retry_after() -> Result<()> {
    let platform = Platform::serve(whole())?;
    for status in [402, 403, 404, 409, 429, 500, 503] {
        platform.fault(Fault::Status(status).at(USER).times(1));
        let refused = fetch(&platform, TOKEN, USER)?;
        assert_eq!((refused.status, refused.retry_after), (status, None));
        assert!(serde_json::from_str::<Json>(&refused.body)?["error"].is_string());
    }
    platform.fault(Fault::RetryAfter(429, 7).at(USER).times(1));
    let refused = fetch(&platform, TOKEN, USER)?;
    assert_eq!(
        (refused.status, refused.retry_after.as_deref()),
        (429, Some("7"))
    );
    platform.fault(Fault::Page(502).at(USER).times(1));
    assert!(fetch(&platform, TOKEN, USER)?.body.starts_with("<html>"));
    assert_eq!(get(&platform, USER)?.0, 200);
    platform.finish()
}

#[test]
fn a_fault_has_a_path_a_start_and_a_count() -> Result<()> {
    let platform = Platform::serve(whole())?;
    let statuses = |path: &str| -> Result<Vec<u16>> {
        (0..5)
            .map(|_| Ok(fetch(&platform, TOKEN, path)?.status))
            .collect()
    };
    platform.fault(
        Fault::Status(500)
            .at("/v1/organizations/*/groups")
            .after(1)
            .times(2),
    );
    assert_eq!(statuses("/v1/organizations/acme/databases")?, [200; 5]);
    assert_eq!(statuses("/v1/organizations/acme/groups/default")?, [200; 5]);
    let groups = "/v1/organizations/acme/groups";
    assert_eq!(statuses(groups)?, [200, 500, 500, 200, 200]);
    platform.fault(Fault::Status(503).at("/v1/organizations/**"));
    assert_eq!(statuses(groups)?, [503; 5]);
    assert_eq!(statuses("/v1/locations")?, [200; 5]);
    platform.clear_faults();
    assert_eq!(statuses(groups)?, [200; 5]);
    platform.finish()
}

#[test]
fn answers_can_be_damaged_in_every_way() -> Result<()> {
    let platform = Platform::serve(whole())?;
    platform.fault(Fault::Malformed.at(USER).times(1));
    let malformed = fetch(&platform, TOKEN, USER)?;
    assert_eq!(malformed.status, 200);
    assert!(serde_json::from_str::<Json>(&malformed.body).is_err());
    platform.fault(Fault::WrongShape.at(USER).times(1));
    assert!(get(&platform, USER)?.1["user"].is_string());
    platform.fault(Fault::Truncate.at(USER).times(1));
    assert!(fetch(&platform, TOKEN, USER).is_err());
    platform.fault(Fault::Reset.at(USER).times(1));
    assert!(fetch(&platform, TOKEN, USER).is_err());
    assert_eq!(get(&platform, USER)?.0, 200);
    platform.finish()
}

#[test]
fn a_stalled_request_ends_with_the_server() -> Result<()> {
    let platform = Platform::serve(whole())?;
    platform.fault(Fault::Stall.at(USER));
    let url = format!("{}{USER}", platform.url());
    let (tell, told) = mpsc::channel();
    let asking = thread::spawn(move || {
        let answered = ureq::get(url).call().is_ok();
        // The receiver may have failed already.
        let _ = tell.send(());
        answered
    });
    platform.wait_for(1);
    assert!(told.try_recv().is_err());
    platform.finish()?;
    assert!(!asking.join().unwrap_or(true));
    Ok(())
}

#[test]
fn a_rate_limit_refuses_at_its_interval() -> Result<()> {
    let platform = Platform::serve(whole())?;
    platform.limit(RateLimit {
        every: 3,
        retry_after: Some(0),
    });
    let mut statuses = Vec::new();
    for _ in 0..7 {
        statuses.push(fetch(&platform, TOKEN, USER)?.status);
    }
    assert_eq!(statuses, [200, 200, 429, 200, 200, 429, 200]);
    platform.finish()
}

#[test]
fn requests_can_wait_for_each_other() -> Result<()> {
    let platform = Platform::serve(whole())?;
    get(&platform, USER)?;
    assert_eq!(platform.max_in_flight(), 1);
    platform.fault(Fault::Together(3).at(USER));
    thread::scope(|scope| {
        let ask = || scope.spawn(|| fetch(&platform, TOKEN, USER).map(|fetched| fetched.status));
        for asking in [ask(), ask(), ask()] {
            assert_eq!(asking.join().ok().and_then(Result::ok), Some(200));
        }
    });
    assert_eq!(platform.max_in_flight(), 3);
    assert_eq!(platform.count("GET", USER), 4);
    platform.forget();
    assert_eq!(platform.requests(), []);
    platform.finish()
}
