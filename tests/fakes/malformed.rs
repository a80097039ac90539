//! Lists whose items are good JSON, but not what the specification has: mode `malformed`.

/// Malformed tools, one of each kind that the official SDKs refuse; two have one name.
pub(crate) const TOOLS: [&str; 15] = [
    r#"{"name":"bare"}"#,
    r#"{"name":"null-schema","inputSchema":null}"#,
    r#"{"name":"any-of","inputSchema":{"anyOf":[{"required":["a"]},{"required":["b"]}]}}"#,
    r#"{"name":"true-property","inputSchema":{"type":"object","properties":{"a":true,"b":{"type":"string"}}}}"#,
    r#"{"name":"nulls","title":null,"description":null,"annotations":null,"icons":null,"outputSchema":null,"_meta":null,"inputSchema":{"type":"object","properties":null,"required":null}}"#,
    r#"{"name":"hints","annotations":{"title":null,"readOnlyHint":true,"openWorldHint":"no"},"inputSchema":{"type":"object"}}"#,
    r#"{"name":"icons","icons":[{"src":"https://a.example/1.png","sizes":"48x48"},{"mimeType":"image/png"}],"inputSchema":{"type":"object"}}"#,
    r#"{"name":"array-output","inputSchema":{"type":"object"},"outputSchema":{"type":"array"}}"#,
    r#"{"name":"required-flag","inputSchema":{"type":"object","required":true}}"#,
    r#"{"name":"twice","inputSchema":{"type":"object"},"description":"first"}"#,
    r#"{"name":"twice","inputSchema":{"type":"object"},"description":"second"}"#,
    r#"{"name":7,"inputSchema":{"type":"object"}}"#,
    r#"{"inputSchema":{"type":"object"}}"#,
    r#"{"name":"half-a-character","inputSchema":{"type":"object"},"description":"\ud83d"}"#,
    "17",
];

/// Malformed items of the other lists, by the member that holds them.
pub(crate) fn items(list: &str) -> &'static str {
    match list {
        "prompts" => {
            r#"{"name":"ask","title":null,"arguments":[{"name":"a","required":"yes"},{"description":"nameless"}]},{"name":"ask"},{"title":"nameless"}"#
        }
        "resources" => {
            r#"{"uri":"test://nameless"},{"uri":"no scheme","name":"bad"},{"uri":"test://sized","name":"s","size":"12","mimeType":null,"annotations":{"lastModified":"yesterday","priority":2,"audience":["robot"]}},{"uri":"test://sized","name":"again"}"#
        }
        _ => r#"{"uriTemplate":"test://{x}","name":null},{"name":"no template"}"#,
    }
}
