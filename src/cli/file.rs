//! The configuration file as a source of settings: TOML, each value with its line.

use std::{ops::Range, path::Path};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::cli::{
    fault::{Origin, SettingFault},
    raw_setting::RawSetting,
    settings::{self, Setting, SettingType},
    suggest::did_you_mean,
};

/// Reads the settings in the file at `path`; a file that is missing or no TOML is one fault.
pub(crate) fn read(path: &Path, faults: &mut Vec<SettingFault>) -> Vec<RawSetting> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let mut reader = ConfigReader { name, text: &text, faults, written: Vec::new() };
            reader.document();
            reader.written
        }
        Err(error) => {
            let message = format!("cannot be read: {error}");
            faults.push(SettingFault { key: None, origin: Origin::File { name, line: 0 }, message });
            Vec::new()
        }
    }
}

/// Walks through one file.
struct ConfigReader<'a> {
    name: String,
    text: &'a str,
    faults: &'a mut Vec<SettingFault>,
    written: Vec<RawSetting>,
}

impl ConfigReader<'_> {
    fn document(&mut self) {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let origin = self.origin(error.span().unwrap_or_default());
            self.faults.push(SettingFault { key: None, origin, message: error.message().to_owned() });
        }
        self.table("", table.get_ref());
    }

    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            let origin = self.origin(name.span());
            match (settings::by_key(&key), value.get_ref()) {
                (Some(setting), value) => self.setting(setting, value, origin),
                (None, DeValue::Table(inner)) if is_group(&key) => self.table(&format!("{key}."), inner),
                (None, value) => self.unknown(key, value, origin),
            }
        }
    }

    fn setting(&mut self, setting: &'static Setting, value: &DeValue<'_>, origin: Origin) {
        match text_of(setting.kind, value) {
            Ok(text) => self.written.push(RawSetting { setting, text, origin }),
            Err(message) => self.faults.push(SettingFault { key: Some(setting.key.to_owned()), origin, message }),
        }
    }

    fn unknown(&mut self, key: String, value: &DeValue<'_>, origin: Origin) {
        let message = if is_group(&key) {
            format!("must be a table, such as [{key}]; found {}", kind_of(value))
        } else {
            let meant = did_you_mean(&key, settings::all().map(|setting| setting.key));
            format!("is no setting of Ostler{meant}")
        };
        self.faults.push(SettingFault { key: Some(key), origin, message });
    }

    fn origin(&self, span: Range<usize>) -> Origin {
        let before = self.text.get(..span.start).unwrap_or_default();
        Origin::File { name: self.name.clone(), line: before.matches('\n').count() + 1 }
    }
}

/// True when `key` is a table of settings.
fn is_group(key: &str) -> bool {
    settings::all().any(|setting| setting.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
}

/// The text that the environment would have for `value`, where it is of the right kind.
fn text_of(kind: SettingType, value: &DeValue<'_>) -> Result<String, String> {
    match (kind, value) {
        (SettingType::Text | SettingType::List, DeValue::String(text)) => Ok(text.to_string()),
        (SettingType::Whole, DeValue::Integer(number)) => i128::from_str_radix(number.as_str(), number.radix())
            .map(|number| number.to_string())
            .map_err(|_| format!("{number} is too large")),
        (SettingType::Switch, DeValue::Boolean(on)) => Ok(on.to_string()),
        (SettingType::List, DeValue::Array(items)) => {
            let items: Result<Vec<_>, _> = items.iter().map(item_of).collect();
            items.map(|items| items.join(","))
        }
        (kind, value) => Err(format!("must be {}; found {}", kind.describe(), kind_of(value))),
    }
}

/// One item of a list.
fn item_of(item: &Spanned<DeValue<'_>>) -> Result<String, String> {
    let DeValue::String(text) = item.get_ref() else {
        return Err(format!("must be {}; found {} in it", SettingType::List.describe(), kind_of(item.get_ref())));
    };
    if text.contains(',') { Err(format!("{text:?} must not contain a comma")) } else { Ok(text.to_string()) }
}

/// Name of the type of `value` in TOML.
fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
