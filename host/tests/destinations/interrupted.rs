//! Loads into an object store that fails at each of its operations in turn, or
//! in which another load runs there. What is stored is always that of one load,
//! and a later load gives the same result as if nothing had happened.

use std::sync::Arc;

use connector_host::destination::{DestinationError, TableWrite};
use connector_host::model::{FileFormat, WriteDisposition};
use connector_host::testing;
use object_store::ObjectStore;

use crate::cases::ids;
use crate::faulty::{Afterwards, Fault, Faulty};
use crate::store::{DATASET, load_id, record};
use crate::versions::{Version, assert_no_orphans, loaded, stored};

/// Smallest plausible number of operations of a load.
const MIN_OPERATIONS: usize = 30;
/// Number of the load that is disturbed. It loads version 3.
const DISTURBED: u64 = 3;

/// Disturbs a load at each of its operations in turn, and loads again.
fn at_each_operation(fault: Fault, afterwards: Afterwards, late: Option<WhenLate>) {
    let before = loaded();
    for at in 0.. {
        let store = before.fork();
        let context = &format!("{fault:?} at operation {at}, {afterwards:?}, {late:?}");
        let faulty = Faulty::new(store.shared_objects(), at, fault, afterwards);
        let disturbed = Version(3).load(Arc::new(faulty.clone()), DISTURBED);
        if !faulty.has_failed() {
            disturbed.unwrap();
            assert!(at >= MIN_OPERATIONS, "a load has only {at} operations");
            return;
        }
        let found = stored(&store, context);
        match &disturbed {
            Ok(()) => assert_eq!(found, Version(3), "{context}"),
            Err(DestinationError::Unconfirmed { .. }) => {}
            Err(error) => assert_eq!(found, Version(2), "{context}: {error}"),
        }
        if late == Some(WhenLate::Before) {
            faulty.carry_out_late();
            stored(&store, context);
        }
        let retried = Version(3).load_and(store.shared_objects(), 4, || {
            if late == Some(WhenLate::During) {
                faulty.carry_out_late();
            }
        });
        if late == Some(WhenLate::During) && retried.is_err() {
            assert!(
                matches!(retried, Err(DestinationError::Conflict { .. })),
                "{context}"
            );
            Version(3).load(store.shared_objects(), 5).unwrap();
        } else {
            retried.unwrap();
        }
        assert_eq!(stored(&store, context), Version(3), "{context}");
        faulty.carry_out_late();
        assert_eq!(stored(&store, context), Version(3), "{context}");
        if late.is_some() {
            Version(3).load(store.shared_objects(), 6).unwrap();
            assert_eq!(stored(&store, context), Version(3), "{context}");
        }
        assert_no_orphans(&store, context);
    }
}

/// When an operation that failed is carried out, relative to the next load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WhenLate {
    Before,
    During,
    After,
}

#[test]
fn a_process_that_dies_before_an_operation_harms_nothing() {
    at_each_operation(Fault::Refused, Afterwards::Fail, None);
}

#[test]
fn a_process_that_dies_after_an_operation_harms_nothing() {
    at_each_operation(Fault::AnswerLost, Afterwards::Fail, None);
}

#[test]
fn an_operation_that_fails_harms_nothing() {
    at_each_operation(Fault::Refused, Afterwards::Succeed, None);
}

#[test]
fn an_answer_that_is_lost_harms_nothing() {
    at_each_operation(Fault::AnswerLost, Afterwards::Succeed, None);
    at_each_operation(Fault::AnswerLost, Afterwards::ReadNothing, None);
}

#[test]
fn an_operation_that_is_repeated_harms_nothing() {
    at_each_operation(Fault::Repeated, Afterwards::Succeed, None);
    at_each_operation(Fault::Repeated, Afterwards::ReadNothing, None);
}

#[test]
fn an_operation_that_is_carried_out_before_the_next_load_harms_nothing() {
    for afterwards in [Afterwards::Succeed, Afterwards::Fail] {
        at_each_operation(Fault::Late, afterwards, Some(WhenLate::Before));
    }
}

#[test]
fn an_operation_that_is_carried_out_during_the_next_load_harms_nothing() {
    for afterwards in [Afterwards::Succeed, Afterwards::Fail] {
        at_each_operation(Fault::Late, afterwards, Some(WhenLate::During));
    }
}

#[test]
fn an_operation_that_is_carried_out_after_the_next_load_harms_nothing() {
    for afterwards in [Afterwards::Succeed, Afterwards::Fail] {
        at_each_operation(Fault::Late, afterwards, Some(WhenLate::After));
    }
}

/// Runs another load of the same pipeline at each operation of a load.
fn with_another_load(number: u64) {
    let before = loaded();
    for at in 0.. {
        let store = before.fork();
        let context = &format!("load {number} runs at operation {at}");
        let objects: Arc<dyn ObjectStore> = store.shared_objects();
        let other = Arc::new(std::sync::Mutex::new(None));
        let result = Arc::clone(&other);
        let faulty = Faulty::on_fault(Arc::clone(&objects), at, move || {
            *result.lock().unwrap() = Some(Version(4).load(objects, number));
        });
        let disturbed = Version(3).load(Arc::new(faulty.clone()), DISTURBED);
        if !faulty.has_failed() {
            disturbed.unwrap();
            assert!(at >= MIN_OPERATIONS, "a load has only {at} operations");
            return;
        }
        let other = other.lock().unwrap().take().unwrap();
        // The one that was committed last, or the only one.
        let expected = match (&disturbed, &other) {
            (Ok(()), Err(second)) => {
                assert!(is_late(second), "{context}: {second}");
                Version(3)
            }
            (Ok(()), Ok(())) => Version(4),
            (Err(first), Ok(())) => {
                assert!(is_late(first), "{context}: {first}");
                Version(4)
            }
            (Err(first), Err(second)) => panic!("{context}: {first}, and {second}"),
        };
        assert_eq!(stored(&store, context), expected, "{context}");
        Version(5).load(store.shared_objects(), 10).unwrap();
        assert_eq!(stored(&store, context), Version(5), "{context}");
        assert_no_orphans(&store, context);
    }
}

/// True if a load failed because another one was committed.
fn is_late(error: &DestinationError) -> bool {
    match error {
        DestinationError::Conflict { .. } => true,
        DestinationError::Failed { action, .. } => action == "begin a load",
        _ => false,
    }
}

#[test]
fn of_two_loads_at_the_same_time_one_is_stored() {
    with_another_load(DISTURBED + 1);
}

#[test]
fn of_two_loads_of_the_same_microsecond_one_is_stored() {
    with_another_load(DISTURBED);
}

#[test]
fn a_load_of_a_machine_whose_clock_is_behind_harms_no_other() {
    let store = loaded();
    Version(3).load(store.shared_objects(), 9).unwrap();
    let error = Version(4).load(store.shared_objects(), 8).unwrap_err();
    assert!(matches!(error, DestinationError::Failed { .. }), "{error}");
    assert_eq!(stored(&store, "after a refused load"), Version(3));
    Version(4).load(store.shared_objects(), 10).unwrap();
    assert_eq!(stored(&store, "after the next load"), Version(4));
}

#[test]
fn a_stale_list_loses_no_load() {
    let store = loaded();
    let listed = store.fork();
    for version in [3, 4] {
        let loaded = Version(version).load(store.shared_objects(), version.unsigned_abs());
        loaded.unwrap();
    }
    let stale = Faulty::with_lists_of(store.shared_objects(), listed.shared_objects());
    Version(5).load(Arc::new(stale), 5).unwrap();
    assert_eq!(stored(&store, "after a stale list"), Version(5));
    Version(6).load(store.shared_objects(), 6).unwrap();
    assert_no_orphans(&store, "after the next load");
}

#[test]
fn a_destination_continues_after_a_commit_in_doubt() {
    for carried_out in [false, true] {
        let store = loaded();
        let (fault, objects) = if carried_out {
            (Fault::Repeated, store.shared_objects())
        } else {
            (Fault::Refused, store.shared_objects())
        };
        // Finds the operation of the commit.
        let fork = store.fork();
        let at = (0..1000)
            .find(|at| {
                let faulty = Faulty::new(
                    fork.fork().shared_objects(),
                    *at,
                    fault,
                    Afterwards::ReadNothing,
                );
                let loaded = Version(3).load(Arc::new(faulty), DISTURBED);
                matches!(loaded, Err(DestinationError::Unconfirmed { .. }))
            })
            .unwrap();
        let faulty = Faulty::new(objects, at, fault, Afterwards::ReadNothing);
        let objects = Arc::new(faulty.clone());
        let mut destination =
            testing::files_in_objects(objects, DATASET, FileFormat::Jsonl).unwrap();
        let first = Version(3).load_into(destination.as_mut(), 3, || ());
        assert!(matches!(first, Err(DestinationError::Unconfirmed { .. })));
        faulty.recover();
        // A caller that does not ask for the cursors again does not know that
        // its rows may be there.
        let begun = destination.begin(&load_id(4)).map(drop);
        if carried_out {
            assert!(matches!(begun, Err(DestinationError::Conflict { .. })));
        } else {
            begun.unwrap();
        }
        Version(4)
            .load_into(destination.as_mut(), 5, || ())
            .unwrap();
        assert_eq!(stored(&store, "after a commit in doubt"), Version(4));
    }
}

/// An error is not forgotten by a caller that goes on.
#[test]
fn a_load_that_lost_rows_is_never_committed() {
    let before = loaded();
    for at in 0.. {
        let store = before.fork();
        let faulty = Faulty::new(
            store.shared_objects(),
            at,
            Fault::Refused,
            Afterwards::Succeed,
        );
        let objects = Arc::new(faulty.clone());
        let Ok(mut destination) = testing::files_in_objects(objects, DATASET, FileFormat::Jsonl)
        else {
            continue;
        };
        let Ok(mut load) = destination.begin(&load_id(3)) else {
            continue;
        };
        let rows = ids(3, &[5]);
        let write = TableWrite::new(rows.schema(), WriteDisposition::Append);
        load.open_table("appended", &write).unwrap();
        let mut failed = load.write_rows("appended", rows).is_err();
        failed |= load.count_rows().is_err();
        let was_failing = failed;
        let committed = load.commit(&record(3, &[]));
        assert!(!was_failing || committed.is_err(), "operation {at}");
        if !faulty.has_failed() {
            return;
        }
    }
}
