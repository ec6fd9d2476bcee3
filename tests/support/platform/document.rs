//! OpenAPI document of the Platform API: its readable endpoints, and validation
//! of responses. It does not know how responses are made.
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

/// Schemas of responses, by path template and status.
type Responses = BTreeMap<(String, u16), SchemaIndex>;

/// OpenAPI document with compiled response schemas.
pub struct Document {
    json: Json,
    schemas: Schemas,
    responses: Responses,
}

impl Document {
    /// Parses the document and compiles its schemas.
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

    /// Method and path template of each readable endpoint, such as
    /// `("GET", "/v1/organizations/{organizationSlug}")`.
    #[must_use]
    pub fn readable(&self) -> Vec<(&'static str, &str)> {
        let paths = self.json["paths"].as_object().into_iter().flatten();
        paths
            .filter(|(_, operations)| operations.get("get").is_some())
            .map(|(path, _)| ("GET", path.as_str()))
            .collect()
    }

    /// Names of all properties of all schemas, including those of requests.
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

    /// Fields of the successful response to a path template, such as
    /// `databases[].parent.id`.
    #[must_use]
    pub fn fields(&self, template: &str) -> BTreeSet<String> {
        let mut fields = BTreeSet::new();
        if let Some(schema) = self.response(template, "200") {
            self.collect(schema, "", &mut fields);
        }
        fields
    }

    /// Fails if a successful response to a path template violates the document.
    pub fn check(&self, template: &str, response: &Json) -> Result<()> {
        self.validate(template, 200, response)
    }

    /// Returns the allowed values of a field of a schema.
    pub(super) fn choices(&self, schema: &str, field: &str) -> Vec<&str> {
        let choices = &self.json["components"]["schemas"][schema]["properties"][field]["enum"];
        let choices = choices.as_array().into_iter().flatten();
        choices.filter_map(Json::as_str).collect()
    }

    /// Returns the example of the successful response to a path template.
    pub(super) fn example(&self, template: &str) -> Option<&Json> {
        self.response(template, "200")?.get("example")
    }

    /// Fails if a response violates the document, which describes all successful
    /// responses and some errors.
    pub(super) fn validate(&self, template: &str, status: u16, response: &Json) -> Result<()> {
        let Some(index) = self.responses.get(&(template.to_owned(), status)) else {
            ensure!(status != 200, "the document does not describe {template}");
            return Ok(());
        };
        self.schemas.validate(response, *index).map_err(|error| {
            anyhow!("the response {status} of {template} violates the document: {error}")
        })
    }

    /// Compiles every response of a GET. Each becomes a schema document that
    /// includes the components, so that its references resolve.
    fn compiled(&self) -> Result<(Schemas, Responses)> {
        let (mut schemas, mut responses) = (Schemas::new(), Responses::new());
        let mut compiler = Compiler::new();
        // OpenAPI 3.0 is based on an early draft of JSON Schema. Both ignore
        // keywords next to a reference.
        compiler.set_default_draft(Draft::V4);
        // A loader without schemes loads nothing.
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
        self.resolved(response)
            .pointer("/content/application~1json/schema")
    }

    /// Resolves a reference; returns everything else unchanged.
    fn resolved<'a>(&'a self, part: &'a Json) -> &'a Json {
        match part.get("$ref").and_then(Json::as_str) {
            Some(reference) => self
                .json
                .pointer(reference.trim_start_matches('#'))
                .map_or(part, |part| self.resolved(part)),
            None => part,
        }
    }

    fn collect(&self, schema: &Json, at: &str, fields: &mut BTreeSet<String>) {
        let schema = self.resolved(schema);
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
        let mut debug = formatter.debug_struct("Document");
        debug
            .field("readable", &self.readable())
            .finish_non_exhaustive()
    }
}

/// Translates a part of the document to JSON Schema: only nullable types differ.
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
