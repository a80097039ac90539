//! Paths that callers name: of services, of programs, and of files to grant.

use std::{
    iter,
    path::{Component, Path, PathBuf},
};

use crate::{
    fuzz::http1_request::target_of,
    model::ServiceSpec,
    policy::{
        command::AllowedCommands,
        grants::{self, Bounds},
        service,
    },
};

/// Programs that run what their arguments say, and arguments that no pattern names.
const INTERPRETERS: [(&str, &str); 5] =
    [("sh", "-c"), ("bash", "-lc"), ("node", "-e"), ("python3", "-c"), ("npx", "-c")];
const SCRIPT: &str = "touch a; touch b";

/// A path is taken in one spelling only, and decisions about it are those about its normal form.
pub fn path(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    base_path(text);
    program(text);
    patterns(text);
    text.lines().for_each(granted);
    outermost(text);
    for named in grants::named(text) {
        assert!(named.is_absolute() && named.to_str().is_some_and(|named| text.contains(named)));
    }
}

/// A service's path is that of the requests to it.
fn base_path(text: &str) {
    let faults = service::faults(&ServiceSpec::new("a", text)).0;
    if faults.iter().all(|fault| fault.pointer != "/basePath") {
        assert_eq!(target_of(text).as_deref(), Some(text));
        assert!(service::is_below(text, text) && service::is_below(text, "/"));
    }
}

/// A program that a pattern allows by its folder lies there.
fn program(text: &str) {
    let allowed: AllowedCommands = "/opt/mcp/*,/srv/run*,npx -y @scope/name*".parse().unwrap();
    let mut words = text.lines();
    let command = words.next().unwrap_or_default();
    let args: Vec<_> = words.map(str::to_owned).collect();
    if allowed.refusal(command, &args, iter::empty(), false).is_some() {
        return;
    }
    if command == "npx" {
        let package = args.get(1).and_then(|package| package.strip_prefix("@scope/name"));
        assert!(package.is_some_and(|rest| !rest.contains(['/', ':', ' '])), "{args:?}");
        return;
    }
    let program = Path::new(command);
    assert_eq!(normal(program).as_os_str(), program.as_os_str());
    assert!(!has_parent(program));
    assert!(program.starts_with("/opt/mcp") || program.parent() == Some(Path::new("/srv")), "{command}");
}

/// Patterns are written as they are read, and leave no interpreter open.
fn patterns(text: &str) {
    let Ok(allowed) = text.parse::<AllowedCommands>() else { return };
    let written = allowed.to_string();
    match &allowed {
        AllowedCommands::ManagersOnly | AllowedCommands::Everything => return,
        AllowedCommands::Patterns(_) => assert_eq!(written.parse().as_ref(), Ok(&allowed)),
    }
    for (program, option) in INTERPRETERS {
        let args = [option.to_owned(), SCRIPT.to_owned()];
        assert!(allowed.refusal(program, &args, iter::empty(), false).is_some(), "{written} allows any {program}");
    }
}

fn granted(text: &str) {
    let place = Path::new(text);
    // Grants are looked at without links, and so without the way up.
    if !place.is_absolute() || has_parent(place) {
        return;
    }
    let bounds = bounds();
    let decisions = |place: &Path| {
        let against = [bounds.reason_against_reading(place), bounds.reason_against_writing(place)];
        [against.map(|reason| reason.is_none()), [bounds.allows_reading(place), bounds.grants_writing(place)]]
    };
    assert_eq!(decisions(place), decisions(&normal(place)));
    let [[may_be_read, may_be_written], [allows_reading, grants_writing]] = decisions(place);
    assert!(may_be_read >= may_be_written && may_be_read >= allows_reading);
    assert!(may_be_written >= grants_writing && allows_reading >= grants_writing);
    assert!(!may_be_read || bounds.hidden.iter().all(|hidden| !place.starts_with(hidden)));
    assert!(!may_be_written || bounds.hidden.iter().all(|hidden| !hidden.starts_with(place)));
    if let Some(grant) = bounds.around(place, |folder| folder.ends_with("ours")) {
        assert!(bounds.allows_reading(&grant) && place.starts_with(&grant), "{grant:?}");
    }
    assert!(place.starts_with(bounds.installation(place)));
}

fn bounds() -> Bounds {
    let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect();
    let (homes, hidden) = (paths(&["/home/me"]), paths(&["/srv/ostler/data"]));
    Bounds { homes, hidden, servers: "/srv/ostler/servers".into() }
}

/// Of several places, those are kept that hold all the others, and none that lies in another.
fn outermost(text: &str) {
    let places: Vec<_> = text.lines().map(PathBuf::from).filter(|place| place.is_absolute()).collect();
    let kept = grants::outermost(places.clone());
    assert!(places.iter().all(|place| kept.iter().any(|outer| place.starts_with(outer))));
    for (at, one) in kept.iter().enumerate() {
        let mut others = kept.iter().enumerate().filter(|(other, _)| *other != at);
        assert!(places.contains(one) && !others.any(|(_, other)| one.starts_with(other)), "{kept:?}");
    }
}

fn normal(path: &Path) -> PathBuf {
    path.components().collect()
}

fn has_parent(path: &Path) -> bool {
    path.components().any(|part| part == Component::ParentDir)
}
