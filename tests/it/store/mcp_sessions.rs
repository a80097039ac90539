//! Sessions of MCP clients as rows.

use std::time::Duration;

use ostler::{
    model::ClientSession,
    store::{mcp_sessions, users},
};

use super::*;

on_both! {
    async fn sessions_of_clients_end_for_good_and_those_used_last_are_kept(url: DatabaseUrl) {
        let (store, _) = open(&url);
        let mut db = store.writer().unwrap();
        let owner = user("a@example.org");
        users::insert(&mut db, &owner).unwrap();
        let session = || ClientSession { id: uuid::Uuid::new_v4(), user_id: owner.id, state: "{}".into() };
        let (first, second, third) = (session(), session(), session());
        let at = |second| owner.created_at.plus(Duration::from_secs(second));
        mcp_sessions::insert(&mut db, &first, at(1), 2).unwrap();
        mcp_sessions::insert(&mut db, &second, at(2), 2).unwrap();
        let first = ClientSession { state: r#"{"a":1}"#.into(), ..first };
        mcp_sessions::update(&mut db, &first, at(3)).unwrap();
        mcp_sessions::insert(&mut db, &third, at(4), 2).unwrap();
        let mut find = |one: &ClientSession| mcp_sessions::find(&mut db, one.id).unwrap();
        assert_eq!((find(&first), find(&second), find(&third)), (Some(first.clone()), None, Some(third.clone())));
        mcp_sessions::delete(&mut db, first.id).unwrap();
        mcp_sessions::update(&mut db, &first, at(5)).unwrap();
        assert_eq!(mcp_sessions::find(&mut db, first.id).unwrap(), None);
        users::delete(&mut db, owner.id).unwrap();
        assert_eq!(mcp_sessions::find(&mut db, third.id).unwrap(), None);
    }
}
