//! The dashboard in a browser: what `tests/browser` plays in Chromium against a real Ostler, as a person would.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Mutex,
};

use crate::{
    catalogue::with_npx_of_the_demo,
    support::{
        real::{Browser, browser, has_program, node_servers},
        registry::Registry,
        setup::ADMIN_PASSWORD,
        *,
    },
};

/// One Chromium at a time is enough for any machine.
static STAGE: Mutex<()> = Mutex::new(());

/// What a part needs: the browser, servers from npm, and a folder with a file in it.
struct Props {
    browser: Browser,
    servers: PathBuf,
}

impl Props {
    #[track_caller]
    fn get() -> Option<Self> {
        Some(Self { browser: browser()?, servers: node_servers()? })
    }

    /// Plays a part; what it asks of the test is done by `help`.
    #[track_caller]
    fn play(&self, part: &str, ostler: &mut Ostler, password: &str, help: impl Fn(&mut Ostler, &str)) {
        let _turn = STAGE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut child = self.start(part, ostler, password);
        let mut errors = child.stderr.take().unwrap();
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = errors.read_to_string(&mut text);
            text
        });
        let mut answers = child.stdin.take().unwrap();
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
            if let Some(wish) = line.strip_prefix("ask ") {
                help(ostler, wish);
                writeln!(answers, "done").unwrap();
            }
        }
        let status = child.wait().unwrap();
        assert!(status.success(), "{part}:\n{}", errors.join().unwrap());
    }

    fn start(&self, part: &str, ostler: &Ostler, password: &str) -> Child {
        let script = |name: &str| self.servers.join(format!("node_modules/@modelcontextprotocol/{name}/dist/index.js"));
        let files = ostler.setup.servers_dir().canonicalize().unwrap().join("files");
        std::fs::create_dir_all(&files).unwrap();
        std::fs::write(files.join("notes.txt"), "oats, hay, carrots\n").unwrap();
        let told = json!({
            "chromium": self.browser.chromium, "url": format!("http://{}", ostler.address), "password": password,
            "pictures": concat!(env!("CARGO_TARGET_TMPDIR"), "/../screenshots"),
            "node": "node", "everything": script("server-everything"), "filesystem": script("server-filesystem"),
            "files": files,
        });
        let play = format!("{}/tests/browser/{part}.mjs", env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new("node");
        command.arg(play).arg(&self.browser.folder).arg(told.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

#[track_caller]
fn nothing(_: &mut Ostler, wish: &str) {
    panic!("nobody can {wish} here");
}

#[test]
fn somebody_who_never_read_the_manual_gets_from_the_login_to_a_call_on_record_within_the_limits() {
    let Some(props) = Props::get() else { return };
    let limits = ["SERVER_CREATE", "TOOL_EXECUTE", "API", "CHANGE"].map(|limit| format!("RATE_LIMIT_{limit}"));
    let mut ostler =
        limits.iter().fold(Setup::new().without("OSTLER_ADMIN_PASSWORD"), |setup, name| setup.without(name)).spawn();
    let kept = std::fs::read_to_string(ostler.setup.home.join("data/first-admin.txt")).unwrap();
    let password = kept.lines().find_map(|line| line.strip_prefix("password: ")).unwrap();
    props.play("story", &mut ostler, password, nothing);
}

#[test]
fn everybody_can_use_every_page_in_light_and_dark_and_on_a_phone() {
    let Some(props) = Props::get() else { return };
    props.play("pages", &mut Ostler::spawn(), ADMIN_PASSWORD, nothing);
}

#[test]
fn a_form_has_a_field_for_each_option_and_an_import_says_what_it_leaves_out() {
    let Some(props) = Props::get() else { return };
    props.play("forms", &mut Ostler::spawn(), ADMIN_PASSWORD, nothing);
}

#[test]
fn a_server_that_needs_a_token_is_five_clicks_away_from_its_first_call() {
    let Some(props) = Props::get() else { return };
    props.play("catalogue", &mut with_npx_of_the_demo().spawn(), ADMIN_PASSWORD, nothing);
}

#[test]
fn a_template_is_written_answered_changed_and_applied() {
    let Some(props) = Props::get() else { return };
    props.play("templates", &mut Ostler::spawn(), ADMIN_PASSWORD, nothing);
}

#[test]
fn names_answers_and_log_lines_that_want_to_act_stay_text() {
    let Some(props) = Props::get() else { return };
    props.play("hostile", &mut Ostler::spawn(), ADMIN_PASSWORD, nothing);
}

#[test]
fn a_changed_tool_and_what_was_refused_wait_for_a_person() {
    let Some(props) = Props::get() else { return };
    props.play("trust", &mut Ostler::spawn(), ADMIN_PASSWORD, nothing);
}

#[test]
fn an_update_of_a_package_is_seen_before_it_is_made_and_taken_back() {
    let (Some(props), Some(())) = (Props::get(), has_program("npx")) else { return };
    let setup = Setup::new();
    let registry = Registry::start(&setup);
    registry.publish_version("1.0.0");
    props.play("packages", &mut registry.asked_by(setup).spawn(), ADMIN_PASSWORD, |ostler, wish| match wish {
        "publish" => registry.publish_version("2.0.0"),
        other => nothing(ostler, other),
    });
}

#[test]
fn a_page_that_lost_its_ostler_says_so_and_heals_and_one_nobody_looks_at_is_quiet() {
    let Some(props) = Props::get() else { return };
    props.play("lost", &mut Ostler::spawn(), ADMIN_PASSWORD, |ostler, wish| match wish {
        "kill" => {
            let port = ostler.address.port().to_string();
            ostler.setup = ostler.setup.clone().env("OSTLER_PORT", &port);
            ostler.kill();
        }
        "start" => ostler.start_again(),
        other => nothing(ostler, other),
    });
}
