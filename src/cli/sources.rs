//! Sources of the configuration: defaults, then the file, then the environment, then flags; every fault of all of them
//! at once.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

use ostler::{runtime::Configured, store::DatabaseUrl};

use crate::cli::{
    config::Config,
    environment,
    fault::{Origin, SettingFault},
    file,
    raw_setting::RawSetting,
    settings::{self, Setting},
};

/// Sources of settings.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// The configuration file, where one was named.
    pub(crate) file: Option<PathBuf>,
    /// The process's environment.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Flags in the order they were given.
    pub(crate) flags: Vec<(&'static Setting, String)>,
}

/// A configuration, and where each of its values came from.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The values.
    pub(crate) config: Config,
    origins: BTreeMap<&'static str, Origin>,
}

impl Loaded {
    /// Source of the value of `setting`.
    pub(crate) fn origin(&self, setting: &Setting) -> &Origin {
        self.origins.get(setting.key).unwrap_or(&Origin::Default)
    }

    /// Every setting with its value, fit for showing, and where that came from.
    pub(crate) fn in_words(&self) -> Vec<Configured> {
        let words = |setting: &'static Setting| Configured {
            key: setting.key.to_owned(),
            value: (setting.show)(&self.config),
            origin: self.origin(setting).to_string(),
        };
        settings::all().map(words).collect()
    }
}

/// Reads all sources and returns every fault found in any of them, also in values that a later source overrides.
pub(crate) fn load(sources: Sources) -> Result<Loaded, Vec<SettingFault>> {
    let mut faults = Vec::new();
    let mut written = Vec::new();
    if let Some(path) = &sources.file {
        written.extend(file::read(path, &mut faults));
    }
    written.extend(environment::read(sources.environment, &mut faults));
    written.extend(sources.flags.into_iter().map(|(setting, text)| RawSetting {
        setting,
        text,
        origin: Origin::Flag(setting.flag),
    }));
    let loaded = apply(written, &mut faults);
    if faults.is_empty() { Ok(loaded) } else { Err(faults) }
}

/// Puts what was written over the defaults, in order.
fn apply(written: Vec<RawSetting>, faults: &mut Vec<SettingFault>) -> Loaded {
    let mut loaded = Loaded { config: Config::default(), origins: BTreeMap::new() };
    for RawSetting { setting, text, origin } in written {
        if let Err(message) = (setting.put)(&mut loaded.config, &text) {
            faults.push(SettingFault { key: Some(setting.key.to_owned()), origin: origin.clone(), message });
        }
        loaded.origins.insert(setting.key, origin);
    }
    if !loaded.origins.contains_key(settings::DATABASE_URL) {
        // An operator who moves the data folder expects the database in it.
        let file = loaded.config.runtime.data_dir.join("ostler.db");
        loaded.config.runtime.database = DatabaseUrl::Sqlite(file);
    }
    if let Err(message) = default_audience(&mut loaded.config) {
        faults.push(SettingFault { key: Some("oauth_audience".to_owned()), origin: Origin::Default, message });
    }
    loaded
}

/// Sets the audience of tokens to the URL of `/mcp` where none is set; fails where host and port do not give that URL.
fn default_audience(config: &mut Config) -> Result<(), String> {
    let (oauth, http) = (&mut config.runtime.oauth, &config.http);
    if oauth.issuer.is_none() || oauth.audience.is_some() {
        return Ok(());
    }
    if http.host.is_unspecified() || http.port == 0 {
        return Err(
            "is needed with an issuer where host or port do not tell it: the URL of /mcp that clients use".into()
        );
    }
    let authority = std::net::SocketAddr::new(http.host, http.port);
    oauth.audience = Some(format!("http://{authority}/mcp"));
    Ok(())
}
