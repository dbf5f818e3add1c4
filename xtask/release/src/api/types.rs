//! Types, generics and signatures of the JSON of rustdoc, as text.

use serde_json::Value;

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn array<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn is_set(value: &Value, key: &str) -> bool {
    value.get(key) == Some(&Value::Bool(true))
}

fn joined(parts: impl Iterator<Item = String>, between: &str) -> String {
    parts.collect::<Vec<_>>().join(between)
}

/// A type, with the last component of each path.
pub(super) fn ty(value: &Value) -> String {
    let Some((kind, inner)) = value.as_object().and_then(|object| object.iter().next()) else {
        return value.as_str().unwrap_or("_").to_owned();
    };
    let of = |key: &str| ty(inner.get(key).unwrap_or(&Value::Null));
    match kind.as_str() {
        "resolved_path" => path(inner),
        "generic" | "primitive" => inner.as_str().unwrap_or_default().to_owned(),
        "borrowed_ref" => {
            let lifetime =
                inner.get("lifetime").and_then(Value::as_str).map(|lifetime| format!("{lifetime} "));
            let mutable = if is_set(inner, "is_mutable") { "mut " } else { "" };
            format!("&{}{mutable}{}", lifetime.unwrap_or_default(), of("type"))
        }
        "raw_pointer" => {
            format!("*{} {}", if is_set(inner, "is_mutable") { "mut" } else { "const" }, of("type"))
        }
        "slice" => format!("[{}]", ty(inner)),
        "array" => format!("[{}; {}]", of("type"), text(inner, "len")),
        "tuple" => format!("({})", joined(inner.as_array().into_iter().flatten().map(ty), ", ")),
        "dyn_trait" => {
            let traits = joined(array(inner, "/traits").map(|of| path(of.get("trait").unwrap_or(of))), " + ");
            let lifetime =
                inner.get("lifetime").and_then(Value::as_str).map(|lifetime| format!(" + {lifetime}"));
            format!("dyn {traits}{}", lifetime.unwrap_or_default())
        }
        "impl_trait" => format!("impl {}", joined(inner.as_array().into_iter().flatten().map(bound), " + ")),
        "qualified_path" => format!("{}::{}", of("self_type"), text(inner, "name")),
        "function_pointer" => format!("fn{}", inputs_and_output(inner.get("sig").unwrap_or(&Value::Null))),
        other => other.to_owned(),
    }
}

fn path(value: &Value) -> String {
    let name = text(value, "path").rsplit("::").next().unwrap_or_default();
    format!("{name}{}", params(value))
}

/// The arguments of a path: `<u64>`, `(usize) -> bool`.
pub(super) fn params(value: &Value) -> String {
    let Some(args) = value.get("args").filter(|args| !args.is_null()) else { return String::new() };
    if let Some(call) = args.get("parenthesized") {
        let inputs = joined(array(call, "/inputs").map(ty), ", ");
        let output = call.get("output").filter(|output| !output.is_null());
        return format!(
            "({inputs}){}",
            output.map(|output| format!(" -> {}", ty(output))).unwrap_or_default()
        );
    }
    let given =
        array(args, "/angle_bracketed/args").map(|arg| match arg.as_object().and_then(|o| o.iter().next()) {
            Some((kind, inner)) if kind == "type" => ty(inner),
            Some((kind, inner)) if kind == "const" => text(inner, "expr").to_owned(),
            Some((_, inner)) => inner.as_str().unwrap_or("_").to_owned(),
            None => "_".to_owned(),
        });
    let bound = array(args, "/angle_bracketed/constraints").map(|constraint| {
        let equal = constraint.pointer("/binding/equality/type").map(ty);
        format!("{} = {}", text(constraint, "name"), equal.unwrap_or_else(|| "_".to_owned()))
    });
    let all = joined(given.chain(bound), ", ");
    if all.is_empty() { all } else { format!("<{all}>") }
}

/// One bound: a trait or a lifetime.
pub(super) fn bound(value: &Value) -> String {
    match value.pointer("/trait_bound/trait") {
        Some(of) => {
            let maybe = text(value.get("trait_bound").unwrap_or(value), "modifier") == "maybe";
            format!("{}{}", if maybe { "?" } else { "" }, path(of))
        }
        None => text(value, "outlives").to_owned(),
    }
}

/// The generic parameters that an item declares, with their bounds.
pub(super) fn generics(inner: &Value) -> String {
    let declared = array(inner, "/generics/params").filter_map(|param| {
        if param.pointer("/kind/type/is_synthetic") == Some(&Value::Bool(true)) {
            return None;
        }
        let bounds = joined(array(param, "/kind/type/bounds").map(bound), " + ");
        let constant = param.pointer("/kind/const/type").map(|of| format!(": {}", ty(of)));
        let bounds = if bounds.is_empty() { String::new() } else { format!(": {bounds}") };
        Some(format!("{}{bounds}{}", text(param, "name"), constant.unwrap_or_default()))
    });
    let all = joined(declared, ", ");
    if all.is_empty() { all } else { format!("<{all}>") }
}

/// The generics, inputs and output of a function.
pub(super) fn signature(inner: &Value) -> String {
    format!("{}{}", generics(inner), inputs_and_output(inner.get("sig").unwrap_or(&Value::Null)))
}

fn inputs_and_output(sig: &Value) -> String {
    let inputs = array(sig, "/inputs").map(|input| {
        let name = input.get(0).and_then(Value::as_str).unwrap_or("_");
        let of = ty(input.get(1).unwrap_or(&Value::Null));
        match (name, of.as_str()) {
            ("self", "Self") => "self".to_owned(),
            ("self", "&Self") => "&self".to_owned(),
            ("self", "&mut Self") => "&mut self".to_owned(),
            _ => format!("{name}: {of}"),
        }
    });
    let output =
        sig.get("output").filter(|output| !output.is_null()).map(|output| format!(" -> {}", ty(output)));
    format!("({}){}", joined(inputs, ", "), output.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn types_are_shown_as_they_are_written() {
        let path = |name: &str, args: Value| json!({ "resolved_path": { "path": name, "args": args } });
        let of = |arg: Value| json!({ "angle_bracketed": { "args": [{ "type": arg }], "constraints": [] } });
        let option = path("std::option::Option", of(json!({ "primitive": "u64" })));
        assert_eq!(ty(&option), "Option<u64>");
        let file = json!({ "dyn_trait": {
            "traits": [{ "trait": { "path": "crate::FsFile", "args": null } }], "lifetime": "'a" } });
        assert_eq!(ty(&path("Box", of(file))), "Box<dyn FsFile + 'a>");
        let slice = json!({ "borrowed_ref": {
            "lifetime": null, "is_mutable": true, "type": { "slice": { "primitive": "u8" } } } });
        assert_eq!(ty(&slice), "&mut [u8]");
        let call = json!({ "parenthesized": {
            "inputs": [{ "primitive": "usize" }], "output": { "primitive": "bool" } } });
        assert_eq!(ty(&path("FnOnce", call)), "FnOnce(usize) -> bool");
        assert_eq!(ty(&json!({ "tuple": [] })), "()");
    }
}
