//! Rows, lists and migrations.

use ostler::{
    Error,
    error::Noun,
    model::{
        ApiKey, AuditFilter, CallFilter, Isolation, KeyId, PageRequest, Permission, PermissionSet, Remote, Session,
        SessionId, Share, ToolPinning, ToolRules,
    },
    store::{Connection, audit, calls, keys, servers, sessions, shares, users},
};

use super::*;

on_both! {
    async fn migrations_run_twice_do_nothing(url: DatabaseUrl) {
        let store = Store::open(&url).unwrap();
        let first = store.migrate().unwrap();
        assert!(first.iter().any(|name| name.contains("initial")), "{first:?}");
        assert_eq!(store.migrate().unwrap(), Vec::<String>::new());
    }

    async fn two_programs_may_migrate_at_once(url: DatabaseUrl) {
        let run = |url: DatabaseUrl| move || Store::open(&url).unwrap().migrate().unwrap().len();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(run(url.clone()))).collect();
        let ran: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(ran.iter().filter(|count| **count > 0).count(), 1, "{ran:?}");
    }

    async fn a_newer_schema_is_refused_and_left_alone(url: DatabaseUrl) {
        let store = Store::open(&url).unwrap();
        store.migrate().unwrap();
        execute(&mut store.writer().unwrap(), "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')");
        let refusal = store.migrate().unwrap_err().to_string();
        assert!(refusal.contains("newer than this program") && refusal.contains("99990101000000"), "{refusal}");
    }

    async fn what_is_stored_is_read_back(url: DatabaseUrl) {
        let (store, _) = open(&url);
        let mut db = store.writer().unwrap();
        let owner = user("a@example.org");
        users::insert(&mut db, &owner).unwrap();
        assert_eq!(users::find(&mut db, owner.id).unwrap().as_ref(), Some(&owner));
        assert_eq!(users::find_by_email(&mut db, "a@example.org").unwrap().as_ref(), Some(&owner));
        assert_eq!(users::count(&mut db).unwrap(), 1);
        assert_eq!(users::count_admins(&mut db).unwrap(), 0);
        let admin = User { role: Role::Admin, name: "Ä".into(), ..owner.clone() };
        assert!(users::update(&mut db, &admin).unwrap());
        assert!(!users::update(&mut db, &user("nobody@example.org")).unwrap());
        assert_eq!(users::count_admins(&mut db).unwrap(), 1);

        let key = key_of(owner.id, "h1");
        keys::insert(&mut db, &key).unwrap();
        keys::touch(&mut db, key.id, key.created_at).unwrap();
        let touched = ApiKey { last_used_at: Some(key.created_at), ..key.clone() };
        assert_eq!(keys::find_by_hash(&mut db, "h1").unwrap(), Some(touched));
        assert!(!keys::delete(&mut db, UserId::new(), key.id).unwrap(), "somebody else's key");
        assert!(keys::delete(&mut db, owner.id, key.id).unwrap());

        let stored = server(owner.id);
        servers::insert(&mut db, &stored).unwrap();
        let tools = ToolRules { deny: vec!["x*".into()], changes: ToolPinning::Follow, ..ToolRules::default() };
        let remote = Some(Remote::new("https://example.org/mcp"));
        let config = ServerConfig {
            description: Some("new".into()), enabled: false, remote, isolation: Isolation::PerUser, tools,
            ..stored.server.config.clone()
        };
        let now = Timestamp::now();
        let server = Server { config: config.clone(), updated_at: now, ..stored.server.clone() };
        let sealed_headers = Some("sealed headers".to_owned());
        let changed = StoredServer { server, sealed_env: "sealed anew".into(), sealed_headers: sealed_headers.clone() };
        assert!(servers::update_config(&mut db, &changed).unwrap());
        servers::set_health(&mut db, stored.server.id, HealthStatus::Healthy, now).unwrap();
        let all = servers::all(&mut db).unwrap();
        assert_eq!((all[0].sealed_env.as_str(), &all[0].sealed_headers), ("sealed anew", &sealed_headers));
        let expected = Server {
            config, health_status: HealthStatus::Healthy, last_health_check: Some(now), updated_at: now, ..stored.server
        };
        assert_eq!(all[0].server, expected);
    }

    async fn arguments_and_results_are_kept_byte_for_byte(url: DatabaseUrl) {
        let (store, recorder) = open(&url);
        let odd = ToolCall {
            tool_name: "nul \0 tool".into(), error_message: Some("\0".into()), response: None, success: false,
            ..call(ServerId::new())
        };
        recorder.call(odd.clone()).await.unwrap();
        let page = calls_of(&store, odd.server_id, PageRequest::default()).await;
        assert_eq!(page.items[0].parameters.as_ref().unwrap().get(), odd.parameters.unwrap().get());
        assert!(page.items[0].response.is_none());
        assert_eq!(page.items[0].created_at, odd.created_at);
        assert_eq!(page.items[0].tool_name, "nul \u{fffd} tool");
    }

    async fn a_taken_address_is_a_conflict(url: DatabaseUrl) {
        let (_, recorder) = open(&url);
        let (first, second) = (user("same@example.org"), user("same@example.org"));
        let third = user("other@example.org");
        recorder.write(None, move |db| users::insert(db, &first)).await.unwrap();
        let refused = recorder.write(None, move |db| users::insert(db, &second)).await;
        assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
        let taking = User { email: "same@example.org".into(), ..third.clone() };
        recorder.write(None, move |db| users::insert(db, &third)).await.unwrap();
        let refused = recorder.write(None, move |db| users::update(db, &taking)).await;
        assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    }

    async fn paging_never_skips_or_repeats(url: DatabaseUrl) {
        let (store, recorder) = open(&url);
        let wanted = ServerId::new();
        let mut made = Vec::new();
        for _ in 0..23 {
            let one = call(wanted);
            made.insert(0, one.id);
            recorder.call(one).await.unwrap();
            recorder.call(call(ServerId::new())).await.unwrap();
        }
        let (mut seen, mut request) = (Vec::new(), PageRequest { limit: 5, cursor: None });
        loop {
            let page = calls_of(&store, wanted, request.clone()).await;
            assert!(page.items.len() <= 5);
            seen.extend(page.items.iter().map(|call| call.id));
            // Newer ones that come in between belong to no later page.
            recorder.call(call(wanted)).await.unwrap();
            let Some(next) = page.next_cursor else { break };
            request.cursor = Some(next);
        }
        assert_eq!(seen, made);
    }

    async fn a_list_ends_exactly_where_it_ends(url: DatabaseUrl) {
        let (store, _) = open(&url);
        let mut db = store.writer().unwrap();
        for number in 0..4 {
            users::insert(&mut db, &user(&format!("{number}@example.org"))).unwrap();
        }
        let first = users::list(&mut db, &PageRequest { limit: 2, cursor: None }).unwrap();
        let second = users::list(&mut db, &PageRequest { limit: 2, cursor: first.next_cursor }).unwrap();
        assert_eq!(second.items.iter().map(|user| user.email.as_str()).collect::<Vec<_>>(), ["2@example.org", "3@example.org"]);
        assert_eq!(second.next_cursor, None);
        assert_eq!(users::list(&mut db, &PageRequest { limit: 0, cursor: None }).unwrap().items.len(), 1, "at least one");
        assert_eq!(users::list(&mut db, &PageRequest { limit: 9999, cursor: None }).unwrap().items.len(), 4);
    }

    async fn a_cursor_that_is_none_of_ours_is_malformed(url: DatabaseUrl) {
        let (store, _) = open(&url);
        let mut db = store.writer().unwrap();
        let request = PageRequest { limit: 5, cursor: Some("' OR 1=1".into()) };
        assert!(matches!(users::list(&mut db, &request), Err(Error::Malformed(_))));
        assert!(matches!(audit::list(&mut db, &AuditFilter::default(), &request), Err(Error::Malformed(_))));
        assert!(matches!(keys::list_of_user(&mut db, UserId::new(), &request), Err(Error::Malformed(_))));
        let refused = calls::list(&mut db, &[ServerId::new()], &CallFilter::default(), &request);
        assert!(matches!(refused, Err(Error::Malformed(_))));
    }

    async fn calls_are_found_by_tool_outcome_and_time(url: DatabaseUrl) {
        let (store, _) = open(&url);
        let mut db = store.writer().unwrap();
        let (server, start) = (ServerId::new(), Timestamp::now());
        let at = |seconds| start.plus(std::time::Duration::from_secs(seconds));
        let made: Vec<_> = (0..4).map(|n| ToolCall {
            tool_name: if n < 2 { "read" } else { "write" }.into(), success: n % 2 == 0, created_at: at(n), ..call(server)
        }).collect();
        calls::insert(&mut db, &made).unwrap();
        let mut found = |filter| {
            let page = calls::list(&mut db, &[server], &filter, &PageRequest::default()).unwrap();
            page.items.iter().map(|call| made.iter().position(|one| one.id == call.id).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(found(CallFilter::default()), [3, 2, 1, 0]);
        assert_eq!(found(CallFilter { tool_name: Some("read".into()), ..Default::default() }), [1, 0]);
        assert_eq!(found(CallFilter { success: Some(false), ..Default::default() }), [3, 1]);
        assert_eq!(found(CallFilter { since: Some(at(1)), until: Some(at(3)), ..Default::default() }), [2, 1]);
    }

    async fn rare_calls_are_all_found_though_a_page_ends_early(url: DatabaseUrl) {
        let (store, _) = open(&url);
        let mut db = store.writer().unwrap();
        // So many that a thousand calls of each are looked at for a page.
        let servers: Vec<_> = (0..100).map(|_| ServerId::new()).collect();
        let name = |n: usize| if n % 1500 == 7 { "rare" } else { "common" }.to_owned();
        // Mostly of the first server, the others' in between.
        let of = |n| servers[if n % 9 == 7 { n % 5 } else { 0 }];
        let made: Vec<_> = (0..5000).map(|n| ToolCall { tool_name: name(n), ..call(of(n)) }).collect();
        db.transaction(|db| calls::insert(db, &made)).unwrap();
        let mut pages = |filter: CallFilter, limit| {
            let (mut request, mut found, mut pages) = (PageRequest { limit, cursor: None }, Vec::new(), 0);
            loop {
                let page = calls::list(&mut db, &servers, &filter, &request).unwrap();
                pages += 1;
                found.extend(page.items.iter().map(|call| made.iter().position(|one| one.id == call.id).unwrap()));
                request.cursor = page.next_cursor;
                if request.cursor.is_none() {
                    return (found, pages);
                }
            }
        };
        let (found, looks) = pages(CallFilter { tool_name: Some("rare".into()), ..Default::default() }, 50);
        assert_eq!(found, [4507, 3007, 1507, 7]);
        assert!((3..=6).contains(&looks), "{looks} pages");
        let (found, looks) = pages(CallFilter { user_id: Some(UserId::new()), ..Default::default() }, 50);
        assert!(found.is_empty() && looks > 1);
        let early = Some(made[0].created_at.minus(std::time::Duration::from_secs(3600)));
        let (found, looks) = pages(CallFilter { tool_name: Some("rare".into()), until: early, ..Default::default() }, 50);
        assert!(found.is_empty() && looks == 1, "what is too new is not looked at");
        let (found, _) = pages(CallFilter { success: Some(true), ..Default::default() }, 100);
        assert_eq!(found, (0..5000).rev().collect::<Vec<_>>());
    }

    async fn audit_lines_are_found_by_actor_action_and_target(url: DatabaseUrl) {
        let (store, recorder) = open(&url);
        let who = UserId::new();
        let mine = AuditEntry { actor_id: Some(who), actor: "me@example.org".into(), ..entry("server.create") };
        let long = AuditEntry { target: Some("x".repeat(5000)), actor: "\0".into(), ..entry("login") };
        recorder.audit(mine.clone()).await.unwrap();
        recorder.audit(long.clone()).await.unwrap();
        let found = async |filter: AuditFilter| {
            let page = store.read(move |db| audit::list(db, &filter, &PageRequest::default())).await.unwrap();
            page.items.into_iter().map(|line| line.id).collect::<Vec<_>>()
        };
        assert_eq!(found(AuditFilter::default()).await[..2], [long.id, mine.id]);
        assert_eq!(found(AuditFilter { actor: Some(who.to_string()), ..Default::default() }).await, [mine.id]);
        assert_eq!(found(AuditFilter { actor: Some("me@example.org".into()), ..Default::default() }).await, [mine.id]);
        assert_eq!(found(AuditFilter { action: Some("login".into()), ..Default::default() }).await, [long.id]);
        assert_eq!(found(AuditFilter { target: long.target.clone(), ..Default::default() }).await, [long.id]);
        let later = Some(Timestamp::now().plus(std::time::Duration::from_secs(9)));
        assert_eq!(found(AuditFilter { since: later, ..Default::default() }).await, []);
    }

    async fn calls_and_audit_lines_survive_their_server_and_their_user(url: DatabaseUrl) {
        let (store, recorder) = open(&url);
        let (owner, friend) = (user("owner@example.org"), user("friend@example.org"));
        let stored = server(owner.id);
        let (id, owner_id, friend_id) = (stored.server.id, owner.id, friend.id);
        let line = AuditEntry { actor_id: Some(owner.id), ..entry("server.create") };
        recorder.write(Some(line), move |db| {
            users::insert(db, &owner)?;
            users::insert(db, &friend)?;
            sessions::insert(db, &session_of(owner_id))?;
            keys::insert(db, &key_of(owner_id, "h"))?;
            servers::insert(db, &stored)?;
            shares::put(db, id, &Share { user_id: friend_id, permissions: vec![Permission::McpRead] })
        }).await.unwrap();
        recorder.call(ToolCall { user_id: owner_id, ..call(id) }).await.unwrap();

        assert!(recorder.write(None, move |db| servers::soft_delete(db, id, Timestamp::now())).await.unwrap());
        assert!(!recorder.write(None, move |db| servers::soft_delete(db, id, Timestamp::now())).await.unwrap());
        assert!(recorder.write(None, move |db| users::delete(db, owner_id)).await.unwrap());

        assert_eq!(calls_of(&store, id, PageRequest::default()).await.items.len(), 1);
        let filter = AuditFilter { actor: Some(owner_id.to_string()), ..Default::default() };
        let lines = store.read(move |db| audit::list(db, &filter, &PageRequest::default())).await.unwrap();
        assert_eq!(lines.items.len(), 1);
        let left = store.read(move |db| Ok((
            servers::all(db)?.len(),
            shares::all(db)?.len(),
            keys::find_by_hash(db, "h")?.is_some(),
        ))).await.unwrap();
        assert_eq!(left, (0, 0, false));
    }

    async fn shares_name_people_and_servers_that_exist(url: DatabaseUrl) {
        let (store, _) = open(&url);
        let mut db = store.writer().unwrap();
        let (owner, friend) = (user("owner@example.org"), user("friend@example.org"));
        let stored = server(owner.id);
        let id = stored.server.id;
        let mut share = Share { user_id: friend.id, permissions: vec![Permission::McpRead] };
        users::insert(&mut db, &owner).unwrap();
        servers::insert(&mut db, &stored).unwrap();
        assert!(matches!(shares::put(&mut db, id, &share), Err(Error::NotFound(Noun::User))));
        users::insert(&mut db, &friend).unwrap();
        assert!(matches!(shares::put(&mut db, ServerId::new(), &share), Err(Error::NotFound(Noun::Server))));
        shares::put(&mut db, id, &share).unwrap();
        share.permissions.push(Permission::McpExecute);
        shares::put(&mut db, id, &share).unwrap();
        assert_eq!(shares::all(&mut db).unwrap(), [(id, share)]);
        assert!(shares::delete(&mut db, id, friend.id).unwrap());
        assert!(!shares::delete(&mut db, id, friend.id).unwrap());
    }

    async fn logins_end_by_id_by_user_and_by_time(url: DatabaseUrl) {
        let (store, _) = open(&url);
        let mut db = store.writer().unwrap();
        let owner = user("owner@example.org");
        users::insert(&mut db, &owner).unwrap();
        let (first, second, third) = (session_of(owner.id), session_of(owner.id), session_of(owner.id));
        for session in [&first, &second, &third] {
            sessions::insert(&mut db, session).unwrap();
        }
        assert_eq!(sessions::find(&mut db, first.id).unwrap(), Some(first));
        assert!(sessions::delete(&mut db, first.id).unwrap());
        sessions::delete_expired(&mut db, second.expires_at).unwrap();
        assert_eq!(sessions::find(&mut db, second.id).unwrap(), Some(second), "not before its time");
        sessions::delete_expired(&mut db, third.expires_at.plus(std::time::Duration::from_millis(1))).unwrap();
        assert_eq!(sessions::find(&mut db, second.id).unwrap(), None);
        let last = session_of(owner.id);
        sessions::insert(&mut db, &last).unwrap();
        sessions::delete_of_user(&mut db, owner.id).unwrap();
        assert_eq!(sessions::find(&mut db, last.id).unwrap(), None);
    }

    async fn reading_connections_refuse_to_write(url: DatabaseUrl) {
        let (store, _) = open(&url);
        let refused = store.read(|db| users::insert(db, &user("a@example.org"))).await;
        assert!(matches!(refused, Err(Error::StoreUnavailable(_))), "{refused:?}");
        let count = store.read(|db| db.transaction(users::count)).await.unwrap();
        assert_eq!(count, 0, "a snapshot is allowed");
    }

    async fn a_read_that_panics_costs_nobody_a_connection(url: DatabaseUrl) {
        let (store, _) = open(&url);
        for _ in 0..9 {
            let read = store.read(|db| db.transaction(|_| -> ostler::Result<()> { panic!("on purpose") })).await;
            assert!(matches!(read, Err(Error::Internal(_))));
        }
        assert_eq!(store.read(users::count).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn the_database_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = crate::support::folder::Folder::new();
    let (_store, recorder) = open(&sqlite(folder.path()));
    recorder.audit(entry("something")).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let data = folder.path().join("data");
    assert_eq!(mode(&data), 0o700);
    for name in ["ostler.db", "ostler.db-wal", "ostler.db-shm"] {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let folder = crate::support::folder::Folder::new();
    let path = folder.path().join("notes.txt");
    let text = "these are my notes, not a database\n".repeat(200);
    std::fs::write(&path, &text).unwrap();
    let refusal = Store::open(&DatabaseUrl::Sqlite(path.clone())).err().unwrap();
    assert!(refusal.to_string().contains("no SQLite database"), "{refusal}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

fn execute(db: &mut Connection, sql: &str) {
    use diesel::connection::SimpleConnection;
    match db {
        Connection::Sqlite(conn) => conn.batch_execute(sql).unwrap(),
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) => conn.batch_execute(sql).unwrap(),
    }
}

fn key_of(owner: UserId, hash: &str) -> ApiKey {
    ApiKey {
        id: KeyId::new(),
        user_id: owner,
        name: "laptop".into(),
        prefix: "ost_1234".into(),
        hash: hash.into(),
        permissions: Some(PermissionSet::from_iter([Permission::McpRead])),
        created_at: Timestamp::now(),
        expires_at: None,
        last_used_at: None,
        parent_id: None,
    }
}

fn session_of(owner: UserId) -> Session {
    let now = Timestamp::now();
    let expires_at = now.plus(std::time::Duration::from_secs(60));
    Session { id: SessionId::new(), user_id: owner, created_at: now, expires_at }
}

async fn calls_of(store: &Store, server: ServerId, page: PageRequest) -> ostler::model::Page<ToolCall> {
    store.read(move |db| calls::list(db, &[server], &CallFilter::default(), &page)).await.unwrap()
}
