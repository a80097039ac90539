//! JSON read as it is described: a struct from an object, a name from a string.
//!
//! A derived reader takes more: a struct from an array of its fields in the order of their declaration, even where it
//! denies unknown fields, and a variant from an object with its name.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor, value::StrDeserializer},
};

/// A mark that some libraries and servers put before text in UTF-8, which no JSON begins with (RFC 8259, section 8.1).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The text behind a byte order mark, which readers of strangers' JSON may skip.
pub(crate) fn without_byte_order_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// Reads JSON as it is described.
pub(crate) fn from_json<'a, T: Deserialize<'a>>(text: &'a (impl AsRef<[u8]> + ?Sized)) -> serde_json::Result<T> {
    let mut json = serde_json::Deserializer::from_slice(text.as_ref());
    let value = T::deserialize(Exact(&mut json))?;
    json.end().map(|()| value)
}

/// A deserializer of JSON whose structs are objects and whose variants are strings, at every depth; and what it hands
/// on to read them.
pub(crate) struct Exact<T>(pub T);

macro_rules! deserialize {
    ($($method:ident($($argument:ident: $type:ty),*))+) => {
        $(fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method($($argument,)* Exact(visitor))
        })+
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Exact<D> {
    type Error = D::Error;

    deserialize! {
        deserialize_any() deserialize_bool() deserialize_char() deserialize_str() deserialize_string()
        deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64() deserialize_bytes() deserialize_byte_buf()
        deserialize_option() deserialize_unit() deserialize_seq() deserialize_map()
        deserialize_identifier() deserialize_ignored_any()
        deserialize_unit_struct(name: &'static str) deserialize_newtype_struct(name: &'static str)
        deserialize_tuple(length: usize) deserialize_tuple_struct(name: &'static str, length: usize)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Exact(visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_str(VariantName(visitor))
    }
}

macro_rules! visit {
    ($($method:ident($type:ty))+) => {
        $(fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.0.$method(value)
        })+
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Exact<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    // The kinds of values that JSON has.
    visit! {
        visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_i128(i128) visit_u128(u128) visit_f64(f64)
        visit_str(&str) visit_borrowed_str(&'de str) visit_string(String)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Exact(value))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Exact(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Exact(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Exact(members))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Exact<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Exact(deserializer))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Exact<A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        self.0.next_element_seed(Exact(seed))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Exact<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.0.next_key_seed(Exact(seed))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.0.next_value_seed(Exact(seed))
    }
}

/// Reads a variant from its name.
struct VariantName<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for VariantName<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<V::Value, E> {
        let name: StrDeserializer<'_, E> = name.into_deserializer();
        self.0.visit_enum(name)
    }
}

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, collections::BTreeMap};

    use serde_json::value::RawValue;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    enum Pace {
        Walk,
        Trot,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Horse<'a> {
        #[serde(borrow)]
        name: Cow<'a, str>,
        pace: Option<Pace>,
        #[serde(default)]
        foals: Vec<Horse<'a>>,
        #[serde(default)]
        stable: BTreeMap<String, i8>,
    }

    #[test]
    fn what_is_described_is_read_as_ever() {
        let text = r#"{"name":"Bess","pace":"Trot","foals":[{"name":"\u0041"}],"stable":{"box":-7}}"#;
        let plain: Horse<'_> = serde_json::from_str(text).unwrap();
        let exact: Horse<'_> = from_json(text).unwrap();
        assert_eq!(exact, plain);
        assert!(matches!(exact.name, Cow::Borrowed("Bess")));
        let raw: &RawValue = from_json(br#" {"a": [1 , 2.50]} "#).unwrap();
        assert_eq!(raw.get(), r#"{"a": [1 , 2.50]}"#);
        let any: serde_json::Value = from_json(br#"[1,-1,1.5,"a",null,true,{"b":[]}]"#).unwrap();
        assert_eq!(any, serde_json::json!([1, -1, 1.5, "a", null, true, {"b": []}]));
    }

    #[test]
    fn no_struct_is_read_from_a_list_and_no_variant_from_an_object() {
        for text in [
            r#"["Bess", "Walk", [], {}]"#,
            r#"{"name":"Bess","foals":[["Foal", null, [], {}]]}"#,
            r#"{"name":"Bess","pace":{"Walk":null}}"#,
        ] {
            assert!(serde_json::from_str::<Horse<'_>>(text).is_ok(), "serde itself takes {text}");
            assert!(from_json::<Horse<'_>>(text).is_err(), "{text}");
        }
        assert!(from_json::<Horse<'_>>(br#"{"name":"Bess"} {}"#).is_err());
    }
}
