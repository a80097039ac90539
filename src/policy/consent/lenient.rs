//! Members of documents that others write: `null` is none, and a text that holds a number or words is read as such.

use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(untagged)]
enum Loose {
    Number(f64),
    Flag(bool),
    Text(String),
    List(Vec<Loose>),
    Other(serde::de::IgnoredAny),
}

impl Loose {
    fn text(self) -> Option<String> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

/// Reads a number, also from a text; anything else is none.
pub fn number<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<f64>, D::Error> {
    Ok(match Loose::deserialize(reader)? {
        Loose::Number(number) => Some(number),
        Loose::Text(text) => text.trim().parse().ok(),
        Loose::Flag(_) | Loose::List(_) | Loose::Other(_) => None,
    })
}

/// Reads texts from a list or from one text, in which blanks part them; anything else is none.
pub fn words<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Vec<String>>, D::Error> {
    Ok(match Loose::deserialize(reader)? {
        Loose::List(list) => Some(list.into_iter().filter_map(Loose::text).collect()),
        Loose::Text(text) => Some(text.split_whitespace().map(str::to_owned).collect()),
        Loose::Number(_) | Loose::Flag(_) | Loose::Other(_) => None,
    })
}

/// Reads a text that is not empty; anything else is none.
pub fn text<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<String>, D::Error> {
    Ok(Loose::deserialize(reader)?.text().filter(|text| !text.is_empty()))
}

/// Reads a flag, also from a text; anything else is false.
pub fn flag<'de, D: Deserializer<'de>>(reader: D) -> Result<bool, D::Error> {
    Ok(match Loose::deserialize(reader)? {
        Loose::Flag(flag) => flag,
        Loose::Text(text) => text.eq_ignore_ascii_case("true"),
        Loose::Number(_) | Loose::List(_) | Loose::Other(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Document {
        #[serde(deserialize_with = "number")]
        number: Option<f64>,
        #[serde(deserialize_with = "words")]
        words: Option<Vec<String>>,
        #[serde(deserialize_with = "text")]
        text: Option<String>,
        #[serde(deserialize_with = "flag")]
        flag: bool,
    }

    fn read(text: &str) -> Document {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn members_of_others_are_taken_for_what_they_mean() {
        for none in ["null", "{}", "[]"] {
            let document = read(&format!(r#"{{"number":{none},"text":{none},"flag":{none}}}"#));
            assert_eq!(document, Document::default(), "{none}");
        }
        assert_eq!(read(r#"{"words":null,"text":""}"#), Document::default());
        assert_eq!(
            (read(r#"{"number":"3600"}"#).number, read(r#"{"number":3599.5}"#).number),
            (Some(3600.0), Some(3599.5))
        );
        assert_eq!(read(r#"{"words":"a  b"}"#).words, read(r#"{"words":["a",null,"b"]}"#).words);
        assert_eq!(read(r#"{"words":[]}"#).words, Some(Vec::new()));
        assert!(read(r#"{"flag":"True"}"#).flag && read(r#"{"flag":true}"#).flag && !read(r#"{"flag":"no"}"#).flag);
    }
}
