//! Environment of an attack: names, trusted authorities, and the grants of the
//! operator.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use connector_host::model::{AllowRule, Finding, Limits, Secret};
use connector_host::network::Denial;
use connector_host::network::{Network, Roots};
use connector_host::testing::EgressStats;
use connector_host::testing::Rules;
use connector_host::testing::{Grants, Instance};
use connector_host::{Connector, Engine, EngineOptions, SandboxError};
use serde_json::{Value as Json, json};

use crate::names::Names;

/// Value of the secret `token`, which must never be shown.
pub(crate) const TOKEN: &str = "canary-7d1f0c2e9b5a4836";

/// Environment of an attack. It starts without names and grants.
pub(crate) struct World {
    pub(crate) names: Names,
    pub(crate) roots: Roots,
    pub(crate) allow: Vec<AllowRule>,
    pub(crate) secrets: BTreeMap<String, Secret>,
    pub(crate) limits: Limits,
    component: PathBuf,
}

/// Outcome of an attack.
pub(crate) struct Outcome {
    /// Findings that the connector returned, or the error that ended it.
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

    /// Replaces the component.
    pub(crate) fn component(mut self, file: &Path) -> Self {
        file.clone_into(&mut self.component);
        self
    }

    /// Adds a name with these addresses.
    pub(crate) fn name(self, host: &str, addresses: &[&str]) -> Self {
        self.names.set(host, &[addresses]);
        self
    }

    /// Allows an origin with public addresses.
    pub(crate) fn allow(self, origin: &str) -> Self {
        self.allow_with(AllowRule {
            origin: origin.to_owned(),
            methods: vec!["GET".to_owned(), "POST".to_owned()],
            ..AllowRule::default()
        })
    }

    /// Allows an origin with private addresses.
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

    /// Creates an engine.
    pub(crate) fn engine(&self) -> Engine {
        let options = EngineOptions::default()
            .cache(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("components"))
            .network(Network::new(
                Arc::new(self.names.clone()),
                self.roots.clone(),
            ));
        Engine::new(options).unwrap()
    }

    pub(crate) fn load(&self) -> Result<Connector, SandboxError> {
        self.engine().connector(&*self.component, None)
    }

    pub(crate) fn grants(&self) -> Grants {
        Grants {
            rules: Rules::new(&self.allow).unwrap(),
            secrets: self.secrets.clone(),
            limits: self.limits.clone(),
            recorder: None,
        }
    }

    /// Creates an instance.
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

    /// Lets the connector run steps.
    pub(crate) async fn attack(&self, steps: Json) -> Outcome {
        let mut instance = self.instance().await.unwrap();
        let config = json!({ "check": steps }).to_string();
        Outcome {
            result: instance.check(&config).await,
            egress_stats: Arc::clone(instance.egress_stats()),
        }
    }

    /// Lets the connector send a request.
    pub(crate) async fn request(&self, request: Json) -> Outcome {
        self.attack(json!([{ "request": request }])).await
    }
}

impl Outcome {
    /// Returns the denial that ended the attack.
    pub(crate) fn denial(&self) -> &Denial {
        match &self.result {
            Err(SandboxError::Denied(denial)) => denial,
            other => panic!("the attack was not denied: {other:?}"),
        }
    }

    /// Returns the response that the connector received.
    pub(crate) fn response(&self) -> &str {
        match &self.result {
            Ok(findings) => &findings.last().unwrap().message,
            Err(error) => panic!("the attack failed: {error}"),
        }
    }

    /// Returns the error that the connector reported.
    pub(crate) fn failure(&self) -> &str {
        match &self.result {
            Err(SandboxError::Source(error)) => &error.message,
            other => panic!("the connector did not report an error: {other:?}"),
        }
    }
}

/// Returns a request for `path` of a host.
pub(crate) fn get(authority: &str, path: &str) -> Json {
    json!({ "authority": authority, "path": path })
}

/// Path of the hostile connector. Without it the suite ends with one message
/// instead of a failure of every test.
#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "no other test could succeed"
)]
pub(crate) fn component() -> PathBuf {
    static FIRST: Mutex<()> = Mutex::new(());

    let program = std::env::current_exe().unwrap();
    let release = program
        .ancestors()
        .find(|folder| folder.ends_with("release"));
    let file = release.map(|folder| {
        folder
            .with_file_name("wasm32-wasip2")
            .join("release/hostile_connector.wasm")
    });
    if let Some(file) = file.filter(|file| file.exists()) {
        return file;
    }
    // Held until the end: tests run on many threads.
    let _first = FIRST.lock();
    // Written past the test harness, which captures what tests print.
    let _ = writeln!(
        std::io::stderr(),
        "\nerror: the attack suite needs a release build of the hostile connector\n\
         hint: run `just test`; or run `just build hostile`, then `cargo test --release`"
    );
    std::process::exit(1)
}
