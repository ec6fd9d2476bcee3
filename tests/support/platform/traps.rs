//! The ways in which the API may differ from its document, or within it from
//! record to record. They spoil answers that were found to fit; what a correct
//! answer is, others say.

use serde_json::{Map, Value as Json, json};

use super::secrets::{self, Reason};

/// One of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trap {
    /// `/v1/organizations` gives an object with a list in it, as its clients
    /// expect, and not a bare list.
    OrganizationsInAnObject,
    /// Usage is called `usage`, as it once was, and not `total`.
    UsageForTotal,
    /// In every second record, every second field that is no key is missing.
    FieldsVanish,
    /// In every second record, numbers come as texts, flags as numbers, texts
    /// of numbers as numbers, and single objects in lists.
    TypesChange,
    /// Errors are objects with a `message`, and not texts.
    ErrorsAsObjects,
    /// In every second record, fields that are no key are null.
    FieldsAreNull,
    /// Secrets are in every object of an answer, the innermost too.
    SecretsEverywhere,
}

/// Fields by which records are told apart. Without them there is no record.
const KEYS: [&str; 9] = [
    "DbId",
    "Hostname",
    "Name",
    "id",
    "invoice_number",
    "name",
    "slug",
    "username",
    "uuid",
];

/// Spoils an answer with everything that is switched on.
pub(super) fn spoil(traps: &[Trap], template: &str, mut answer: Json) -> Json {
    for trap in traps {
        match trap {
            Trap::OrganizationsInAnObject => {
                if template == "/v1/organizations" {
                    answer = json!({"organizations": answer});
                }
            }
            Trap::UsageForTotal => {
                each_object(&mut answer, &mut |object| {
                    if object.contains_key("instances")
                        && let Some(total) = object.remove("total")
                    {
                        object.insert("usage".to_owned(), total);
                    }
                });
            }
            Trap::FieldsVanish => each_second_record(&mut answer, vanish),
            Trap::TypesChange => each_second_record(&mut answer, change),
            // Errors are no answers of endpoints.
            Trap::ErrorsAsObjects => {}
            Trap::FieldsAreNull => each_second_record(&mut answer, empty),
            // Whatever is in there is a location.
            Trap::SecretsEverywhere if template == "/v1/locations" => {}
            Trap::SecretsEverywhere => each_object(&mut answer, &mut |object| {
                for field in secrets::fields(Reason::Secret) {
                    object.insert(field.to_owned(), json!(secrets::secret(field)));
                }
            }),
        }
    }
    answer
}

fn each_object(part: &mut Json, change: &mut dyn FnMut(&mut Map<String, Json>)) {
    match part {
        Json::Array(parts) => {
            for part in parts {
                each_object(part, change);
            }
        }
        Json::Object(object) => {
            for part in object.values_mut() {
                each_object(part, change);
            }
            change(object);
        }
        _ => {}
    }
}

/// The records are in a list: the answer itself, or one of its fields.
fn each_second_record(answer: &mut Json, spoil: fn(&mut Map<String, Json>)) {
    let lists: Vec<&mut Json> = match answer {
        Json::Object(object) => object.values_mut().collect(),
        list => vec![list],
    };
    for list in lists {
        let records = list.as_array_mut().into_iter().flatten();
        records
            .skip(1)
            .step_by(2)
            .filter_map(Json::as_object_mut)
            .for_each(spoil);
    }
}

fn vanish(record: &mut Map<String, Json>) {
    let mut number = 0;
    record.retain(|name, _| {
        number += 1;
        KEYS.contains(&name.as_str()) || number % 2 == 0
    });
}

fn empty(record: &mut Map<String, Json>) {
    for (name, value) in record {
        if !KEYS.contains(&name.as_str()) {
            *value = Json::Null;
        }
    }
}

fn change(record: &mut Map<String, Json>) {
    for (name, value) in record {
        if KEYS.contains(&name.as_str()) {
            continue;
        }
        let changed = match value {
            Json::Number(number) => json!(number.to_string()),
            Json::Bool(flag) => json!(u8::from(*flag)),
            Json::Object(_) => json!([value.clone()]),
            Json::String(text) => match text.parse::<serde_json::Number>() {
                Ok(number) => json!(number),
                Err(_) => continue,
            },
            Json::Null | Json::Array(_) => continue,
        };
        *value = changed;
    }
}
