//! Many MCP clients at one server: to each its own, also while the server is killed.

use std::sync::{
    Barrier,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use crate::support::{kept::Kept, *};

const CLIENTS: usize = 64;
/// For each client; together a little over 5,000.
const CALLS: usize = 79;

/// A server that two people may use, and clients of theirs: every other one somebody else's, every other pair of
/// another era.
fn clients(ostler: &Ostler, server: &Server, count: usize) -> Vec<Kept> {
    let guest = ostler.user("executor");
    let share = json!({"userId": guest.id, "permissions": ["mcp:read", "mcp:execute"]});
    server.caller.post(&server.path("/shares"), share).is(201);
    let path = format!("/mcp/{}", server.id);
    let client = |index: usize| {
        let caller = if index.is_multiple_of(2) { &server.caller } else { &guest };
        if index % 4 < 2 { caller.modern(&path) } else { caller.legacy(&path) }
    };
    (0..count).map(client).collect()
}

/// Runs `work` for each client at once.
fn each(clients: Vec<Kept>, work: impl Fn(usize, Kept) + Sync) {
    let (work, start) = (&work, &Barrier::new(clients.len()));
    std::thread::scope(|scope| {
        let run = |(index, client)| {
            scope.spawn(move || {
                start.wait();
                work(index, client);
            })
        };
        let running: Vec<_> = clients.into_iter().enumerate().map(run).collect();
        for thread in running {
            thread.join().unwrap();
        }
    });
}

/// Every marker in `text`, of whichever client.
fn markers(text: &str) -> Vec<String> {
    let starts = text.match_indices("mark-").map(|(at, _)| &text[at..]);
    starts.map(|rest| rest.split(['"', '\\']).next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn no_answer_and_no_progress_reaches_the_wrong_caller() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let progress = AtomicUsize::new(0);
    each(clients(&ostler, &server, CLIENTS), |index, mut client| {
        for call in 0..CALLS {
            let mark = format!("mark-{index}-{call}");
            let heard = if call % 8 == 0 {
                client.call("progress", r#"{"steps":2,"ms":0}"#, Some(&mark))
            } else {
                client.call("echo", &format!(r#"{{"message":"{mark}","ms":{}}}"#, call % 3), Some(&mark))
            };
            assert_eq!(heard.status, 200, "{heard:?}");
            let said = [heard.notes.join(""), heard.text.clone()].concat();
            assert!(markers(&said).iter().all(|found| *found == mark), "client {index} heard {heard:?}");
            assert!(call % 8 == 0 || heard.text.contains(&mark), "client {index} heard {heard:?}");
            progress.fetch_add(heard.notes.len(), Ordering::Relaxed);
        }
    });
    // Those who asked for it heard of it, all of them twice but where the answer came first.
    assert!(progress.into_inner() >= CLIENTS * CALLS / 8, "progress was told");
    assert_eq!(server.details().number("/server/totalCalls"), (CLIENTS * CALLS) as u64);
}

#[test]
fn clients_go_on_while_their_server_is_killed() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok"));
    let (over, answered, lost) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let clients = clients(&ostler, &server, 16);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..3 {
                let before = answered.load(Ordering::SeqCst);
                eventually("calls are answered", || (answered.load(Ordering::SeqCst) > before + 50).then_some(()));
                let killed = server.pid();
                processes::kill(killed);
                eventually("another process serves", || {
                    let pid = server.details().at("/runtimeStatus/pid").as_u64()?;
                    (pid != u64::from(killed) && server.status() == "running").then_some(())
                });
            }
            over.store(true, Ordering::SeqCst);
        });
        each(clients, |index, mut client| {
            let mut call = 0;
            // Once more after the last kill: sessions have outlived it.
            let mut last = false;
            while !last {
                last = over.load(Ordering::SeqCst);
                call += 1;
                let mark = format!("mark-{index}-{call}");
                let heard = client.call("echo", &format!(r#"{{"message":"{mark}","ms":2}}"#), None);
                assert_eq!(heard.status, 200, "{heard:?}");
                if heard.text.contains(&mark) {
                    answered.fetch_add(1, Ordering::SeqCst);
                    continue;
                }
                // Nobody knows whether the tool ran, so that is said, and nothing is sent twice.
                let error = &heard.json["error"];
                assert_eq!(
                    (&error["code"], &error["data"]["code"]),
                    (&json!(503), &json!("server_unavailable")),
                    "{heard:?}"
                );
                assert!(!last, "{heard:?}");
                lost.fetch_add(1, Ordering::SeqCst);
            }
        });
    });
    let (answered, lost) = (answered.into_inner(), lost.into_inner());
    assert!(answered > 150 && lost <= 3 * 16, "{answered} calls were answered, {lost} were lost");
}
