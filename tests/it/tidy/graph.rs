//! Which file of a crate names what of which other one, and the cycles among them.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
};

use syn::{Item, ItemUse, UseTree, Visibility, visit::Visit};

/// A path from the crate's root.
type Path = Vec<String>;

/// Uses between files. Inherent methods are not seen, only names.
pub struct Graph {
    uses: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Default)]
struct Module {
    file: String,
    /// Names in the file of what is elsewhere: imports, and what is passed on to others.
    aliases: BTreeMap<String, Path>,
    globs: Vec<Path>,
    /// Paths that the code names, as written, and its imports. What is only passed on is none of them.
    named: BTreeSet<Path>,
}

impl Graph {
    /// Reads `(name, text)` of every file, names beginning with `src/`. Tests inside files do not count.
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let modules: BTreeMap<Path, Module> =
            files.into_iter().map(|(name, text)| (module_path(name), Module::read(name, text))).collect();
        let mut uses = BTreeMap::<_, BTreeSet<_>>::new();
        for (path, module) in &modules {
            let own = uses.entry(module.file.clone()).or_default();
            for named in &module.named {
                if let Some(target) = resolve(&modules, path, named, 0).filter(|target| *target != module.file) {
                    own.insert(target);
                }
            }
        }
        Self { uses }
    }

    /// The groups of files that all reach each other, the largest first.
    pub fn cycles(&self) -> Vec<Vec<&str>> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        let reached: BTreeMap<&str, BTreeSet<&str>> =
            self.uses.keys().map(|file| (file.as_str(), self.reached_from(file))).collect();
        for (file, theirs) in &reached {
            if !theirs.contains(file) || seen.contains(file) {
                continue;
            }
            let group: Vec<&str> = theirs.iter().copied().filter(|other| reached[other].contains(file)).collect();
            seen.extend(group.iter().copied());
            found.push(group);
        }
        found.sort_by_key(|group| std::cmp::Reverse(group.len()));
        found
    }

    /// The files that a file names something of.
    pub fn uses<'a>(&'a self, file: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.uses.get(file).into_iter().flatten().map(String::as_str)
    }

    fn reached_from<'a>(&'a self, file: &'a str) -> BTreeSet<&'a str> {
        let (mut reached, mut open) = (BTreeSet::new(), vec![file]);
        while let Some(file) = open.pop() {
            open.extend(self.uses(file).filter(|target| reached.insert(*target)));
        }
        reached
    }
}

impl Module {
    fn read(name: &str, text: &str) -> Self {
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut module = Self { file: name.to_owned(), ..Self::default() };
        let mut own = module_path(name);
        for item in &file.items {
            Names { module: &mut module, own: &mut own }.visit_item(item);
        }
        module
    }

    fn import(&mut self, own: &Path, import: &ItemUse) {
        let public = !matches!(import.vis, Visibility::Inherited);
        let mut open = vec![(Path::new(), &import.tree)];
        while let Some((mut path, tree)) = open.pop() {
            match tree {
                UseTree::Path(part) => {
                    path.push(part.ident.to_string());
                    open.push((path, &part.tree));
                }
                UseTree::Group(group) => open.extend(group.items.iter().map(|tree| (path.clone(), tree))),
                UseTree::Glob(_) if public => self.globs.extend(absolute(own, &path)),
                UseTree::Glob(_) => {}
                UseTree::Name(name) if name.ident == "self" => self.alias(own, path.last().cloned(), &path, public),
                UseTree::Name(name) => {
                    path.push(name.ident.to_string());
                    self.alias(own, path.last().cloned(), &path, public);
                }
                UseTree::Rename(rename) => {
                    path.extend(Some(rename.ident.to_string()).filter(|ident| ident != "self"));
                    self.alias(own, Some(rename.rename.to_string()), &path, public);
                }
            }
        }
    }

    fn alias(&mut self, own: &Path, name: Option<String>, path: &Path, public: bool) {
        // What begins with no word of the language is of another crate, and so names nothing here, or of a child.
        let of_child = || [&["crate".to_owned()], own.as_slice(), path].concat();
        let path = absolute(own, path).unwrap_or_else(of_child);
        self.named.extend(Some(path.clone()).filter(|_| !public));
        self.aliases.extend(name.map(|name| (name, path)));
    }
}

/// Gathers the paths that code names.
struct Names<'a> {
    module: &'a mut Module,
    own: &'a mut Path,
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if for_tests(item) {
            return;
        }
        if let Item::Use(import) = item {
            self.module.import(self.own, import);
        } else {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Path = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.module.named.extend(absolute(self.own, &names).or(Some(names)));
        syn::visit::visit_path(self, path);
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "items of other kinds are in no module of tests")]
fn for_tests(item: &Item) -> bool {
    let attributes = match item {
        Item::Mod(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        _ => return false,
    };
    let of_tests = |attribute: &syn::Attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|on| on.is_ident("test"))
    };
    attributes.iter().any(of_tests)
}

/// A path that begins with `crate`, `self` or `super`, from the root; none for others.
fn absolute(own: &Path, path: &[String]) -> Option<Path> {
    let mut base = match path.first()?.as_str() {
        "crate" => Path::new(),
        "self" => own.clone(),
        "super" => own.split_last()?.1.to_vec(),
        _ => return None,
    };
    for name in &path[1..] {
        if name == "super" {
            base.pop();
        } else {
            base.push(name.clone());
        }
    }
    base.insert(0, "crate".to_owned());
    Some(base)
}

/// The file that defines what `named` names in the module `own`; none for what is outside the crate, and for modules.
fn resolve(modules: &BTreeMap<Path, Module>, own: &Path, named: &Path, depth: usize) -> Option<String> {
    let (first, rest) = named.split_first()?;
    if first == "crate" {
        return walk(modules, rest, depth);
    }
    if let Some(alias) = modules[own].aliases.get(first) {
        return walk(modules, &[&alias[1..], rest].concat(), depth);
    }
    let child = [own.as_slice(), std::slice::from_ref(first)].concat();
    modules.contains_key(&child).then(|| walk(modules, &[own.as_slice(), named].concat(), depth)).flatten()
}

/// Follows a path from the root through modules and what they pass on.
fn walk(modules: &BTreeMap<Path, Module>, path: &[String], depth: usize) -> Option<String> {
    let lengths = (0..=path.len()).rev();
    let length = lengths.into_iter().find(|length| modules.contains_key(&path[..*length]))?;
    let (module, rest) = (&modules[&path[..length]], &path[length..]);
    let (name, after) = rest.split_first()?;
    if depth > 8 {
        return Some(module.file.clone());
    }
    let alias = module.aliases.get(name).map(|alias| [&alias[1..], after].concat());
    let globbed = module.globs.iter().map(|glob| [&glob[1..], rest].concat());
    let onward = alias.into_iter().chain(globbed).find_map(|onward| walk(modules, &onward, depth + 1));
    onward.or_else(|| Some(module.file.clone()))
}

fn module_path(file: &str) -> Path {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs");
    let root = ["lib", "main"].contains(&path);
    iter::once(path).filter(|_| !root).flat_map(|path| path.split('/')).map(str::to_owned).collect()
}
