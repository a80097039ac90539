//! One call: who may, what it takes, what it answers.

use serde_json::{Map, Value};

use super::schema::{bounded, description, in_words, table};
use crate::web::html::{anchor, blocks, escape, inline};

/// One method of one path.
pub(super) struct Operation<'a> {
    /// Its path.
    pub(super) path: &'a str,
    /// Its method, in lower case.
    pub(super) method: &'a str,
    /// Its operation object in the OpenAPI document.
    pub(super) about: &'a Value,
}

impl Operation<'_> {
    /// True when it belongs to the group `tag`.
    pub(super) fn is_in(&self, tag: &str) -> bool {
        self.about.pointer("/tags/0").is_some_and(|first| first == tag)
    }

    /// Its purpose, in a few words.
    pub(super) fn summary(&self) -> &str {
        self.about.get("summary").and_then(Value::as_str).unwrap_or_default()
    }

    /// Its anchor on the page.
    pub(super) fn anchor(&self) -> String {
        format!("call-{}", anchor(&format!("{}{}", self.method, self.path)))
    }

    /// All there is to say about it.
    pub(super) fn render(&self, schemas: &Map<String, Value>) -> String {
        format!(
            "<section class=\"call\" id=\"{id}\">\n<h3><span class=\"method {method}\">{upper}</span> <code>{path}</code></h3>\n\
             <p class=\"summary\">{summary}</p>\n{about}<p class=\"needs\">{needs}</p>\n{parameters}{body}{answers}</section>\n",
            id = self.anchor(),
            method = escape(self.method),
            upper = escape(&self.method.to_uppercase()),
            path = escape(self.path),
            summary = inline(self.summary()),
            about = blocks(description(self.about)),
            needs = self.needs(),
            parameters = self.parameters(),
            body = self.body(schemas),
            answers = self.answers(),
        )
    }

    fn needs(&self) -> String {
        match self.about.pointer("/security/0/bearer").and_then(Value::as_array) {
            None => "Open to everybody.".into(),
            Some(permissions) if permissions.is_empty() => "Needs a token or an API key.".into(),
            Some(permissions) => {
                let names: Vec<String> = permissions.iter().filter_map(Value::as_str).map(escape).collect();
                format!("Needs the permission <code>{}</code>.", names.join("</code> and <code>"))
            }
        }
    }

    fn parameters(&self) -> String {
        let list = self.about.get("parameters").and_then(Value::as_array).into_iter().flatten();
        let rows: String = list.map(parameter).collect();
        if rows.is_empty() {
            return rows;
        }
        format!(
            "<h4>Parameters</h4>\n<table><thead><tr><th>name</th><th>in</th><th>type</th><th>meaning</th></tr></thead>\
             <tbody>\n{rows}</tbody></table>\n"
        )
    }

    fn body(&self, schemas: &Map<String, Value>) -> String {
        let Some(content) = self.about.pointer("/requestBody/content/application~1json") else { return String::new() };
        let schema = content.get("schema").unwrap_or(&Value::Null);
        let named = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
        let resolved = named.and_then(|name| schemas.get(name)).unwrap_or(schema);
        format!("<h4>Body</h4>\n{}{}", table(resolved, schemas), example(content))
    }

    fn answers(&self) -> String {
        let list = self.about.get("responses").and_then(Value::as_object).into_iter().flatten();
        let rows: String = list.map(|(status, response)| answer(status, response)).collect();
        format!(
            "<h4>Answers</h4>\n<table><thead><tr><th>status</th><th>type</th><th>meaning</th></tr></thead><tbody>\n\
             {rows}</tbody></table>\n{}",
            self.about.pointer("/responses/200/content/application~1json").map(example).unwrap_or_default(),
        )
    }
}

fn parameter(about: &Value) -> String {
    let text = |name| about.get(name).and_then(Value::as_str).unwrap_or_default();
    format!(
        "<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
        escape(text("name")),
        escape(text("in")),
        about.get("schema").map(bounded).unwrap_or_default(),
        inline(text("description")),
    )
}

fn answer(status: &str, about: &Value) -> String {
    let content = about.get("content").and_then(Value::as_object).and_then(|content| content.values().next());
    format!(
        "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>\n",
        escape(status),
        content.and_then(|content| content.get("schema")).map(in_words).unwrap_or_default(),
        inline(description(about)),
    )
}

fn example(content: &Value) -> String {
    let Some(example) = content.get("example") else { return String::new() };
    let text = serde_json::to_string_pretty(example).unwrap_or_default();
    format!("<pre class=\"example\">{}</pre>\n", escape(&text))
}
