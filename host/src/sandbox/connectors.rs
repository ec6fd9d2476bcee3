//! The connectors that an engine has loaded, by digest, so that pipelines share
//! one compiled component. It knows nothing about files.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Number of connectors above which those that no pipeline uses are dropped.
const MAX_UNUSED: usize = 64;

/// A slot is locked while its connector is compiled, so that the same component
/// is never compiled twice at one time.
type Slot<T> = Arc<Mutex<Option<Arc<T>>>>;

/// Loaded connectors by digest.
pub(super) struct Connectors<T>(Mutex<HashMap<String, Slot<T>>>);

impl<T> Default for Connectors<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Connectors<T> {
    /// Returns the connector with a digest, or loads it.
    pub(super) fn get_or_load<E>(
        &self,
        digest: &str,
        load: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let slot = self.slot(digest);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = slot.as_ref() {
            return Ok(Arc::clone(loaded));
        }
        let loaded = Arc::new(load()?);
        *slot = Some(Arc::clone(&loaded));
        Ok(loaded)
    }

    fn slot(&self, digest: &str) -> Slot<T> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAX_UNUSED && !slots.contains_key(digest) {
            slots.retain(|_, slot| is_used(slot));
        }
        Arc::clone(slots.entry(digest.to_owned()).or_default())
    }
}

/// Returns true if a pipeline holds the connector or a thread loads it.
fn is_used<T>(slot: &Slot<T>) -> bool {
    let held = |loaded: &Option<Arc<T>>| {
        loaded
            .as_ref()
            .is_some_and(|loaded| Arc::strong_count(loaded) > 1)
    };
    Arc::strong_count(slot) > 1 || slot.try_lock().is_ok_and(|loaded| held(&loaded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_component_is_loaded_once() {
        let connectors = Connectors::default();
        let first = connectors.get_or_load("a", || Ok::<_, ()>(1)).unwrap();
        let second = connectors.get_or_load("a", || Err(())).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(
            connectors.get_or_load("b", || Err::<i32, _>("no")),
            Err("no")
        );
        assert_eq!(
            connectors.get_or_load("b", || Ok::<_, ()>(2)).as_deref(),
            Ok(&2)
        );
    }

    #[test]
    fn unused_connectors_are_dropped_and_used_ones_stay() {
        let connectors = Connectors::default();
        let used = connectors.get_or_load("used", || Ok::<_, ()>(0)).unwrap();
        for number in 0..10 * MAX_UNUSED {
            connectors
                .get_or_load(&number.to_string(), || Ok::<_, ()>(number))
                .unwrap();
        }
        assert!(connectors.0.lock().unwrap().len() <= MAX_UNUSED);
        let again = connectors.get_or_load("used", || Err(())).unwrap();
        assert!(Arc::ptr_eq(&used, &again));
    }
}
