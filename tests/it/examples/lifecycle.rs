//! `lifecycle`: scripts that ship with it pass, failures and faulty scripts say what is wrong.

use super::*;
use crate::support::real::{has_program, node_servers};

/// A script that ships with it.
fn shipped(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/lifecycle").join(name).display().to_string()
}

/// Runs it in `place` with `--junit`; returns the report as XML, too.
fn reported(place: &Path, script: &str) -> Option<(End, String)> {
    let folder = Folder::new();
    let junit = folder.path().join("junit.xml");
    let end = run("lifecycle", place, &[script, "--junit", junit.to_str().unwrap()])?;
    let xml = fs::read_to_string(&junit).unwrap_or_else(|error| panic!("{error}: {end:?}"));
    Some((end, xml))
}

/// Plays a script of the test's own.
fn played(script: &str) -> Option<End> {
    let folder = Folder::new();
    let file = folder.path().join("script.toml");
    fs::write(&file, script).unwrap();
    run("lifecycle", folder.path(), &["script.toml"])
}

fn passes(place: &Path, script: &str, steps: usize) {
    let Some((end, xml)) = reported(place, script) else { return };
    assert_eq!((end.code, end.complained.as_str()), (Some(0), ""), "{end:?}");
    assert_eq!(end.said.matches("\n  ok ").count(), steps + 1, "{}", end.said);
    let figures = format!(r#"tests="{}" failures="0" errors="0" skipped="0""#, steps + 1);
    assert!(xml.contains(&figures) && xml.matches("<testcase ").count() == steps + 1, "{xml}");
}

#[test]
fn the_script_of_crashes_passes() {
    passes(Path::new("."), &shipped("crash_and_recover.toml"), 12);
}

#[test]
fn the_script_of_a_rolling_update_passes_without_a_lost_call() {
    passes(Path::new("."), &shipped("rolling_update.toml"), 7);
}

#[test]
fn the_script_for_a_server_of_ones_own_passes() {
    let Some(folder) = node_servers() else { return };
    let Some(()) = has_program("npx") else { return };
    // Here `npx` finds the server that is installed.
    passes(&folder, &shipped("your_server.toml"), 9);
}

const DEMO: &str = r#"
[[step]]
do = "register"
name = "demo"
command = "${PROGRAM}"
args = ["demo-server"]
"#;

#[test]
fn a_step_that_fails_says_what_was_expected_and_seen_and_the_rest_is_skipped() {
    let folder = Folder::new();
    let script = folder.path().join("script.toml");
    let steps = r#"
[[step]]
do = "call"
tool = "echo"
arguments = { text = "<hay> & \"oats\"" }
expect.text = "barley"

[[step]]
do = "stop"
"#;
    fs::write(&script, format!("{DEMO}{steps}")).unwrap();
    let Some((end, xml)) = reported(folder.path(), "script.toml") else { return };
    assert_eq!(end.code, Some(1), "{end:?}");
    for part in [
        "FAILED",
        "script.toml:8",
        r#"expected a text with "barley""#,
        r#"seen     "<hay> & \"oats\"""#,
        "skipped",
        "2 of 4 passed, 1 failed, 1 skipped",
    ] {
        assert!(end.said.contains(part), "{part}: {}", end.said);
    }
    assert!(xml.contains(r#"tests="4" failures="1" errors="0" skipped="1""#), "{xml}");
    assert!(xml.contains("&lt;hay&gt; &amp;") && xml.contains("script.toml:8&#10;"), "{xml}");
}

#[test]
fn an_interrupted_script_is_stopped_in_order_and_leaves_nothing() {
    let folder = Folder::new();
    let steps = "[[step]]\ndo = 'call'\ntool = 'sleep'\narguments.ms = 60000\nwithin = 60\n\
        [[step]]\ndo = 'stop'";
    fs::write(folder.path().join("script.toml"), format!("{DEMO}{steps}")).unwrap();
    let end = run_interrupted("lifecycle", folder.path(), &["script.toml"], Some("register demo"));
    let Some(end) = end else { return };
    assert_eq!((end.code, end.complained.as_str()), (Some(1), ""), "{end:?}");
    assert!(end.said.contains("seen     SIGINT") && end.said.contains("the end: no process is left"), "{}", end.said);
    assert!(end.said.contains("2 of 4 passed, 1 failed, 1 skipped"), "{}", end.said);
}

#[test]
fn each_expectation_can_fail() {
    for (steps, seen) in [
        ("do = 'call'\ntool = 'add'\narguments = { a = 2, b = 2 }\nexpect.json = { sum = 5 }", r#"{"sum":4}"#),
        (
            "do = 'call'\ntool = 'pid'\nexpect.error = 'tool_execution_failed'",
            "expected the error tool_execution_failed",
        ),
        ("do = 'call'\ntool = 'fail'\narguments.message = 'no hay'", "no hay (error tool_execution_failed)"),
        ("do = 'call'\ntool = 'sleep'\narguments.ms = 60000\nwithin = 0.5", "no answer within 500 ms"),
        ("do = 'crash'\ntool = 'pid'\nwithin = 1", "by pid, which said"),
        ("do = 'wait'\nstatus = 'stopped'\nwithin = 0.5", "expected it stopped within 500ms"),
        ("do = 'no_process'\nwithin = 0.5", "demo-server"),
        ("do = 'drain'", "put a step with do = \"load\" before it"),
        ("do = 'load'\ntool = 'fail'\narguments.message = 'no hay'\n[[step]]\ndo = 'drain'", "no hay"),
        ("do = 'load'\ntool = 'fail'\narguments.message = 'no hay'", "no hay"),
    ] {
        let running = "[[step]]\ndo = 'wait'\nstatus = 'running'\n";
        let Some(end) = played(&format!("{DEMO}{running}[[step]]\n{steps}")) else { return };
        assert!(end.code == Some(1) && end.said.contains(seen), "{seen}: {}", end.said);
    }
}

#[test]
fn a_server_that_never_runs_is_shown_with_its_last_words() {
    let script = "[[step]]\ndo = 'register'\nname = 'broken'\ncommand = 'sh'\n\
        args = ['-c', 'echo no oats >&2; exit 3']\n[[step]]\ndo = 'wait'\nstatus = 'running'";
    let Some(end) = played(script) else { return };
    assert!(end.code == Some(1) && end.said.contains("seen     failed; the last process"), "{}", end.said);
    assert!(end.said.contains("| no oats"), "{}", end.said);
}

/// Steps, and the fault of each; empty where there is none.
const FAULTY: [(&str, &str); 12] = [
    (
        "do = 'wait'\nstatus = 'running'",
        r#" (wait): server: none is registered yet: put a step with do = "register" before it"#,
    ),
    ("do = 'register'\nname = 'demo'\ncomand = 'x'", " (register): comand: unknown field `comand`, expected one of"),
    ("do = 'register'\nname = 'demo'\ncommand = 'x'", ""),
    ("do = 'call'\narguments = {}", " (call): missing field `tool`"),
    (
        "do = 'call'\ntool = 'echo'\nexpect.txt = '?'",
        " (call): expect.txt: unknown field `txt`, expected one of `text`, `json`, `error`",
    ),
    ("do = 'wait'\nstatus = 'up'", " (wait): status: unknown variant `up`, expected one of `running`,"),
    ("do = 'stop'\nwithin = -1", " (stop): within: must be seconds, more than 0 and at most 3600"),
    ("do = 'stop'\nserver = 'other'", r#" (stop): server: "other" is not registered before: write one of ["demo"]"#),
    ("do = 'update'", " (update): changes nothing: give command, args or env"),
    ("do = 'dance'", " (dance): do: there is no such step: write register, wait,"),
    ("status = 'running'", ": do: is missing or no text: write register, wait,"),
    (
        "do = 'call'\ntool = '${NO_SUCH_VARIABLE}'",
        " (call): tool: the variable NO_SUCH_VARIABLE is not set: set it for this program",
    ),
];

#[test]
fn every_fault_of_a_script_names_its_line_step_key_and_remedy() {
    let (mut script, mut expected) = (String::new(), Vec::new());
    for (index, (step, fault)) in FAULTY.iter().enumerate() {
        let line = script.lines().count() + 1;
        script.push_str(&format!("[[step]]\n{step}\n"));
        expected.extend((!fault.is_empty()).then(|| format!("script.toml:{line}: step {}{fault}", index + 1)));
    }
    let Some(end) = played(&script) else { return };
    assert_eq!((end.code, end.said.as_str()), (Some(64), ""), "{end:?}");
    let lines: Vec<_> = end.complained.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{}", end.complained);
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(&expected), "{line}\n{expected}");
    }
}

#[test]
fn the_command_line_explains_itself() {
    let Some(help) = run("lifecycle", Path::new("."), &["--help"]) else { return };
    assert_eq!((help.code, help.complained.as_str()), (Some(0), ""));
    assert!(help.said.contains("--junit") && help.said.contains("no_process"), "{}", help.said);
    for arguments in [&[] as &[&str], &["no/such.toml"], &["a.toml", "--xml"]] {
        let Some(end) = run("lifecycle", Path::new("."), arguments) else { return };
        assert!(end.code == Some(64) && !end.complained.is_empty(), "{end:?}");
    }
    let Some(empty) = played("") else { return };
    assert!(empty.code == Some(64) && empty.complained.contains("begin with [[step]]"), "{empty:?}");
    let Some(broken) = played("[[step]\n") else { return };
    assert!(broken.code == Some(64) && broken.complained.contains("line 1"), "{broken:?}");
}
