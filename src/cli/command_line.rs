//! The command line: one flag for each row of the table of settings, and the few that are no settings.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Arg, ArgAction, ArgMatches, Command as Clap, Error, builder::PossibleValuesParser, value_parser};
use ostler::demo_server::{DemoEra, Options};

use crate::cli::{
    add, audit, catalogue, client_config,
    config::Config,
    connect, doctor, package_archives, packages,
    place::ConnectionTarget,
    settings::{self, Setting},
    templates, transfer, value,
};

/// Command to run, with its command line.
#[derive(Debug)]
pub(crate) enum Command {
    /// Run the server.
    Serve(Invocation),
    /// Bring the database up to date.
    Migrate(Invocation),
    /// Replace the secret key.
    RotateKey(Invocation),
    /// Show the configuration.
    CheckConfig(Invocation),
    /// Show what the machine and the configuration offer.
    Doctor {
        /// The configuration.
        invocation: Invocation,
        /// Print JSON.
        json: bool,
    },
    /// Verify the audit log, with the heads of these files.
    VerifyAudit(Invocation, Vec<PathBuf>),
    /// Be a small MCP server.
    DemoServer(Options),
    /// Be an MCP server that passes everything on to Ostler.
    Connect(ConnectionTarget),
    /// Show or write the configuration of a client.
    ClientConfig(client_config::ClientConfigOptions),
    /// List servers that can be added by name.
    Catalogue(catalogue::CatalogueOptions),
    /// Add a server.
    Add(add::AddOptions),
    /// Show, import, apply or remove templates.
    Templates(templates::TemplateOptions),
    /// Take over the configuration of a client.
    Import(transfer::Import),
    /// Show, update or roll back packages of servers.
    Packages(packages::PackageOptions),
    /// Write packages of servers into an archive, or take them from one.
    PackageArchive(Invocation, package_archives::ArchiveOptions),
    /// Give out servers as the configuration of a client.
    Export(transfer::Export),
}

/// Configuration on the command line: the file and the flags.
#[derive(Debug, Default)]
pub(crate) struct Invocation {
    /// The configuration file.
    pub(crate) file: Option<PathBuf>,
    /// Settings given as flags.
    pub(crate) flags: Vec<(&'static Setting, String)>,
}

/// The names of the eras that the demo server can be held to.
const ERAS: &[(&str, DemoEra)] = &[("auto", DemoEra::Auto), ("legacy", DemoEra::Legacy), ("modern", DemoEra::Modern)];

/// Flags that migrating reads.
const MIGRATION: [&str; 5] = ["config", "database-url", "data-dir", "log", "log-format"];

/// Flags that the replacement of the secret key reads.
const ROTATION: [&str; 6] = ["config", "database-url", "data-dir", "secret-key", "log", "log-format"];

/// Reads the command line. `Err` is an answer to print: help, the version, or what is wrong.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, Error> {
    let matches = definition().try_get_matches_from(arguments)?;
    Ok(match matches.subcommand() {
        Some(("migrate", matches)) => Command::Migrate(invocation(matches)),
        // It requires a command, and `rotate` is the only one.
        Some(("secrets", matches)) => {
            Command::RotateKey(matches.subcommand().map(|(_, matches)| invocation(matches)).unwrap_or_default())
        }
        Some(("check-config", matches)) => Command::CheckConfig(invocation(matches)),
        Some(("doctor", matches)) => {
            Command::Doctor { invocation: invocation(matches), json: matches.get_flag("json") }
        }
        Some(("demo-server", matches)) => Command::DemoServer(demo_options(matches)),
        Some(("audit", matches)) => {
            let matches = matches.subcommand_matches("verify").unwrap_or(matches);
            Command::VerifyAudit(invocation(matches), audit::head_files(matches))
        }
        Some(("connect", matches)) => Command::Connect(ConnectionTarget::read(matches)),
        Some(("client-config", matches)) => Command::ClientConfig(client_config::options(matches)),
        Some(("catalogue", matches)) => Command::Catalogue(catalogue::options(matches)),
        Some(("templates", matches)) => Command::Templates(templates::options(matches)),
        Some(("add", matches)) => Command::Add(add::options(matches)),
        Some(("import", matches)) => Command::Import(transfer::import_options(matches)),
        Some(("export", matches)) => Command::Export(transfer::export_options(matches)),
        Some((name, matches)) if packages::COMMANDS.contains(&name) => match matches.subcommand() {
            Some((name, matches)) => {
                Command::PackageArchive(invocation(matches), package_archives::options(name, matches))
            }
            None => Command::Packages(packages::options(name, matches)),
        },
        Some((_, matches)) => Command::Serve(invocation(matches)),
        None => Command::Serve(invocation(&matches)),
    })
}

fn definition() -> Clap {
    let serve = Clap::new("serve").about("Run Ostler (the default command)");
    let migrate = Clap::new("migrate")
        .about("Migrate the database and list the steps")
        .after_help("The other settings of `serve` are accepted and mean nothing here.");
    let check = Clap::new("check-config").about("Show every setting with its value and source");
    Clap::new("ostler")
        .version(env!("CARGO_PKG_VERSION"))
        .about(env!("CARGO_PKG_DESCRIPTION"))
        .after_help("Without a command: serve, with its flags. Exit codes: 0 asked to stop, 1 failed, 64 bad usage or configuration.")
        .args_conflicts_with_subcommands(true)
        .args(configuration().into_iter().map(|argument| argument.hide(true)))
        .subcommand(serve.args(configuration()))
        .subcommand(migrate.args(configuration_of(&MIGRATION)))
        .subcommand(secrets())
        .subcommand(check.args(configuration()))
        .subcommand(doctor::definition().args(configuration().into_iter().map(|argument| argument.hide(true))))
        .subcommand(audit::definition(configuration_of(&audit::FLAGS)))
        .subcommand(connect::definition())
        .subcommand(client_config::definition())
        .subcommand(catalogue::definition())
        .subcommand(add::definition())
        .subcommand(templates::definition())
        .subcommand(transfer::import_definition())
        .subcommand(transfer::export_definition())
        .subcommands(packages::definitions(&configuration_of(&package_archives::FLAGS)))
        .subcommand(demo_server())
}

/// The flags that configure, `--config` first.
fn configuration() -> Vec<Arg> {
    let file = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("Configuration file (TOML); flags win over the environment, which wins over the file");
    let defaults = Config::default();
    let settings = settings::all().map(|setting| {
        let default = (setting.show)(&defaults);
        Arg::new(setting.flag)
            .long(setting.flag)
            .value_name(setting.kind.placeholder())
            .allow_hyphen_values(true)
            .help_heading(heading(setting))
            .help(format!("{} [env: {}] [default: {default}]", setting.help, setting.variable))
    });
    std::iter::once(file).chain(settings).collect()
}

/// The same, of which help shows those that a command reads.
fn configuration_of(read: &[&str]) -> Vec<Arg> {
    let shown = |argument: Arg| {
        let is_read = read.contains(&argument.get_id().as_str());
        argument.hide(!is_read)
    };
    configuration().into_iter().map(shown).collect()
}

fn secrets() -> Clap {
    let rotate = Clap::new("rotate")
        .about("Replace the secret key while Ostler is stopped, and seal everything with the new one")
        .after_help(
            "The new key is made in the data folder. Where OSTLER_SECRET_KEY is configured, it is read from standard \
             input: openssl rand -base64 32 | tee new.key | ostler secrets rotate",
        );
    Clap::new("secrets")
        .about("Look after the secrets of this installation")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(rotate.args(configuration_of(&ROTATION)))
}

/// The table of the file that a setting stands in, as a heading.
fn heading(setting: &Setting) -> &'static str {
    match setting.key.split_once('.') {
        Some(("mcp", _)) => "MCP servers",
        Some(("gateway", _)) => "Gateway",
        Some(("otel", _)) => "Traces, exported by OpenTelemetry",
        Some(_) => "Rate limits per user",
        None => "Settings",
    }
}

fn invocation(matches: &ArgMatches) -> Invocation {
    let given = |setting: &'static Setting| Some((setting, matches.get_one::<String>(setting.flag)?.clone()));
    Invocation {
        file: matches.get_one::<PathBuf>("config").cloned(),
        flags: settings::all().filter_map(given).collect(),
    }
}

fn demo_server() -> Clap {
    Clap::new("demo-server")
        .about("Run a small MCP server on standard input and output, to try Ostler with")
        .arg(
            Arg::new("era")
                .long("era")
                .value_parser(PossibleValuesParser::new(ERAS.iter().map(|(name, _)| *name)))
                .default_value("auto")
                .help("Revisions to speak: with a handshake (legacy), without (modern), or as the first message says"),
        )
        .arg(
            Arg::new("startup-delay-ms")
                .long("startup-delay-ms")
                .value_name("NUMBER")
                .value_parser(value_parser!(u64))
                .default_value("0")
                .action(ArgAction::Set)
                .help("Delay before the first message is read"),
        )
}

fn demo_options(matches: &ArgMatches) -> Options {
    let era = matches.get_one::<String>("era").and_then(|name| value::one_of(name, ERAS).ok());
    let delay = matches.get_one::<u64>("startup-delay-ms").copied().unwrap_or_default();
    Options { era: era.unwrap_or(DemoEra::Auto), startup_delay: Duration::from_millis(delay) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, Error> {
        parse(line.split(' ').map(OsString::from))
    }

    #[test]
    fn the_definition_holds_together() {
        definition().debug_assert();
    }

    #[test]
    fn no_command_is_serve_and_takes_its_flags() {
        for line in ["ostler --port 0", "ostler serve --port 0"] {
            let Ok(Command::Serve(invocation)) = parsed(line) else { panic!("{line}") };
            assert_eq!(invocation.flags.len(), 1);
            assert_eq!(invocation.flags[0].0.key, "port");
        }
    }

    #[test]
    fn the_demo_server_takes_its_own_flags_only() {
        let Ok(Command::DemoServer(options)) = parsed("ostler demo-server --era modern --startup-delay-ms 5") else {
            panic!("not understood")
        };
        assert_eq!(options, Options { era: DemoEra::Modern, startup_delay: Duration::from_millis(5) });
        assert!(parsed("ostler demo-server --port 1").is_err());
        assert!(parsed("ostler demo-server --era tomorrow").is_err());
    }

    #[test]
    fn help_of_serve_names_every_variable_and_its_default() {
        let help = parsed("ostler serve --help").unwrap_err().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for setting in settings::all() {
            assert!(help.contains(&format!("[env: {}]", setting.variable)), "{}", setting.variable);
        }
        assert!(help.contains("[default: 3010]"));
    }

    #[test]
    fn keys_variables_and_flags_follow_one_scheme() {
        for setting in settings::all() {
            assert_eq!(setting.flag, setting.key.replace(['.', '_'], "-"));
            if setting.key != "log" {
                let name = setting.key.replace('.', "_").to_uppercase();
                assert_eq!(setting.variable.trim_start_matches("OSTLER_"), name);
            }
        }
    }
}
