//! Reads the imports of a crate's modules, and finds the module that defines each imported item.

use std::collections::{BTreeMap, BTreeSet};

use super::Imports;
use crate::tree::{Source, Tree};

/// The names on the way from the crate's root to a module. The root's own path is empty.
pub(super) type ModulePath = Vec<String>;

/// A module as its file shows it.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// Names of the items that it defines.
    items: BTreeSet<String>,
    /// Names that `use` brings in, each with its path as written.
    aliases: BTreeMap<String, Vec<String>>,
    /// Paths as written that the module uses itself. A re-export alone is no use.
    uses: Vec<Vec<String>>,
}

/// The modules of a crate, without tests.
pub(super) fn modules(tree: &Tree, dir: &str) -> BTreeMap<ModulePath, Module> {
    let root = format!("{dir}/src/");
    let of_crate = tree.rust().filter_map(|file| Some((file.path.strip_prefix(root.as_str())?, file)));
    let own = of_crate.filter(|(path, file)| !file.is_test() && !path.starts_with("bin/"));
    own.map(|(path, file)| (module_path(path), Module::read(file))).collect()
}

fn module_path(file: &str) -> ModulePath {
    let stem = file.trim_end_matches(".rs");
    match stem {
        "lib" | "main" => Vec::new(),
        _ => stem.split('/').filter(|part| *part != "mod").map(str::to_owned).collect(),
    }
}

/// The modules that each module imports from, without its ancestors.
pub(super) fn resolved(modules: &BTreeMap<ModulePath, Module>) -> Imports<'_> {
    let mut imports = Imports::new();
    for (path, module) in modules {
        let from = imports.entry(path).or_default();
        for used in &module.uses {
            let found = absolute(modules, path, used).and_then(|used| definition(modules, &used, 0));
            if let Some((other, item)) = found.filter(|(other, _)| !path.starts_with(other)) {
                from.entry(other).or_default().insert(item);
            }
        }
    }
    imports
}

/// A path as written in a module, from the root of the crate. A path to another crate is `None`.
fn absolute(
    modules: &BTreeMap<ModulePath, Module>,
    module: &[String],
    written: &[String],
) -> Option<ModulePath> {
    let (first, rest) = written.split_first()?;
    let child = || [module, std::slice::from_ref(first)].concat();
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([module, rest].concat()),
        "super" => {
            let up = written.iter().take_while(|part| *part == "super").count();
            let above = module.get(..module.len().checked_sub(up)?)?;
            Some([above, written.get(up..)?].concat())
        }
        _ if modules.contains_key(&child()) => Some([module, written].concat()),
        _ => None,
    }
}

/// The module that defines the item of a path, with the item's name. A module by itself is no item.
fn definition<'t>(
    modules: &'t BTreeMap<ModulePath, Module>,
    path: &[String],
    depth: usize,
) -> Option<(&'t ModulePath, &'t str)> {
    let longest = (0..=path.len()).rev().find_map(|len| modules.get_key_value(path.get(..len)?));
    let (module_path, module) = longest?;
    let name = path.get(module_path.len())?;
    if let Some(item) = module.items.get(name) {
        return Some((module_path, item));
    }
    let (alias, written) = module.aliases.get_key_value(name)?;
    let further = absolute(modules, module_path, written).filter(|_| depth < 8);
    match further {
        Some(further) => definition(modules, &further, depth + 1),
        // A name of another crate that the module re-exports.
        None => Some((module_path, alias)),
    }
}

impl Module {
    fn read(file: &Source) -> Self {
        let code: Vec<&str> =
            file.code().map(|(_, code)| code).take_while(|code| !code.contains("mod tests")).collect();
        let tokens = tokens(&code.join("\n"));
        let mut module = Self::default();
        let (mut exports, mut words) = (Vec::new(), BTreeSet::new());
        let (mut rest, mut before) = (tokens.as_slice(), "");
        while let Some((token, behind)) = rest.split_first() {
            rest = behind;
            match token.as_str() {
                "use" => {
                    let end = rest.iter().position(|token| token == ";").unwrap_or(rest.len());
                    let (tree, behind) = rest.split_at(end);
                    rest = behind;
                    for (alias, path) in leaves(&mut tree.iter(), &[]) {
                        let hands_on = matches!(before, "pub" | ")");
                        if hands_on { &mut exports } else { &mut module.uses }.push(path.clone());
                        module.aliases.insert(alias, path);
                    }
                }
                // The token before it distinguishes a lifetime from a declaration.
                keyword if declares(keyword) && before != "'" => {
                    let name = rest.iter().find(|token| !matches!(token.as_str(), "fn" | "mut" | "!"));
                    module.items.extend(name.filter(|name| is_word(name)).cloned());
                }
                word if is_word(word) => {
                    let path = path_at(word, &mut rest);
                    words.extend(path.first().cloned());
                    module.uses.extend(Some(path).filter(|path| path.len() > 1));
                }
                _ => {}
            }
            before = token;
        }
        let is_used = |path: &Vec<String>| path.last().is_some_and(|name| words.contains(name));
        module.uses.extend(exports.into_iter().filter(is_used));
        module.follow_aliases();
        module
    }

    /// `x::f` with `use crate::x` is a use of `crate::x::f`.
    fn follow_aliases(&mut self) {
        for path in &mut self.uses {
            if let Some((first, rest)) = path.split_first()
                && !rest.is_empty()
                && let Some(alias) = self.aliases.get(first)
            {
                *path = [alias.as_slice(), rest].concat();
            }
        }
    }
}

/// The words that `::` joins to this first word of a path.
fn path_at(first: &str, rest: &mut &[String]) -> Vec<String> {
    let mut path = vec![first.to_owned()];
    while let [joint, word, behind @ ..] = *rest
        && joint == "::"
        && is_word(word)
    {
        path.push(word.clone());
        *rest = behind;
    }
    path
}

fn declares(keyword: &str) -> bool {
    ["struct", "enum", "trait", "type", "const", "static", "fn", "union", "macro_rules"].contains(&keyword)
}

/// The leaves of a `use` tree: the name that each brings in, and its path.
fn leaves<'t>(
    tokens: &mut impl Iterator<Item = &'t String>,
    prefix: &[String],
) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    let (mut path, mut alias): (Vec<String>, Option<String>) = (prefix.to_vec(), None);
    loop {
        let token = tokens.next().map(String::as_str);
        match token {
            Some("{") => {
                found.extend(leaves(tokens, &path));
                path = prefix.to_vec();
            }
            Some("as") => alias = tokens.next().cloned(),
            Some("::") => {}
            Some("self") if path.len() == prefix.len() && !path.is_empty() => alias = path.last().cloned(),
            Some("," | "}") | None => {
                let brings = path.len() > prefix.len() || alias.is_some();
                let name = alias.take().or_else(|| path.last().cloned());
                found.extend(name.filter(|_| brings).map(|name| (name, path.clone())));
                if token != Some(",") {
                    return found;
                }
                path = prefix.to_vec();
            }
            Some(word) => path.push(word.to_owned()),
        }
    }
}

/// Words, `::`, and other characters one by one.
fn tokens(code: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut in_word = false;
    for c in code.chars() {
        let of_word = c.is_alphanumeric() || c == '_';
        match tokens.last_mut() {
            Some(word) if of_word && in_word => word.push(c),
            Some(colon) if c == ':' && colon == ":" && !in_word => colon.push(c),
            _ if c.is_whitespace() => {}
            _ => tokens.push(c.to_string()),
        }
        in_word = of_word;
    }
    tokens
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}
