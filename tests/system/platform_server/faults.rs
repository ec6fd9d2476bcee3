//! Faults affect exactly the requests that a test selects.

use std::sync::mpsc;
use std::thread;

use anyhow::Result;
use connector_tests::platform::{ApiFault, Platform, RateLimit};
use serde_json::Value as Json;

use super::{TOKEN, fetch, get, whole};

const USER: &str = "/v1/user";

#[test]
fn a_refusal_has_its_status_and_an_optional_retry_after() -> Result<()> {
    let platform = Platform::serve(whole())?;
    for status in [402, 403, 404, 409, 429, 500, 503] {
        platform.fault(ApiFault::Status(status).at(USER).times(1));
        let refused = fetch(&platform, TOKEN, USER)?;
        assert_eq!((refused.status, refused.retry_after), (status, None));
        assert!(serde_json::from_str::<Json>(&refused.body)?["error"].is_string());
    }
    platform.fault(ApiFault::RetryAfter(429, 7).at(USER).times(1));
    let refused = fetch(&platform, TOKEN, USER)?;
    assert_eq!(
        (refused.status, refused.retry_after.as_deref()),
        (429, Some("7"))
    );
    platform.fault(ApiFault::Page(502).at(USER).times(1));
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
        ApiFault::Status(500)
            .at("/v1/organizations/*/groups")
            .after(1)
            .times(2),
    );
    assert_eq!(statuses("/v1/organizations/acme/databases")?, [200; 5]);
    assert_eq!(statuses("/v1/organizations/acme/groups/default")?, [200; 5]);
    let groups = "/v1/organizations/acme/groups";
    assert_eq!(statuses(groups)?, [200, 500, 500, 200, 200]);
    platform.fault(ApiFault::Status(503).at("/v1/organizations/**"));
    assert_eq!(statuses(groups)?, [503; 5]);
    assert_eq!(statuses("/v1/locations")?, [200; 5]);
    platform.clear_faults();
    assert_eq!(statuses(groups)?, [200; 5]);
    platform.finish()
}

#[test]
fn responses_can_be_damaged_in_every_way() -> Result<()> {
    let platform = Platform::serve(whole())?;
    platform.fault(ApiFault::Malformed.at(USER).times(1));
    let malformed = fetch(&platform, TOKEN, USER)?;
    assert_eq!(malformed.status, 200);
    assert!(serde_json::from_str::<Json>(&malformed.body).is_err());
    platform.fault(ApiFault::WrongShape.at(USER).times(1));
    assert!(get(&platform, USER)?.1["user"].is_string());
    platform.fault(ApiFault::Truncate.at(USER).times(1));
    assert!(fetch(&platform, TOKEN, USER).is_err());
    platform.fault(ApiFault::Reset.at(USER).times(1));
    assert!(fetch(&platform, TOKEN, USER).is_err());
    assert_eq!(get(&platform, USER)?.0, 200);
    platform.finish()
}

#[test]
fn a_stalled_request_ends_with_the_server() -> Result<()> {
    let platform = Platform::serve(whole())?;
    platform.fault(ApiFault::Stall.at(USER));
    let url = format!("{}{USER}", platform.url());
    let (tell, told) = mpsc::channel();
    let asking = thread::spawn(move || {
        let succeeded = ureq::get(url).call().is_ok();
        // The receiver may have failed already.
        let _ = tell.send(());
        succeeded
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
    platform.fault(ApiFault::Together(3).at(USER));
    thread::scope(|scope| {
        let ask = || scope.spawn(|| fetch(&platform, TOKEN, USER).map(|fetched| fetched.status));
        for asking in [ask(), ask(), ask()] {
            assert_eq!(asking.join().ok().and_then(Result::ok), Some(200));
        }
    });
    assert_eq!(platform.max_in_flight(), 3);
    assert_eq!(platform.count("GET", USER), 4);
    platform.clear_requests();
    assert_eq!(platform.requests(), []);
    platform.finish()
}
