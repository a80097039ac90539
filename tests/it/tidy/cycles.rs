//! No files of `src` use each other in a circle.

use std::collections::BTreeSet;

use super::{Source, graph::Graph, sources};

/// Files that are part of a cycle still; only ever fewer. All of `runtime` is, until its services are rooms of their own.
const CYCLIC: [&str; 37] = [
    "src/recorder.rs",
    "src/recorder/group.rs",
    "src/recorder/rehearsal.rs",
    "src/recorder/writer.rs",
    "src/store.rs",
    "src/store/audit.rs",
    "src/store/audit_chain.rs",
    "src/store/call_bytes.rs",
    "src/store/calls.rs",
    "src/store/calls/bulk.rs",
    "src/store/calls/old.rs",
    "src/store/calls/single.rs",
    "src/store/checkpoint.rs",
    "src/store/connection.rs",
    "src/store/examination.rs",
    "src/store/fault.rs",
    "src/store/imprint.rs",
    "src/store/log_index.rs",
    "src/store/migration.rs",
    "src/store/occupancy.rs",
    "src/store/occupancy/backend.rs",
    "src/store/opened_files.rs",
    "src/store/pool.rs",
    "src/store/postgres.rs",
    "src/store/postgres/connect.rs",
    "src/store/postgres/examination.rs",
    "src/store/postgres/options.rs",
    "src/store/postgres/passfile.rs",
    "src/store/postgres/report.rs",
    "src/store/postgres/socket.rs",
    "src/store/postgres/tls.rs",
    "src/store/rollups.rs",
    "src/store/rollups/put.rs",
    "src/store/servers.rs",
    "src/store/servers/tally.rs",
    "src/store/stamp.rs",
    "src/store/url.rs",
];

#[test]
fn no_files_use_each_other_in_a_circle() {
    let sources = sources();
    let in_crate = |source: &&Source| source.name.starts_with("src/") && source.name != "src/main.rs";
    let files = sources.iter().filter(in_crate).map(|source| (source.name.as_str(), source.text.as_str()));
    let graph = Graph::of(files);
    let cyclic: BTreeSet<_> =
        graph.cycles().concat().into_iter().filter(|file| !file.starts_with("src/runtime")).collect();
    let known = BTreeSet::from(CYCLIC);
    let new: Vec<_> = cyclic.difference(&known).collect();
    assert!(new.is_empty(), "in a circle of files that use each other: {new:?}: move what both need to a third file");
    let gone: Vec<_> = known.difference(&cyclic).collect();
    assert!(gone.is_empty(), "in no circle any more, so take them off the list: {gone:?}");
}

#[test]
fn a_cycle_is_found_through_what_a_face_passes_on() {
    let files = [
        ("src/lib.rs", "mod a; mod b;"),
        ("src/a.rs", "mod c; pub use c::C; use crate::b::B; struct A(B);"),
        ("src/a/c.rs", "pub struct C;"),
        ("src/b.rs", "use crate::a; pub struct B(a::C, a::A);"),
    ];
    let graph = Graph::of(files);
    assert_eq!(graph.uses("src/b.rs").collect::<Vec<_>>(), ["src/a.rs", "src/a/c.rs"]);
    assert_eq!(graph.cycles(), [["src/a.rs", "src/b.rs"]]);
}
