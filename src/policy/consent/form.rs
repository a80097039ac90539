//! Writing parameters (application/x-www-form-urlencoded).

/// The parameters as a query or a body has them.
#[must_use]
pub fn encoded(parameters: &[(&str, &str)]) -> String {
    let pairs = parameters.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// All but letters, digits and `-._~` percent-encoded, which a form and a URL read alike.
#[must_use]
pub fn escaped(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_ends_its_parameter() {
        assert_eq!(encoded(&[("a", "b c&d=é"), ("x", "1~2")]), "a=b%20c%26d%3D%C3%A9&x=1~2");
    }
}
