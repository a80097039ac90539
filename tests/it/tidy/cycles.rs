//! No files of `src` use each other in a circle.

use super::{Source, graph::Graph, sources};

#[test]
fn no_files_use_each_other_in_a_circle() {
    let sources = sources();
    let in_crate = |source: &&Source| source.name.starts_with("src/") && source.name != "src/main.rs";
    let files = sources.iter().filter(in_crate).map(|source| (source.name.as_str(), source.text.as_str()));
    let graph = Graph::of(files);
    let cyclic = graph.cycles().concat();
    assert!(
        cyclic.is_empty(),
        "in a circle of files that use each other: {cyclic:?}: move what both need to a third file"
    );
}

#[test]
fn methods_of_runtime_stand_in_its_room_alone() {
    let elsewhere = |source: &&Source| source.name.starts_with("src/") && source.room() != Some("runtime");
    let sources = sources();
    let adding = sources.iter().filter(elsewhere).filter(|source| source.code.contains("impl Runtime {"));
    let names: Vec<_> = adding.map(|source| &source.name).collect();
    assert!(names.is_empty(), "{names:?}: give the methods to the service whose state they use");
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
