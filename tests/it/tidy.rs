//! The sources keep to the rules of the house. Each message says where, which rule, and what to do.

mod api;
mod cycles;
mod docs;
mod graph;
mod migrations;
mod words;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The rooms, left to right: a room may use those with a higher number. Equal ones do not see each other.
const ROOMS: [(&str, u32); 40] = [
    ("cli", 0),
    ("fuzz", 5),
    ("http", 10),
    ("api", 20),
    ("mcp_endpoint", 20),
    ("proxy", 20),
    ("edge", 30),
    ("bridge", 30),
    ("web", 40),
    ("testing", 45),
    ("runtime", 50),
    ("servers", 55),
    ("calls", 55),
    ("history", 60),
    ("placement", 70),
    ("gateway", 70),
    ("listings", 70),
    ("authorizations", 80),
    ("events", 80),
    ("revocation", 90),
    ("named_secrets", 95),
    ("packages", 95),
    ("catalogue", 95),
    ("registry", 100),
    ("accounts", 100),
    ("access", 110),
    ("supervisor", 120),
    ("recorder", 120),
    ("telemetry", 120),
    ("secrets", 120),
    ("outbound", 130),
    ("store", 130),
    ("timeline", 130),
    ("tasks", 130),
    ("mcp", 140),
    ("http1", 140),
    ("policy", 150),
    ("model", 160),
    ("error", 170),
    ("demo_server", 180), // stands apart
];

/// What the front page has, and the room it comes from.
const EXPORTED: [(&str, &str); 4] =
    [("Runtime", "runtime"), ("Error", "error"), ("Result", "error"), ("guard", "supervisor")];

const LONGEST_FILE: usize = 400;
const LONGEST_FUNCTION: usize = 50;

/// Words that only some places may say, and what to do elsewhere.
const RESERVED: [(&[&str], &[&str], &str); 5] = [
    (&["diesel", "diesel_migrations"], &["src/store"], "only `store` knows diesel: ask it"),
    (
        &["actix_web", "actix_http"],
        &["src/http", "src/api", "src/mcp_endpoint", "src/proxy", "src/edge", "src/web"],
        "only the doors know HTTP types: turn them into our own there",
    ),
    (&["unsafe"], &["src/supervisor/guard"], "only the guard has unsafe code: find a safe form, such as rustix"),
    (&["Command::new"], &["src/supervisor"], "only `supervisor` starts processes: ask it"),
    (
        &["actix", "tokio"],
        &[
            "src/cli",
            "src/http.rs",
            "src/http/",
            "src/api",
            "src/mcp_endpoint",
            "src/bridge",
            "src/proxy",
            "src/edge",
            "src/web",
            "src/runtime",
            "src/packages",
            "src/catalogue",
            "src/history",
            "src/calls",
            "src/servers",
            "src/placement",
            "src/named_secrets",
            "src/registry",
            "src/accounts",
            "src/authorizations",
            "src/events",
            "src/listings",
            "src/revocation",
            "src/access",
            "src/supervisor",
            "src/gateway",
            "src/recorder",
            "src/telemetry",
            "src/store",
            "src/tasks",
            "src/testing",
            "src/outbound",
        ],
        "`mcp`, `http1`, `timeline`, `secrets`, `policy`, `model` and `error` know neither actix nor tokio: pass in what they need",
    ),
];

#[test]
fn the_sources_are_tidy() {
    let mut faults = Vec::new();
    for source in sources() {
        whole_file(&source, &mut faults);
        functions(&source, &mut faults);
        if source.name.starts_with("src/") {
            reserved_words(&source, &mut faults);
            imports(&source, &mut faults);
        }
    }
    for (name, text) in texts() {
        forbidden_text(&name, &text, &mut faults);
    }
    migrations(&mut faults);
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// A Rust file: as it is, and with comments and the contents of strings blanked out.
struct Source {
    name: String,
    text: String,
    code: String,
}

impl Source {
    fn fault(&self, line: usize, message: &str) -> String {
        format!("{}:{line}: {message}", self.name)
    }

    /// The room it is in; none for the front page.
    fn room(&self) -> Option<&'static str> {
        let first = self.name.strip_prefix("src/")?.split(['/', '.']).next()?;
        ROOMS.iter().map(|(room, _)| *room).find(|room| *room == first)
    }
}

fn whole_file(source: &Source, faults: &mut Vec<String>) {
    let lines = source.text.lines().count();
    if lines > LONGEST_FILE {
        let message = format!("{lines} lines, {LONGEST_FILE} at most: find the second idea, name it, give it a file");
        faults.push(source.fault(1, &message));
    }
    if !source.text.starts_with("//! ") {
        faults.push(source.fault(1, "no first line: begin with `//! ` and what the file is"));
    }
    if source.name.starts_with("src/") && source.name.ends_with("/mod.rs") {
        faults.push(source.fault(1, "`mod.rs`: call it after its folder and put it beside that"));
    }
}

/// Counts braces from each `fn` to the end of its body.
fn functions(source: &Source, faults: &mut Vec<String>) {
    for (start, _) in words(&source.code, "fn") {
        let Some((body, end)) = body(&source.code[start..]) else { continue };
        let lines = source.code[start..start + end].matches('\n').count() + 1;
        if lines > LONGEST_FUNCTION {
            let name = source.code[start..start + body].split(['(', '<', ' ']).nth(1).unwrap_or_default();
            let message = format!("`{name}` has {lines} lines, {LONGEST_FUNCTION} at most: name its parts");
            faults.push(source.fault(line_of(&source.code, start), &message));
        }
    }
}

/// Where the body of the function at the start of `code` begins and ends; nothing where it has none.
fn body(code: &str) -> Option<(usize, usize)> {
    let open = code.find(['{', ';']).filter(|open| code[*open..].starts_with('{'))?;
    let mut depth = 0;
    for (index, character) in code[open..].char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 1 => return Some((open, open + index)),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn reserved_words(source: &Source, faults: &mut Vec<String>) {
    for (reserved, places, fix) in RESERVED {
        if places.iter().any(|place| source.name.starts_with(place)) || source.name == "src/lib.rs" {
            continue;
        }
        for (at, word) in reserved.iter().flat_map(|word| words(&source.code, word)) {
            faults.push(source.fault(line_of(&source.code, at), &format!("`{word}`: {fix}")));
        }
    }
}

fn imports(source: &Source, faults: &mut Vec<String>) {
    let Some(own) = source.room() else { return };
    for (at, target) in targets(&source.code) {
        let exported = EXPORTED.iter().find(|(name, _)| *name == target).map_or(target.as_str(), |(_, room)| room);
        let line = line_of(&source.code, at);
        match rank(exported) {
            None => faults.push(source.fault(line, &format!("`crate::{target}` is no room: add it to the list here"))),
            Some(rank_of_target) if exported != own && Some(rank_of_target) <= rank(own) => {
                let fix = "a room may use those to its right only: move the code, or meet in `runtime`";
                faults.push(source.fault(line, &format!("`{own}` uses `{exported}`: {fix}")));
            }
            Some(_) => {}
        }
    }
}

fn rank(room: &str) -> Option<u32> {
    ROOMS.iter().find(|(name, _)| *name == room).map(|(_, rank)| *rank)
}

/// The first names after each `crate::`, also those in braces.
fn targets(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in words(code, "crate") {
        let Some(rest) = code[at..].strip_prefix("crate::") else { continue };
        let start = at + "crate::".len();
        match rest.strip_prefix('{') {
            None => found.push((start, identifier(rest))),
            Some(group) => found.extend(top_level(group).map(|(index, name)| (start + 1 + index, name))),
        }
    }
    found
}

/// The names that the items of a brace group begin with.
fn top_level(group: &str) -> impl Iterator<Item = (usize, String)> {
    let mut found = Vec::new();
    let (mut depth, mut expecting) = (1, true);
    for (index, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => expecting = true,
            _ if depth == 1 && expecting && !character.is_whitespace() => {
                found.push((index, identifier(&group[index..])));
                expecting = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found.into_iter()
}

fn identifier(code: &str) -> String {
    code.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

fn forbidden_text(name: &str, text: &str, faults: &mut Vec<String>) {
    // Put together here, so that this file does not hold them.
    let unfinished = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let elsewhere = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];
    for (index, line) in text.lines().enumerate() {
        let mut fault = |message: String| faults.push(format!("{name}:{}: {message}", index + 1));
        for word in unfinished.iter().filter(|word| !words(line, word).is_empty()) {
            fault(format!("`{word}`: finish it, or leave it out"));
        }
        for path in elsewhere.iter().filter(|path| line.contains(**path)) {
            fault(format!("`{path}` is a path of one machine: write what holds on any"));
        }
    }
}

/// Both databases have the same migrations, each with its way up.
fn migrations(faults: &mut Vec<String>) {
    let [sqlite, postgres] = ["migrations/sqlite", "migrations/postgres"].map(|folder| {
        let mut files = Vec::new();
        walk(&root().join(folder), &mut files);
        files.iter().map(|file| relative(file)[folder.len() + 1..].to_owned()).collect::<BTreeSet<_>>()
    });
    for file in sqlite.symmetric_difference(&postgres) {
        let (there, missing) = if sqlite.contains(file) { ("sqlite", "postgres") } else { ("postgres", "sqlite") };
        faults.push(format!("migrations/{there}/{file}:1: has no pair: write migrations/{missing}/{file}"));
    }
}

/// Where `word` stands by itself: not as part of a longer one.
fn words<'a>(code: &'a str, word: &'a str) -> Vec<(usize, &'a str)> {
    let part = |character: char| character.is_alphanumeric() || character == '_';
    let alone = |at: usize| !code[..at].ends_with(part) && !code[at + word.len()..].starts_with(part);
    code.match_indices(word).filter(|(at, _)| alone(*at)).collect()
}

fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

/// The code without comments and the contents of strings and characters; lines stay where they are.
fn blanked(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = comment(rest).or_else(|| literal(rest));
        let (taken, keep) = length.map_or((first.len_utf8(), true), |length| (length, false));
        let blank = |character: char| if keep || character == '\n' { character } else { ' ' };
        code.extend(rest[..taken].chars().map(blank));
        rest = &rest[taken..];
    }
    code
}

/// The length of the comment that `code` begins with.
fn comment(code: &str) -> Option<usize> {
    if code.starts_with("//") {
        return Some(code.find('\n').unwrap_or(code.len()));
    }
    code.starts_with("/*").then(|| code.find("*/").map_or(code.len(), |end| end + 2))
}

/// The length of the string or character that `code` begins with; a lifetime is neither.
fn literal(code: &str) -> Option<usize> {
    if let Some(hashes) = code.strip_prefix('r').map(|raw| raw.len() - raw.trim_start_matches('#').len()) {
        let open = 1 + hashes;
        let close = format!("\"{}", "#".repeat(hashes));
        let raw = code[open..].strip_prefix('"');
        return raw.and_then(|inside| inside.find(&close)).map(|end| open + 1 + end + close.len());
    }
    let quote = code.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let mut escaped = false;
    for (index, character) in code.char_indices().skip(1) {
        // What is not closed after one character is a lifetime.
        if quote == '\'' && index > 1 && character != '\'' && !code.starts_with("'\\") {
            return None;
        }
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return Some(index + quote.len_utf8()),
            _ => {}
        }
    }
    None
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned()
}

/// Every Rust file.
fn sources() -> Vec<Source> {
    let rust = texts().into_iter().filter(|(name, _)| name.ends_with(".rs"));
    rust.map(|(name, text)| Source { name, code: blanked(&text), text }).collect()
}

/// Every file that is text, without what is built or fetched.
fn texts() -> Vec<(String, String)> {
    let mut files = Vec::new();
    walk(root(), &mut files);
    files.iter().filter_map(|file| Some((relative(file), fs::read_to_string(file).ok()?))).collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let passed_over = ["target", ".git", "data", "mcp-servers", "node_modules", "dist", "Cargo.lock", "artifacts"];
    let mut entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if passed_over.iter().any(|name| path.ends_with(name)) {
            continue;
        }
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}

#[test]
fn comments_and_strings_are_no_code() {
    let code = blanked("a // b\nc \"d\\\"e\" r#\"f\"g\"# 'h' '\\'' &'i j /* k\nl */ m");
    let left: Vec<_> = code.split_whitespace().collect();
    assert_eq!(left, ["a", "c", "&'i", "j", "m"]);
    assert_eq!(code.lines().count(), 3);
}

#[test]
fn a_group_of_imports_is_taken_apart() {
    let code = "use crate::{error::Result, store::{self, users}, Runtime}; crate::http::x(); my_crate::y";
    let names: Vec<_> = targets(code).into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["error", "store", "Runtime", "http"]);
}
