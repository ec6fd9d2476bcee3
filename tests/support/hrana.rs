//! Small native client of `/v2/pipeline`, the endpoint that all servers have.
//! It is the independent reader in comparisons, and the floor of the bench.

use std::io::Read;

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value as Json, json};

use crate::value::{Rows, Value};

/// Client that reuses its connection.
#[derive(Clone, Debug)]
pub struct Client {
    agent: ureq::Agent,
    url: String,
    token: Option<String>,
    /// True to close streams. sqld otherwise keeps a database connection for
    /// each stream, for ten seconds.
    closes: bool,
}

impl Client {
    /// Creates a client of the server at `url`.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .input_buffer_size(1 << 18)
            .build();
        Self {
            agent: config.new_agent(),
            url: url.to_owned(),
            token: None,
            closes: false,
        }
    }

    /// Closes each stream after its request.
    #[must_use]
    pub fn closing(self) -> Self {
        Self {
            closes: true,
            ..self
        }
    }

    /// Sends a token.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self
        }
    }

    /// Returns the rows of one statement.
    pub fn query(&self, sql: &str, arguments: &[Value]) -> Result<Rows> {
        let response = self.requests(vec![execute(sql, arguments)])?;
        rows(result(&response, 0)?)
    }

    /// Runs a statement, and returns the number of rows that the server has read for
    /// it.
    pub fn rows_read(&self, sql: &str) -> Result<u64> {
        let response = self.requests(vec![execute(sql, &[])])?;
        let read = &result(&response, 0)?["rows_read"];
        read.as_u64()
            .with_context(|| format!("{read} is not a number of rows"))
    }

    /// Runs statements in order, in one request, until one fails.
    pub fn run(&self, statements: &[&str]) -> Result<()> {
        let requests = statements.iter().map(|sql| execute(sql, &[]));
        let response = self.requests(requests.collect())?;
        for (index, sql) in statements.iter().enumerate() {
            result(&response, index).with_context(|| (*sql).to_owned())?;
        }
        Ok(())
    }

    /// Runs a statement for each row, all in one transaction.
    pub fn insert(&self, sql: &str, rows: &[Vec<Value>]) -> Result<()> {
        let step = |sql: &str, arguments: &[Value]| json!({"stmt": statement(sql, arguments)});
        let mut steps = vec![step("BEGIN", &[])];
        for (index, row) in rows.iter().enumerate() {
            let mut step = step(sql, row);
            step["condition"] = json!({"type": "ok", "step": index});
            steps.push(step);
        }
        let mut commit = step("COMMIT", &[]);
        commit["condition"] = json!({"type": "ok", "step": rows.len()});
        steps.push(commit);
        let response =
            self.pipeline(&json!({"requests": [{"type": "batch", "batch": {"steps": steps}}]}))?;
        let result = result(&response, 0)?;
        let failed = result["step_errors"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|error| !error.is_null());
        failed.map_or(Ok(()), |error| Err(anyhow!("{sql}: {error}")))
    }

    fn requests(&self, mut requests: Vec<Json>) -> Result<Json> {
        if self.closes {
            requests.push(json!({"type": "close"}));
        }
        self.pipeline(&json!({"requests": requests}))
    }

    /// Sends a raw request and returns the raw response.
    pub fn pipeline(&self, body: &Json) -> Result<Json> {
        let mut text = String::new();
        self.post(&body.to_string())?
            .read_to_string(&mut text)
            .context("cannot read the response")?;
        serde_json::from_str(&text)
            .with_context(|| format!("the response is not JSON: {text:.300}"))
    }

    /// Sends a request and returns the response as a stream of bytes.
    pub fn post(&self, body: &str) -> Result<impl Read + use<>> {
        let mut request = self
            .agent
            .post(format!("{}/v2/pipeline", self.url))
            .content_type("application/json");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let response = request
            .send(body)
            .with_context(|| format!("no response from {}", self.url))?;
        let status = response.status();
        let mut body = response
            .into_body()
            .into_with_config()
            .limit(u64::MAX)
            .reader();
        if !status.is_success() {
            let mut text = String::new();
            // The status is reported even if the body cannot be read.
            let _ = body.read_to_string(&mut text);
            bail!("{} responded with {status}: {text:.300}", self.url);
        }
        Ok(body)
    }
}

fn execute(sql: &str, arguments: &[Value]) -> Json {
    json!({"type": "execute", "stmt": statement(sql, arguments)})
}

fn statement(sql: &str, arguments: &[Value]) -> Json {
    json!({"sql": sql, "args": arguments.iter().map(argument).collect::<Vec<_>>()})
}

fn argument(value: &Value) -> Json {
    match value {
        Value::Null => json!({"type": "null"}),
        Value::Integer(number) => json!({"type": "integer", "value": number.to_string()}),
        Value::Real(bits) => json!({"type": "float", "value": f64::from_bits(*bits)}),
        Value::Text(text) => json!({"type": "text", "value": String::from_utf8_lossy(text)}),
        Value::Blob(blob) => json!({"type": "blob", "base64": STANDARD_NO_PAD.encode(blob)}),
    }
}

fn result(response: &Json, index: usize) -> Result<&Json> {
    let entry = &response["results"][index];
    if entry["type"] == "ok" {
        Ok(&entry["response"]["result"])
    } else {
        Err(anyhow!("{}", entry["error"]))
    }
}

fn rows(result: &Json) -> Result<Rows> {
    let list = |json: &Json| json.as_array().cloned().unwrap_or_default();
    let columns = list(&result["cols"])
        .iter()
        .map(|c| c["name"].as_str().unwrap_or_default().to_owned())
        .collect();
    let rows = list(&result["rows"])
        .iter()
        .map(|row| list(row).iter().map(value).collect())
        .collect::<Result<_>>()?;
    Ok(Rows {
        columns,
        rows,
        ..Rows::default()
    })
}

fn value(json: &Json) -> Result<Value> {
    let text = |key: &str| {
        json[key]
            .as_str()
            .with_context(|| format!("{json} has no {key}"))
    };
    Ok(match json["type"].as_str() {
        Some("null") => Value::Null,
        Some("integer") => Value::Integer(text("value")?.parse()?),
        Some("float") => Value::real(
            json["value"]
                .as_f64()
                .with_context(|| format!("{json} is not a number"))?,
        ),
        Some("text") => Value::text(text("value")?),
        Some("blob") => Value::Blob(STANDARD_NO_PAD.decode(text("base64")?.trim_end_matches('='))?),
        _ => bail!("{json} is not a value"),
    })
}
