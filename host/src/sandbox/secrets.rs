//! The secrets granted to one instance. A guest gets references to them; no
//! value may cross into it.

use std::collections::BTreeMap;

use ring::rand::{SecureRandom, SystemRandom};

use crate::model::Secret;

/// The secrets granted to one instance, each with a reference that is new for
/// this instance.
#[derive(Debug, Default)]
pub(super) struct GrantedSecrets {
    by_name: BTreeMap<String, Granted>,
}

#[derive(Debug)]
struct Granted {
    reference: String,
    value: Secret,
}

/// A guest handle to a secret.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct SecretHandle {
    pub(super) reference: String,
}

impl GrantedSecrets {
    /// Creates a reference for every secret.
    #[must_use]
    pub(super) fn new(secrets: BTreeMap<String, Secret>) -> Self {
        let random = SystemRandom::new();
        let by_name = secrets
            .into_iter()
            .filter_map(|(name, value)| {
                let mut bytes = [0_u8; 24];
                // Without randomness there is no reference, and the guest sees
                // the secret as not granted.
                random.fill(&mut bytes).ok()?;
                let reference = bytes
                    .iter()
                    .fold("ref_".to_owned(), |text, byte| format!("{text}{byte:02x}"));
                Some((name, Granted { reference, value }))
            })
            .collect();
        Self { by_name }
    }

    /// Creates a guest's handle to a secret, if the secret was granted.
    pub(super) fn handle(&self, name: &str) -> Option<SecretHandle> {
        let granted = self.by_name.get(name)?;
        Some(SecretHandle {
            reference: granted.reference.clone(),
        })
    }

    /// Returns the name and value of the secret with a reference.
    #[must_use]
    pub(super) fn resolve(&self, reference: &str) -> Option<(&str, &Secret)> {
        self.by_name
            .iter()
            .find(|(_, granted)| granted.reference == reference)
            .map(|(name, granted)| (name.as_str(), &granted.value))
    }

    /// Returns all secrets with their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.by_name
            .iter()
            .map(|(name, granted)| (name.as_str(), &granted.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_new_for_every_instance_and_reveals_nothing() {
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
