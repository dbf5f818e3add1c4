//! Lists the public items of a crate as sorted lines. Each line has one item with its path and its types.

use std::collections::BTreeSet;

use anyhow::Context;
use serde_json::Value;

use super::types::{generics, params, signature, ty};

/// Lists the public items of the JSON of rustdoc.
pub(super) fn of(json: &Value) -> anyhow::Result<String> {
    let root = json.get("root").context("the JSON of rustdoc has no root")?;
    let index = json.get("index").context("the JSON of rustdoc has no index")?;
    let mut list = List { index, lines: BTreeSet::new() };
    let krate = list.item(root).context("the root is not in the index")?;
    let name = text(krate, "name").to_owned();
    list.module(krate, &name);
    Ok(list.lines.into_iter().map(|line| line + "\n").collect())
}

struct List<'a> {
    index: &'a Value,
    lines: BTreeSet<String>,
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn array<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// The kind of an item and its description.
fn kind(item: &Value) -> Option<(&str, &Value)> {
    item.get("inner")?.as_object()?.iter().next().map(|(kind, inner)| (kind.as_str(), inner))
}

impl<'a> List<'a> {
    fn item(&self, id: &Value) -> Option<&'a Value> {
        let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        self.index.get(id)
    }

    fn add(&mut self, line: String) {
        self.lines.insert(line);
    }

    fn items(&mut self, inner: &'a Value, pointer: &str, path: &str) {
        for id in array(inner, pointer) {
            if let Some(item) = self.item(id) {
                self.one(item, path, None);
            }
        }
    }

    fn module(&mut self, item: &'a Value, path: &str) {
        self.add(format!("mod {path}"));
        if let Some((_, inner)) = kind(item) {
            self.items(inner, "/items", path);
        }
    }

    /// Adds an item below `path`, under another name if a `use` gives it one.
    fn one(&mut self, item: &'a Value, path: &str, renamed: Option<&str>) {
        let name = renamed.unwrap_or_else(|| text(item, "name"));
        let at = format!("{path}::{name}");
        let Some((kind, inner)) = kind(item) else { return };
        match kind {
            "module" => self.module(item, &at),
            "use" => self.reexport(inner, path),
            "struct" | "union" => self.structure(kind, inner, &at),
            "enum" => {
                self.add(format!("enum {at}{}", generics(inner)));
                self.items(inner, "/variants", &at);
                self.impls(inner, &at);
            }
            "variant" => self.variant(inner, &at),
            "trait" => {
                self.add(format!("trait {at}{}{}", generics(inner), bounds(inner)));
                self.items(inner, "/items", &at);
            }
            "function" => {
                let default =
                    if inner.get("has_body") == Some(&Value::Bool(false)) { "required " } else { "" };
                self.add(format!("{default}fn {at}{}", signature(inner)));
            }
            "assoc_type" => self.add(format!("type {at}{}", bounds(inner))),
            "assoc_const" | "constant" => {
                self.add(format!("const {at}: {}", ty(inner.get("type").unwrap_or(&Value::Null))));
            }
            "static" => self.add(format!("static {at}: {}", ty(inner.get("type").unwrap_or(&Value::Null)))),
            "struct_field" => self.add(format!("field {at}: {}", ty(inner))),
            "type_alias" => {
                let target = ty(inner.get("type").unwrap_or(&Value::Null));
                self.add(format!("type {at}{} = {target}", generics(inner)));
            }
            "macro" | "proc_macro" => self.add(format!("macro {at}")),
            other => self.add(format!("{other} {at}")),
        }
    }

    fn reexport(&mut self, inner: &'a Value, path: &str) {
        let Some(target) = inner.get("id").and_then(|id| self.item(id)) else {
            return self.add(format!("use {path}::{} = {}", text(inner, "name"), text(inner, "source")));
        };
        if inner.get("is_glob") != Some(&Value::Bool(true)) {
            return self.one(target, path, Some(text(inner, "name")));
        }
        if let Some((_, inner)) = kind(target) {
            self.items(inner, "/items", path);
        }
    }

    fn structure(&mut self, kind: &str, inner: &'a Value, at: &str) {
        self.add(format!("{kind} {at}{}", generics(inner)));
        self.items(inner, "/kind/plain/fields", at);
        self.items(inner, "/kind/tuple", at);
        self.impls(inner, at);
    }

    fn variant(&mut self, inner: &'a Value, at: &str) {
        self.add(format!("variant {at}"));
        self.items(inner, "/kind/struct/fields", at);
        self.items(inner, "/kind/tuple", at);
    }

    /// Methods, and the traits that the crate implements by hand or by derive.
    fn impls(&mut self, inner: &'a Value, at: &str) {
        for id in array(inner, "/impls") {
            let Some((_, block)) = self.item(id).and_then(kind) else { continue };
            let is_written = block.get("is_synthetic") == Some(&Value::Bool(false))
                && block.get("blanket_impl").is_none_or(Value::is_null);
            match block.get("trait").filter(|of| !of.is_null()) {
                None => self.items(block, "/items", at),
                Some(of) if is_written => {
                    let name = text(of, "path").rsplit("::").next().unwrap_or_default();
                    // Traits that a derive implements besides its own.
                    if name != "StructuralPartialEq" {
                        let given = params(of);
                        self.add(format!("impl{} {name}{given} for {at}", generics(block)));
                    }
                }
                Some(_) => {}
            }
        }
    }
}

/// The bounds of a trait or an associated type.
fn bounds(inner: &Value) -> String {
    let bounds: Vec<_> = array(inner, "/bounds").map(super::types::bound).collect();
    if bounds.is_empty() { String::new() } else { format!(": {}", bounds.join(" + ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn items_are_listed_under_the_path_that_a_user_writes() {
        let function = |output: Value| {
            let sig = json!({ "inputs": [["self", { "borrowed_ref": {
                "lifetime": null, "is_mutable": false, "type": { "generic": "Self" } } }]], "output": output });
            json!({ "function": { "sig": sig, "generics": { "params": [] }, "has_body": true } })
        };
        let plain = json!({ "plain": { "fields": [5] } });
        let json = json!({
            "root": 0,
            "index": {
                "0": { "name": "krate", "inner": { "module": { "items": [1, 2] } } },
                "1": { "name": null, "inner": { "use": {
                    "id": 3, "name": "Renamed", "source": "inner::Thing", "is_glob": false } } },
                "2": { "name": "E", "inner": { "enum": {
                    "variants": [6], "impls": [], "generics": { "params": [] } } } },
                "3": { "name": "Thing", "inner": { "struct": {
                    "kind": plain, "impls": [4], "generics": { "params": [] } } } },
                "4": { "name": null, "inner": { "impl": {
                    "trait": null, "items": [7], "is_synthetic": false, "blanket_impl": null } } },
                "5": { "name": "len", "inner": { "struct_field": { "primitive": "u64" } } },
                "6": { "name": "V", "inner": { "variant": { "kind": "plain" } } },
                "7": { "name": "len", "inner": function(json!({ "primitive": "u64" })) },
            }
        });
        let expected = "\
enum krate::E
field krate::Renamed::len: u64
fn krate::Renamed::len(&self) -> u64
mod krate
struct krate::Renamed
variant krate::E::V
";
        assert_eq!(of(&json).unwrap(), expected);
    }
}
