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
    /// The pagination of lists is stated in another form.
    Pagination(PaginationTrap),
    /// Fields that hold any JSON are nested deeply.
    DeepNesting,
    /// A page of a list begins with the last record of the page before, as if a
    /// record had been added in between.
    PagesOverlap,
}

/// Form of the pagination that a response states.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PaginationTrap {
    /// No field of this name.
    Missing,
    /// Null.
    Null,
    /// A text.
    Text,
    /// An object without numbers.
    WithoutNumbers,
    /// Numbers as texts.
    NumbersAsText,
    /// Numbers that are null.
    NumbersAreNull,
    /// The number of the page only.
    WithoutTotals,
    /// The number of all pages only.
    OnlyTotalPages,
    /// The number of all records only.
    OnlyTotalRecords,
    /// The number of all pages is always 1.
    OnePage,
    /// The numbers of all pages and of all records are those of the first page.
    TotalsOfThePage,
    /// The number of all pages is larger by two, and the only total.
    TwoPagesTooMany,
    /// The number of all records is larger by one.
    OneRecordTooMany,
    /// The next page is an object.
    NextIsAnObject,
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
            Trap::Pagination(form) => change_pagination(&mut response, *form),
            Trap::DeepNesting => each_object(&mut response, &mut |object| {
                if let Some(data) = object.get_mut("data") {
                    *data = (0..100).fold(json!("inmost"), |inner, _| json!([inner]));
                }
            }),
        }
    }
    response
}

fn change_pagination(response: &mut Json, form: PaginationTrap) {
    let Some(response) = response.as_object_mut() else {
        return;
    };
    let Some(Json::Object(mut stated)) = response.remove("pagination") else {
        return;
    };
    let larger = |number: &Json| json!(number.as_u64().unwrap_or_default() + 1);
    match form {
        PaginationTrap::Missing => return,
        PaginationTrap::Null => {
            response.insert("pagination".to_owned(), Json::Null);
            return;
        }
        PaginationTrap::Text => {
            response.insert("pagination".to_owned(), json!("next=2"));
            return;
        }
        PaginationTrap::WithoutNumbers => stated.retain(|name, _| name == "next"),
        PaginationTrap::NumbersAsText => {
            for value in stated.values_mut().filter(|value| value.is_number()) {
                *value = json!(value.to_string());
            }
        }
        PaginationTrap::NumbersAreNull => {
            for value in stated.values_mut().filter(|value| value.is_number()) {
                *value = Json::Null;
            }
        }
        PaginationTrap::WithoutTotals => stated.retain(|name, _| name == "page"),
        PaginationTrap::OnlyTotalPages => stated.retain(|name, _| name == "total_pages"),
        PaginationTrap::OnlyTotalRecords => stated.retain(|name, _| name == "total_rows"),
        PaginationTrap::OnePage => {
            stated.insert("total_pages".to_owned(), json!(1));
        }
        PaginationTrap::TotalsOfThePage => {
            let rows = stated.get("page_size").cloned().unwrap_or_default();
            stated.remove("total_pages");
            stated.insert("total_rows".to_owned(), rows);
        }
        PaginationTrap::TwoPagesTooMany => {
            stated.remove("total_rows");
            if let Some(pages) = stated.get_mut("total_pages") {
                *pages = larger(&larger(pages));
            }
        }
        PaginationTrap::OneRecordTooMany => {
            if let Some(rows) = stated.get_mut("total_rows") {
                *rows = larger(rows);
            }
        }
        PaginationTrap::NextIsAnObject => {
            stated.insert("next".to_owned(), json!({"page": 2}));
        }
    }
    response.insert("pagination".to_owned(), Json::Object(stated));
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
