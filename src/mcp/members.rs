//! The members of a JSON object, in their order and with their values byte for byte.

use std::{collections::HashSet, fmt, sync::Arc};

use memchr::memchr;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::value::{RawValue, to_raw_value};

/// Members of an object that are searched one by one; of more, the names are hashed.
const SEARCHED_MEMBERS_MAX: usize = 32;

/// An object read one level deep; what is not touched is written as it came.
#[derive(Clone, Debug, Default)]
pub struct Members(Vec<(String, Arc<RawValue>)>);

impl Members {
    /// Reads an object. Fails where it is none, or names a member twice.
    pub fn parse(object: &RawValue) -> serde_json::Result<Self> {
        serde_json::from_str(object.get())
    }

    /// Reads an object from bytes, as [`Members::parse`] does.
    pub fn from_slice(object: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(object)
    }

    /// The value of an optional member: many clients write `null` for what they leave out.
    #[must_use]
    pub fn given(&self, name: &str) -> Option<&Arc<RawValue>> {
        self.get(name).filter(|value| value.get() != "null")
    }

    /// The value of a member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<RawValue>> {
        self.0.iter().find_map(|(one, value)| (one == name).then_some(value))
    }

    /// The value of a member that is a string.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        let json = self.get(name)?.get();
        let quoted = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'))?;
        if memchr(b'\\', quoted.as_bytes()).is_none() {
            Some(quoted.to_owned())
        } else {
            serde_json::from_str(json).ok()
        }
    }

    /// Gives a member a value: in its place where it is there, at the end where not.
    pub fn set(&mut self, name: &str, value: Arc<RawValue>) {
        match self.0.iter_mut().find(|(one, _)| one == name) {
            Some((_, before)) => *before = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Takes a member out.
    pub fn remove(&mut self, name: &str) -> Option<Arc<RawValue>> {
        let at = self.0.iter().position(|(one, _)| one == name)?;
        Some(self.0.remove(at).1)
    }

    /// Keeps the members whose names `keep` holds for.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|(name, _)| keep(name));
    }

    /// Every member, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<RawValue>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// True when there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The object as JSON, without white space between its members.
    #[must_use]
    pub fn to_raw(&self) -> Box<RawValue> {
        // Made of valid parts, so it can be written.
        to_raw_value(self).unwrap_or_else(|_| RawValue::NULL.to_owned())
    }
}

impl fmt::Display for Members {
    /// The object as [`Members::to_raw`] writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_raw().get())
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Members, A::Error> {
                let mut members = Members::default();
                let mut names = HashSet::new();
                while let Some((name, value)) = entries.next_entry::<String, Box<RawValue>>()? {
                    // Linear for the few of every message; a stranger's object may have a million.
                    let is_known = if members.0.len() < SEARCHED_MEMBERS_MAX {
                        members.get(&name).is_some()
                    } else {
                        if names.is_empty() {
                            names.extend(members.0.iter().map(|(name, _)| name.clone()));
                        }
                        !names.insert(name.clone())
                    };
                    if is_known {
                        return Err(A::Error::custom(format!("duplicate member `{name}`")));
                    }
                    members.0.push((name, Arc::from(value)));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// An object without members.
#[must_use]
pub fn empty_object() -> Arc<RawValue> {
    Arc::from(Members::default().to_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Arc<RawValue> {
        Arc::from(RawValue::from_string(text.to_owned()).unwrap())
    }

    #[test]
    fn what_is_not_touched_comes_out_as_it_went_in() {
        let text = r#"{"z":12345678901234567890123,"a\"b":[1, 2.50],"":1e400}"#;
        assert_eq!(Members::parse(&raw(text)).unwrap().to_string(), text);
        assert_eq!(Members::default().to_string(), "{}");
    }

    #[test]
    fn a_name_that_is_there_twice_is_found_among_few_and_among_many() {
        for count in [1, SEARCHED_MEMBERS_MAX, 100_000] {
            let members: Vec<String> = (0..count).map(|number| format!("\"m{number}\":1")).collect();
            assert!(Members::parse(&raw(&format!("{{{}}}", members.join(",")))).is_ok());
            let twice = format!("{{{},\"m0\":2}}", members.join(","));
            assert!(Members::parse(&raw(&twice)).unwrap_err().to_string().contains("duplicate member `m0`"));
        }
    }

    #[test]
    fn a_member_is_changed_in_its_place_and_a_new_one_comes_last() {
        let mut members = Members::parse(&raw(r#"{"a":1,"b":2}"#)).unwrap();
        members.set("a", raw("[]"));
        members.set("c", raw("3"));
        assert_eq!(members.remove("b").unwrap().get(), "2");
        assert_eq!(members.to_raw().get(), r#"{"a":[],"c":3}"#);
    }

    #[test]
    fn duplicates_and_what_is_no_object_are_refused() {
        for text in [r#"{"a":1,"a":1}"#, "[]", "null", "1"] {
            assert!(Members::parse(&raw(text)).is_err(), "{text}");
        }
    }
}
