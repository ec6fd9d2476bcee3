//! Data that the API serves: organizations, tokens, and deviations from the
//! document. It has no responses and no rules of authorization.

use super::access::Token;
use super::names;
use super::traps::Trap;

/// Default time: 2026-11-23, 12:00.
const DEFAULT_NOW: i64 = 1_795_435_200;

/// Data of a server. A larger world has the same records as a smaller one and
/// more: records are derived from names, or numbered from the oldest.
#[derive(Clone, Debug)]
pub struct World {
    pub(super) organizations: Vec<Organization>,
    pub(super) tokens: Vec<Token>,
    pub(super) traps: Vec<Trap>,
    pub(super) page_rows: Option<usize>,
    pub(super) now: i64,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// Creates an empty world.
    #[must_use]
    pub fn new() -> Self {
        Self {
            organizations: Vec::new(),
            tokens: Vec::new(),
            traps: Vec::new(),
            page_rows: None,
            now: DEFAULT_NOW,
        }
    }

    /// Creates a world with a small company that has records of every kind, and
    /// the personal organization of a member. The database `shop` is at
    /// `hostname`, and `token` reads everything.
    #[must_use]
    pub fn shop(hostname: &str, token: &str) -> Self {
        let company = Organization::team("acme")
            .plan(PricingPlan::Scaler)
            .group("default")
            .group("europe")
            .database(Database::named("shop").at(hostname))
            .database(Database::named("shop-next").branched_from("shop"))
            .database(Database::named("archive").in_group("europe"))
            .members(5)
            .invites(2)
            .audit_logs(40)
            .invoices(6)
            .deleted_databases(2)
            .deleted_groups(1);
        Self::new()
            .organization(company)
            .organization(Organization::personal("ada").group("default"))
            .token(Token::unrestricted(token))
    }

    /// Adds an organization.
    #[must_use]
    pub fn organization(mut self, organization: Organization) -> Self {
        self.organizations.push(organization);
        self
    }

    /// Adds a token that the API accepts.
    #[must_use]
    pub fn token(mut self, token: Token) -> Self {
        self.tokens.push(token);
        self
    }

    /// Adds a deviation from the document.
    #[must_use]
    pub fn trap(mut self, trap: Trap) -> Self {
        self.traps.push(trap);
        self
    }

    /// Limits the records of a page, whatever is requested. The limit also
    /// applies to the list of databases of v1.
    #[must_use]
    pub fn page_rows(mut self, rows: usize) -> Self {
        self.page_rows = Some(rows.max(1));
        self
    }

    /// Sets the current time, in seconds since 1970.
    #[must_use]
    pub fn at(mut self, now: i64) -> Self {
        self.now = now;
        self
    }

    pub(super) fn has(&self, trap: Trap) -> bool {
        self.traps.contains(&trap)
    }

    /// Finds an organization by its slug or UUID.
    pub(super) fn find(&self, name: &str) -> Option<&Organization> {
        let found = |organization: &&Organization| organization.slug == name;
        let by_id = |organization: &&Organization| organization.id() == name;
        let mut organizations = self.organizations.iter();
        organizations
            .clone()
            .find(found)
            .or_else(|| organizations.find(by_id))
    }
}

/// Pricing plan of an organization, from smallest to largest.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum PricingPlan {
    /// Free plan.
    Starter,
    /// Smallest paid plan.
    Developer,
    /// Smallest plan with audit logs and invites.
    Scaler,
    /// Largest plan.
    Pro,
}

impl PricingPlan {
    /// All plans.
    pub(super) const ALL: [Self; 4] = [Self::Starter, Self::Developer, Self::Scaler, Self::Pro];

    /// Name of the plan in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Starter => "starter",
            Self::Developer => "developer",
            Self::Scaler => "scaler",
            Self::Pro => "pro",
        }
    }
}

/// Organization with its records.
#[derive(Clone, Debug)]
pub struct Organization {
    pub(super) slug: String,
    pub(super) kind: &'static str,
    pub(super) plan: PricingPlan,
    pub(super) groups: Vec<String>,
    pub(super) databases: Vec<Database>,
    pub(super) members: usize,
    pub(super) invites: usize,
    pub(super) audit_logs: usize,
    pub(super) invoices: usize,
    pub(super) deleted_databases: usize,
    pub(super) deleted_groups: usize,
}

impl Organization {
    /// Creates the organization of a team, with the plan `scaler`.
    #[must_use]
    pub fn team(slug: &str) -> Self {
        Self {
            slug: slug.to_owned(),
            kind: "team",
            plan: PricingPlan::Scaler,
            groups: Vec::new(),
            databases: Vec::new(),
            members: 1,
            invites: 0,
            audit_logs: 0,
            invoices: 0,
            deleted_databases: 0,
            deleted_groups: 0,
        }
    }

    /// Creates the personal organization of a user, with the plan `starter`.
    #[must_use]
    pub fn personal(slug: &str) -> Self {
        Self {
            kind: "personal",
            plan: PricingPlan::Starter,
            ..Self::team(slug)
        }
    }

    /// Sets the plan.
    #[must_use]
    pub fn plan(mut self, plan: PricingPlan) -> Self {
        self.plan = plan;
        self
    }

    /// Sets the kind. The document allows only `team` and `personal`.
    #[must_use]
    pub fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// Adds a group.
    #[must_use]
    pub fn group(mut self, name: &str) -> Self {
        self.groups.push(name.to_owned());
        self
    }

    /// Adds a database.
    #[must_use]
    pub fn database(mut self, database: Database) -> Self {
        self.databases.push(database);
        self
    }

    /// Adds databases named `db-0001` and so on to a group.
    #[must_use]
    pub fn databases(mut self, group: &str, count: usize) -> Self {
        let named = |number| Database::named(&format!("db-{number:04}")).in_group(group);
        self.databases.extend((1..=count).map(named));
        self
    }

    /// Sets the number of members. The first is the owner.
    #[must_use]
    pub fn members(mut self, count: usize) -> Self {
        self.members = count;
        self
    }

    /// Sets the number of invites.
    #[must_use]
    pub fn invites(mut self, count: usize) -> Self {
        self.invites = count;
        self
    }

    /// Sets the number of entries of the audit log. Additional entries are newer.
    #[must_use]
    pub fn audit_logs(mut self, count: usize) -> Self {
        self.audit_logs = count;
        self
    }

    /// Sets the number of invoices. The newest is not issued yet.
    #[must_use]
    pub fn invoices(mut self, count: usize) -> Self {
        self.invoices = count;
        self
    }

    /// Sets the number of deleted databases. Additional ones were deleted later.
    #[must_use]
    pub fn deleted_databases(mut self, count: usize) -> Self {
        self.deleted_databases = count;
        self
    }

    /// Sets the number of deleted groups. Additional ones were deleted later.
    #[must_use]
    pub fn deleted_groups(mut self, count: usize) -> Self {
        self.deleted_groups = count;
        self
    }

    /// UUID of the organization.
    #[must_use]
    pub fn id(&self) -> String {
        names::uuid(&format!("organization {}", self.slug))
    }

    /// UUID of a group.
    #[must_use]
    pub fn group_id(&self, group: &str) -> String {
        names::uuid(&format!("group {} {group}", self.slug))
    }

    /// UUID of a database.
    #[must_use]
    pub fn database_id(&self, database: &str) -> String {
        names::uuid(&format!("database {} {database}", self.slug))
    }

    /// Host of a database: by default one that does not exist.
    pub(super) fn hostname(&self, database: &Database) -> String {
        let default = || format!("{}-{}.turso.invalid", database.name, self.slug);
        database.hostname.clone().unwrap_or_else(default)
    }
}

/// Database of an organization.
#[derive(Clone, Debug)]
pub struct Database {
    pub(super) name: String,
    pub(super) group: String,
    pub(super) hostname: Option<String>,
    pub(super) id: Option<String>,
    pub(super) parent: Option<String>,
    pub(super) regions: Vec<String>,
}

impl Database {
    /// Creates a database in the group `default`, at a host that does not exist.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            group: "default".to_owned(),
            hostname: None,
            id: None,
            parent: None,
            regions: vec!["aws-eu-west-1".to_owned(), "aws-us-east-1".to_owned()],
        }
    }

    /// Sets the group.
    #[must_use]
    pub fn in_group(mut self, group: &str) -> Self {
        group.clone_into(&mut self.group);
        self
    }

    /// Sets the host, with an optional port.
    #[must_use]
    pub fn at(mut self, hostname: &str) -> Self {
        self.hostname = Some(hostname.to_owned());
        self
    }

    /// Sets the id in the list of databases, as of one that was created again.
    #[must_use]
    pub fn with_id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// Sets the database that this one is a branch of.
    #[must_use]
    pub fn branched_from(mut self, parent: &str) -> Self {
        self.parent = Some(parent.to_owned());
        self
    }
}
