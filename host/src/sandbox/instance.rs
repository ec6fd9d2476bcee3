//! An instance of a connector. Every call into a guest is made here, within the
//! instance's deadline.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;
use wasmtime::component::ResourceAny;
use wasmtime::{Store, UpdateDeadline};

use super::bindings;
use super::bindings::exports::connector::source::source as wit;
use super::convert;
use super::egress::rule::Rules;
use super::egress::{Egress, EgressStats, PolicyRecorder};
use super::engine::Connector;
use super::error::SandboxError;
use super::failure;
use super::memory::size;
use super::pages::RawEvent;
use super::secrets::GrantedSecrets;
use super::state::State;
use crate::model::{
    Descriptor, ErrorCategory, Finding, ReadOptions, Resource, Secret, Selection, SourceError,
};
use crate::model::{Limit, Limits};

/// Permissions and limits of one instance. Nothing is granted by default.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    /// Rules for the requests of the instance.
    pub rules: Rules,
    /// Credentials that the instance may use, by name.
    pub secrets: BTreeMap<String, Secret>,
    /// Limits of the instance.
    pub limits: Limits,
    /// Recorder of the permissions that the instance needed.
    pub recorder: Option<Arc<PolicyRecorder>>,
}

/// An instance of a connector with its own memory, connections and deadline.
pub struct Instance {
    store: Store<State>,
    guest: bindings::Connector,
    limits: Limits,
    deadline: Instant,
    egress_stats: Arc<EgressStats>,
}

/// An open read. [`Instance::next`] pulls its events.
#[derive(Clone, Copy, Debug)]
pub struct Reader(ResourceAny);

impl Connector {
    /// Creates an instance. Its time limit starts now.
    pub async fn instantiate(&self, grants: Grants) -> Result<Instance, SandboxError> {
        let Grants {
            rules,
            secrets,
            limits,
            recorder,
        } = grants;
        let secrets = Arc::new(GrantedSecrets::new(secrets));
        let egress = Egress::new(
            rules,
            Arc::clone(&secrets),
            limits.clone(),
            recorder,
            self.engine.network().clone(),
        );
        let egress_stats = egress.stats();
        let deadline = Instant::now() + limits.time;
        let mut store = Store::new(self.engine.wasmtime(), State::new(egress, secrets, &limits));
        store.limiter(|state| &mut state.memory);
        store.set_max_component_handles(size(limits.handles));
        // A page is the largest value that a guest passes to the host.
        store.set_hostcall_fuel(size(limits.page.saturating_add(limits.text)));
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            Ok(if Instant::now() < deadline {
                UpdateDeadline::Yield(1)
            } else {
                UpdateDeadline::Interrupt
            })
        });
        let guest = within(deadline, self.pre().instantiate_async(&mut store)).await;
        match guest {
            Ok(Ok(guest)) => Ok(Instance {
                store,
                guest,
                limits,
                deadline,
                egress_stats,
            }),
            Ok(Err(error)) => Err(failure::from_trap(
                "instantiation",
                &error,
                &store,
                &egress_stats,
                deadline,
            )),
            Err(limit) => Err(limit),
        }
    }
}

impl Instance {
    /// Returns the network statistics so far.
    #[must_use]
    pub fn egress_stats(&self) -> &Arc<EgressStats> {
        &self.egress_stats
    }

    /// Returns the limits of the instance.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the descriptor of the connector. From then on, the connector can
    /// get the secrets that it declares.
    pub async fn describe(&mut self) -> Result<Descriptor, SandboxError> {
        let source = self.guest.connector_source_source();
        let call = source.call_describe(&mut self.store);
        let result = within(self.deadline, call).await?;
        let descriptor = self.returned("describe", result)?;
        let descriptor = convert::descriptor(descriptor, &self.limits)?;
        let declared = descriptor.secrets.iter().map(|secret| secret.name.clone());
        self.store.data_mut().declared_secrets = declared.collect();
        Ok(descriptor)
    }

    /// Checks everything that a read would need.
    pub async fn check(&mut self, config: &str) -> Result<Vec<Finding>, SandboxError> {
        let source = self.guest.connector_source_source();
        let call = source.call_check(&mut self.store, config);
        let result = within(self.deadline, call).await?;
        let findings = self
            .returned("check", result)?
            .map_err(|error| self.reported(&error))?;
        convert::findings(findings, &self.limits)
    }

    /// Lists the resources that can be read.
    pub async fn list_resources(&mut self, config: &str) -> Result<Vec<Resource>, SandboxError> {
        let source = self.guest.connector_source_source();
        let call = source.call_list_resources(&mut self.store, config);
        let result = within(self.deadline, call).await?;
        let resources = self
            .returned("list-resources", result)?
            .map_err(|error| self.reported(&error))?;
        convert::resources(resources, &self.limits)
    }

    /// Opens a read.
    pub async fn read(
        &mut self,
        config: &str,
        selections: &[Selection],
        options: &ReadOptions,
    ) -> Result<Reader, SandboxError> {
        let selections: Vec<_> = selections.iter().map(convert::selection).collect();
        let options = convert::read_options(options);
        let source = self.guest.connector_source_source();
        let call = source.call_read(&mut self.store, config, &selections, &options);
        let result = within(self.deadline, call).await?;
        let reader = self
            .returned("read", result)?
            .map_err(|error| self.reported(&error))?;
        Ok(Reader(reader))
    }

    /// Returns the next event of a read, with its Arrow data not yet decoded.
    pub async fn next(&mut self, reader: Reader) -> Result<Option<RawEvent>, SandboxError> {
        let source = self.guest.connector_source_source();
        let result = within(
            self.deadline,
            source.reader().call_next(&mut self.store, reader.0),
        )
        .await?;
        let event = self
            .returned("next", result)?
            .map_err(|error| self.reported(&error))?;
        event
            .map(|event| RawEvent::new(event, &self.limits))
            .transpose()
    }

    /// Ends a read: the connector closes what it has open at the source.
    pub async fn close(&mut self, reader: Reader) -> Result<(), SandboxError> {
        let result = within(self.deadline, reader.0.resource_drop_async(&mut self.store)).await?;
        self.returned("drop of the reader", result)
    }

    /// Returns the result of a call. After a response with a credential was
    /// denied, every call fails, even if the guest ignores the denial.
    fn returned<T>(
        &self,
        call: &'static str,
        result: wasmtime::Result<T>,
    ) -> Result<T, SandboxError> {
        if let Some(denial) = self.egress_stats.reflection() {
            return Err(SandboxError::Denied(denial.clone()));
        }
        result.map_err(|error| {
            failure::from_trap(call, &error, &self.store, &self.egress_stats, self.deadline)
        })
    }

    /// Converts an error that the connector reported. If the host caused it, the
    /// host's own error is returned.
    fn reported(&self, error: &wit::Error) -> SandboxError {
        let error: SourceError = convert::source_error(error);
        if let Some(limit) = self.egress_stats.reached_limit() {
            return SandboxError::Limit(limit);
        }
        match self.egress_stats.last_denial() {
            Some(denial) if error.category == ErrorCategory::Denied => SandboxError::Denied(denial),
            _ => SandboxError::Source(error),
        }
    }
}

/// Ends a call at the deadline. The deadline is checked first, so that a late
/// guest does not run again.
async fn within<T>(deadline: Instant, call: impl Future<Output = T>) -> Result<T, SandboxError> {
    tokio::select! {
        biased;
        () = tokio::time::sleep_until(deadline) => Err(SandboxError::Limit(Limit::Time)),
        result = call => Ok(result),
    }
}
