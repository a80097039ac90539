//! Challenges in 401 and 403 responses (RFC 9110, section 11.6.1; RFC 6750, section 3; RFC 9728, section 5.1).

/// The demands of a `Bearer` challenge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// URL of the protected resource metadata, which names the authorization servers.
    pub metadata: Option<String>,
    /// The scopes that are needed.
    pub scopes: Vec<String>,
    /// True when the token was valid, and its scopes were insufficient.
    pub is_step_up: bool,
}

/// True when a response with this status and these `WWW-Authenticate` fields calls for (another) consent.
#[must_use]
pub fn is_challenged<'a>(status: u16, fields: impl IntoIterator<Item = &'a str>) -> bool {
    status == 401 || (status == 403 && Challenge::read(fields).is_step_up)
}

impl Challenge {
    /// Reads the `Bearer` challenge in these `WWW-Authenticate` fields; all empty where there is none.
    #[must_use]
    pub fn read<'a>(fields: impl IntoIterator<Item = &'a str>) -> Self {
        let mut challenge = Self::default();
        for (name, value) in fields.into_iter().flat_map(bearer_parameters) {
            match name.as_str() {
                "resource_metadata" => challenge.metadata = Some(value),
                "scope" => challenge.scopes = value.split_whitespace().map(str::to_owned).collect(),
                "error" => challenge.is_step_up = value == "insufficient_scope",
                _ => {}
            }
        }
        challenge
    }
}

/// The parameters of the `Bearer` challenges in a field: a list of schemes and parameters, both parted by commas.
fn bearer_parameters(field: &str) -> Vec<(String, String)> {
    let (mut parameters, mut is_bearer) = (Vec::new(), false);
    for item in items(field) {
        let name = item.split('=').next().unwrap_or_default().trim_end();
        let rest = match name.split_once([' ', '\t']) {
            Some((scheme, _)) => {
                is_bearer = scheme.eq_ignore_ascii_case("bearer");
                item.get(scheme.len()..).unwrap_or_default().trim_start()
            }
            None => item,
        };
        match rest.split_once('=') {
            Some((name, value)) if is_bearer => {
                parameters.push((name.trim().to_ascii_lowercase(), unquoted(value.trim())));
            }
            Some(_) => {}
            None => is_bearer = rest.eq_ignore_ascii_case("bearer"),
        }
    }
    parameters
}

/// Splits a field at commas outside of quotes, and where a blank or a semicolon follows the end of a quoted value: many
/// servers write that in place of a comma.
fn items(field: &str) -> Vec<&str> {
    let (mut items, mut begin, mut quoted, mut escaped, mut last) = (Vec::new(), 0, false, false, b' ');
    for (at, byte) in field.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' | b';' | b' ' if !quoted && (byte == b',' || last == b'"') => {
                items.push(field.get(begin..at).unwrap_or_default().trim());
                begin = at.saturating_add(1);
            }
            _ => {}
        }
        last = byte;
    }
    items.push(field.get(begin..).unwrap_or_default().trim());
    items.retain(|item| !item.is_empty());
    items
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return value.to_owned() };
    let (mut text, mut escaped) = (String::new(), false);
    for character in inner.chars() {
        if character == '\\' && !escaped {
            escaped = true;
            continue;
        }
        escaped = false;
        text.push(character);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_names_the_metadata_and_the_scope() {
        let field = r#"Basic realm="a, Bearer scope=x", bearer scope="mcp:read  mcp:write", resource_metadata="https://a/b?c=d,e""#;
        let expected = Challenge {
            metadata: Some("https://a/b?c=d,e".into()),
            scopes: vec!["mcp:read".into(), "mcp:write".into()],
            is_step_up: false,
        };
        assert_eq!(Challenge::read([field]), expected);
        assert_eq!(Challenge::read([r#"Bearer scope="a""#, "Digest scope=b"]).scopes, ["a"]);
        assert_eq!(Challenge::read([r#"Bearer realm="say \"hi\"", Scope=a"#]).scopes, ["a"]);
        let read = Challenge::read([r#"Bearer realm="a" scope="a b"; resource_metadata="https://a/b" error="x y""#]);
        assert_eq!((read.metadata.as_deref(), read.scopes.len()), (Some("https://a/b"), 2));
        for nothing in ["", "Bearer", "Negotiate abc==", ", ,", "Bearer scope=\""] {
            assert_eq!(Challenge::read([nothing]).metadata, None, "{nothing}");
        }
    }

    #[test]
    fn only_too_small_a_scope_makes_403_a_question_of_consent() {
        let step_up = r#"Bearer error="insufficient_scope", scope="a""#;
        assert!(is_challenged(401, []));
        assert!(is_challenged(403, [step_up]));
        assert!(!is_challenged(403, ["Bearer"]));
        assert!(!is_challenged(404, [step_up]));
    }
}
