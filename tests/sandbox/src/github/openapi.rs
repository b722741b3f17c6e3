//! GitHub's own description of its API, as far as `versioner` uses it. `github_openapi.py` extracts the file.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::LazyLock;

static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    let text = include_str!("../../github-openapi.json");
    let file: File = serde_json::from_str(text).unwrap_or_else(|error| panic!("github-openapi.json: {error}"));
    file.operations
});

#[derive(Deserialize)]
struct File {
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
pub(crate) struct Operation {
    method: String,
    pub(crate) path: String,
    parameters: Vec<Parameter>,
    pub(crate) status: u16,
    reply: Value,
}

#[derive(Deserialize)]
struct Parameter {
    name: String,
    r#in: String,
    r#type: String,
    r#enum: Option<Vec<String>>,
}

/// A request that the description allows.
pub(crate) struct Request {
    pub(crate) operation: &'static Operation,
    pub(crate) path: BTreeMap<String, String>,
    pub(crate) query: BTreeMap<String, String>,
}

impl Request {
    /// Checks a request.
    ///
    /// # Errors
    ///
    /// Why the description does not allow it.
    pub(crate) fn check(method: &str, path: &str, query: &str) -> Result<Self, String> {
        let found = OPERATIONS.iter().find_map(|operation| {
            let values = operation.values(path)?;
            (operation.method == method).then_some((operation, values))
        });
        let (operation, values) = found.ok_or_else(|| format!("no operation {method} {path}"))?;
        let query = pairs(query);
        for (place, given) in [("path", &values), ("query", &query)] {
            for (name, value) in given {
                let known = operation.parameters.iter().find(|it| it.r#in == place && it.name == *name);
                let parameter = known.ok_or_else(|| format!("{method} {path}: no {place} parameter {name}"))?;
                if !parameter.allows(value) {
                    return Err(format!("{method} {path}: {name} is {value:?}"));
                }
            }
        }
        Ok(Self { operation, path: values, query })
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        self.path.get(name).and_then(|value| value.parse().ok()).unwrap_or_default()
    }
}

impl Parameter {
    fn allows(&self, value: &str) -> bool {
        let right_type = match self.r#type.as_str() {
            "integer" => value.parse::<u64>().is_ok(),
            "boolean" => matches!(value, "true" | "false"),
            _ => !value.is_empty(),
        };
        let in_range = self.name != "per_page" || value.parse().is_ok_and(|number: u64| (1..=100).contains(&number));
        right_type && in_range && self.r#enum.as_ref().is_none_or(|values| values.iter().any(|it| it == value))
    }
}

impl Operation {
    /// The path parameters, if `path` is one of this operation.
    fn values(&self, path: &str) -> Option<BTreeMap<String, String>> {
        let (template, parts): (Vec<&str>, Vec<&str>) = (self.path.split('/').collect(), path.split('/').collect());
        if template.len() != parts.len() {
            return None;
        }
        let mut values = BTreeMap::new();
        for (template, part) in template.into_iter().zip(parts) {
            match template.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some(name) => drop(values.insert(name.to_owned(), decode(part))),
                None if template == part => {}
                None => return None,
            }
        }
        Some(values)
    }

    /// `reply` with a value for each property that the description requires and the sandbox does not have.
    pub(crate) fn complete(&self, mut reply: Value) -> Value {
        fill(&mut reply, &self.reply);
        reply
    }
}

/// Adds the required properties of `shape` that `value` lacks.
fn fill(value: &mut Value, shape: &Value) {
    match (value, shape) {
        (Value::Array(values), Value::Object(shape)) if shape.contains_key("items") => {
            values.iter_mut().for_each(|value| fill(value, &shape["items"]));
        }
        (Value::Array(values), Value::Array(shapes)) => values.iter_mut().for_each(|value| fill(value, &shapes[0])),
        (Value::Object(object), Value::Object(shape)) => {
            for (name, shape) in shape {
                match object.get_mut(name) {
                    Some(value) => fill(value, shape),
                    None => drop(object.insert(name.clone(), placeholder(shape))),
                }
            }
        }
        _ => {}
    }
}

fn placeholder(shape: &Value) -> Value {
    match shape.as_str() {
        Some("string") => Value::from("x"),
        Some("integer") => Value::from(7),
        Some("boolean") => Value::Bool(false),
        Some("array") => Value::Array(Vec::new()),
        Some("null") => Value::Null,
        _ => Value::Object(Map::new()),
    }
}

fn pairs(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// Decodes percent-encoding and `+`.
fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16)).unwrap_or_default();
        bytes.push(match byte {
            b'%' => u8::try_from(digit() * 16 + digit()).unwrap_or(b'?'),
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
