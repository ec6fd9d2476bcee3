//! Processing of a request: token, route, permission, endpoint, and validation
//! of the response against the document. It does not know HTTP.

use serde_json::{Value as Json, json};

use super::access::{self, Access, Token};
use super::document::Document;
use super::routes::{self, Endpoint, Route};
use super::traps::{self, Trap};
use super::world::{Database, Organization, World};

/// Error response.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) error: String,
    pub(super) code: Option<String>,
}

impl Refusal {
    pub(super) fn new(status: u16, error: impl Into<String>) -> Self {
        Self {
            status,
            error: error.into(),
            code: None,
        }
    }

    /// Returns the body of the response.
    pub(super) fn body(&self, world: &World) -> Json {
        let mut body = json!({"error": self.error});
        if world.has(Trap::ErrorsAsObjects) {
            body["error"] = json!({"message": self.error});
        }
        if let Some(code) = &self.code {
            body["code"] = json!(code);
        }
        body
    }
}

/// Body that an endpoint returns, or a refusal.
pub(super) type EndpointResult = Result<Json, Refusal>;

/// Permitted request of a route.
#[derive(Debug)]
pub(super) struct ApiRequest<'a> {
    pub(super) world: &'a World,
    pub(super) token: &'a Token,
    pub(super) document: &'a Document,
    parameters: Vec<(&'static str, String)>,
    query: &'a [(String, String)],
}

impl<'a> ApiRequest<'a> {
    /// Returns the value of a path parameter.
    pub(super) fn parameter(&self, name: &str) -> &str {
        let mut parameters = self.parameters.iter();
        parameters
            .find(|(parameter, _)| *parameter == name)
            .map_or("", |(_, value)| value)
    }

    /// Returns a query parameter that is not empty.
    pub(super) fn query(&self, name: &str) -> Option<&'a str> {
        let mut pairs = self.query.iter();
        pairs
            .find(|(parameter, value)| parameter == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// Returns a query parameter as a positive number.
    pub(super) fn number(&self, name: &str) -> Result<Option<usize>, Refusal> {
        let Some(text) = self.query(name) else {
            return Ok(None);
        };
        let number = text.parse().ok().filter(|number| *number > 0);
        let refusal = || Refusal::new(400, format!("invalid {name} parameter: {text}"));
        number.ok_or_else(refusal).map(Some)
    }

    /// Returns the organization of the path.
    pub(super) fn organization(&self) -> Result<&'a Organization, Refusal> {
        // The newer paths accept only the UUID.
        let (slug, id) = (
            self.parameter("organizationSlug"),
            self.parameter("organizationId"),
        );
        let found = self.world.find(if id.is_empty() { slug } else { id });
        found
            .filter(|organization| organization.slug == slug || organization.id() == id)
            .ok_or_else(|| Refusal::new(404, "organization not found"))
    }

    /// Returns the database of the path.
    pub(super) fn database(&self) -> Result<(&'a Organization, &'a Database), Refusal> {
        let organization = self.organization()?;
        let (name, id) = (self.parameter("databaseName"), self.parameter("databaseId"));
        let mut databases = organization.databases.iter();
        databases
            .find(|database| {
                database.name == name || organization.database_id(&database.name) == id
            })
            .filter(|database| self.token.covers_group(&database.group))
            .map(|database| (organization, database))
            .ok_or_else(|| {
                let error = format!("could not find database with name {name}: record not found");
                Refusal::new(404, error)
            })
    }

    /// Returns the group of the path.
    pub(super) fn group(&self) -> Result<(&'a Organization, &'a str), Refusal> {
        let organization = self.organization()?;
        let (name, id) = (self.parameter("groupName"), self.parameter("groupId"));
        let mut groups = organization.groups.iter();
        groups
            .find(|group| *group == name || organization.group_id(group) == id)
            .filter(|group| self.token.covers_group(group))
            .map(|group| (organization, group.as_str()))
            .ok_or_else(|| Refusal::new(404, "group not found"))
    }
}

/// Response to be sent.
#[derive(Debug)]
pub(super) struct ApiResponse {
    pub(super) status: u16,
    pub(super) body: Json,
    /// Violation of the document, if there is one.
    pub(super) violation: Option<String>,
}

/// Returns the response to a GET request.
pub(super) fn respond(
    world: &World,
    document: &Document,
    path: &str,
    query: &[(String, String)],
    authorization: Option<&str>,
) -> ApiResponse {
    let route = routes::find(path);
    let template = route.as_ref().map_or("", |(route, _)| route.template);
    let exempt = route
        .as_ref()
        .is_some_and(|(route, _)| route.undocumented.is_some());
    let result = access::token(world, authorization).and_then(|token| {
        let (route, parameters) =
            route.ok_or_else(|| Refusal::new(404, format!("no route for {path}")))?;
        let request = ApiRequest {
            world,
            token,
            document,
            parameters,
            query,
        };
        permitted(route, &request)?;
        match route.endpoint {
            Endpoint::Infallible(endpoint) => Ok(endpoint(&request)),
            Endpoint::Fallible(endpoint) => endpoint(&request),
        }
    });
    let (status, original) = match &result {
        Ok(body) => (200, body.clone()),
        Err(refusal) => (refusal.status, json!({"error": refusal.error})),
    };
    let validated = if exempt {
        Ok(())
    } else {
        document.validate(template, status, &original)
    };
    if let Err(violation) = validated {
        let violation = format!("{violation:#}");
        return ApiResponse {
            status: 500,
            body: json!({"error": violation}),
            violation: Some(violation),
        };
    }
    let body = match result {
        Ok(body) => traps::apply(&world.traps, template, body),
        Err(refusal) => refusal.body(world),
    };
    ApiResponse {
        status,
        body,
        violation: None,
    }
}

fn permitted(route: &Route, request: &ApiRequest<'_>) -> Result<(), Refusal> {
    if route.access == Access::Anyone {
        return Ok(());
    }
    access::permit(
        request.token,
        route.access,
        route.plan,
        request.organization()?,
    )
}
