//! One line of time for each server: what it wrote, what Ostler says about it, and its calls.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::Command,
};

use crate::support::*;

/// A page of a server's timeline.
fn page(server: &Server, query: &str) -> Answer {
    server.caller.get(&server.path(&format!("/timeline?{query}"))).is(200)
}

/// What is on the newest page, newest first.
fn items(server: &Server, query: &str) -> Vec<Value> {
    page(server, query).json["items"].as_array().unwrap().clone()
}

fn texts(server: &Server, query: &str) -> Vec<String> {
    items(server, query).iter().map(|item| item["text"].as_str().unwrap().to_owned()).collect()
}

/// Waits until a line is on the newest page, and gives that.
#[track_caller]
fn until_said(server: &Server, text: &str) -> Vec<Value> {
    eventually(&format!("{text} is on the timeline"), || {
        let items = items(server, "limit=100&kinds=ostler");
        items.iter().any(|item| item["text"].as_str().unwrap().starts_with(text)).then_some(items)
    })
}

fn folder(ostler: &Ostler) -> std::path::PathBuf {
    ostler.setup.home.join("data/logs")
}

fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(
            |entry| {
                if entry.path().is_dir() { size(&entry.path()) } else { entry.metadata().map_or(0, |file| file.len()) }
            },
        )
        .sum()
}

#[test]
fn what_a_server_wrote_what_became_of_it_and_what_was_called_is_on_one_line_of_time() {
    let ostler = Ostler::spawn();
    let spec = fake_with("banner", &["hello with the TOKEN hunter22 and \u{1b}[2J"]).env("TOKEN", "hunter22");
    let server = ostler.admin().running(spec);
    let called = server.call("echo", json!({"message": "an-argument"})).is(200);
    server.call("no-such-tool", json!({})).is(400);
    processes::kill(server.pid());
    until_said(&server, "failure 1 in a row");
    server.becomes("running");
    server.stop().is(200);
    until_said(&server, "stopped");
    let mut said = items(&server, "limit=100");
    assert!(said.windows(2).all(|pair| pair[0]["at"].as_str() >= pair[1]["at"].as_str()), "{said:#?}");
    said.reverse();
    let line = |item: &Value| {
        let text = item["text"].as_str().unwrap();
        let text = text.split_once(" after ").map_or(text, |(before, _)| before);
        format!("{} {}", item["kind"].as_str().unwrap(), text.split_once("; ").map_or(text, |(before, _)| before))
    };
    let banner = "stderr hello with the TOKEN *** and \u{1b}[2J";
    let lines: Vec<_> = said.iter().map(line).collect();
    let expected = [
        "ostler registered",
        "ostler asked to start",
        "ostler starting",
        banner,
        "ostler ready",
        "call echo succeeded",
        "call no-such-tool was refused",
        "ostler was ended by signal 9",
        "ostler failure 1 in a row",
        banner,
        "ostler ready",
        "ostler asked to stop",
        "ostler stopping",
        "ostler stopped",
    ];
    assert_eq!(lines, expected);
    let call = said.iter().find(|item| item["kind"] == "call").unwrap();
    assert_eq!((&call["callId"], &call["level"]), (&json!(called.string("/callId")), &json!("info")));
    assert!(said.iter().all(|item| item["level"].is_string() != (item["kind"] == "stderr")), "{said:#?}");
    let body = page(&server, "limit=100").text();
    assert!(!body.contains("an-argument") && !body.contains("hunter22") && !body.contains('\u{1b}'), "{body}");
}

#[test]
fn a_timeline_is_searched_narrowed_and_read_page_by_page() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake_with("banner", &["Something WENT wrong"]));
    (0..5).for_each(|_| drop(server.call("echo", json!({"message": "x"})).is(200)));
    eventually("the calls are there", || (items(&server, "kinds=call").len() == 5).then_some(()));
    assert_eq!(texts(&server, "search=went%20WRONG"), ["Something WENT wrong"]);
    assert_eq!(texts(&server, "search=went&kinds=ostler,call"), [""; 0]);
    assert_eq!(texts(&server, "kinds=ostler"), ["ready", "starting", "asked to start", "registered"]);
    let all = items(&server, "limit=100");
    let (mut read, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = page(&server, &format!("limit=3{cursor}"));
        read.extend(page.json["items"].as_array().unwrap().clone());
        let Some(next) = page.json["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(read, all);
}

#[test]
fn a_timeline_is_for_those_who_may_see_the_server_and_ask_properly() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().register(fake("ok"));
    let path = |query: &str| server.path(&format!("/timeline?{query}"));
    ostler.user("developer").get(&path("")).problem(404, "server_not_found");
    ostler.anonymous().get(&path("")).problem(401, "unauthenticated");
    let admin = ostler.admin();
    for (query, names) in
        [("kinds=stdin", "/kinds"), ("kinds=", "/kinds"), (&format!("search={}", "x".repeat(201)), "/search")]
    {
        let answer = admin.get(&path(query)).problem(422, "validation_failed");
        assert_eq!(answer.json["errors"][0]["pointer"], names, "{query}");
    }
    for (query, names) in [("limit=101", "limit"), ("cursor=x", "cursor"), ("until=now", "until")] {
        let answer = admin.get(&path(query)).problem(400, "malformed_request");
        assert!(answer.string("/detail").contains(names), "{answer:?}");
    }
}

#[test]
fn a_timeline_outlives_ostler_however_that_ends_and_goes_with_its_server() {
    let mut ostler = Ostler::spawn();
    let server = ostler.admin().register(fake_with("stderr-flood", &["1500000"]).enabled());
    eventually("it is being written", || (!items(&server, "kinds=stderr").is_empty()).then_some(()));
    ostler.kill();
    ostler.start_again();
    let server = ostler.admin().server(&server.id);
    server.becomes("running");
    let said = until_said(&server, "ready");
    assert_eq!(said.iter().filter(|item| item["text"] == "starting").count(), 2, "{said:#?}");
    assert_eq!(said.last().unwrap()["text"], "registered");
    let flood = "a line on standard error that says very little indeed";
    assert!(items(&server, "limit=100&kinds=stderr").iter().all(|item| item["text"] == flood));
    assert!(ostler.terminate().success());
    ostler.start_again();
    let server = ostler.admin().server(&server.id);
    eventually("its end was said", || texts(&server, "kinds=ostler").contains(&"stopped".into()).then_some(()));
    let files = folder(&ostler).join(&server.id);
    let modes = [&folder(&ostler), &files, &files.join("00000001.jsonl")]
        .map(|path| fs::metadata(path).unwrap().mode() & 0o777);
    assert_eq!(modes, [0o700, 0o700, 0o600]);
    server.remove().any_of(&[200, 204]);
    eventually("its files are gone", || (!files.exists()).then_some(()));
}

#[test]
fn many_servers_that_write_without_end_stay_within_the_budget_together() {
    let budget = 1 << 20;
    let ostler = Ostler::with(&[("MCP_LOG_BYTES", &budget.to_string())]);
    let quiet = ostler.admin().running(fake("ok"));
    let loud = together(6, |number| {
        ostler.admin().running(fake_with("stderr-flood", &["1500000"]).named(&format!("loud{number}")))
    });
    for server in &loud {
        eventually("its last lines are there", || (items(server, "kinds=stderr").len() == 50).then_some(()));
        assert!(size(&folder(&ostler)) <= budget, "{}", size(&folder(&ostler)));
    }
    assert_eq!(texts(&quiet, ""), ["ready", "starting", "asked to start", "registered"]);
}

#[test]
fn a_folder_that_takes_nothing_is_told_once_and_holds_nobody_up() {
    let setup = Setup::new();
    fs::create_dir_all(setup.home.join("data")).unwrap();
    fs::write(setup.home.join("data/logs"), "in the way").unwrap();
    let ostler = setup.spawn();
    let server = ostler.admin().running(fake("ok"));
    (0..20).for_each(|_| drop(server.call("echo", json!({"message": "x"})).is(200)));
    let told = || ostler.errors().matches("the timelines of servers cannot be written").count();
    eventually("it is told", || (told() == 1).then_some(()));
    let only = |lines: &[String]| lines.len() == 1 && lines[0].ends_with("they could not be written");
    assert!(only(&texts(&server, "")), "{:#?}", texts(&server, ""));
    fs::remove_file(folder(&ostler)).unwrap();
    let lines = eventually("it goes on", || {
        server.call("echo", json!({"message": "x"})).is(200);
        Some(texts(&server, "limit=100")).filter(|lines| !only(lines))
    });
    let lost = lines.last().unwrap();
    assert!(lost.ends_with("lines are missing here: they could not be written"), "{lines:#?}");
    assert_eq!(told(), 1);
    assert!(ostler.errors().contains("the timelines of servers are written again"));
}

#[test]
fn a_page_has_no_item_too_many_while_lines_cannot_be_written() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    until_said(&server, "ready");
    // What is written stays readable, and the segment to write next leads nowhere.
    let segment = |number: u32| folder(&ostler).join(&server.id).join(format!("{number:08}.jsonl"));
    fs::rename(segment(1), segment(0)).unwrap();
    std::os::unix::fs::symlink("/no-such-folder/file", segment(1)).unwrap();
    server.call("echo", json!({"message": "x"})).is(200);
    let missing = "1 lines are missing here: they could not be written";
    eventually("it is said", || texts(&server, "limit=100").contains(&missing.into()).then_some(()));
    let all = [missing, "ready", "starting", "asked to start", "registered"];
    assert_eq!(texts(&server, "limit=100"), all);
    let (mut read, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = page(&server, &format!("limit=1{cursor}"));
        let said = page.list("/items").iter().map(|item| item["text"].as_str().unwrap().to_owned());
        read.push(said.collect::<Vec<_>>());
        let Some(next) = page.json["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(read, all.map(|text| vec![text.to_owned()]));
}

#[test]
fn without_a_budget_no_timeline_is_kept() {
    let mut ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    until_said(&server, "ready");
    assert!(ostler.terminate().success());
    ostler.setup.environment.insert("MCP_LOG_BYTES".into(), "0".into());
    ostler.start_again();
    let server = ostler.admin().server(&server.id);
    assert!(!folder(&ostler).exists());
    server.start().is(200);
    server.caller.get(&server.path("/timeline")).problem(404, "not_found");
    assert!(!folder(&ostler).exists());
}

#[test]
fn what_becomes_of_a_process_of_one_caller_alone_is_on_its_servers_timeline() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok").set("isolation", json!("per-user")));
    server.call("crash", json!({})).problem(503, "server_unavailable");
    until_said(&server, "failure 1 in a row");
    let said = texts(&server, "search=one%20caller%20alone");
    assert_eq!(said.last().unwrap(), "exited with code 9 (a process of one caller alone)");
    let standard_error = texts(&server, "kinds=stderr");
    assert!(standard_error.is_empty(), "it is that caller's alone: {standard_error:?}");
    eventually("the call is there", || {
        (!texts(&server, "kinds=call&search=crash%20met%20no%20server").is_empty()).then_some(())
    });
}

/// Starts Ostler with its timelines on a small file system of its own; `None` where none can be mounted.
fn on_small_disk(options: &str) -> Option<(Ostler, std::path::PathBuf)> {
    let mut setup = Setup::new();
    let logs = setup.home.join("data/logs");
    fs::create_dir_all(&logs).unwrap();
    let mount = format!("mount -t tmpfs -o {options} tmpfs {}", logs.display());
    if !Command::new("unshare")
        .args(["--mount", "sh", "-c", &mount])
        .output()
        .is_ok_and(|output| output.status.success())
    {
        absent("no small file system can be mounted here");
        return None;
    }
    // The same process from beginning to end, so that it is Ostler's in the end.
    let wrapped = setup.home.join("on-a-small-disk");
    let script = format!(
        "#!/bin/sh\nexec unshare --mount sh -c '{mount} && exec \"$0\" \"$@\"' {} \"$@\"\n",
        setup.program.display()
    );
    fs::write(&wrapped, script).unwrap();
    fs::set_permissions(&wrapped, fs::Permissions::from_mode(0o755)).unwrap();
    setup.program = wrapped;
    Some((setup.spawn(), logs))
}

/// How often the log says that timelines cannot be written.
fn told(ostler: &Ostler) -> usize {
    ostler.errors().matches("the timelines of servers cannot be written").count()
}

#[test]
fn a_full_disk_costs_lines_and_nothing_else_and_is_told_once() {
    let Some((ostler, logs)) = on_small_disk("size=18m") else { return };
    let server = ostler.admin().running(fake_with("stderr-flood", &["3000000"]));
    eventually("it is told", || (told(&ostler) > 0).then_some(()));
    server.call("echo", json!({"message": "x"})).is(200);
    assert_eq!(items(&server, "kinds=stderr").len(), 50);
    let more = format!("mount -o remount,size=64m {}", logs.display());
    let pid = ostler.pid().to_string();
    let mounted = Command::new("nsenter").args(["--target", &pid, "--mount", "sh", "-c", &more]).status();
    assert!(mounted.unwrap().success());
    eventually("it goes on", || {
        server.call("echo", json!({"message": "x"})).is(200);
        texts(&server, "kinds=ostler&search=could%20not%20be%20written").pop()
    });
    eventually("the call is on the timeline", || (!items(&server, "kinds=call").is_empty()).then_some(()));
    assert_eq!(told(&ostler), 1, "{}", ostler.errors());
}

#[test]
fn a_lack_of_inodes_is_told_once_and_each_timeline_says_what_it_lacks() {
    // The folder itself, and a folder and a file for each of two servers.
    let Some((ostler, _)) = on_small_disk("size=64m,nr_inodes=5") else { return };
    let admin = ostler.admin();
    let written: Vec<_> = (0..2).map(|number| admin.running(fake("ok").named(&format!("written-{number}")))).collect();
    written.iter().for_each(|server| drop(until_said(server, "ready")));
    for number in 0..4 {
        let server = admin.register(fake("ok").named(&format!("unwritten-{number}")));
        let said = until_said(&server, "1 lines are missing here: they could not be written");
        assert_eq!(said.len(), 1, "{said:?}");
        let called = written[0].call("echo", json!({"message": "x"})).is(200).string("/callId");
        eventually("the others' are written", || {
            (!items(&written[0], &format!("search={called}")).is_empty()).then_some(())
        });
    }
    assert_eq!(told(&ostler), 1, "{}", ostler.errors());
    assert!(ostler.errors().contains("no inodes are free"), "{}", ostler.errors());
}
