//! Authorization: the scope and role of tokens, and the requirements of
//! endpoints. It does not know what endpoints return.

use super::response::Refusal;
use super::world::{Organization, PricingPlan, World};

/// Token of the Platform API.
#[derive(Clone, Debug)]
pub struct Token {
    pub(super) value: String,
    pub(super) name: String,
    pub(super) scope: Scope,
    pub(super) role: Role,
    pub(super) expires: i64,
}

/// Restriction of a token.
#[derive(Clone, Debug)]
pub(super) enum Scope {
    Everything,
    Organization(String),
    Group(String, String),
}

/// Role of the owner of a token in the organization.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Reads resources.
    Viewer,
    /// Changes resources.
    Member,
    /// Manages members.
    Admin,
    /// Manages everything.
    Owner,
}

impl Role {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }
}

impl Token {
    /// Creates a token for every organization.
    #[must_use]
    pub fn unrestricted(value: &str) -> Self {
        Self::new(value, "unrestricted", Scope::Everything)
    }

    /// Creates a token that is restricted to an organization.
    #[must_use]
    pub fn for_organization(value: &str, slug: &str) -> Self {
        Self::new(value, "connector", Scope::Organization(slug.to_owned()))
    }

    /// Creates a token that is restricted to a group, with the scope `read`.
    #[must_use]
    pub fn for_group(value: &str, slug: &str, group: &str) -> Self {
        let scope = Scope::Group(slug.to_owned(), group.to_owned());
        Self::new(value, "reader", scope)
    }

    /// Replaces the role, which is owner by default.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// Sets the expiry in seconds since 1970. By default a token never expires.
    #[must_use]
    pub fn expires(mut self, at: i64) -> Self {
        self.expires = at;
        self
    }

    fn new(value: &str, name: &str, scope: Scope) -> Self {
        Self {
            value: value.to_owned(),
            name: name.to_owned(),
            scope,
            role: Role::Owner,
            expires: -1,
        }
    }

    /// Returns true if the token can access an organization.
    pub(super) fn covers(&self, organization: &Organization) -> bool {
        match &self.scope {
            Scope::Everything => true,
            Scope::Organization(slug) | Scope::Group(slug, _) => *slug == organization.slug,
        }
    }

    /// Returns true if the token can access a group of an organization that it
    /// covers.
    pub(super) fn covers_group(&self, name: &str) -> bool {
        match &self.scope {
            Scope::Group(_, group) => group == name,
            Scope::Everything | Scope::Organization(_) => true,
        }
    }
}

/// Requirement of an endpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Access {
    /// Any token.
    Anyone,
    /// Token with the scope `read`. All unrestricted tokens have it.
    Read,
    /// Token that is not restricted to a group.
    Organization,
    /// Token of an admin that is not restricted to a group.
    Admin,
}

/// Returns the token of an `authorization` header. The messages are those of the
/// real API.
pub(super) fn token<'a>(world: &'a World, header: Option<&str>) -> Result<&'a Token, Refusal> {
    let value = header.and_then(|header| header.strip_prefix("Bearer "));
    let value = value.unwrap_or_default();
    if let Some(token) = world.tokens.iter().find(|token| token.value == value) {
        return if token.expires == -1 || token.expires > world.now {
            Ok(token)
        } else {
            Err(Refusal::new(
                401,
                "token has invalid claims: token is expired",
            ))
        };
    }
    // Database tokens are well-formed but have no id.
    Err(Refusal::new(
        401,
        if value.split('.').count() == 3 {
            "could not parse jwt id"
        } else {
            "token contains an invalid number of segments"
        },
    ))
}

/// Fails unless a token may read an endpoint of an organization.
pub(super) fn permit(
    token: &Token,
    access: Access,
    least: PricingPlan,
    organization: &Organization,
) -> Result<(), Refusal> {
    let is_restricted = matches!(token.scope, Scope::Group(..));
    if !token.covers(organization) {
        return Err(Refusal::new(
            403,
            "you are not a member of the organization",
        ));
    }
    if is_restricted && !matches!(access, Access::Anyone | Access::Read) {
        return Err(Refusal::new(
            403,
            "this token is restricted to a group and may not access organization resources",
        ));
    }
    if access == Access::Admin && token.role < Role::Admin {
        return Err(Refusal::new(403, "only admins and owners may do this"));
    }
    require_plan(organization, least)
}

/// Fails unless the plan of an organization is at least `least`.
pub(super) fn require_plan(organization: &Organization, least: PricingPlan) -> Result<(), Refusal> {
    if organization.plan < least {
        let plan = organization.plan.name();
        return Err(Refusal {
            code: Some(format!("feature_not_available_for_{plan}_plan")),
            ..Refusal::new(
                403,
                format!("this feature is not available for the {plan} plan"),
            )
        });
    }
    Ok(())
}
