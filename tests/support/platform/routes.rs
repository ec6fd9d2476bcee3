//! Table of endpoints: path, requirements, function. Paths are spelt as in the
//! OpenAPI document. Each undocumented endpoint states why it is served.

use serde_json::Value as Json;

use super::access::Access;
use super::response::{ApiRequest, EndpointResult};
use super::world::PricingPlan;
use super::{account, audit, billing, databases, deleted, groups, organizations, tokens, usage};

/// Row of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) template: &'static str,
    pub(super) access: Access,
    /// Smallest plan that includes the endpoint.
    pub(super) plan: PricingPlan,
    pub(super) endpoint: Endpoint,
    /// Reason for serving an undocumented endpoint.
    pub(super) undocumented: Option<&'static str>,
}

/// Function of an endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) enum Endpoint {
    /// Always succeeds for a permitted request.
    Infallible(fn(&ApiRequest<'_>) -> Json),
    /// May refuse the request.
    Fallible(fn(&ApiRequest<'_>) -> EndpointResult),
}

/// Finds the route of a path, with the values of its parameters.
pub(super) fn find(path: &str) -> Option<(&'static Route, Vec<(&'static str, String)>)> {
    ROUTES
        .iter()
        .find_map(|route| Some((route, matched(route.template, path)?)))
}

/// Returns true for a request that a connector must never send.
pub(super) fn is_forbidden(method: &str, path: &str) -> bool {
    let forbidden = |route: &Route| route.undocumented == Some(FORBIDDEN);
    method != "GET" || find(path).is_some_and(|(route, _)| forbidden(route))
}

/// All endpoints.
pub(super) const ROUTES: &[Route] = &[
    anyone("/v1/auth/validate", account::validate),
    anyone("/v1/auth/api-tokens", tokens::own),
    anyone("/v1/user", account::user),
    anyone("/v1/locations", account::locations),
    anyone("/v1/organizations", organizations::list),
    organization(
        "/v1/organizations/{organizationSlug}",
        organizations::retrieve,
    ),
    route(
        "/v1/organizations/{organizationSlug}/plans",
        Access::Organization,
        Endpoint::Infallible(billing::plans),
    ),
    organization(
        "/v1/organizations/{organizationSlug}/invoices",
        billing::invoices,
    ),
    organization(
        "/v1/organizations/{organizationSlug}/subscription",
        billing::subscription,
    ),
    organization(
        "/v1/organizations/{organizationSlug}/usage",
        usage::organization,
    ),
    admin(
        "/v1/organizations/{organizationSlug}/members",
        organizations::members,
    ),
    admin(
        "/v1/organizations/{organizationSlug}/members/{username}",
        organizations::member,
    ),
    admin(
        "/v2/organizations/{organizationSlug}/invites",
        organizations::invites,
    )
    .from(PricingPlan::Scaler),
    organization(
        "/v1/organizations/{organizationSlug}/audit-logs",
        audit::list,
    )
    .from(PricingPlan::Scaler),
    organization(
        "/v1/organizations/{organizationSlug}/api-tokens",
        tokens::list,
    ),
    read("/v1/organizations/{organizationSlug}/groups", groups::list),
    read(
        "/v1/organizations/{organizationSlug}/groups/{groupName}",
        groups::retrieve,
    ),
    read(
        "/v1/organizations/{organizationSlug}/groups/{groupName}/configuration",
        groups::configuration,
    ),
    read(
        "/v1/organizations/{organizationSlug}/databases",
        databases::list,
    ),
    read(
        "/v1/organizations/{organizationSlug}/databases/{databaseName}",
        databases::retrieve,
    ),
    read(
        "/v1/organizations/{organizationSlug}/databases/{databaseName}/configuration",
        databases::configuration,
    ),
    read(
        "/v1/organizations/{organizationSlug}/databases/{databaseName}/instances",
        databases::instances,
    ),
    read(
        "/v1/organizations/{organizationSlug}/databases/{databaseName}/instances/{instanceName}",
        databases::instance,
    ),
    read(
        "/v1/organizations/{organizationSlug}/databases/{databaseName}/usage",
        usage::database,
    ),
    read(
        "/v1/organizations/{organizationSlug}/databases/{databaseName}/stats",
        databases::stats,
    ),
    anyone("/v2/organizations", organizations::list_v2).undocumented(CLIENT_ONLY_SOURCE),
    read(
        "/v3/organizations/{organizationId}/databases",
        databases::list_v3,
    )
    .undocumented(NEWER_DOCUMENT),
    read(
        "/v3/organizations/{organizationId}/databases/{databaseId}",
        databases::retrieve_v3,
    )
    .undocumented(CLIENT),
    read("/v3/organizations/{organizationId}/groups", groups::list_v3).undocumented(CLIENT),
    read(
        "/v3/organizations/{organizationId}/groups/{groupId}",
        groups::retrieve,
    )
    .undocumented(CLIENT),
    organization(
        "/v3/organizations/{organizationId}/deleted-groups",
        deleted::groups,
    )
    .from(PricingPlan::Developer)
    .undocumented(NEWER_DOCUMENT),
    route(
        "/v1/locations/{locationCode}",
        Access::Anyone,
        Endpoint::Fallible(account::location),
    )
    .undocumented(CLIENT),
    anyone("/v1/plans", billing::plans).undocumented(CLIENT),
    anyone("/v1/current-user", account::user).undocumented(CLIENT),
    read(
        "/v1/organizations/{organizationSlug}/databases/{databaseName}/usage/queries",
        databases::queries,
    )
    .undocumented(CLIENT),
    admin(
        "/v1/organizations/{organizationSlug}/invites",
        organizations::invites_v1,
    )
    .from(PricingPlan::Scaler)
    .undocumented(FORBIDDEN),
    admin(
        "/v1/organizations/{organizationSlug}/billing/customer",
        billing::customer,
    )
    .undocumented(FORBIDDEN),
];

const NEWER_DOCUMENT: &str =
    "a later OpenAPI document of Turso describes it (commit 46be9b6e of its documentation)";
const CLIENT: &str = "Turso's own command line reads it";
const CLIENT_ONLY_SOURCE: &str =
    "Turso's own command line reads it, and only it returns the UUID that the v3 paths need";
const FORBIDDEN: &str = "a connector must never request it, and tests check that";

const fn anyone(template: &'static str, endpoint: fn(&ApiRequest<'_>) -> Json) -> Route {
    route(template, Access::Anyone, Endpoint::Infallible(endpoint))
}

const fn read(template: &'static str, endpoint: fn(&ApiRequest<'_>) -> EndpointResult) -> Route {
    route(template, Access::Read, Endpoint::Fallible(endpoint))
}

const fn organization(
    template: &'static str,
    endpoint: fn(&ApiRequest<'_>) -> EndpointResult,
) -> Route {
    route(template, Access::Organization, Endpoint::Fallible(endpoint))
}

const fn admin(template: &'static str, endpoint: fn(&ApiRequest<'_>) -> EndpointResult) -> Route {
    route(template, Access::Admin, Endpoint::Fallible(endpoint))
}

const fn route(template: &'static str, access: Access, endpoint: Endpoint) -> Route {
    Route {
        template,
        access,
        plan: PricingPlan::Starter,
        endpoint,
        undocumented: None,
    }
}

impl Route {
    const fn from(self, plan: PricingPlan) -> Self {
        Self { plan, ..self }
    }

    const fn undocumented(self, reason: &'static str) -> Self {
        Self {
            undocumented: Some(reason),
            ..self
        }
    }
}

/// Returns the values of the parameters, if a path matches a template.
fn matched(template: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let (mut templates, mut parts) = (template.split('/'), path.split('/'));
    let mut parameters = Vec::new();
    loop {
        match (templates.next(), parts.next()) {
            (None, None) => return Some(parameters),
            (Some(template), Some(part)) => {
                let name = template
                    .strip_prefix('{')
                    .and_then(|rest| rest.strip_suffix('}'));
                match name {
                    Some(name) if !part.is_empty() => parameters.push((name, part.to_owned())),
                    None if template == part => {}
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
}
