//! Refusals for missing permissions, with the messages of the API.

use anyhow::Result;
use connector_tests::platform::{Organization, Platform, PricingPlan, Role, Token, World, served};
use serde_json::json;

use super::{TOKEN, example, get_as, whole};

#[test]
fn requests_without_a_token_are_refused() -> Result<()> {
    let world = whole().token(Token::unrestricted("of the past").expires(1));
    let platform = Platform::serve(world)?;
    let segments = "token contains an invalid number of segments";
    for (token, error) in [
        ("", segments),
        ("garbage", segments),
        ("a-token.of-a.database", "could not parse jwt id"),
        ("of the past", "token has invalid claims: token is expired"),
    ] {
        for template in served() {
            let refused = get_as(&platform, token, &example(template))?;
            assert_eq!(refused, (401, json!({"error": error})), "{template}");
        }
    }
    platform.finish()
}

#[test]
fn a_group_token_reads_only_the_databases_of_its_group() -> Result<()> {
    let platform = Platform::serve(whole())?;
    let get = |path: &str| get_as(&platform, "a third token", path);
    let acme = "/v1/organizations/acme";
    for path in [
        "",
        "/plans",
        "/invoices",
        "/subscription",
        "/usage",
        "/members",
        "/members/ada",
        "/audit-logs",
        "/api-tokens",
    ] {
        assert_eq!(get(&format!("{acme}{path}"))?.0, 403, "{path}");
    }
    assert_eq!(get("/v2/organizations/acme/invites")?.0, 403);
    let id = Organization::team("acme").id();
    assert_eq!(
        get(&format!("/v3/organizations/{id}/deleted-groups"))?.0,
        403
    );
    let (_, databases) = get(&format!("{acme}/databases"))?;
    let databases = databases["databases"].as_array().map(Vec::len);
    assert_eq!(databases, Some(2), "the third is of another group");
    assert_eq!(get(&format!("{acme}/databases/shop/usage"))?.0, 200);
    assert_eq!(get(&format!("{acme}/databases/archive/usage"))?.0, 404);
    assert_eq!(get(&format!("{acme}/groups/europe/configuration"))?.0, 404);
    assert_eq!(get("/v1/organizations/ada/databases")?.0, 403);
    platform.finish()
}

#[test]
fn an_organization_token_sees_no_other_organization() -> Result<()> {
    let platform = Platform::serve(whole())?;
    let (_, organizations) = get_as(&platform, "a second token", "/v1/organizations")?;
    assert_eq!(organizations.as_array().map(Vec::len), Some(1));
    let refused = get_as(&platform, "a second token", "/v1/organizations/ada/groups")?;
    assert_eq!(refused.0, 403);
    platform.finish()
}

#[test]
fn only_admins_see_members_and_tokens_of_others() -> Result<()> {
    let member = Token::for_organization("of a member", "acme").role(Role::Member);
    let platform = Platform::serve(whole().token(member))?;
    let get = |path: &str| get_as(&platform, "of a member", path);
    assert_eq!(get("/v1/organizations/acme/members")?.0, 403);
    assert_eq!(get("/v2/organizations/acme/invites")?.0, 403);
    let tokens = get("/v1/organizations/acme/api-tokens")?.1["tokens"].clone();
    assert_eq!(tokens.as_array().map(Vec::len), Some(1));
    assert_eq!(tokens[0].get("owner"), None);
    assert_eq!(get("/v1/organizations/acme/audit-logs")?.0, 200);
    platform.finish()
}

#[test]
fn an_endpoint_of_a_larger_plan_is_refused_with_a_code() -> Result<()> {
    let refused = |plan: PricingPlan| {
        let acme = Organization::team("acme").plan(plan);
        let id = acme.id();
        let world = World::new()
            .organization(acme)
            .token(Token::unrestricted(TOKEN));
        let platform = Platform::serve(world)?;
        let mut refused = Vec::new();
        for path in [
            "/v1/organizations/acme/audit-logs".to_owned(),
            "/v2/organizations/acme/invites".to_owned(),
            format!("/v3/organizations/{id}/databases?deleted=true"),
            format!("/v3/organizations/{id}/deleted-groups"),
            "/v1/organizations/acme/members".to_owned(),
        ] {
            let (status, response) = get_as(&platform, TOKEN, &path)?;
            if status != 200 {
                assert_eq!(status, 403);
                let code = format!("feature_not_available_for_{}_plan", plan.name());
                assert_eq!(response["code"], code);
                refused.push(path);
            }
        }
        platform.finish()?;
        anyhow::Ok(refused.len())
    };
    assert_eq!(refused(PricingPlan::Starter)?, 4);
    assert_eq!(refused(PricingPlan::Developer)?, 2);
    assert_eq!(refused(PricingPlan::Scaler)?, 0);
    Ok(())
}

#[test]
fn missing_records_have_the_messages_of_the_api() -> Result<()> {
    let platform = Platform::serve(whole())?;
    for (path, error) in [
        ("/v1/organizations/none", "organization not found"),
        ("/v1/organizations/acme/groups/none", "group not found"),
        (
            "/v1/organizations/acme/databases/none/stats",
            "could not find database with name none: record not found",
        ),
        (
            "/v1/organizations/acme/members/none",
            "could not find member",
        ),
        // The newest paths accept an id but not a slug.
        ("/v3/organizations/acme/databases", "organization not found"),
    ] {
        let missing = get_as(&platform, TOKEN, path)?;
        assert_eq!(missing, (404, json!({"error": error})), "{path}");
    }
    assert_eq!(get_as(&platform, TOKEN, "/api/v1/jobs")?.0, 404);
    platform.finish()
}
