//! The WIT interface `secrets`: handles to credentials, by reference only.
//! A value must not cross into the guest by any path through here.

use std::collections::BTreeMap;

use ring::rand::{SecureRandom, SystemRandom};
use wasmtime::component::Resource;

use super::bindings::connector::source::secrets::{Host, HostSecret, SecretError};
use super::state::State;
use crate::model::Secret;

/// The secrets granted to one instance, each under a reference that is new
/// for this instance.
#[derive(Debug, Default)]
pub struct GrantedSecrets {
    by_name: BTreeMap<String, Granted>,
}

#[derive(Debug)]
struct Granted {
    reference: String,
    value: Secret,
}

/// What a handle in the guest stands for.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct SecretHandle {
    reference: String,
}

impl GrantedSecrets {
    /// Gives every secret its reference.
    #[must_use]
    pub fn new(secrets: BTreeMap<String, Secret>) -> Self {
        let random = SystemRandom::new();
        let by_name = secrets
            .into_iter()
            .filter_map(|(name, value)| {
                let mut bytes = [0_u8; 24];
                // Without randomness there is no reference, so no use of the
                // secret: the guest sees it as not granted.
                random.fill(&mut bytes).ok()?;
                let reference = bytes
                    .iter()
                    .fold("ref_".to_owned(), |text, byte| format!("{text}{byte:02x}"));
                Some((name, Granted { reference, value }))
            })
            .collect();
        Self { by_name }
    }

    /// The secret behind a reference.
    #[must_use]
    pub fn resolve(&self, reference: &str) -> Option<(&str, &Secret)> {
        self.by_name
            .iter()
            .find(|(_, granted)| granted.reference == reference)
            .map(|(name, granted)| (name.as_str(), &granted.value))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.by_name
            .iter()
            .map(|(name, granted)| (name.as_str(), &granted.value))
    }
}

impl Host for State {
    async fn get(
        &mut self,
        name: String,
    ) -> wasmtime::Result<Result<Resource<SecretHandle>, SecretError>> {
        // Whether the descriptor declares it is judged before a run, against
        // the file; at run time only the grant counts.
        let Some(granted) = self.secrets.by_name.get(&name) else {
            return Ok(Err(SecretError::NotGranted));
        };
        let handle = SecretHandle {
            reference: granted.reference.clone(),
        };
        Ok(Ok(self.table.push(handle)?))
    }
}

impl HostSecret for State {
    async fn reference(&mut self, handle: Resource<SecretHandle>) -> wasmtime::Result<String> {
        Ok(self.table.get(&handle)?.reference.clone())
    }

    async fn drop(&mut self, handle: Resource<SecretHandle>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_new_for_every_instance_and_says_nothing() {
        let grant = || {
            let secrets = [("token".to_owned(), Secret::new("hunter2"))];
            GrantedSecrets::new(secrets.into_iter().collect())
        };
        let (first, second) = (grant(), grant());
        let reference = &first.by_name["token"].reference;
        assert_ne!(reference, &second.by_name["token"].reference);
        assert!(!reference.contains("hunter2"));
        assert_eq!(
            first.resolve(reference).map(|(name, _)| name),
            Some("token")
        );
        assert!(second.resolve(reference).is_none());
    }
}
