//! The settings of where secrets outside of Ostler may come from.

use ostler::policy::secret_sources::{self, SecretSources};

use crate::cli::{
    config::Config,
    settings::setting::{Setting, SettingType, set},
    show, value,
};

fn of(config: &mut Config) -> &mut SecretSources {
    &mut config.runtime.secret_sources
}

pub(super) static SETTINGS: &[Setting] = &[
    Setting {
        key: "secret_folders",
        variable: "OSTLER_SECRET_FOLDERS",
        flag: "secret-folders",
        kind: SettingType::List,
        help: "Folders whose files servers may get as secrets, by ${file:PATH}, such as /run/secrets",
        put: |config, text| set(&mut of(config).folders, value::list(text, secret_sources::folder)),
        show: |config| {
            let folders = &config.runtime.secret_sources.folders;
            show::list(&folders.iter().map(|folder| folder.display()).collect::<Vec<_>>(), "none")
        },
    },
    Setting {
        key: "secret_variables",
        variable: "OSTLER_SECRET_VARIABLES",
        flag: "secret-variables",
        kind: SettingType::List,
        help: "Variables of Ostler's environment that servers may get as secrets, by ${env:NAME}",
        put: |config, text| set(&mut of(config).variables, value::list(text, secret_sources::variable)),
        show: |config| show::list(&config.runtime.secret_sources.variables, "none"),
    },
    Setting {
        key: "secret_commands",
        variable: "OSTLER_SECRET_COMMANDS",
        flag: "secret-commands",
        kind: SettingType::List,
        help: "Commands that print a secret, by ${exec:NAME} or ${exec:NAME ARGUMENT}, such as `vault=/usr/bin/vault kv get -field=value`",
        put: |config, text| {
            let commands = value::list(text, secret_sources::command);
            set(&mut of(config).commands, commands.map(|commands| commands.into_iter().collect()))
        },
        show: |config| {
            let commands = config.runtime.secret_sources.commands.iter();
            let shown: Vec<_> = commands.map(|(name, words)| format!("{name}={}", words.join(" "))).collect();
            show::list(&shown, "none")
        },
    },
];
