//! Command lines of packages, by the rules of the registry's schema where they work.

use std::collections::BTreeMap;

use super::{
    answers::Answers,
    entry::{EntryPackage, Input, InputFormat, key, name},
};

/// Options by which docker is given a variable.
const VARIABLE_OPTIONS: [&str; 2] = ["-e", "--env"];

/// A command line and its environment.
pub(super) struct Line {
    pub(super) command: String,
    pub(super) args: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
}

/// The command line of a package.
pub(super) fn line(package: &EntryPackage, program: Option<&str>, answers: &mut Answers<'_>) -> Line {
    let mut env = BTreeMap::new();
    for input in &package.environment_variables {
        let Some(name) = name(input) else { continue };
        if let Some(value) = answers.value(&key(input, 0), input) {
            env.insert(name, value.text);
        }
    }
    let EntryPackage { registry_type, identifier, version, runtime_arguments, package_arguments, .. } = package;
    let own = words(package_arguments, answers);
    if registry_type == "oci" {
        return container(package, env, own, answers);
    }
    // The launcher would take the first word that is no option for the package to run, which is another than the entry
    // names: such words are meant for the program.
    let first = runtime_arguments.iter().position(|input| input.name.is_none()).unwrap_or(runtime_arguments.len());
    let (options, misplaced) = runtime_arguments.split_at_checked(first).unwrap_or((runtime_arguments, &[]));
    let (mut args, misplaced) = (words(options, answers), words(misplaced, answers));
    let pinned = if version.is_empty() { identifier.clone() } else { format!("{identifier}@{version}") };
    let command = match registry_type.as_str() {
        "npm" => {
            args.insert(0, "-y".into());
            let package = program.map_or_else(|| vec![pinned.clone()], |program| from("-p", &pinned, program));
            args.extend(package);
            "npx"
        }
        "pypi" => {
            let exact = pinned.replace('@', "==");
            args.extend(program.map_or_else(|| vec![pinned.clone()], |program| from("--from", &exact, program)));
            "uvx"
        }
        _ => {
            args.extend([pinned, "--yes".into(), "--".into()]);
            "dnx"
        }
    };
    args.extend(misplaced.into_iter().chain(own));
    Line { command: command.into(), args, env }
}

/// The words by which a launcher runs a program that is not called like its package.
fn from(option: &str, package: &str, program: &str) -> Vec<String> {
    [option, package, program].map(ToOwned::to_owned).into()
}

/// The command line of an image: docker passes on the variables that it is given the names of.
fn container(
    package: &EntryPackage,
    mut env: BTreeMap<String, String>,
    own: Vec<String>,
    answers: &mut Answers<'_>,
) -> Line {
    let mut args: Vec<String> = ["run", "-i", "--rm"].map(ToOwned::to_owned).into();
    args.extend(env.keys().flat_map(|name| ["-e".to_owned(), name.clone()]));
    for (index, input) in package.runtime_arguments.iter().enumerate() {
        let option = input.name.as_deref().filter(|name| VARIABLE_OPTIONS.contains(name));
        let Some(option) = option else {
            args.extend(word(index, input, true, answers));
            continue;
        };
        let Some(value) = answers.value(&key(input, index), input) else { continue };
        // Into the environment with the value, which may be a secret.
        let name = match value.text.split_once('=') {
            Some((name, value)) => {
                env.insert(name.to_owned(), value.to_owned());
                name.to_owned()
            }
            None => answers.open(value),
        };
        args.extend([option.to_owned(), name]);
    }
    let EntryPackage { identifier, version, .. } = package;
    let has_tag = version.is_empty() || identifier.rsplit('/').next().is_some_and(|name| name.contains([':', '@']));
    args.push(if has_tag { identifier.clone() } else { format!("{identifier}:{version}") });
    args.extend(own);
    Line { command: "docker".into(), args, env }
}

fn words(inputs: &[Input], answers: &mut Answers<'_>) -> Vec<String> {
    inputs.iter().enumerate().flat_map(|(index, input)| word(index, input, false, answers)).collect()
}

/// The words of one argument: none without a value. A long option and its value are one word, as the schema says;
/// short ones, and all of docker's, are two.
fn word(index: usize, input: &Input, is_split: bool, answers: &mut Answers<'_>) -> Vec<String> {
    let value = answers.value(&key(input, index), input);
    let Some(value) = value.map(|value| answers.open(value)) else { return Vec::new() };
    match &input.name {
        None => vec![value],
        // A switch: programs that take one have no place for its value.
        Some(name) if input.format == InputFormat::Boolean && matches!(value.as_str(), "true" | "false") => {
            if value == "true" { vec![name.clone()] } else { Vec::new() }
        }
        Some(name) if is_split || !name.starts_with("--") => vec![name.clone(), value],
        Some(name) => vec![format!("{name}={value}")],
    }
}
