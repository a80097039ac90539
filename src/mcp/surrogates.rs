//! Escapes of JSON strings that stand for half of a character.

/// True where a string has an escape for half of a character outside of the basic plane: some readers, Python's among
/// them, take that for no JSON.
pub(super) fn has_lone_surrogate(json: &str) -> bool {
    let (mut rest, mut awaits_low) = (json, false);
    loop {
        let at = rest.find('\\');
        if awaits_low && at != Some(0) {
            return true;
        }
        let Some((_, escape)) = at.and_then(|at| rest.split_at_checked(at.saturating_add(1))) else { return false };
        let code = escape.strip_prefix('u').and_then(|hex| u16::from_str_radix(hex.get(..4)?, 16).ok());
        if awaits_low != code.is_some_and(|code| (0xDC00..0xE000).contains(&code)) {
            return true;
        }
        awaits_low = code.is_some_and(|code| (0xD800..0xDC00).contains(&code));
        rest = escape.get(if code.is_some() { 5 } else { 1 }..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_character_is_found_and_a_whole_one_is_not() {
        for good in [r#""\ud83d\ude00""#, r#""\\ud83d""#, r#""\\\\ude00 é \n""#, "{}", r#""\u00e9\ud83d\uDE00\"""#] {
            assert!(!has_lone_surrogate(good), "{good}");
        }
        for bad in [r#""\ud83d""#, r#""\ude00""#, r#""\ud83d \ude00""#, r#""\ud83d\n""#, r#""\ud83d\ud83d\ude00""#] {
            assert!(has_lone_surrogate(bad), "{bad}");
        }
    }
}
