//! The settings of the catalogue's further sources, and of Ostler as such a source.

use ostler::{
    policy::catalogue_source::{self, CataloguePlace, CatalogueSource},
    servers::ServerSettings,
};

use crate::cli::{
    config::Config,
    settings::setting::{Setting, SettingType, set},
    show, value,
};

fn of(config: &mut Config) -> &mut ServerSettings {
    &mut config.runtime.servers
}

fn sources(text: &str) -> Result<Vec<CatalogueSource>, String> {
    let sources = value::list(text, catalogue_source::source)?;
    catalogue_source::fault(&sources).map_or(Ok(sources), Err)
}

fn shown(source: &CatalogueSource) -> String {
    match &source.place {
        CataloguePlace::Folder(folder) => format!("{}={}", source.name, folder.display()),
        CataloguePlace::Registry(base) => format!("{}={base}", source.name),
        _ => source.name.clone(),
    }
}

pub(super) static SETTINGS: &[Setting] = &[
    Setting {
        key: "mcp.catalogues",
        variable: "MCP_CATALOGUES",
        flag: "mcp-catalogues",
        kind: SettingType::List,
        help: "Further sources of the catalogue: NAME=FOLDER of server.json files, or NAME=URL of a registry of MCP servers",
        put: |config, text| set(&mut of(config).catalogues, sources(text)),
        show: |config| {
            let sources = &config.runtime.servers.catalogues;
            show::list(&sources.iter().map(shown).collect::<Vec<_>>(), "none")
        },
    },
    Setting {
        key: "mcp.catalogue_tokens",
        variable: "MCP_CATALOGUE_TOKENS",
        flag: "mcp-catalogue-tokens",
        kind: SettingType::List,
        help: "Bearer tokens for sources of the catalogue: NAME=TOKEN; keep them out of flags, which every process list shows",
        put: |config, text| set(&mut of(config).catalogue_tokens, value::list(text, catalogue_source::token)),
        show: |config| {
            let tokens = config.runtime.servers.catalogue_tokens.iter();
            show::list(&tokens.map(|(name, _)| format!("{name}=***")).collect::<Vec<_>>(), "none")
        },
    },
    Setting {
        key: "mcp.published_as",
        variable: "MCP_PUBLISHED_AS",
        flag: "mcp-published-as",
        kind: SettingType::Text,
        help: "Account whose servers anybody may list at /v0.1/servers, without credentials; none by default",
        put: |config, text| set(&mut of(config).published_as, value::email(text).map(Some)),
        show: |config| show::text(config.runtime.servers.published_as.as_deref()),
    },
];
