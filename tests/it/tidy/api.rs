//! The public API, as `docs/public-api.txt` lists it: a change is seen in review, and none happens by accident.
//!
//! It is read from the sources, as rustdoc's JSON is not stable: public modules of `lib.rs` that are not hidden, what
//! they define, and what they pass on; nothing that macros make, such as the types of ids.
//! `OSTLER_WRITE_API=1 cargo test --test it the_public_api_is_listed` writes it.

#![expect(clippy::wildcard_enum_match_arm, reason = "other items are listed by no line of their own")]

use std::collections::{BTreeMap, BTreeSet};

use quote::ToTokens;
use syn::{Attribute, Fields, ImplItem, Item, ItemImpl, Meta, TraitItem, Type, UseTree, Visibility};

use super::{root, sources};

const LISTING: &str = "docs/public-api.txt";

#[test]
fn the_public_api_is_listed() {
    let sources = sources();
    let of_library = |name: &str| name.starts_with("src/") && !name.starts_with("src/cli") && name != "src/main.rs";
    let files = sources.iter().filter(|source| of_library(&source.name));
    let found = Crate::of(files.map(|source| (source.name.as_str(), source.text.as_str()))).listing();
    let listing = root().join(LISTING);
    if std::env::var_os("OSTLER_WRITE_API").is_some() {
        std::fs::write(&listing, &found).unwrap();
    }
    let listed = std::fs::read_to_string(&listing).unwrap_or_default();
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (found, listed) = (lines(&found), lines(&listed));
    let (more, less): (Vec<_>, Vec<_>) = (found.difference(&listed).collect(), listed.difference(&found).collect());
    assert!(
        more.is_empty() && less.is_empty(),
        "{LISTING} does not list {more:#?}, and lists {less:#?}: is the change meant? Write it with OSTLER_WRITE_API=1"
    );
}

#[test]
fn what_others_can_name_is_listed() {
    let files = [
        ("src/lib.rs", "pub mod open; mod closed; #[doc(hidden)] pub mod hidden; pub use open::Door;"),
        (
            "src/open.rs",
            "mod door; pub use door::{Door, knock}; pub use crate::closed::Key; fn private() {}
             #[derive(Clone)] pub enum Lock { Open, Shut(Key) }",
        ),
        (
            "src/open/door.rs",
            "#[non_exhaustive] pub struct Door { pub wide: bool, inner: u8 } pub(crate) struct Inner;
             impl Door { pub fn open<T>(&self, key: &'static Key) -> Result<T> { todo() } fn private() {} }
             impl Drop for Door { fn drop(&mut self) {} } pub async fn knock(times: u8) {}",
        ),
        ("src/closed.rs", "pub struct Key(pub u8, u8); pub trait Turn { fn turn(&self); }"),
        ("src/hidden.rs", "pub struct Ghost;"),
    ];
    let expected = "\
pub use ostler::open::Door as ostler::Door
#[non_exhaustive] pub struct ostler::open::Door
impl Drop for ostler::open::Door
pub fn ostler::open::Door::open<T>(&self, key: &'static Key) -> Result<T>
ostler::open::Door::wide: bool
pub struct ostler::open::Key
ostler::open::Key::0: u8
impl Clone for ostler::open::Lock
pub enum ostler::open::Lock
ostler::open::Lock::Open
ostler::open::Lock::Shut(Key)
pub async fn ostler::open::knock(times: u8)
";
    assert_eq!(Crate::of(files).listing(), expected);
}

/// The items of the files of a crate, by module.
struct Crate {
    modules: BTreeMap<String, Vec<Item>>,
}

/// What can be named, and a line about it. Paths order the lines.
type Lines = BTreeSet<(String, String)>;

impl Crate {
    fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let module = |(name, text): (&str, &str)| {
            let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            let path = name.trim_start_matches("src/").trim_end_matches(".rs").replace('/', "::");
            (if path == "lib" { String::new() } else { path }, file.items)
        };
        Self { modules: files.into_iter().map(module).collect() }
    }

    fn listing(&self) -> String {
        let (mut lines, mut homes) = (Lines::new(), BTreeMap::new());
        let open = |item: &&Item| matches!(item, Item::Mod(module) if is_public(&module.vis) && !hidden(&module.attrs));
        for module in self.modules[""].iter().filter(open) {
            let Item::Mod(module) = module else { continue };
            self.module(&module.ident.to_string(), &mut homes, &mut lines);
        }
        self.module("", &mut homes, &mut lines);
        lines.into_iter().map(|(_, line)| line + "\n").collect()
    }

    /// Lists what a module defines and passes on. What was listed elsewhere already is only named.
    fn module(&self, module: &str, homes: &mut BTreeMap<*const Item, String>, lines: &mut Lines) {
        let base = if module.is_empty() { "ostler".to_owned() } else { format!("ostler::{module}") };
        for item in &self.modules[module] {
            if let Item::Use(import) = item {
                if !is_public(&import.vis) || hidden(&import.attrs) {
                    continue;
                }
                for (origin, name) in leaves(&import.tree) {
                    let path = format!("{base}::{name}");
                    match self.find(module, &origin) {
                        Some(item) => self.item(item, path, homes, lines),
                        None => {
                            lines.insert((path.clone(), format!("pub use {} as {path}", origin.join("::"))));
                        }
                    }
                }
            } else if let Some(name) = public_name(item) {
                self.item(item, format!("{base}::{name}"), homes, lines);
            }
        }
    }

    /// The item that a path in a module names: of those with its name, the one that lies in the module it begins with.
    fn find(&self, module: &str, path: &[String]) -> Option<&Item> {
        let (name, parents) = path.split_last()?;
        let base = match parents.first().map(String::as_str) {
            Some("crate") => parents[1..].join("::"),
            _ if module.is_empty() => parents.join("::"),
            _ => [&[module.to_owned()], parents].concat().join("::"),
        };
        let inside = self.modules.iter().filter(|(path, _)| path.starts_with(&base));
        inside.flat_map(|(_, items)| items).find(|item| public_name(item).as_ref() == Some(name))
    }

    fn item(&self, item: &Item, path: String, homes: &mut BTreeMap<*const Item, String>, lines: &mut Lines) {
        if let Some(home) = homes.get(&std::ptr::from_ref(item)) {
            lines.insert((path.clone(), format!("pub use {home} as {path}")));
            return;
        }
        homes.insert(item, path.clone());
        let mut add = |below: String, line: String| {
            lines.insert((format!("{path}{below}"), line));
        };
        match item {
            Item::Fn(item) => add(String::new(), format!("pub {}", signature(&item.sig, &path))),
            Item::Type(item) => add(String::new(), format!("pub type {path} = {}", text(&item.ty))),
            Item::Const(item) => add(String::new(), format!("pub const {path}: {}", text(&item.ty))),
            Item::Struct(item) => {
                add(String::new(), head("struct", &path, &item.generics, &item.attrs));
                for (name, field) in fields(&item.fields) {
                    if is_public(&field.vis) {
                        add(format!("::{name}"), format!("{path}::{name}: {}", text(&field.ty)));
                    }
                }
            }
            Item::Enum(item) => {
                add(String::new(), head("enum", &path, &item.generics, &item.attrs));
                for variant in &item.variants {
                    let name = &variant.ident;
                    add(format!("::{name}"), format!("{path}::{name}{}", inside(&variant.fields)));
                }
            }
            Item::Trait(item) => {
                let above = text(&item.supertraits);
                add(String::new(), format!("{}: {above}", head("trait", &path, &item.generics, &item.attrs)));
                for inner in &item.items {
                    if let TraitItem::Fn(inner) = inner {
                        let path = format!("{path}::{}", inner.sig.ident);
                        add(format!("::{}", inner.sig.ident), signature(&inner.sig, &path));
                    }
                }
            }
            _ => {}
        }
        self.implemented(item, &path, lines);
    }

    /// Lists what a type derives, and the blocks for it.
    fn implemented(&self, item: &Item, path: &str, lines: &mut Lines) {
        let mut add = |below: String, line: String| {
            lines.insert((format!("{path}{below}"), line));
        };
        for derived in parts(item).into_iter().flat_map(|(_, _, attributes)| derives(attributes)) {
            add(String::new(), format!("impl {derived} for {path}"));
        }
        let Some(name) = public_name(item).filter(|_| matches!(item, Item::Struct(_) | Item::Enum(_))) else { return };
        for block in self.impls(&name) {
            match &block.trait_ {
                Some((_, of, _)) => add(String::new(), format!("impl {} for {path}", text(of))),
                None => inherent(block, path, &mut add),
            }
        }
    }

    /// Blocks for the type of this name: a public type name means one thing, and stands by itself in them.
    fn impls<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a ItemImpl> {
        self.modules.values().flatten().filter_map(move |item| match item {
            Item::Impl(block) => match block.self_ty.as_ref() {
                Type::Path(own) if own.path.segments.last().is_some_and(|last| last.ident == name) => Some(block),
                _ => None,
            },
            _ => None,
        })
    }
}

fn inherent(block: &ItemImpl, path: &str, add: &mut impl FnMut(String, String)) {
    for item in &block.items {
        match item {
            ImplItem::Fn(item) if is_public(&item.vis) && !hidden(&item.attrs) => {
                let (name, path) = (&item.sig.ident, format!("{path}::{}", item.sig.ident));
                add(format!("::{name}"), format!("pub {}", signature(&item.sig, &path)));
            }
            ImplItem::Const(item) if is_public(&item.vis) && !hidden(&item.attrs) => {
                add(format!("::{}", item.ident), format!("pub const {path}::{}: {}", item.ident, text(&item.ty)));
            }
            _ => {}
        }
    }
}

/// A signature whose name is a path.
fn signature(signature: &syn::Signature, path: &str) -> String {
    let name = format!("fn {}", signature.ident);
    text(signature).replacen(&name, &format!("fn {path}"), 1)
}

fn head(kind: &str, path: &str, generics: &syn::Generics, attributes: &[Attribute]) -> String {
    let grows = attributes.iter().any(|attribute| attribute.path().is_ident("non_exhaustive"));
    format!("{}pub {kind} {path}{}", if grows { "#[non_exhaustive] " } else { "" }, text(generics))
}

/// The fields of a variant.
fn inside(fields_of: &Fields) -> String {
    let types = || fields_of.iter().map(|field| text(&field.ty)).collect::<Vec<_>>().join(", ");
    match fields_of {
        Fields::Unit => String::new(),
        Fields::Unnamed(_) => format!("({})", types()),
        Fields::Named(_) => {
            let named: Vec<_> = fields(fields_of).map(|(name, field)| format!("{name}: {}", text(&field.ty))).collect();
            format!(" {{ {} }}", named.join(", "))
        }
    }
}

fn fields(fields: &Fields) -> impl Iterator<Item = (String, &syn::Field)> {
    let name =
        |(index, field): (usize, &syn::Field)| field.ident.as_ref().map_or(index.to_string(), ToString::to_string);
    fields.iter().enumerate().map(move |(index, field)| (name((index, field)), field))
}

fn derives(attributes: &[Attribute]) -> Vec<String> {
    let mut names = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("derive")) {
        attribute
            .parse_nested_meta(|meta| {
                names.push(text(&meta.path));
                Ok(())
            })
            .unwrap();
    }
    names
}

/// Names that an import brings, each with where it is from.
fn leaves(tree: &UseTree) -> Vec<(Vec<String>, String)> {
    match tree {
        UseTree::Path(part) => {
            let inside = leaves(&part.tree).into_iter();
            inside.map(|(path, name)| ([vec![part.ident.to_string()], path].concat(), name)).collect()
        }
        UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
        UseTree::Name(name) => vec![(vec![name.ident.to_string()], name.ident.to_string())],
        UseTree::Rename(rename) => vec![(vec![rename.ident.to_string()], rename.rename.to_string())],
        UseTree::Glob(_) => vec![(vec!["*".to_owned()], "*".to_owned())],
    }
}

/// Visibility, name and attributes of an item that the listing has.
fn parts(item: &Item) -> Option<(&Visibility, &syn::Ident, &[Attribute])> {
    match item {
        Item::Fn(item) => Some((&item.vis, &item.sig.ident, &item.attrs)),
        Item::Struct(item) => Some((&item.vis, &item.ident, &item.attrs)),
        Item::Enum(item) => Some((&item.vis, &item.ident, &item.attrs)),
        Item::Trait(item) => Some((&item.vis, &item.ident, &item.attrs)),
        Item::Type(item) => Some((&item.vis, &item.ident, &item.attrs)),
        Item::Const(item) => Some((&item.vis, &item.ident, &item.attrs)),
        _ => None,
    }
}

/// The name of an item that is public.
fn public_name(item: &Item) -> Option<String> {
    let (visibility, name, attributes) = parts(item)?;
    (is_public(visibility) && !hidden(attributes)).then(|| name.to_string())
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn hidden(attributes: &[Attribute]) -> bool {
    let lists = attributes.iter().filter(|attribute| matches!(attribute.meta, Meta::List(_)));
    lists.map(text).any(|attribute| ["#[doc(hidden)]", "#[cfg(test)]"].contains(&attribute.as_str()))
}

/// Code as one writes it: tokens come with a space between them.
fn text(code: &impl ToTokens) -> String {
    let mut text = String::new();
    for word in code.to_token_stream().to_string().split(' ') {
        let group = word.starts_with('(') && ["->", "=", ",", ":"].iter().any(|before| text.ends_with(before));
        let closes = word.starts_with(['(', ')', ']', '<', '>', ',', ':', ';']) && !group;
        let opens = text.is_empty() || text.ends_with(['(', '[', '<', '&', '#', '?']) || text.ends_with("::");
        if !closes && !opens {
            text.push(' ');
        }
        text.push_str(word);
    }
    text.replace(",)", ")")
}
