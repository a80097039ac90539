//! A prompt, a resource and a template of resources, so that a client has one of each to try.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::demo_server::{
    message::{self, DemoError},
    style::Style,
};

/// The members of an answer to `prompts/list`.
pub(crate) const PROMPTS: &str = concat!(
    r#""prompts":[{"name":"greet","description":"Asks for a greeting.","#,
    r#""arguments":[{"name":"name","description":"Whom to greet","required":true}]}]"#
);

/// The members of an answer to `resources/list`.
pub(crate) const RESOURCES: &str =
    r#""resources":[{"uri":"demo://about","name":"about","description":"What this is.","mimeType":"text/plain"}]"#;

/// The members of an answer to `resources/templates/list`.
pub(crate) const TEMPLATES: &str = concat!(
    r#""resourceTemplates":[{"uriTemplate":"demo://echo/{text}","name":"echo","#,
    r#""description":"Text that is its own address.","mimeType":"text/plain"}]"#
);

const ABOUT: &str = "A small MCP server to try Ostler with.";

#[derive(Default, Deserialize)]
struct GreetArguments {
    name: Option<String>,
}

/// The members of an answer to `prompts/get`.
pub(crate) fn prompt(name: &str, arguments: Option<&RawValue>) -> Result<String, DemoError> {
    if name != "greet" {
        return Err(DemoError::params(&format!("Unknown prompt: {name}")));
    }
    let greeted: GreetArguments =
        arguments.and_then(|given| serde_json::from_str(given.get()).ok()).unwrap_or_default();
    let Some(name) = greeted.name else { return Err(DemoError::params("the argument `name` is missing")) };
    let text = message::string(&format!("Greet {name} in one sentence."));
    Ok(format!(r#""messages":[{{"role":"user","content":{{"type":"text","text":{text}}}}}]"#))
}

/// The members of an answer to `resources/read`.
pub(crate) fn resource(uri: &str, style: Style) -> Result<String, DemoError> {
    let text = match uri.strip_prefix("demo://echo/") {
        Some(text) => text,
        None if uri == "demo://about" => ABOUT,
        None => return Err(DemoError::resource(uri, style)),
    };
    let (uri, text) = (message::string(uri), message::string(text));
    Ok(format!(r#""contents":[{{"uri":{uri},"mimeType":"text/plain","text":{text}}}]"#))
}
