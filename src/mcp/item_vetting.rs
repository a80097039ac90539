//! Mends listed items that clients would refuse, and with each of them the whole list.

use std::sync::Arc;

use chrono::DateTime;
use serde_json::{Value, value::RawValue};
use url::Url;

use crate::mcp::{
    Era, ItemKind, Members, convert,
    item_shape::{Field, Otherwise, Shape},
    schema::uncompilable_member,
    surrogates::has_lone_surrogate,
};

/// Faults that are named of one item: a schema may have thousands.
const FAULTS_MAX: usize = 5;

/// A listed item as clients take it.
#[derive(Debug)]
pub struct VettedItem {
    /// The item, byte for byte where nothing is wrong with it; `None` where it cannot be mended.
    pub item: Option<Arc<RawValue>>,
    /// Members at fault, by their path, such as `annotations.title`; the first few.
    pub faults: Vec<String>,
}

/// Vets an item of a server of `era`.
#[must_use]
pub fn vet_item(kind: ItemKind, era: Era, item: &Arc<RawValue>) -> VettedItem {
    if has_lone_surrogate(item.get()) {
        return VettedItem { item: None, faults: vec!["an escape that is half a character".to_owned()] };
    }
    let mut vetting = Vetting::default();
    let item = match vetting.object(item, kind.fields(era)) {
        Vetted::Good => Some(item.clone()),
        Vetted::Mended(item) => Some(item),
        Vetted::Bad => None,
    };
    if item.is_none() && vetting.faults.is_empty() {
        vetting.fault("what is no object, or names a member twice");
    }
    VettedItem { item, faults: vetting.faults }
}

/// The outcome for one value.
enum Vetted {
    Good,
    Mended(Arc<RawValue>),
    Bad,
}

/// A walk through an item.
#[derive(Default)]
struct Vetting {
    /// Of the value that is looked at.
    path: String,
    faults: Vec<String>,
}

impl Vetting {
    fn value(&mut self, value: &RawValue, shape: Shape) -> Vetted {
        let text = || serde_json::from_str::<String>(value.get()).ok();
        let number = || serde_json::from_str::<f64>(value.get()).ok();
        let is_good = match shape {
            Shape::List(item) => return self.list(value, *item),
            Shape::Properties => return self.properties(value),
            Shape::Object(fields) => return self.object(value, fields),
            Shape::Schema(fields) => return self.schema(value, fields, |_| None),
            Shape::Compiled(fields) => return self.schema(value, fields, uncompilable_member),
            Shape::AnyObject => value.get().starts_with('{'),
            Shape::Text => value.get().starts_with('"'),
            Shape::Word(words) => text().is_some_and(|text| words.contains(&text.as_str())),
            Shape::Uri => text().is_some_and(|text| Url::parse(&text).is_ok()),
            Shape::Time => text().is_some_and(|text| is_time(&text)),
            Shape::Flag => matches!(value.get(), "true" | "false"),
            Shape::Integer => serde_json::from_str::<i64>(value.get()).is_ok(),
            Shape::Share => number().is_some_and(|number| (0.0..=1.0).contains(&number)),
        };
        if is_good { Vetted::Good } else { Vetted::Bad }
    }

    fn object(&mut self, value: &RawValue, fields: &[Field]) -> Vetted {
        let Ok(mut members) = Members::parse(value) else { return Vetted::Bad };
        let mut is_mended = false;
        for Field { name, shape, otherwise } in fields {
            let vetted = match (members.get(name).cloned(), otherwise) {
                (Some(value), _) => self.at(name, &value, *shape),
                (None, Otherwise::Omit) => continue,
                (None, Otherwise::Put(_) | Otherwise::Copy(_) | Otherwise::Refuse) => {
                    self.fault(name);
                    Vetted::Bad
                }
            };
            let cure = match (vetted, otherwise) {
                (Vetted::Good, _) => continue,
                (Vetted::Mended(value), _) => Some(value),
                (Vetted::Bad, Otherwise::Omit) => None,
                (Vetted::Bad, Otherwise::Put(json)) => Some(convert::raw((*json).to_owned())),
                (Vetted::Bad, Otherwise::Copy(other)) => members.get(other).cloned(),
                (Vetted::Bad, Otherwise::Refuse) => return Vetted::Bad,
            };
            match cure {
                Some(value) => members.set(name, value),
                None => drop(members.remove(name)),
            }
            is_mended = true;
        }
        if is_mended { Vetted::Mended(Arc::from(members.to_raw())) } else { Vetted::Good }
    }

    /// Vets a schema, which is good if the cure of its members leaves none at fault.
    fn schema(&mut self, value: &RawValue, fields: &[Field], member_at_fault: fn(&Value) -> Option<String>) -> Vetted {
        let vetted = self.object(value, fields);
        let schema = match &vetted {
            Vetted::Good => value.get(),
            Vetted::Mended(schema) => schema.get(),
            Vetted::Bad => return vetted,
        };
        let Ok(schema) = serde_json::from_str::<Value>(schema) else { return Vetted::Bad };
        let Some(member) = member_at_fault(&schema) else { return vetted };
        self.fault(&member);
        Vetted::Bad
    }

    fn list(&mut self, value: &RawValue, shape: Shape) -> Vetted {
        let Ok(items) = serde_json::from_str::<Vec<Arc<RawValue>>>(value.get()) else { return Vetted::Bad };
        let (mut kept, mut is_mended) = (Vec::with_capacity(items.len()), false);
        for (index, item) in items.into_iter().enumerate() {
            match self.at(&index.to_string(), &item, shape) {
                Vetted::Good => kept.push(item),
                Vetted::Mended(item) => {
                    kept.push(item);
                    is_mended = true;
                }
                Vetted::Bad => is_mended = true,
            }
        }
        let kept: Vec<_> = kept.iter().map(|item| item.get()).collect();
        if is_mended { Vetted::Mended(convert::raw(format!("[{}]", kept.join(",")))) } else { Vetted::Good }
    }

    /// A property's schema that is no object says nothing, as `{}` does: `true` has the same meaning.
    fn properties(&mut self, value: &RawValue) -> Vetted {
        let Ok(mut members) = Members::parse(value) else { return Vetted::Bad };
        let named = members.iter().filter(|(_, schema)| !schema.get().starts_with('{'));
        let named: Vec<_> = named.map(|(name, _)| name.to_owned()).collect();
        for name in &named {
            self.fault(name);
            members.set(name, convert::raw("{}".to_owned()));
        }
        if named.is_empty() { Vetted::Good } else { Vetted::Mended(Arc::from(members.to_raw())) }
    }

    /// Vets a part of the value that is looked at.
    fn at(&mut self, part: &str, value: &RawValue, shape: Shape) -> Vetted {
        let (length, known) = (self.path.len(), self.faults.len());
        self.path.extend([part, "."]);
        let vetted = self.value(value, shape);
        self.path.truncate(length);
        // Where the fault is in a part of it, that is named already.
        if matches!(vetted, Vetted::Bad) && self.faults.len() == known {
            self.fault(part);
        }
        vetted
    }

    fn fault(&mut self, part: &str) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(format!("{}{part}", self.path));
        }
    }
}

/// True for a time of RFC 3339 as ISO 8601 has it: RFC 3339 also takes small letters, a blank, and a leap second.
fn is_time(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"TZ+-:.".contains(&byte));
    plain && DateTime::parse_from_rfc3339(text).is_ok_and(|time| time.timestamp_subsec_nanos() < 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vetted(kind: ItemKind, json: &str) -> (Option<String>, String) {
        let VettedItem { item, faults } = vet_item(kind, Era::Legacy, &convert::raw(json.to_owned()));
        (item.map(|item| item.get().to_owned()), faults.join(" "))
    }

    #[test]
    fn a_good_item_stays_byte_for_byte() {
        let tool = r#"{ "name":"a","x":1e400, "inputSchema":{"type":"object","$defs":{"b":true}},"annotations":{"readOnlyHint":true},"icons":[]}"#;
        assert_eq!(vetted(ItemKind::Tool, tool), (Some(tool.to_owned()), String::new()));
        let resource = r#"{"uri":"memo://insights","name":"i", "size":7,"annotations":{"priority":0.5,"lastModified":"2026-01-12T15:00:58Z","audience":["user"]}}"#;
        assert_eq!(vetted(ItemKind::Resource, resource), (Some(resource.to_owned()), String::new()));
    }

    #[test]
    fn only_members_at_fault_are_changed_and_all_of_them_named() {
        let tool = r#"{"name":"a","inputSchema":{"properties":{"b":null,"c":{"d":1}},"required":["b",7]},"icons":[{"src":"s","theme":"dim"}],"z":null}"#;
        let mended = r#"{"name":"a","inputSchema":{"properties":{"b":{},"c":{"d":1}},"required":["b"],"type":"object"},"icons":[{"src":"s"}],"z":null}"#;
        let faults = "inputSchema.type inputSchema.properties.b inputSchema.required.1 icons.0.theme";
        assert_eq!(vetted(ItemKind::Tool, tool), (Some(mended.to_owned()), faults.to_owned()));
    }

    #[test]
    fn an_item_that_cannot_be_told_from_others_is_no_good() {
        assert_eq!(vetted(ItemKind::Tool, r#"{"name":1,"inputSchema":{"type":"object"}}"#), (None, "name".to_owned()));
        assert_eq!(vetted(ItemKind::Resource, r#"{"uri":"readme","name":"r"}"#), (None, "uri".to_owned()));
        assert_eq!(vetted(ItemKind::Template, "{}"), (None, "uriTemplate".to_owned()));
        assert!(vetted(ItemKind::Prompt, "17").1.contains("no object"));
        assert!(vetted(ItemKind::Prompt, r#"{"name":"a","name":"b"}"#).1.contains("twice"));
        assert!(vetted(ItemKind::Prompt, r#"{"name":"a","description":"\udc00"}"#).0.is_none());
    }

    #[test]
    fn results_of_tools_may_be_anything_in_the_newer_era_alone() {
        let tool = r#"{"name":"a","inputSchema":{"type":"object"},"outputSchema":{"type":"array"}}"#;
        let of = |era| vet_item(ItemKind::Tool, era, &convert::raw(tool.to_owned())).item.unwrap();
        assert_eq!(of(Era::Modern).get(), tool);
        assert_eq!(of(Era::Legacy).get(), tool.replace("array", "object"));
    }

    #[test]
    fn times_are_those_of_both_standards() {
        for good in ["2025-01-12T15:00:58Z", "2025-01-12T15:00:58.123456789-02:30"] {
            assert!(is_time(good), "{good}");
        }
        for bad in [
            "2025-01-12 15:00:58Z",
            "2025-01-12t15:00:58z",
            "2016-12-31T23:59:60Z",
            "2025-01-12T15:00:58",
            "2025-01-12T15:00:58+24:30",
            "2025-01-12",
            "",
        ] {
            assert!(!is_time(bad), "{bad}");
        }
    }

    #[test]
    fn a_schema_of_results_that_clients_cannot_compile_is_dropped() {
        let tool = r#"{"name":"a","inputSchema":{"type":"object"},"outputSchema":{"type":"object","properties":{"b":{"pattern":"("}}}}"#;
        let mended = r#"{"name":"a","inputSchema":{"type":"object"}}"#;
        let faults = "outputSchema.properties.b.pattern".to_owned();
        assert_eq!(vetted(ItemKind::Tool, tool), (Some(mended.to_owned()), faults));
        let large = r#"{"name":"a","inputSchema":{"type":"object","properties":{"b":{"maximum":1e400}}}}"#;
        assert_eq!(vetted(ItemKind::Tool, large), (Some(mended.to_owned()), "inputSchema".to_owned()));
    }

    #[test]
    fn of_many_faults_the_first_are_named() {
        let properties: Vec<_> = (0..100).map(|number| format!("\"p{number}\":1")).collect();
        let tool = format!(r#"{{"name":"a","inputSchema":{{"properties":{{{}}}}}}}"#, properties.join(","));
        assert_eq!(vetted(ItemKind::Tool, &tool).1.split(' ').count(), FAULTS_MAX);
    }
}
