//! Deviations from the document happen only on request.

use anyhow::Result;
use connector_tests::platform::{Document, Platform, Trap, secrets};
use serde_json::{Value as Json, json};

use super::{TOKEN, example, get, get_as, whole};

#[test]
fn organizations_are_a_list_or_an_object_with_one() -> Result<()> {
    let platform = Platform::serve(whole())?;
    let (_, list) = get(&platform, "/v1/organizations")?;
    assert_eq!(list.as_array().map(Vec::len), Some(2));
    platform.change(whole().trap(Trap::OrganizationsInAnObject));
    let (_, object) = get(&platform, "/v1/organizations")?;
    assert_eq!(object, json!({"organizations": list}));
    platform.finish()
}

#[test]
fn usage_is_called_total_or_usage() -> Result<()> {
    let platform = Platform::serve(whole())?;
    let path = "/v1/organizations/acme/databases/shop/usage";
    let total = get(&platform, path)?.1["database"]["total"].clone();
    platform.change(whole().trap(Trap::UsageForTotal));
    let (_, response) = get(&platform, path)?;
    assert_eq!(response["database"]["usage"], total);
    assert_eq!(response["database"].get("total"), None);
    let (_, organization) = get(&platform, "/v1/organizations/acme/usage")?;
    assert!(organization["organization"]["databases"][0]["usage"].is_object());
    platform.finish()
}

#[test]
fn only_every_second_record_has_missing_or_changed_fields() -> Result<()> {
    let platform = Platform::serve(whole())?;
    let path = "/v1/organizations/acme/groups";
    let honest = get(&platform, path)?.1["groups"].clone();
    let spoilt = |trap: Trap| -> Result<Json> {
        platform.change(whole().trap(trap));
        let groups = get(&platform, path)?.1["groups"].clone();
        assert_eq!(groups[0], honest[0]);
        assert_eq!(groups[1]["uuid"], honest[1]["uuid"]);
        Ok(groups[1].clone())
    };
    let fewer = spoilt(Trap::FieldsVanish)?
        .as_object()
        .map(serde_json::Map::len);
    assert!(fewer < honest[1].as_object().map(serde_json::Map::len));
    assert_eq!(spoilt(Trap::FieldsAreNull)?["primary"], Json::Null);
    let changed = spoilt(Trap::TypesChange)?;
    assert_eq!(changed["archived"], 0);
    assert!(changed["status"].is_array());
    platform.finish()
}

#[test]
fn errors_may_be_objects() -> Result<()> {
    let platform = Platform::serve(whole().trap(Trap::ErrorsAsObjects))?;
    let (status, response) = get_as(&platform, "garbage", "/v1/user")?;
    assert_eq!(status, 401);
    assert!(response["error"]["message"].is_string());
    platform.finish()
}

#[test]
fn secrets_may_be_in_every_object() -> Result<()> {
    let platform = Platform::serve(whole().trap(Trap::SecretsEverywhere))?;
    let document = Document::read()?;
    for (_, template) in document.readable() {
        let (_, response) = get_as(&platform, TOKEN, &example(template))?;
        let secret = response.to_string().contains(secrets::SECRET);
        assert_eq!(secret, template != "/v1/locations", "{template}");
    }
    platform.finish()
}
