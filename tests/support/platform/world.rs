//! What there is to be read: organizations with all that is theirs, tokens, and
//! the ways in which the API may differ from its document. It holds no answers
//! and no rules about who may read what.

use super::access::Token;
use super::names;
use super::traps::Trap;

/// The time in a world that sets no other: 2026-11-23, 12:00.
const NOW: i64 = 1_795_435_200;

/// A world. Built anew with more in it, it keeps what it had: everything is
/// derived from names, or numbered from the oldest.
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
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self {
            organizations: Vec::new(),
            tokens: Vec::new(),
            traps: Vec::new(),
            page_rows: None,
            now: NOW,
        }
    }

    /// A small company with a bit of everything, whose database `shop` is at
    /// `hostname`, and the personal organization of one of its members. `token`
    /// reads all of it.
    #[must_use]
    pub fn shop(hostname: &str, token: &str) -> Self {
        let company = Organization::team("acme")
            .plan(Plan::Scaler)
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

    /// Makes the API differ from its document.
    #[must_use]
    pub fn trap(mut self, trap: Trap) -> Self {
        self.traps.push(trap);
        self
    }

    /// No page holds more records than this, whatever was asked for. It counts
    /// for the list of databases of v1 too, even when no limit is asked for.
    #[must_use]
    pub fn pages_of(mut self, rows: usize) -> Self {
        self.page_rows = Some(rows.max(1));
        self
    }

    /// What time it is, in seconds since 1970.
    #[must_use]
    pub fn at(mut self, now: i64) -> Self {
        self.now = now;
        self
    }

    pub(super) fn has(&self, trap: Trap) -> bool {
        self.traps.contains(&trap)
    }

    /// An organization by its slug, or by its UUID.
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

/// What an organization pays for, from least to most.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Plan {
    /// Nothing.
    Starter,
    /// The least that costs something.
    Developer,
    /// The least with audit logs and invites.
    Scaler,
    /// More of everything.
    Pro,
}

impl Plan {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::Starter, Self::Developer, Self::Scaler, Self::Pro];

    /// What the API calls it.
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

/// An organization and what is its own.
#[derive(Clone, Debug)]
pub struct Organization {
    pub(super) slug: String,
    pub(super) kind: &'static str,
    pub(super) plan: Plan,
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
    /// One of several people, on the plan `scaler`.
    #[must_use]
    pub fn team(slug: &str) -> Self {
        Self {
            slug: slug.to_owned(),
            kind: "team",
            plan: Plan::Scaler,
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

    /// The one that a person has anyway, on the plan `starter`.
    #[must_use]
    pub fn personal(slug: &str) -> Self {
        Self {
            kind: "personal",
            plan: Plan::Starter,
            ..Self::team(slug)
        }
    }

    /// What it pays for.
    #[must_use]
    pub fn plan(mut self, plan: Plan) -> Self {
        self.plan = plan;
        self
    }

    /// What the API calls it. The document knows `team` and `personal`, and an
    /// answer with anything else does not fit it.
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

    /// Adds so many databases, named `db-0001` and so on, to a group.
    #[must_use]
    pub fn databases(mut self, group: &str, count: usize) -> Self {
        let named = |number| Database::named(&format!("db-{number:04}")).in_group(group);
        self.databases.extend((1..=count).map(named));
        self
    }

    /// How many members it has, of whom the first is the owner.
    #[must_use]
    pub fn members(mut self, count: usize) -> Self {
        self.members = count;
        self
    }

    /// How many people are invited.
    #[must_use]
    pub fn invites(mut self, count: usize) -> Self {
        self.invites = count;
        self
    }

    /// How much is in its log. More means newer ones, as time goes on.
    #[must_use]
    pub fn audit_logs(mut self, count: usize) -> Self {
        self.audit_logs = count;
        self
    }

    /// How many invoices it has, of which the newest is not issued yet.
    #[must_use]
    pub fn invoices(mut self, count: usize) -> Self {
        self.invoices = count;
        self
    }

    /// How many of its databases were deleted. More means later ones.
    #[must_use]
    pub fn deleted_databases(mut self, count: usize) -> Self {
        self.deleted_databases = count;
        self
    }

    /// How many of its groups were deleted. More means later ones.
    #[must_use]
    pub fn deleted_groups(mut self, count: usize) -> Self {
        self.deleted_groups = count;
        self
    }

    /// Its UUID.
    #[must_use]
    pub fn id(&self) -> String {
        names::uuid(&format!("organization {}", self.slug))
    }

    /// The UUID of one of its groups.
    #[must_use]
    pub fn group_id(&self, group: &str) -> String {
        names::uuid(&format!("group {} {group}", self.slug))
    }

    /// The UUID of one of its databases.
    #[must_use]
    pub fn database_id(&self, database: &str) -> String {
        names::uuid(&format!("database {} {database}", self.slug))
    }

    /// Where one of its databases is: where it was put, else at a host that
    /// exists nowhere.
    pub(super) fn hostname(&self, database: &Database) -> String {
        let nowhere = || format!("{}-{}.turso.invalid", database.name, self.slug);
        database.hostname.clone().unwrap_or_else(nowhere)
    }
}

/// A database.
#[derive(Clone, Debug)]
pub struct Database {
    pub(super) name: String,
    pub(super) group: String,
    pub(super) hostname: Option<String>,
    pub(super) parent: Option<String>,
    pub(super) regions: Vec<String>,
}

impl Database {
    /// One of the group `default`, at a host that exists nowhere.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            group: "default".to_owned(),
            hostname: None,
            parent: None,
            regions: vec!["aws-eu-west-1".to_owned(), "aws-us-east-1".to_owned()],
        }
    }

    /// The group that it belongs to.
    #[must_use]
    pub fn in_group(mut self, group: &str) -> Self {
        group.clone_into(&mut self.group);
        self
    }

    /// Where it is: a host, with a port if it has one of its own.
    #[must_use]
    pub fn at(mut self, hostname: &str) -> Self {
        self.hostname = Some(hostname.to_owned());
        self
    }

    /// The database that it is a branch of.
    #[must_use]
    pub fn branched_from(mut self, parent: &str) -> Self {
        self.parent = Some(parent.to_owned());
        self
    }
}
