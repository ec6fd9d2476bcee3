//! Who may read what: tokens with a reach and a role, and what an endpoint
//! demands of them. It does not know what is read.

use super::answer::Refusal;
use super::world::{Organization, Plan, World};

/// A token of the Platform API.
#[derive(Clone, Debug)]
pub struct Token {
    pub(super) value: String,
    pub(super) name: String,
    pub(super) reach: Reach,
    pub(super) role: Role,
    pub(super) expires: i64,
}

/// What a token is restricted to.
#[derive(Clone, Debug)]
pub(super) enum Reach {
    Everything,
    Organization(String),
    Group(String, String),
}

/// What its owner is in the organization.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// May look.
    Viewer,
    /// May work.
    Member,
    /// May see and change who the others are.
    Admin,
    /// May do everything.
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
    /// One that reaches every organization.
    #[must_use]
    pub fn unrestricted(value: &str) -> Self {
        Self::reaching(value, "unrestricted", Reach::Everything)
    }

    /// One that reaches one organization.
    #[must_use]
    pub fn of_organization(value: &str, slug: &str) -> Self {
        Self::reaching(value, "connector", Reach::Organization(slug.to_owned()))
    }

    /// One that is pinned to a group, with the scope `read`.
    #[must_use]
    pub fn of_group(value: &str, slug: &str, group: &str) -> Self {
        let reach = Reach::Group(slug.to_owned(), group.to_owned());
        Self::reaching(value, "reader", reach)
    }

    /// What its owner is, instead of the owner of the organization.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// When it expires, in seconds since 1970, instead of never.
    #[must_use]
    pub fn expires(mut self, at: i64) -> Self {
        self.expires = at;
        self
    }

    fn reaching(value: &str, name: &str, reach: Reach) -> Self {
        Self {
            value: value.to_owned(),
            name: name.to_owned(),
            reach,
            role: Role::Owner,
            expires: -1,
        }
    }

    /// Whether it may know of an organization.
    pub(super) fn reaches(&self, organization: &Organization) -> bool {
        match &self.reach {
            Reach::Everything => true,
            Reach::Organization(slug) | Reach::Group(slug, _) => *slug == organization.slug,
        }
    }

    /// Whether it may know of a group of an organization that it reaches.
    pub(super) fn reaches_group(&self, name: &str) -> bool {
        match &self.reach {
            Reach::Group(_, group) => group == name,
            Reach::Everything | Reach::Organization(_) => true,
        }
    }
}

/// What an endpoint demands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Access {
    /// Any token.
    Anyone,
    /// One with the scope `read`, which one that is not pinned has.
    Read,
    /// One that is not pinned to a group.
    Organization,
    /// That, and to be an admin.
    Admin,
}

/// The token of a request, by its `authorization` header. The messages are the
/// API's own.
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
    // Tokens of databases are well-formed and know no id.
    Err(Refusal::new(
        401,
        if value.split('.').count() == 3 {
            "could not parse jwt id"
        } else {
            "token contains an invalid number of segments"
        },
    ))
}

/// Whether a token may read an endpoint of an organization.
pub(super) fn permit(
    token: &Token,
    access: Access,
    least: Plan,
    organization: &Organization,
) -> Result<(), Refusal> {
    let pinned = matches!(token.reach, Reach::Group(..));
    if !token.reaches(organization) {
        return Err(Refusal::new(
            403,
            "you are not a member of the organization",
        ));
    }
    if pinned && !matches!(access, Access::Anyone | Access::Read) {
        return Err(Refusal::new(
            403,
            "this token is restricted to a group and may not access organization resources",
        ));
    }
    if access == Access::Admin && token.role < Role::Admin {
        return Err(Refusal::new(403, "only admins and owners may do this"));
    }
    include(organization, least)
}

/// Whether an organization pays for what takes such a plan.
pub(super) fn include(organization: &Organization, least: Plan) -> Result<(), Refusal> {
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
