//! The whole page: introduction, contents, calls by group, types, problems.

use serde_json::{Map, Value};

use super::{
    operation::Operation,
    schema::{description, table},
};
use crate::{
    error::kind,
    web::html::{anchor, blocks, escape, inline},
};

/// The description as a page, its calls in the order of these paths.
pub(super) fn render(document: &Value, order: &[&str]) -> String {
    let operations = operations(document, order);
    let none = Map::new();
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object).unwrap_or(&none);
    let text = |pointer| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let groups = groups(document);
    let calls: String = groups.iter().map(|(tag, about)| group(tag, about, &operations, schemas)).collect();
    let contents: String = groups.iter().map(|(tag, _)| contents(tag, &operations)).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title} API</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><link rel=\"stylesheet\" href=\"docs.css\"></head>\n\
         <body>\n<nav aria-label=\"Contents\">\n<p><a href=\"#top\">{title} {version}</a></p>\n{contents}\
         <p><a href=\"#types\">Types</a></p>\n<p><a href=\"#problems\">Problems</a></p>\n</nav>\n\
         <main id=\"top\">\n<h1>{title} API</h1>\n{introduction}\
         <p>The same for programs: <a href=\"openapi.json\">openapi.json</a>.</p>\n{calls}\
         <h2 id=\"types\">Types</h2>\n{types}<h2 id=\"problems\">Problems</h2>\n{problems}</main>\n</body>\n</html>\n",
        title = escape(text("/info/title")),
        version = escape(text("/info/version")),
        introduction = blocks(text("/info/description")),
        types = types(schemas),
        problems = problems(),
    )
}

/// The methods of one path in the order in which they are needed.
const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

fn operations<'a>(document: &'a Value, order: &[&str]) -> Vec<Operation<'a>> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    let methods = paths.flat_map(|(path, item)| item.as_object().into_iter().flatten().map(move |entry| (path, entry)));
    let mut all: Vec<_> = methods.map(|(path, (method, about))| Operation { path, method, about }).collect();
    let place = |list: &[&str], name: &str| list.iter().position(|one| *one == name).unwrap_or(usize::MAX);
    all.sort_by_key(|operation| (place(order, operation.path), place(&METHODS, operation.method)));
    all
}

/// The groups in the order of the description, each with what it is about.
fn groups(document: &Value) -> Vec<(&str, &str)> {
    let tags = document.get("tags").and_then(Value::as_array).into_iter().flatten();
    tags.filter_map(|tag| Some((tag.get("name")?.as_str()?, description(tag)))).collect()
}

fn contents(tag: &str, operations: &[Operation<'_>]) -> String {
    let links: String = operations
        .iter()
        .filter(|operation| operation.is_in(tag))
        .map(|operation| format!("<li><a href=\"#{}\">{}</a></li>\n", operation.anchor(), inline(operation.summary())))
        .collect();
    format!("<p><a href=\"#group-{}\">{}</a></p>\n<ul>\n{links}</ul>\n", anchor(tag), heading(tag))
}

fn group(tag: &str, about: &str, operations: &[Operation<'_>], schemas: &Map<String, Value>) -> String {
    let calls: String =
        operations.iter().filter(|operation| operation.is_in(tag)).map(|operation| operation.render(schemas)).collect();
    format!("<h2 id=\"group-{}\">{}</h2>\n<p>{}</p>\n{calls}", anchor(tag), heading(tag), inline(about))
}

fn heading(tag: &str) -> String {
    let mut characters = tag.chars();
    let first = characters.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default();
    escape(&format!("{first}{}", characters.as_str()))
}

fn types(schemas: &Map<String, Value>) -> String {
    let render = |(name, schema): (&String, &Value)| {
        let about = inline(description(schema));
        let table = table(schema, schemas);
        format!("<h3 id=\"schema-{}\">{}</h3>\n<p>{about}</p>\n{table}", anchor(name), escape(name))
    };
    schemas.iter().map(render).collect()
}

fn problems() -> String {
    let row = |kind: &kind::ProblemKind| {
        let (code, title) = (escape(kind.code), escape(kind.title));
        let status = kind.status;
        format!("<tr id=\"problem-{code}\"><td><code>{code}</code></td><td>{status}</td><td>{title}</td></tr>\n")
    };
    let rows: String = kind::ALL.iter().map(row).collect();
    format!(
        "<table><thead><tr><th>code</th><th>status</th><th>meaning</th></tr></thead><tbody>\n{rows}</tbody></table>\n"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::openapi;

    fn page() -> String {
        render(openapi::document(), &openapi::order().collect::<Vec<_>>())
    }

    #[test]
    fn calls_come_in_the_order_in_which_somebody_new_needs_them() {
        let page = page();
        let place = |call: &str| page.find(&format!("id=\"call-{call}\"")).unwrap_or_else(|| panic!("no {call}"));
        let calls = [
            "post-api-auth-login",
            "get-api-mcp",
            "post-api-mcp",
            "delete-api-mcp--id",
            "get-api-mcp--id--tools",
            "post-api-mcp--id--execute",
            "get-api-mcp--id--shares",
            "get-api-auth-keys",
            "get-api-auth-users",
            "get-api-audit",
            "get-livez",
        ];
        let places = calls.map(place);
        assert!(places.is_sorted(), "{places:?}");
    }

    #[test]
    fn bounds_and_defaults_are_shown() {
        let page = page();
        for text in ["integer, 1 to 100, <code>50</code> if left out", "boolean, <code>true</code> if left out"] {
            assert!(page.contains(text), "{text}");
        }
        assert!(page.contains("integer or null, 1 to 3600000"));
        assert!(page.contains("string, length 1 to 128"));
    }

    #[test]
    fn the_page_shows_every_call_and_every_problem_and_needs_no_script() {
        let page = page();
        for operation in operations(openapi::document(), &[]) {
            assert!(
                page.contains(&format!("id=\"{}\"", operation.anchor())),
                "{} {}",
                operation.method,
                operation.path
            );
        }
        assert!(kind::ALL.iter().all(|kind| page.contains(&format!("id=\"problem-{}\"", kind.code))));
        assert!(!page.contains("<script") && !page.contains("style=\"") && !page.contains("://cdn"));
    }

    #[test]
    fn every_link_on_the_page_leads_somewhere() {
        let page = page();
        for target in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(page.contains(&format!("id=\"{target}\"")), "{target}");
        }
    }

    #[test]
    fn whatever_the_description_says_stays_text() {
        let evil = "<script>alert(1)</script>\"'";
        let document = json!({
            "info": {"title": evil, "version": evil, "description": evil},
            "tags": [{"name": evil, "description": evil}],
            "paths": {(evil): {"get": {
                "tags": [evil], "summary": evil, "description": evil,
                "parameters": [{"name": evil, "in": evil, "description": evil, "schema": {"type": evil}}],
                "requestBody": {"content": {"application/json": {"example": evil, "schema": {"properties": {(evil): {"enum": [evil]}}}}}},
                "responses": {(evil): {"description": evil}},
                "security": [{"bearer": [evil]}],
            }}},
            "components": {"schemas": {(evil): {"description": evil, "type": evil}}},
        });
        let page = render(&document, &[]);
        assert!(!page.contains("<script") && !page.contains("alert(1)</"), "{page}");
    }
}
