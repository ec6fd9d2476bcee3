//! From a request to its answer: the token, the route, the permission, what is
//! there, and whether it is what the document says. How answers travel is not
//! known here.

use serde_json::{Value as Json, json};

use super::access::{self, Access, Token};
use super::document::Document;
use super::routes::{self, Endpoint, Route};
use super::traps::{self, Trap};
use super::world::{Database, Organization, World};

/// What is answered instead of what was asked for.
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

    /// Its body.
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

/// What an endpoint has to say.
pub(super) type Answered = Result<Json, Refusal>;

/// A permitted request for what a route leads to.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    pub(super) world: &'a World,
    pub(super) token: &'a Token,
    pub(super) document: &'a Document,
    parameters: Vec<(&'static str, String)>,
    query: &'a [(String, String)],
}

impl<'a> Ask<'a> {
    /// The part of the path at a name of its template.
    pub(super) fn parameter(&self, name: &str) -> &str {
        let mut parameters = self.parameters.iter();
        parameters
            .find(|(parameter, _)| *parameter == name)
            .map_or("", |(_, value)| value)
    }

    /// A parameter of the query, if it has a value.
    pub(super) fn query(&self, name: &str) -> Option<&'a str> {
        let mut pairs = self.query.iter();
        pairs
            .find(|(parameter, value)| parameter == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// A number of the query.
    pub(super) fn number(&self, name: &str) -> Result<Option<usize>, Refusal> {
        let Some(text) = self.query(name) else {
            return Ok(None);
        };
        let number = text.parse().ok().filter(|number| *number > 0);
        let refusal = || Refusal::new(400, format!("invalid {name} parameter: {text}"));
        number.ok_or_else(refusal).map(Some)
    }

    /// The organization of the path.
    pub(super) fn organization(&self) -> Result<&'a Organization, Refusal> {
        // The newer paths take the UUID and nothing else.
        let (slug, id) = (
            self.parameter("organizationSlug"),
            self.parameter("organizationId"),
        );
        let found = self.world.find(if id.is_empty() { slug } else { id });
        found
            .filter(|organization| organization.slug == slug || organization.id() == id)
            .ok_or_else(|| Refusal::new(404, "organization not found"))
    }

    /// The database of the path.
    pub(super) fn database(&self) -> Result<(&'a Organization, &'a Database), Refusal> {
        let organization = self.organization()?;
        let (name, id) = (self.parameter("databaseName"), self.parameter("databaseId"));
        let mut databases = organization.databases.iter();
        databases
            .find(|database| {
                database.name == name || organization.database_id(&database.name) == id
            })
            .filter(|database| self.token.reaches_group(&database.group))
            .map(|database| (organization, database))
            .ok_or_else(|| {
                let error = format!("could not find database with name {name}: record not found");
                Refusal::new(404, error)
            })
    }

    /// The group of the path.
    pub(super) fn group(&self) -> Result<(&'a Organization, &'a str), Refusal> {
        let organization = self.organization()?;
        let (name, id) = (self.parameter("groupName"), self.parameter("groupId"));
        let mut groups = organization.groups.iter();
        groups
            .find(|group| *group == name || organization.group_id(group) == id)
            .filter(|group| self.token.reaches_group(group))
            .map(|group| (organization, group.as_str()))
            .ok_or_else(|| Refusal::new(404, "group not found"))
    }
}

/// An answer, before it is sent.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Json,
    /// How it failed to be what the document says.
    pub(super) violation: Option<String>,
}

/// Answers a GET.
pub(super) fn answer(
    world: &World,
    document: &Document,
    path: &str,
    query: &[(String, String)],
    authorization: Option<&str>,
) -> Answer {
    let route = routes::find(path);
    let template = route.as_ref().map_or("", |(route, _)| route.template);
    let exempt = route
        .as_ref()
        .is_some_and(|(route, _)| route.undocumented.is_some());
    let answered = access::token(world, authorization).and_then(|token| {
        let (route, parameters) =
            route.ok_or_else(|| Refusal::new(404, format!("no route for {path}")))?;
        let ask = Ask {
            world,
            token,
            document,
            parameters,
            query,
        };
        permitted(route, &ask)?;
        match route.endpoint {
            Endpoint::Certain(answer) => Ok(answer(&ask)),
            Endpoint::Careful(answer) => answer(&ask),
        }
    });
    let (status, honest) = match &answered {
        Ok(body) => (200, body.clone()),
        Err(refusal) => (refusal.status, json!({"error": refusal.error})),
    };
    let judged = if exempt {
        Ok(())
    } else {
        document.judge(template, status, &honest)
    };
    if let Err(violation) = judged {
        let violation = format!("{violation:#}");
        return Answer {
            status: 500,
            body: json!({"error": violation}),
            violation: Some(violation),
        };
    }
    let body = match answered {
        Ok(body) => traps::spoil(&world.traps, template, body),
        Err(refusal) => refusal.body(world),
    };
    Answer {
        status,
        body,
        violation: None,
    }
}

fn permitted(route: &Route, ask: &Ask<'_>) -> Result<(), Refusal> {
    if route.access == Access::Anyone {
        return Ok(());
    }
    access::permit(ask.token, route.access, route.plan, ask.organization()?)
}
