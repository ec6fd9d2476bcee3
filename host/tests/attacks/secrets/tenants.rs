//! Attacks on credentials of other tenants.

use connector_host::model::Secret;
use connector_host::network::DenialReason;
use serde_json::json;

use super::placement::{authorized, granting};
use crate::expected::Expected::{Denied, Inexpressible};
use crate::victim::Victim;
use crate::world::World;

#[tokio::test]
async fn a_secret_that_is_not_granted_is_refused() {
    let server = Victim::listen();
    let world = granting(&server);
    let outcome = world.attack(json!([{ "secret": "other" }])).await;
    Inexpressible("NotGranted").check("other", "", &outcome);
    for name in [
        "", "TOKEN", "Token", "token ", " token", "../token", "*", "token\0", "tok",
    ] {
        let outcome = world.attack(json!([{ "secret": name }])).await;
        Inexpressible("Undeclared").check(name, "", &outcome);
    }
}

#[tokio::test]
async fn a_secret_that_the_descriptor_does_not_declare_is_refused() {
    let mut world = World::new().token();
    world
        .secrets
        .insert("third".to_owned(), Secret::new("canary"));
    let outcome = world.attack(json!([{ "secret": "third" }])).await;
    Inexpressible("Undeclared").check("third", "", &outcome);
    // Before `describe` has returned, nothing is declared.
    let mut instance = world
        .load()
        .unwrap()
        .instantiate(world.grants())
        .await
        .unwrap();
    let config = json!({ "check": [{ "secret": "token" }] }).to_string();
    let error = instance.check(&config).await.unwrap_err();
    assert!(error.to_string().contains("Undeclared"), "{error}");
}

#[tokio::test]
async fn a_reference_of_another_tenant_is_refused() {
    let server = Victim::listen();
    let (mine, theirs) = (granting(&server), granting(&server));
    let reference = |world: World| async move {
        let outcome = world.attack(json!([{ "secret": "token" }])).await;
        outcome.response().to_owned()
    };
    let stolen = reference(theirs).await;
    assert!(stolen.starts_with("ref_"), "{stolen}");
    let outcome = mine
        .request(authorized(&server, &format!("Bearer {stolen}")))
        .await;
    let reason = DenialReason::Header("authorization".to_owned());
    Denied(reason).check("stolen", &server.origin(), &outcome);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_reference_of_an_earlier_instance_of_the_same_tenant_is_refused() {
    let server = Victim::listen();
    let world = granting(&server);
    let earlier = world.attack(json!([{ "secret": "token" }])).await;
    let old = earlier.response().to_owned();
    let outcome = world
        .request(authorized(&server, &format!("Bearer {old}")))
        .await;
    let reason = DenialReason::Header("authorization".to_owned());
    Denied(reason).check("old", &server.origin(), &outcome);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_reference_of_another_live_instance_is_refused() {
    let server = Victim::listen();
    let world = granting(&server);
    let mut theirs = world.instance().await.unwrap();
    let config = json!({ "check": [{ "secret": "token" }] }).to_string();
    let stolen = theirs.check(&config).await.unwrap().remove(0).message;
    let outcome = world
        .request(authorized(&server, &format!("Bearer {stolen}")))
        .await;
    let reason = DenialReason::Header("authorization".to_owned());
    Denied(reason).check("stolen", &server.origin(), &outcome);
    // The reference is still valid in its own instance.
    let mut own = authorized(&server, "Bearer {token}");
    own["path"] = "/own".into();
    let config = json!({ "check": [{ "request": own }] }).to_string();
    theirs.check(&config).await.unwrap();
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_reference_stands_for_its_own_secret_only() {
    let server = Victim::listen();
    let mut world = granting(&server);
    world
        .secrets
        .insert("other".to_owned(), Secret::new("canary-of-the-other"));
    let outcome = world.request(authorized(&server, "Bearer {other}")).await;
    let reason = DenialReason::Secret("other".to_owned());
    Denied(reason).check("other", &server.origin(), &outcome);
    assert_eq!(server.connections(), 0);
}
