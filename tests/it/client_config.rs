//! `ostler client-config`: what a client needs to use Ostler, printed or put in its place without touching anything
//! else.

use std::{fs, process::Command};

use crate::support::{folder::Folder, setup::PROGRAM, *};

/// A person's home folder with a project in it.
struct Home(Folder);

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Home {
    fn new() -> Self {
        let home = Folder::new();
        fs::create_dir(home.path().join("project")).unwrap();
        Self(home)
    }

    fn run(&self, words: &str, key: Option<&str>) -> Ran {
        let mut command = Command::new(PROGRAM);
        command.env_clear().env("HOME", self.0.path()).current_dir(self.0.path().join("project"));
        command.arg("client-config").args(words.split_whitespace()).envs(key.map(|key| ("OSTLER_API_KEY", key)));
        let ran = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: ran.status.code().unwrap(), out: text(&ran.stdout), err: text(&ran.stderr) }
    }

    fn file(&self, path: &str) -> std::path::PathBuf {
        self.0.path().join(path)
    }

    fn read(&self, path: &str) -> Value {
        serde_json::from_str(&fs::read_to_string(self.file(path)).unwrap()).unwrap()
    }
}

#[test]
fn what_is_printed_says_how_each_client_reaches_ostler_and_holds_no_key() {
    let home = Home::new();
    let printed = |client: &str| {
        let ran = home.run(client, Some("ostler_secret"));
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(!ran.out.contains("ostler_secret") && ran.err.contains("--write"), "{}{}", ran.out, ran.err);
        serde_json::from_str::<Value>(&ran.out).unwrap()
    };
    let program = json!({"command": PROGRAM, "args": ["connect", "--url", "http://127.0.0.1:3010"], "env": {"OSTLER_API_KEY": "<your API key>"}});
    assert_eq!(printed("claude"), json!({"mcpServers": {"ostler": program}}));
    let with =
        |key: &str| json!({"url": "http://127.0.0.1:3010/mcp", "headers": {"Authorization": format!("Bearer {key}")}});
    let typed = |key: &str| {
        let mut entry = with(key);
        entry["type"] = json!("http");
        entry
    };
    assert_eq!(printed("claude-code"), json!({"mcpServers": {"ostler": typed("${OSTLER_API_KEY}")}}));
    assert_eq!(printed("cursor"), json!({"mcpServers": {"ostler": with("${env:OSTLER_API_KEY}")}}));
    let code = printed("vscode");
    assert_eq!(code["servers"], json!({"ostler": typed("${input:ostler-key}")}));
    assert_eq!(code["inputs"][0]["id"], "ostler-key");
    assert_eq!(code["inputs"][0]["password"], true);
}

#[test]
fn what_is_written_leaves_all_else_as_it_was_and_a_copy_of_it() {
    let home = Home::new();
    let before = "{\"theme\": \"dark\", \"mcpServers\": {\"files\": {\"command\":\"npx\",   \"args\":[]}}}\n";
    fs::create_dir(home.file(".cursor")).unwrap();
    fs::write(home.file(".cursor/mcp.json"), before).unwrap();
    assert_eq!(home.run("cursor --write --url http://team.example:80/", None).code, 0);
    let after = fs::read_to_string(home.file(".cursor/mcp.json")).unwrap();
    assert!(after.contains("\"files\": {\"command\":\"npx\",   \"args\":[]}"), "{after}");
    let value = home.read(".cursor/mcp.json");
    assert_eq!(value["theme"], "dark");
    assert_eq!(value["mcpServers"]["ostler"]["url"], "http://team.example:80/mcp");
    assert_eq!(fs::read_to_string(home.file(".cursor/mcp.json.bak")).unwrap(), before);
    let again = home.run("cursor --write --url http://team.example:80/", None);
    assert!(again.err.contains("already") && !home.file(".cursor/mcp.json.bak.2").exists(), "{}", again.err);
    assert_eq!(home.run("cursor --write --search", None).code, 0);
    assert_eq!(home.read(".cursor/mcp.json")["mcpServers"]["ostler"]["url"], "http://127.0.0.1:3010/mcp?tools=search");
    assert_eq!(fs::read_to_string(home.file(".cursor/mcp.json.bak.2")).unwrap(), after);
}

#[test]
fn a_file_that_holds_a_key_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let without = home.run("claude --write", None);
    assert!(without.code == 64 && without.err.contains("OSTLER_API_KEY"), "{}", without.err);
    assert_eq!(home.run("claude --write --name team --server files", Some("ostler_secret")).code, 0);
    let file = ".config/Claude/claude_desktop_config.json";
    let entry = home.read(file)["mcpServers"]["team"].clone();
    assert_eq!(entry["env"]["OSTLER_API_KEY"], "ostler_secret");
    assert_eq!(entry["args"], json!(["connect", "--url", "http://127.0.0.1:3010", "--server", "files"]));
    assert_eq!(fs::metadata(home.file(file)).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_file_with_comments_keeps_them_and_one_that_cannot_be_read_is_left_alone() {
    let home = Home::new();
    fs::create_dir(home.file("project/.vscode")).unwrap();
    let file = home.file("project/.vscode/mcp.json");
    fs::write(
        &file,
        "{\r\n\t// mine\r\n\t\"servers\": {\r\n\t\t\"files\": {\"command\": \"x\",}, // y\r\n\t},\r\n}\r\n",
    )
    .unwrap();
    let ran = home.run("vscode --write", None);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let after = fs::read_to_string(&file).unwrap();
    assert!(after.contains("\t\t\"files\": {\"command\": \"x\",}, // y\r\n\t\t\"ostler\": {\r\n"), "{after}");
    assert!(after.starts_with("{\r\n\t// mine\r\n") && after.contains("\t\"inputs\": [\r\n"), "{after}");
    assert!(home.run("vscode --write", None).err.contains("already"));

    fs::write(&file, "{\n  servers: {}\n}\n").unwrap();
    let ran = home.run("vscode --write", None);
    assert!(ran.code == 1 && ran.err.contains("line 2 column 3") && ran.err.contains("--write"), "{}", ran.err);
    assert_eq!(fs::read_to_string(&file).unwrap(), "{\n  servers: {}\n}\n");
}

#[test]
fn a_server_is_found_by_its_name() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().register(fake("ok").named("files"));
    let key = ostler.admin().make_key(&["mcp:read", "mcp:execute"]).token.unwrap();
    let home = Home::new();
    let place = format!("http://{}", ostler.address);
    let ran = home.run(&format!("claude-code --write --url {place} --server files"), Some(&key));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(home.read("project/.mcp.json")["mcpServers"]["ostler"]["url"], format!("{place}/mcp/{}", server.id));
    let ran = home.run(&format!("claude-code --url {place} --server fils"), Some(&key));
    assert!(ran.code == 1 && ran.err.contains("there are: files"), "{}", ran.err);
}
