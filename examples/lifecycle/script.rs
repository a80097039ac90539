//! [`Script`]: the steps of a TOML file. Its faults are listed all at once, each with its line, step, key and remedy.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use ostler::{
    model::{ServerChange, ServerConfig, Status},
    serde_json::{Map, Value},
};
use serde::{Deserialize, Deserializer, de};
use toml::{Spanned, Table};

use crate::expectation::Expectation;

/// Longest time for a step.
const SECONDS_MAX: f64 = 3600.0;

/// A script to carry out.
pub struct Script {
    /// Its name, as it was given.
    pub file: String,
    /// Its steps, in order.
    pub steps: Vec<Step>,
}

/// One step.
pub struct Step {
    /// The line that it begins in.
    pub line: usize,
    /// It in short.
    pub title: String,
    /// Name of the server that it is about.
    pub server: String,
    /// What it does.
    pub action: Action,
}

/// What a step does.
pub enum Action {
    Register(Box<ServerConfig>),
    Wait(Wait),
    Call(Call),
    Crash(Crash),
    Recover(Within),
    Update(Update),
    Load(Load),
    Drain(Within),
    Stop(Within),
    NoProcess(Within),
}

const ACTIONS: &str = "register, wait, call, crash, recover, update, load, drain, stop or no_process";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    pub status: Reached,
    #[serde(default = "usual", deserialize_with = "seconds")]
    pub within: Duration,
}

/// A status to wait for: one that lasts.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reached {
    Running,
    Restarting,
    Stopped,
    Failed,
}

impl Reached {
    /// The status.
    pub fn status(self) -> Status {
        match self {
            Self::Running => Status::Running,
            Self::Restarting => Status::Restarting,
            Self::Stopped => Status::Stopped,
            Self::Failed => Status::Failed,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    pub tool: String,
    #[serde(default)]
    pub arguments: Map<String, Value>,
    #[serde(default)]
    pub expect: Expectation,
    #[serde(default = "usual", deserialize_with = "seconds")]
    pub within: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crash {
    pub tool: Option<String>,
    #[serde(default)]
    pub arguments: Map<String, Value>,
    #[serde(default = "usual", deserialize_with = "seconds")]
    pub within: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    pub command: Option<String>,
    pub args: Option<Vec<String>>,
    pub env: Option<BTreeMap<String, String>>,
    #[serde(default = "usual", deserialize_with = "seconds")]
    pub within: Duration,
}

impl Update {
    /// The change of the configuration.
    pub fn change(&self) -> ServerChange {
        let Self { command, args, env, within: _ } = self;
        ServerChange { command: command.clone(), args: args.clone(), env: env.clone(), ..ServerChange::default() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    pub tool: String,
    #[serde(default)]
    pub arguments: Map<String, Value>,
    #[serde(default = "eight")]
    pub callers: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Within {
    #[serde(default = "usual", deserialize_with = "seconds")]
    pub within: Duration,
}

fn usual() -> Duration {
    Duration::from_secs(30)
}

fn eight() -> u16 {
    8
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    let time = Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero() && seconds <= SECONDS_MAX);
    time.ok_or_else(|| de::Error::custom(format!("must be seconds, more than 0 and at most {SECONDS_MAX}")))
}

/// What texts of a script may name beside variables of the environment.
pub struct Places {
    /// `${FOLDER}`.
    pub folder: PathBuf,
    /// `${PROGRAM}`.
    pub program: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    step: Vec<Spanned<Table>>,
}

impl Script {
    /// Reads a script; `Err` is all that is wrong with it.
    pub fn read(file: &Path, places: &Places) -> Result<Self, String> {
        let name = file.display().to_string();
        let text = fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
        let Document { step: tables } = toml::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
        if tables.is_empty() {
            return Err(format!("{name}: has no step: begin with [[step]] and do = \"register\""));
        }
        let (mut steps, mut servers, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        for (index, table) in tables.into_iter().enumerate() {
            let start = table.span().start;
            let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
            match read_step(line, table.into_inner(), &mut servers, places) {
                Ok(step) => steps.push(step),
                Err(fault) => faults.push(format!("{name}:{line}: step {}{fault}", index + 1)),
            }
        }
        if faults.is_empty() { Ok(Self { file: name, steps }) } else { Err(faults.join("\n")) }
    }
}

fn read_step(line: usize, mut table: Table, servers: &mut Vec<String>, places: &Places) -> Result<Step, String> {
    let action = match table.remove("do") {
        Some(toml::Value::String(action)) => action,
        Some(_) | None => return Err(format!(": do: is missing or no text: write {ACTIONS}")),
    };
    let fault = |why: String| format!(" ({action}): {why}");
    let mut table = toml::Value::Table(table);
    expand(&mut table, places).map_err(fault)?;
    if action == "register" {
        let config: ServerConfig = fields(table).map_err(fault)?;
        let name = config.name.clone();
        if servers.contains(&name) {
            return Err(fault(format!("name: `{name}` is registered already: choose another, or use update")));
        }
        servers.push(name.clone());
        let action = Action::Register(config.into());
        return Ok(Step { line, title: format!("register {name}"), server: name, action });
    }
    let server = server_of(&mut table, servers).map_err(fault)?;
    let (detail, read) = read_action(&action, table).map_err(fault)?;
    Ok(Step { line, title: format!("{action} {server}{detail}"), server, action: read })
}

/// The server that a step names, or the last that was registered.
fn server_of(table: &mut toml::Value, servers: &[String]) -> Result<String, String> {
    let named = table.as_table_mut().and_then(|table| table.remove("server"));
    let Some(last) = servers.last() else {
        return Err("server: none is registered yet: put a step with do = \"register\" before it".to_owned());
    };
    let Some(named) = named else { return Ok(last.clone()) };
    let name = named.as_str().unwrap_or_default();
    let known = servers.iter().find(|known| *known == name);
    known.cloned().ok_or_else(|| format!("server: {name:?} is not registered before: write one of {servers:?}"))
}

/// The action, and more of its title.
fn read_action(action: &str, table: toml::Value) -> Result<(String, Action), String> {
    let mut detail = String::new();
    let read = match action {
        "wait" => {
            let wait: Wait = fields(table)?;
            detail = format!(" {:?}", wait.status.status()).to_lowercase();
            Action::Wait(wait)
        }
        "call" => {
            let call: Call = fields(table)?;
            detail = format!(" {}", call.tool);
            Action::Call(call)
        }
        "crash" => Action::Crash(fields(table)?),
        "recover" => Action::Recover(fields(table)?),
        "update" => {
            let update: Update = fields(table)?;
            if (&update.command, &update.args, &update.env) == (&None, &None, &None) {
                return Err("changes nothing: give command, args or env".to_owned());
            }
            Action::Update(update)
        }
        "load" => {
            let load: Load = fields(table)?;
            detail = format!(" {}", load.tool);
            Action::Load(load)
        }
        "drain" => Action::Drain(fields(table)?),
        "stop" => Action::Stop(fields(table)?),
        "no_process" => Action::NoProcess(fields(table)?),
        _ => return Err(format!("do: there is no such step: write {ACTIONS}")),
    };
    Ok((detail, read))
}

/// Reads the keys of a step; `Err` names the one at fault.
fn fields<T: de::DeserializeOwned>(table: toml::Value) -> Result<T, String> {
    serde_path_to_error::deserialize(table).map_err(|error| {
        let (path, message) = (error.path().to_string(), error.inner().message().to_owned());
        if path == "." { message } else { format!("{path}: {message}") }
    })
}

/// Replaces `${NAME}` in every text.
fn expand(value: &mut toml::Value, places: &Places) -> Result<(), String> {
    match value {
        toml::Value::String(text) => *text = expanded(text, places)?,
        toml::Value::Array(values) => values.iter_mut().try_for_each(|value| expand(value, places))?,
        toml::Value::Table(table) => {
            for (key, value) in table {
                expand(value, places).map_err(|fault| format!("{key}: {fault}"))?;
            }
        }
        toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_) | toml::Value::Datetime(_) => {}
    }
    Ok(())
}

fn expanded(text: &str, Places { folder, program }: &Places) -> Result<String, String> {
    let (mut whole, mut rest) = (String::new(), text);
    while let Some((before, from_name)) = rest.split_once("${") {
        let (name, after) = from_name.split_once('}').ok_or_else(|| format!("`{text}` lacks a `}}` after `${{`"))?;
        let value = match name {
            "FOLDER" => folder.display().to_string(),
            "PROGRAM" => program.display().to_string(),
            _ => env::var(name).map_err(|_| format!("the variable {name} is not set: set it for this program"))?,
        };
        whole.extend([before, &value]);
        rest = after;
    }
    Ok(whole + rest)
}
