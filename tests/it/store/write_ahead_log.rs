//! SQLite's write-ahead log stays short, whoever writes and whoever reads.

use std::path::PathBuf;

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};

use super::*;
use crate::support::{eventually, folder::Folder};

const MIB: u64 = 1 << 20;

/// A database, its recorder, and its write-ahead log.
struct Recorded {
    folder: Folder,
    recorder: Recorder,
}

impl Recorded {
    fn new() -> Self {
        let folder = Folder::new();
        let (_, recorder) = open(&sqlite(folder.path()));
        Self { folder, recorder }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("data/ostler.db-wal")
    }

    fn log_length(&self) -> u64 {
        std::fs::metadata(self.log()).map_or(0, |log| log.len())
    }

    /// Sixteen callers, each with so many calls of 8 KiB; gives the longest that the log was meanwhile.
    async fn load(&self, calls: usize) -> u64 {
        let server = ServerId::new();
        let parameters = json(&format!("\"{}\"", "x".repeat(8 << 10)));
        let caller = || async {
            let mut longest = 0;
            for _ in 0..calls {
                let call = ToolCall { parameters: Some(parameters.clone()), ..call(server) };
                self.recorder.call(call).await.unwrap();
                longest = longest.max(self.log_length());
            }
            longest
        };
        futures_util::future::join_all((0..16).map(|_| caller())).await.into_iter().max().unwrap()
    }

    fn is_short(&self) -> Option<()> {
        (self.log_length() <= 8 * MIB).then_some(())
    }
}

#[tokio::test]
async fn it_stays_short_under_a_steady_load_and_at_rest() {
    let recorded = Recorded::new();
    let longest = recorded.load(500).await;
    assert!(longest <= 40 * MIB, "{longest}");
    eventually("it is short at rest", || recorded.is_short());
}

#[tokio::test]
async fn it_is_short_again_once_a_reader_in_its_way_has_gone() {
    let recorded = Recorded::new();
    let file = recorded.folder.path().join("data/ostler.db");
    let mut reader = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    reader.batch_execute("BEGIN; SELECT count(*) FROM mcp_tool_calls").unwrap();
    let longest = recorded.load(125).await;
    assert!(longest > 8 * MIB, "the reader holds what it needs: {longest}");
    reader.batch_execute("ROLLBACK").unwrap();
    eventually("it is short again", || recorded.is_short());
}
