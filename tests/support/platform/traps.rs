//! Deviations of the API from its document, and variations between records.
//! They change responses that are valid; other modules produce those.

use serde_json::{Map, Value as Json, json};

use super::secrets::{self, Reason};

/// Deviation from the document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trap {
    /// `/v1/organizations` returns an object with a list, as clients expect,
    /// instead of a bare list.
    OrganizationsInAnObject,
    /// Total usage has its earlier name `usage` instead of `total`.
    UsageForTotal,
    /// Every second record lacks every second field that is not a key.
    FieldsVanish,
    /// Every second record has other types: texts for numbers, numbers for flags
    /// and texts of numbers, lists for single objects.
    TypesChange,
    /// Errors are objects with a `message` instead of texts.
    ErrorsAsObjects,
    /// Every second record has null in fields that are not keys.
    FieldsAreNull,
    /// Every object of a response has secrets, at all levels.
    SecretsEverywhere,
    /// The list of members ends with a member without a name, and with null.
    InvalidMembers,
    /// Lists in numbered pages do not state the numbers.
    PagesWithoutNumbers,
    /// Numbers of pages are texts.
    PageNumbersAsText,
    /// Fields that hold any JSON are nested deeply.
    DeepNesting,
    /// A page of a list begins with the last record of the page before, as if a
    /// record had been added in between.
    PagesOverlap,
}

/// Fields that identify records. Deviations keep them.
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

/// Applies deviations to a response.
pub(super) fn apply(traps: &[Trap], template: &str, mut response: Json) -> Json {
    for trap in traps {
        match trap {
            Trap::OrganizationsInAnObject => {
                if template == "/v1/organizations" {
                    response = json!({"organizations": response});
                }
            }
            Trap::UsageForTotal => {
                each_object(&mut response, &mut |object| {
                    if object.contains_key("instances")
                        && let Some(total) = object.remove("total")
                    {
                        object.insert("usage".to_owned(), total);
                    }
                });
            }
            Trap::FieldsVanish => each_second_record(&mut response, remove_fields),
            Trap::TypesChange => each_second_record(&mut response, change_types),
            // Applied to errors, which are not responses of endpoints, and to lists
            // before they are cut into pages.
            Trap::ErrorsAsObjects | Trap::PagesOverlap => {}
            Trap::FieldsAreNull => each_second_record(&mut response, clear_fields),
            // Every key of this object is a location.
            Trap::SecretsEverywhere if template == "/v1/locations" => {}
            Trap::SecretsEverywhere => each_object(&mut response, &mut |object| {
                for field in secrets::fields(Reason::Secret) {
                    object.insert(field.to_owned(), json!(secrets::secret(field)));
                }
            }),
            Trap::InvalidMembers => {
                let members = response.get_mut("members");
                if let Some(members) = members.and_then(Json::as_array_mut) {
                    members.extend([json!({"role": "unnamed"}), Json::Null]);
                }
            }
            Trap::PagesWithoutNumbers => {
                if let Some(pagination) = pagination(&mut response) {
                    pagination.retain(|name, _| name == "next");
                }
            }
            Trap::PageNumbersAsText => {
                for value in pagination(&mut response)
                    .into_iter()
                    .flat_map(Map::values_mut)
                {
                    if value.is_number() {
                        *value = json!(value.to_string());
                    }
                }
            }
            Trap::DeepNesting => each_object(&mut response, &mut |object| {
                if let Some(data) = object.get_mut("data") {
                    *data = (0..100).fold(json!("inmost"), |inner, _| json!([inner]));
                }
            }),
        }
    }
    response
}

fn pagination(response: &mut Json) -> Option<&mut Map<String, Json>> {
    response.get_mut("pagination")?.as_object_mut()
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

/// Changes every second record of a response. The records are in a list, which is
/// the response or one of its fields.
fn each_second_record(response: &mut Json, change: fn(&mut Map<String, Json>)) {
    let lists: Vec<&mut Json> = match response {
        Json::Object(object) => object.values_mut().collect(),
        list => vec![list],
    };
    for list in lists {
        let records = list.as_array_mut().into_iter().flatten();
        records
            .skip(1)
            .step_by(2)
            .filter_map(Json::as_object_mut)
            .for_each(change);
    }
}

fn remove_fields(record: &mut Map<String, Json>) {
    let mut number = 0;
    record.retain(|name, _| {
        number += 1;
        KEYS.contains(&name.as_str()) || number % 2 == 0
    });
}

fn clear_fields(record: &mut Map<String, Json>) {
    for (name, value) in record {
        if !KEYS.contains(&name.as_str()) {
            *value = Json::Null;
        }
    }
}

fn change_types(record: &mut Map<String, Json>) {
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
