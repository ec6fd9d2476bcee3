//! The OpenAPI document of the Platform API: what it says can be read, and
//! whether an answer is what it says. It knows nothing of how answers are made.
//!
//! `tests/openapi/turso.json` is `api-reference/openapi.json` of
//! `tursodatabase/turso-docs` as of 2026-06-25, unchanged. Its
//! licence is MIT.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context, Result, anyhow, ensure};
use boon::{Compiler, Draft, SchemaIndex, Schemas, SchemeUrlLoader};
use serde_json::{Map, Value as Json, json};

const TEXT: &str = include_str!("../../openapi/turso.json");

/// The schemas of responses, by path template and status.
type Responses = BTreeMap<(String, u16), SchemaIndex>;

/// The document, with its response schemas ready to be applied.
pub struct Document {
    json: Json,
    schemas: Schemas,
    responses: Responses,
}

impl Document {
    /// Reads it.
    pub fn read() -> Result<Self> {
        let json: Json = serde_json::from_str(TEXT).context("the document is not JSON")?;
        let mut document = Self {
            json,
            schemas: Schemas::new(),
            responses: Responses::new(),
        };
        (document.schemas, document.responses) = document.compiled()?;
        Ok(document)
    }

    /// Everything that it says can be read: the method and the path template of
    /// each, such as `("GET", "/v1/organizations/{organizationSlug}")`.
    #[must_use]
    pub fn readable(&self) -> Vec<(&'static str, &str)> {
        let paths = self.json["paths"].as_object().into_iter().flatten();
        paths
            .filter(|(_, operations)| operations.get("get").is_some())
            .map(|(path, _)| ("GET", path.as_str()))
            .collect()
    }

    /// The names of all properties that any of its schemas has, those of
    /// requests too.
    #[must_use]
    pub fn properties(&self) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut left = vec![&self.json];
        while let Some(part) = left.pop() {
            match part {
                Json::Object(object) => {
                    if let Some(Json::Object(properties)) = object.get("properties") {
                        found.extend(properties.keys().map(String::as_str));
                    }
                    left.extend(object.values());
                }
                Json::Array(array) => left.extend(array),
                _ => {}
            }
        }
        found
    }

    /// The fields that it gives the successful answer to a path template, such
    /// as `databases[].parent.id`.
    #[must_use]
    pub fn fields(&self, template: &str) -> BTreeSet<String> {
        let mut fields = BTreeSet::new();
        if let Some(schema) = self.response(template, "200") {
            self.collect(schema, "", &mut fields);
        }
        fields
    }

    /// Says why the successful answer to a path template is not what it
    /// describes.
    pub fn check(&self, template: &str, answer: &Json) -> Result<()> {
        self.judge(template, 200, answer)
    }

    /// The values that it lists for a field of one of its schemas.
    pub(super) fn choices(&self, schema: &str, field: &str) -> Vec<&str> {
        let choices = &self.json["components"]["schemas"][schema]["properties"][field]["enum"];
        let choices = choices.as_array().into_iter().flatten();
        choices.filter_map(Json::as_str).collect()
    }

    /// The example that it gives for the successful answer to a path template.
    pub(super) fn example(&self, template: &str) -> Option<&Json> {
        self.response(template, "200")?.get("example")
    }

    /// Says why an answer is not what it describes. It describes every answer
    /// that is a success, and only some of the others.
    pub(super) fn judge(&self, template: &str, status: u16, answer: &Json) -> Result<()> {
        let Some(index) = self.responses.get(&(template.to_owned(), status)) else {
            ensure!(status != 200, "the document does not describe {template}");
            return Ok(());
        };
        self.schemas.validate(answer, *index).map_err(|error| {
            anyhow!("the answer {status} of {template} does not fit the document: {error}")
        })
    }

    /// Compiles every response of a GET. Each is a schema document of its own
    /// that carries the components, so that references lead into it.
    fn compiled(&self) -> Result<(Schemas, Responses)> {
        let (mut schemas, mut responses) = (Schemas::new(), Responses::new());
        let mut compiler = Compiler::new();
        // OpenAPI 3.0 took its keywords from an early draft of JSON Schema, in
        // which what stands beside a reference does not count either.
        compiler.set_default_draft(Draft::V4);
        // One that knows no scheme: nothing is loaded from anywhere.
        compiler.use_loader(Box::new(SchemeUrlLoader::new()));
        let components = translated(&self.json["components"]);
        for (_, template) in self.readable() {
            let described = &self.json["paths"][template]["get"]["responses"];
            for status in described.as_object().into_iter().flat_map(Map::keys) {
                let schema = self
                    .response(template, status)
                    .with_context(|| format!("{template} has no schema for {status}"))?;
                let number = responses.len();
                let location = format!("turso://openapi/{number}");
                let whole = json!({"allOf": [translated(schema)], "components": components});
                compiler
                    .add_resource(&location, whole)
                    .map_err(|error| anyhow!("{template} has no usable schema: {error}"))?;
                let index = compiler
                    .compile(&location, &mut schemas)
                    .map_err(|error| anyhow!("the schema of {template} is wrong: {error:#}"))?;
                let status = status.parse().context("a status is a number")?;
                responses.insert((template.to_owned(), status), index);
            }
        }
        Ok((schemas, responses))
    }

    fn response(&self, template: &str, status: &str) -> Option<&Json> {
        let response = self
            .json
            .pointer(&format!("/paths/{}/get/responses", escaped(template)))?
            .get(status)?;
        self.followed(response)
            .pointer("/content/application~1json/schema")
    }

    /// What a reference leads to, and everything else as it is.
    fn followed<'a>(&'a self, part: &'a Json) -> &'a Json {
        match part.get("$ref").and_then(Json::as_str) {
            Some(reference) => self
                .json
                .pointer(reference.trim_start_matches('#'))
                .map_or(part, |part| self.followed(part)),
            None => part,
        }
    }

    fn collect(&self, schema: &Json, at: &str, fields: &mut BTreeSet<String>) {
        let schema = self.followed(schema);
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.collect(part, at, fields);
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let at = if at.is_empty() {
                name.clone()
            } else {
                format!("{at}.{name}")
            };
            self.collect(property, &at, fields);
            fields.insert(at);
        }
        if let Some(items) = schema.get("items") {
            self.collect(items, &format!("{at}[]"), fields);
        }
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Document");
        shown
            .field("readable", &self.readable())
            .finish_non_exhaustive()
    }
}

/// A part of the document as JSON Schema: what is nullable may be null. The
/// rest means the same in both.
fn translated(part: &Json) -> Json {
    match part {
        Json::Array(parts) => parts.iter().map(translated).collect(),
        Json::Object(object) => {
            let mut object: Map<String, Json> = object
                .iter()
                .map(|(name, part)| (name.clone(), translated(part)))
                .collect();
            if object.remove("nullable") == Some(json!(true))
                && let Some(kind) = object.get_mut("type")
            {
                *kind = json!([kind.clone(), "null"]);
            }
            Json::Object(object)
        }
        other => other.clone(),
    }
}

fn escaped(template: &str) -> String {
    template.replace('~', "~0").replace('/', "~1")
}
