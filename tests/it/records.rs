//! What is kept of calls, for how long, and how little of it any reading takes.

use aws_lc_rs::digest::{SHA256, digest};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, connection::SimpleConnection};

use ::ostler::model::Timestamp;

use crate::support::{backends::on_both_databases, *};

/// Bytes of arguments and answers that are kept whole, by default.
const KEPT: usize = 64 << 10;

/// The bytes that calls on record count for.
const RECORDED: &str = "SELECT CAST(SUM(octet_length(tool_name) + octet_length(parameters) + \
    COALESCE(octet_length(response), 0) + 300) AS BIGINT) AS n FROM mcp_tool_calls";

/// Those that are counted.
const COUNTED: &str = "SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) AS n FROM call_bytes";

/// Servers with calls that are recorded and not yet counted.
const HOLDING: &str = "SELECT COUNT(*) AS n FROM mcp_servers WHERE held_bytes IS NOT NULL";

on_both_databases! {
    fn a_long_payload_is_kept_in_part_and_named_by_length_and_digest(setup: Setup) {
        let ostler = setup.spawn();
        let (admin, server) = (ostler.admin(), ostler.admin().running(fake("ok")));
        let parameters = json!({"message": format!("a{}", "ä".repeat(100_000))});
        let (whole, id) = (parameters.to_string(), server.call("echo", parameters).is(200).string("/callId"));
        let sum: String = digest(&SHA256, whole.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let beginning = &whole[..whole.floor_char_boundary(KEPT)];
        assert_eq!(beginning.len(), KEPT - 1, "the limit is within a character");
        admin.get(&format!("/api/calls/{id}")).is(200)
            .lacks("/parameters").lacks("/response")
            .has("/parametersExcerpt/text", beginning).has("/parametersExcerpt/length", whole.len())
            .has("/parametersExcerpt/truncated", true).has("/parametersExcerpt/sha256", sum.clone())
            .has("/responseExcerpt/truncated", true);
        let start: String = whole.chars().take(256).collect();
        for list in ["/api/calls".to_owned(), server.path("/logs")] {
            let answer = admin.get(&list).is(200);
            assert!(answer.body.len() < 4096, "{answer:?}");
            answer
                .lacks("/items/0/parameters").lacks("/items/0/response").has("/items/0/parametersExcerpt/text", start.clone())
                .has("/items/0/parametersExcerpt/length", whole.len()).has("/items/0/parametersExcerpt/sha256", sum.clone());
        }
    }

    fn a_list_shows_small_payloads_whole_and_the_beginning_of_others(setup: Setup) {
        let ostler = setup.spawn();
        let (admin, server) = (ostler.admin(), ostler.admin().running(fake("ok")));
        server.call("echo", json!({"message": "small"})).is(200);
        admin.get("/api/calls").is(200)
            .has("/items/0/parameters/message", "small").lacks("/items/0/parametersExcerpt")
            .has("/items/0/response/content/0/text", "small").lacks("/items/0/responseExcerpt");
        let id = server.call("echo", json!({"message": "m".repeat(1100)})).is(200).string("/callId");
        admin.get("/api/calls").is(200)
            .lacks("/items/0/parameters").has("/items/0/parametersExcerpt/truncated", false)
            .lacks("/items/0/parametersExcerpt/sha256").has("/items/0/parametersExcerpt/length", 1114);
        admin.get(&format!("/api/calls/{id}")).is(200)
            .has("/parameters/message", "m".repeat(1100)).lacks("/parametersExcerpt")
            .has("/response/content/0/text", "m".repeat(1100)).lacks("/responseExcerpt");
    }

    fn what_a_server_says_of_an_error_is_short_on_record(setup: Setup) {
        let ostler = setup.spawn();
        let (admin, server) = (ostler.admin(), ostler.admin().running(fake("ok")));
        let failed = json!({"isError": true, "content": [{"type": "text", "text": "x".repeat(3_000_000)}]});
        server.call("raw", json!({"result": failed})).is(400);
        let list = admin.get("/api/calls?success=false").is(200);
        assert_eq!(list.string("/items/0/errorMessage"), format!("{}…", "x".repeat(4096)));
        assert!(list.body.len() < 8192, "{list:?}");
    }

    fn what_a_server_says_while_it_fails_to_start_is_short_everywhere(setup: Setup) {
        let ostler = setup.spawn();
        let admin = ostler.admin();
        let refuses = "while read -r line; do id=$(printf %s \"$line\" | sed 's/.*\"id\":\\([^,}]*\\).*/\\1/'); \
            printf '{\"jsonrpc\":\"2.0\",\"id\":%s,\"error\":{\"code\":1,\"message\":\"%s\"}}\\n' \"$id\" \
            \"$(head -c 3000000 /dev/zero | tr '\\0' x)\"; done";
        let server = admin.register(Spec::new("sh", json!(["-c", refuses])).enabled());
        let details = eventually("it says why it is not ready", || {
            let details = server.details().is(200);
            details.text().contains("was refused with 1: xxx").then_some(details)
        });
        assert!(details.body.len() < 32 << 10, "{details:?}");
        let health = format!("/api/history/health?serverId={}", server.id);
        for list in [health.as_str(), "/api/mcp", "/api/audit?limit=20"] {
            let answer = admin.get(list).is(200);
            assert!(answer.body.len() < 200 << 10, "{answer:?}");
        }
    }

    fn an_account_that_calls_too_much_loses_its_own_oldest_calls_alone(setup: Setup) {
        let ostler = setup.env("OSTLER_CALLS_BYTES_PER_USER", "1048576").spawn();
        let (admin, server) = (ostler.admin(), ostler.admin().running(fake("ok")));
        let quiet = server.seen_by(&admin.make_user("quiet", "admin"));
        let first = server.call("echo", json!({"message": "first"})).is(200).string("/callId");
        let kept: Vec<_> = (0..5).map(|_| quiet.call("echo", json!({"message": "x"})).is(200).string("/callId")).collect();
        // Of each its arguments and its answer are kept up to a length.
        let made = (2 << 20) / (2 * KEPT);
        (0..made).for_each(|_| drop(server.call("echo", json!({"message": "y".repeat(KEPT)})).is(200)));
        let last = server.call("echo", json!({"message": "last"})).is(200).string("/callId");
        let of_account = format!("{RECORDED} WHERE user_id = '{}'", admin.id);
        eventually("what is too much is gone", || (number(&ostler.setup, &of_account) <= 1 << 20).then_some(()));
        let taken = "SELECT CAST(SUM(octet_length(parameters) + octet_length(response)) AS BIGINT) AS n FROM mcp_tool_calls";
        assert!((900_000..1 << 20).contains(&number(&ostler.setup, taken)), "{}", number(&ostler.setup, taken));
        admin.get(&format!("/api/calls/{first}")).problem(404, "call_not_found");
        kept.iter().chain([&last]).for_each(|id| drop(admin.get(&format!("/api/calls/{id}")).is(200)));
        // What was counted stays counted.
        assert_eq!(server.details().is(200).number("/server/totalCalls") as usize, made + 7);
    }

    fn what_all_accounts_have_together_is_bounded_too(setup: Setup) {
        let ostler = setup.env("OSTLER_CALLS_BYTES", "1048576").spawn();
        let (admin, server) = (ostler.admin(), ostler.admin().running(fake("ok")));
        let other = server.seen_by(&admin.make_user("other", "admin"));
        let few: Vec<_> = (0..2).map(|_| other.call("echo", json!({"message": "z".repeat(KEPT)})).is(200).string("/callId")).collect();
        (0..16).for_each(|_| drop(server.call("echo", json!({"message": "y".repeat(KEPT)})).is(200)));
        eventually("what is too much is gone", || (number(&ostler.setup, RECORDED) <= 1 << 20).then_some(()));
        few.iter().for_each(|id| drop(admin.get(&format!("/api/calls/{id}")).is(200)));
    }

    fn calls_of_earlier_versions_are_counted_and_removed_once_they_are_old(setup: Setup) {
        let mut ostler = setup.spawn();
        let (admin, server) = (ostler.admin(), ostler.admin().running(fake("ok")));
        let removed = admin.running(fake("ok").named("removed"));
        server.call("echo", json!({"message": "of today"})).is(200);
        removed.remove().is(204);
        ostler.terminate();
        // As the version before left it: nothing is counted.
        execute(&ostler.setup, "UPDATE mcp_servers SET held_bytes = NULL; DELETE FROM call_bytes; DELETE FROM call_bytes_backlog; \
            INSERT INTO call_bytes_backlog (server_id, before_id) VALUES ('', '')");
        for (of, days) in [(&server, 1), (&server, 31), (&server, 400), (&removed, 32)] {
            execute(&ostler.setup, &old_calls(&of.id, &admin.id, days, "'{\"n\":1}'"));
        }
        ostler.start_again();
        let count = "SELECT COUNT(*) AS n FROM mcp_tool_calls";
        eventually("what is too old is gone", || (number(&ostler.setup, count) == 101).then_some(()));
        eventually("it is no longer counted", || is_all_counted(&ostler.setup).then_some(()));
        // None of them twice, however it ends.
        ostler.kill();
        ostler.start_again();
        let server = ostler.admin().server(&server.id);
        server.start().is(200);
        server.call("echo", json!({"message": "and another"})).is(200);
        ostler.terminate();
        ostler.start_again();
        eventually("one more is counted", || is_all_counted(&ostler.setup).then_some(()));
    }

    fn calls_that_were_recorded_and_not_yet_counted_at_a_kill_are_counted_by_the_next_ostler(setup: Setup) {
        let mut ostler = setup.spawn();
        let (admin, server) = (ostler.admin(), ostler.admin().running(fake("ok")));
        let other = admin.running(fake("ok").named("other"));
        // More callers than a server's row has room for.
        let callers: Vec<_> = (0..6).map(|n| server.seen_by(&admin.make_user(&format!("caller{n}"), "admin"))).collect();
        callers.iter().for_each(|server| drop(server.call("echo", json!({"message": "x"})).is(200)));
        eventually("both have calls that are not counted", || {
            [&server, &other].iter().for_each(|server| drop(server.call("echo", json!({"message": "x"})).is(200)));
            (number(&ostler.setup, HOLDING) == 2).then_some(())
        });
        ostler.kill();
        let counted = number(&ostler.setup, COUNTED);
        assert!(counted < number(&ostler.setup, RECORDED), "{counted}");

        ostler.start_again();
        eventually("all is counted", || is_all_counted(&ostler.setup).then_some(()));
        let server = ostler.admin().server(&server.id);
        server.start().is(200);
        server.call("echo", json!({"message": "and another"})).is(200);
        ostler.terminate();
        ostler.start_again();
        eventually("one more is counted", || is_all_counted(&ostler.setup).then_some(()));
        assert_eq!(number(&ostler.setup, HOLDING), 0);
    }

    fn no_reading_takes_much_memory(setup: Setup) {
        let mut ostler = setup.spawn();
        let (admin, server) = (ostler.admin(), ostler.admin().running(fake("ok")));
        // A hundred of four megabytes, and one as large as there could be.
        let (large, largest) = (text(&ostler.setup, 4_000_000), text(&ostler.setup, 20_000_000));
        ostler.terminate();
        execute(&ostler.setup, &old_calls(&server.id, &admin.id, 2, &large));
        let first = old_calls(&server.id, &admin.id, 1, &largest).replace("n < 99", "n < 3");
        execute(&ostler.setup, &first);
        ostler.start_again();
        let (admin, idle) = (ostler.admin(), processes::resident_kib(ostler.pid()));
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = admin.get(&format!("/api/calls?limit=100{cursor}")).is(200);
            ids.extend(page.list("/items").iter().map(|call| call["id"].as_str().unwrap().to_owned()));
            let Some(next) = page.at("/nextCursor").as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert!(ids.len() == 104 && ids.is_sorted_by(|newer, older| newer > older), "{ids:?}");
        admin.get("/api/calls").is(200).has("/items/0/parametersExcerpt/length", 20_000_002);
        let excerpt = |id: &str| admin.get(&format!("/api/calls/{id}")).is(200).string("/parametersExcerpt/text");
        assert_eq!(excerpt(&ids[4]), format!("\"{}", "y".repeat(KEPT - 1)));
        assert_eq!(excerpt(&ids[0]), "", "no more than its length is known");
        let calls = |at: usize| ids[at..at + 4].iter().map(|id| format!("/api/calls/{id}")).collect();
        let lists = ["/api/calls?limit=100".to_owned(), server.path("/logs?limit=100")];
        for paths in lists.map(|list| vec![list; 4]).into_iter().chain([calls(0), calls(4)]) {
            std::thread::scope(|scope| {
                for path in &paths {
                    scope.spawn(|| drop(admin.get(path).is(200)));
                }
            });
        }
        let peak = processes::peak_kib(ostler.pid());
        println!("peak {peak} KiB, {} KiB above idle", peak - idle);
        assert!(peak < idle + (64 << 10), "{peak} KiB, idle {idle} KiB");
    }
}

/// A hundred rows as earlier versions recorded them, so many days ago.
fn old_calls(server: &str, user: &str, days: u64, parameters: &str) -> String {
    let made = Timestamp::now().unix_seconds() as u64 - days * 24 * 60 * 60;
    // RFC 9562, version 7: it begins with the time.
    let time = format!("{:012x}", made * 1000);
    let id = format!("'{}-{}-7000-8000-' || CAST(100000000000 + n AS TEXT)", &time[..8], &time[8..]);
    format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 99) \
         INSERT INTO mcp_tool_calls \
         (id, server_id, user_id, tool_name, parameters, success, execution_time, created_at) \
         SELECT {id}, '{server}', '{user}', 'echo', {parameters}, TRUE, 1, '2026-01-01 00:00:00' FROM numbers"
    )
}

/// SQL for a JSON string of so many bytes.
fn text(setup: &Setup, bytes: usize) -> String {
    if setup.environment["DATABASE_URL"].starts_with("sqlite:") {
        format!("'\"' || replace(hex(zeroblob({})), '0', 'y') || '\"'", bytes / 2)
    } else {
        format!("'\"' || repeat('y', {bytes}) || '\"'")
    }
}

fn execute(setup: &Setup, sql: &str) {
    let url = &setup.environment["DATABASE_URL"];
    match url.strip_prefix("sqlite://") {
        Some(file) => SqliteConnection::establish(file).unwrap().batch_execute(sql).unwrap(),
        None => PgConnection::establish(url).unwrap().batch_execute(sql).unwrap(),
    }
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}

fn is_all_counted(setup: &Setup) -> bool {
    number(setup, COUNTED) == number(setup, RECORDED)
}

/// The number that a query answers as `n`; 0 where that is none.
fn number(setup: &Setup, sql: &str) -> i64 {
    let (url, query) = (&setup.environment["DATABASE_URL"], diesel::sql_query(sql));
    let row: Number = match url.strip_prefix("sqlite://") {
        Some(file) => query.get_result(&mut SqliteConnection::establish(file).unwrap()).unwrap(),
        None => query.get_result(&mut PgConnection::establish(url).unwrap()).unwrap(),
    };
    row.n
}
