//! What an attack is run in: the names there are, the authorities that are
//! trusted, and what the operator grants.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use connector_host::model::{AllowRule, Finding, Limits, Secret};
use connector_host::sandbox::egress::client::{Network, Roots};
use connector_host::sandbox::egress::rule::Rules;
use connector_host::sandbox::egress::{Denial, EgressStats};
use connector_host::sandbox::{Connector, Engine, EngineOptions, Grants, Instance, SandboxError};
use serde_json::{Value as Json, json};

use crate::names::Names;

/// The value of the secret `token`, which nothing may show.
pub(crate) const TOKEN: &str = "canary-7d1f0c2e9b5a4836";

/// A world without names, in which nothing is granted.
pub(crate) struct World {
    pub(crate) names: Names,
    pub(crate) roots: Roots,
    pub(crate) allow: Vec<AllowRule>,
    pub(crate) secrets: BTreeMap<String, Secret>,
    pub(crate) limits: Limits,
    component: PathBuf,
}

/// How an attack ended.
pub(crate) struct Outcome {
    /// What the connector returned, or why it did not come to that.
    pub(crate) result: Result<Vec<Finding>, SandboxError>,
    pub(crate) egress_stats: Arc<EgressStats>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            names: Names::default(),
            roots: Roots::Only(Vec::new()),
            allow: Vec::new(),
            secrets: BTreeMap::new(),
            limits: Limits::default(),
            component: component(),
        }
    }

    /// Runs another component.
    pub(crate) fn component(mut self, file: &Path) -> Self {
        file.clone_into(&mut self.component);
        self
    }

    /// A name with these addresses.
    pub(crate) fn name(self, host: &str, addresses: &[&str]) -> Self {
        self.names.set(host, &[addresses]);
        self
    }

    /// Grants an origin of the public internet.
    pub(crate) fn allow(self, origin: &str) -> Self {
        self.allow_with(AllowRule {
            origin: origin.to_owned(),
            methods: vec!["GET".to_owned(), "POST".to_owned()],
            ..AllowRule::default()
        })
    }

    /// Grants an origin on the operator's own network.
    pub(crate) fn allow_private(self, origin: &str) -> Self {
        self.allow_with(AllowRule {
            origin: origin.to_owned(),
            methods: vec!["GET".to_owned(), "POST".to_owned()],
            private: true,
            ..AllowRule::default()
        })
    }

    pub(crate) fn allow_with(mut self, rule: AllowRule) -> Self {
        self.allow.push(rule);
        self
    }

    pub(crate) fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Grants the secret `token`.
    pub(crate) fn token(mut self) -> Self {
        self.secrets.insert("token".to_owned(), Secret::new(TOKEN));
        self
    }

    /// The engine of this world.
    pub(crate) fn engine(&self) -> Engine {
        Engine::new(EngineOptions {
            cache: Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("components")),
            network: Network::new(Arc::new(self.names.clone()), self.roots.clone()),
        })
        .unwrap()
    }

    pub(crate) fn load(&self) -> Result<Connector, SandboxError> {
        self.engine().load(&self.component, None)
    }

    pub(crate) fn grants(&self) -> Grants {
        Grants {
            rules: Rules::new(&self.allow).unwrap(),
            secrets: self.secrets.clone(),
            limits: self.limits.clone(),
            recorder: None,
        }
    }

    /// A new instance.
    pub(crate) async fn instance(&self) -> Result<Instance, SandboxError> {
        self.instance_of(&self.load()?).await
    }

    /// A new instance of a connector, which has declared its secrets.
    pub(crate) async fn instance_of(
        &self,
        connector: &Connector,
    ) -> Result<Instance, SandboxError> {
        let mut instance = connector.instantiate(self.grants()).await?;
        if !self.secrets.is_empty() {
            instance.describe().await?;
        }
        Ok(instance)
    }

    /// Has the connector try these steps.
    pub(crate) async fn attack(&self, steps: Json) -> Outcome {
        let mut instance = self.instance().await.unwrap();
        let config = json!({ "check": steps }).to_string();
        Outcome {
            result: instance.check(&config).await,
            egress_stats: Arc::clone(instance.egress_stats()),
        }
    }

    /// Has the connector send one request.
    pub(crate) async fn request(&self, request: Json) -> Outcome {
        self.attack(json!([{ "request": request }])).await
    }
}

impl Outcome {
    /// The refusal that ended the attack.
    pub(crate) fn denial(&self) -> &Denial {
        match &self.result {
            Err(SandboxError::Denied(denial)) => denial,
            other => panic!("the attack was not denied: {other:?}"),
        }
    }

    /// What the connector saw of an attack that was let through.
    pub(crate) fn answer(&self) -> &str {
        match &self.result {
            Ok(findings) => &findings.last().unwrap().message,
            Err(error) => panic!("the attack failed: {error}"),
        }
    }

    /// What the connector itself reported.
    pub(crate) fn failure(&self) -> &str {
        match &self.result {
            Err(SandboxError::Source(error)) => &error.message,
            other => panic!("the connector reported no failure: {other:?}"),
        }
    }
}

/// A request for `path` of a host.
pub(crate) fn get(authority: &str, path: &str) -> Json {
    json!({ "authority": authority, "path": path })
}

/// The hostile connector.
pub(crate) fn component() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let release = program
        .ancestors()
        .find(|folder| folder.ends_with("release"))
        .unwrap();
    let file = release
        .with_file_name("wasm32-wasip2")
        .join("release/hostile_connector.wasm");
    assert!(
        file.exists(),
        "{} is missing\nhint: `just test` builds it",
        file.display()
    );
    file
}
