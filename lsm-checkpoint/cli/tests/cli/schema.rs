//! Checks lines of `--json` by `schema.json`. Only the parts of JSON Schema that this schema uses are implemented.

use serde_json::{Map, Value};

/// Panics if a line of `--json` does not fit the schema.
#[track_caller]
pub(crate) fn check(line: &Value) {
    let schema = schema();
    if let Err(fault) = fits(line, &schema, &schema) {
        panic!("{fault}: {line}");
    }
}

fn schema() -> Value {
    serde_json::from_str(include_str!("../../schema.json")).unwrap()
}

/// The keywords that this check implements. It panics at any other.
const KEYWORDS: [&str; 14] = [
    "$schema",
    "$id",
    "$defs",
    "$ref",
    "title",
    "description",
    "type",
    "const",
    "enum",
    "required",
    "properties",
    "items",
    "oneOf",
    "additionalProperties",
];

fn fits(value: &Value, schema: &Value, root: &Value) -> Result<(), String> {
    let Some(schema) = schema.as_object() else { return Err("a schema is an object".to_owned()) };
    if let Some(unknown) = schema.keys().find(|key| !KEYWORDS.contains(&key.as_str()) && *key != "pattern") {
        return Err(format!("the keyword {unknown} is not understood"));
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let pointer = target.strip_prefix('#').unwrap();
        return fits(value, root.pointer(pointer).ok_or(format!("no {target}"))?, root);
    }
    fits_plainly(value, schema)?;
    if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
        return fits_one(value, choices, root);
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        values.iter().try_for_each(|value| fits(value, items, root))?;
    }
    match value.as_object() {
        Some(object) => fits_object(object, schema, root),
        None => Ok(()),
    }
}

fn fits_one(value: &Value, choices: &[Value], root: &Value) -> Result<(), String> {
    let results: Vec<_> = choices.iter().map(|choice| fits(value, choice, root)).collect();
    match results.iter().filter(|result| result.is_ok()).count() {
        1 => Ok(()),
        number => {
            let faults: Vec<_> = results.into_iter().filter_map(Result::err).collect();
            Err(format!("{number} choices fit: {}", faults.join(" | ")))
        }
    }
}

fn fits_plainly(value: &Value, schema: &Map<String, Value>) -> Result<(), String> {
    let name = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => vec![name],
    };
    if !types.contains(&name) {
        return Err(format!("{value} is no {}", types.join(" or ")));
    }
    if schema.get("const").is_some_and(|expected| expected != value) {
        return Err(format!("{value} is another constant"));
    }
    if schema.get("enum").and_then(Value::as_array).is_some_and(|choices| !choices.contains(value)) {
        return Err(format!("{value} is not in the list"));
    }
    match (schema.get("pattern").and_then(Value::as_str), value.as_str()) {
        (Some(pattern), Some(text)) if !matches(pattern, text) => Err(format!("{text} is not {pattern}")),
        _ => Ok(()),
    }
}

/// Matches a text with a pattern. The schema has only these two: decimal and hexadecimal digits.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern {
        "^[0-9]+$" => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()),
        "^[0-9a-f]{32}$" => text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
        other => panic!("the pattern {other} is not understood"),
    }
}

fn fits_object(object: &Map<String, Value>, schema: &Map<String, Value>, root: &Value) -> Result<(), String> {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if !object.contains_key(name) {
            return Err(format!("{name} is missing"));
        }
    }
    let empty = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    for (name, value) in object {
        match (properties.get(name), schema.get("additionalProperties")) {
            (Some(property), _) => {
                fits(value, property, root).map_err(|fault| format!("{name}: {fault}"))?;
            }
            (None, Some(other)) => fits(value, other, root)?,
            // Later versions may add fields, but this version must write only fields of the schema.
            (None, None) => return Err(format!("{name} is not in the schema")),
        }
    }
    Ok(())
}

#[test]
fn the_check_finds_a_value_that_does_not_fit() {
    let line = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let good = line(r#"{"version":1,"type":"link","name":{"text":"latest"},"to":{"bytes":"/w=="}}"#);
    check(&good);
    for (name, value) in
        [("version", "2"), ("type", "\"lin\""), ("name", "\"latest\""), ("to", "{}"), ("more", "1")]
    {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().insert(name.to_owned(), line(value));
        assert!(fits(&bad, &schema(), &schema()).is_err(), "{bad}");
    }
}
