//! HTML from text: everything escaped, and as much of Markdown as our own texts use.

/// The text, with nothing in it that HTML would read as its own.
pub(crate) fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, character| {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
        escaped
    })
}

/// A name that can stand after `#` in an address.
pub(crate) fn anchor(text: &str) -> String {
    let plain = |character: char| if character.is_ascii_alphanumeric() || character == '_' { character } else { '-' };
    text.chars().map(plain).collect::<String>().trim_matches('-').to_owned()
}

/// One line in which `` `code` `` is code.
pub(crate) fn inline(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts
        .map(|(index, part)| if index % 2 == 1 { format!("<code>{}</code>", escape(part)) } else { escape(part) })
        .collect()
}

/// Paragraphs, `##` headings and fenced code.
pub(crate) fn blocks(text: &str) -> String {
    let mut html = String::new();
    for (index, part) in text.split("```").enumerate() {
        if index % 2 == 1 {
            html.push_str(&format!("<pre>{}</pre>\n", escape(part.trim_matches('\n'))));
        } else {
            part.split("\n\n")
                .map(str::trim)
                .filter(|block| !block.is_empty())
                .for_each(|block| html.push_str(&one(block)));
        }
    }
    html
}

fn one(block: &str) -> String {
    match block.strip_prefix("## ") {
        Some(heading) => format!("<h2 id=\"{}\">{}</h2>\n", anchor(heading), inline(heading)),
        None => format!("<p>{}</p>\n", inline(block)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_becomes_markup() {
        assert_eq!(escape("<a href=\"x\">'&'</a>"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
        assert_eq!(inline("see `<b>` <i>"), "see <code>&lt;b&gt;</code> &lt;i&gt;");
        assert_eq!(blocks("```\n<x>\n```"), "<pre>&lt;x&gt;</pre>\n");
        assert_eq!(anchor("get /api/{id}\" onclick"), "get--api--id---onclick");
    }
}
