//! Timelines on disk: writing, reading, and removal beyond the budget.

use std::{fs, path::Path};

use crate::model::TimelineKind;

use super::*;

/// Timelines in a folder of their own, written to by several servers.
struct TestTimeline {
    folder: PathBuf,
    timeline: Timeline,
}

impl TestTimeline {
    fn new(budget: u64) -> Self {
        let folder = std::env::temp_dir().join(format!("ostler-{}", uuid::Uuid::new_v4().simple()));
        Self { timeline: Timeline::new(folder.clone(), budget), folder }
    }

    /// Ends it, and begins again with these servers.
    fn again(&mut self, budget: u64, servers: &[ServerId]) -> Vec<Log> {
        self.timeline.stop();
        self.timeline = Timeline::new(self.folder.clone(), budget);
        let logs = servers.iter().map(|id| self.timeline.log(*id)).collect();
        self.timeline.begin().unwrap();
        logs
    }

    /// All of a server's timeline, as pages give it.
    fn all(&self, id: ServerId, filter: &TimelineFilter) -> Vec<TimelineItem> {
        let (mut items, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.timeline.page(id, filter, &PageRequest { limit: 7, cursor }).unwrap();
            items.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return items;
            }
        }
    }

    fn texts(&self, id: ServerId) -> Vec<String> {
        self.all(id, &TimelineFilter::default()).into_iter().map(|item| item.text).collect()
    }

    fn size(&self) -> u64 {
        fn size(folder: &Path) -> u64 {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries
                .map(|entry| if entry.path().is_dir() { size(&entry.path()) } else { entry.metadata().unwrap().len() })
                .sum()
        }
        size(&self.folder)
    }
}

impl Drop for TestTimeline {
    fn drop(&mut self) {
        self.timeline.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

const BUDGET: u64 = 1 << 20;

#[test]
fn pages_go_from_the_newest_line_to_the_oldest_over_all_segments() {
    let (id, mut place) = (ServerId::new(), TestTimeline::new(BUDGET));
    let text = |number: usize| format!("line {number} {}", "x".repeat(3000));
    for part in 0..3 {
        let log = place.again(BUDGET, &[id]).remove(0);
        (part * 60..(part + 1) * 60).for_each(|number| log.output(OutputStream::Stderr, &text(number)));
    }
    place.timeline.stop();
    assert!(place.timeline.storage.segments(id).len() > 1);
    assert_eq!(place.texts(id), (0..180).rev().map(text).collect::<Vec<_>>());
}

#[test]
fn who_says_most_gives_way_first_and_all_together_stay_within_the_budget() {
    let servers: Vec<_> = (0..20).map(|_| ServerId::new()).collect();
    let mut place = TestTimeline::new(BUDGET);
    place.again(BUDGET, &servers).iter().for_each(|log| log.ostler(TimelineLevel::Info, "first"));
    for part in 0..12 {
        let log = place.again(BUDGET, &servers).remove(0);
        (part * 50..(part + 1) * 50)
            .for_each(|number| log.output(OutputStream::Stderr, &format!("{number} {}", "flood ".repeat(2000))));
        place.timeline.stop();
        assert!(place.size() <= BUDGET, "{}", place.size());
    }
    assert!((BUDGET / 2..=BUDGET).contains(&place.size()), "{}", place.size());
    let newest = place.texts(servers[0]);
    assert!(newest[0].starts_with("599 "), "{}", newest[0]);
    servers[1..].iter().for_each(|id| assert_eq!(place.texts(*id), ["first"]));
    place.again(BUDGET / 4, &servers);
    place.timeline.stop();
    assert!(place.size() <= BUDGET / 4);
}

#[test]
fn a_flood_is_cut_and_the_timeline_says_by_how_much() {
    let (id, mut place) = (ServerId::new(), TestTimeline::new(64 << 20));
    // No thread writes yet.
    let log = place.timeline.log(id);
    (0..1000).for_each(|_| log.output(OutputStream::Stderr, &"x".repeat(10_000)));
    place.timeline.begin().unwrap();
    place.timeline.stop();
    let texts = place.texts(id);
    assert_eq!(
        texts[0],
        format!("{} lines are missing here: they came faster than they could be written", 1001 - texts.len())
    );
    assert!(texts.len() > 100);
    place.again(0, &[]);
    assert_eq!(place.size(), 0);
}

#[test]
fn half_a_line_is_none_and_spoils_no_other() {
    let (id, mut place) = (ServerId::new(), TestTimeline::new(BUDGET));
    place.again(BUDGET, &[id])[0].output(OutputStream::Stderr, "one");
    place.timeline.stop();
    let segment = place.timeline.storage.path(id, 1);
    let mut text = fs::read(&segment).unwrap();
    text.extend_from_slice(br#"{"at":"2026-01-01T00:00:00.000Z","kind":"stderr","text":"to"#);
    fs::write(&segment, text).unwrap();
    assert_eq!(place.texts(id), ["one"]);
    place.again(BUDGET, &[id])[0].output(OutputStream::Stderr, "two");
    place.timeline.stop();
    assert_eq!(place.texts(id), ["two", "one"]);
}

#[test]
fn a_removed_server_leaves_nothing_and_says_nothing_more() {
    let (kept, removed, mut place) = (ServerId::new(), ServerId::new(), TestTimeline::new(BUDGET));
    let logs = place.again(BUDGET, &[kept, removed]);
    logs.iter().for_each(|log| log.output(OutputStream::Stderr, "something"));
    place.timeline.forget(removed);
    logs.iter().for_each(|log| log.output(OutputStream::Stderr, "last words"));
    place.timeline.stop();
    assert_eq!((place.texts(kept).len(), place.texts(removed).len()), (2, 0));
    assert!(!place.folder.join(removed.to_string()).exists());
    // A server that was removed while Ostler was down.
    place.again(BUDGET, &[]);
    place.timeline.stop();
    assert!(!place.folder.join(kept.to_string()).exists());
}

#[test]
fn what_is_searched_for_is_found_in_whatever_case_and_of_the_kinds_wanted() {
    let (id, mut place) = (ServerId::new(), TestTimeline::new(BUDGET));
    let call = CallId::new();
    let log = &place.again(BUDGET, &[id])[0];
    log.output(OutputStream::Stderr, "Grüße an ALLE \u{1b}[31m");
    log.ostler(TimelineLevel::Info, "ready");
    log.call(call, TimelineLevel::Warn, "grüße".into(), "failed", 12);
    place.timeline.stop();
    let find = |search: &str, kinds: &[TimelineKind]| {
        let filter = TimelineFilter { search: Some(search.into()), kinds: kinds.to_vec() };
        place.all(id, &filter).into_iter().map(|item| item.text).collect::<Vec<_>>()
    };
    assert_eq!(find("GRÜßE", &[]), ["grüße failed after 12 ms", "Grüße an ALLE \u{1b}[31m"]);
    assert_eq!(find("grü", &[TimelineKind::Stderr, TimelineKind::Ostler]), ["Grüße an ALLE \u{1b}[31m"]);
    assert_eq!(find(&call.to_string(), &[]), ["grüße failed after 12 ms"]);
    assert_eq!(find("nowhere", &[]), [""; 0]);
}

#[test]
fn a_search_in_much_text_goes_on_page_by_page() {
    let (id, mut place) = (ServerId::new(), TestTimeline::new(64 << 20));
    fs::create_dir_all(place.folder.join(id.to_string())).unwrap();
    let segment = |number| place.timeline.storage.path(id, number);
    let line =
        format!("{{\"at\":\"2026-01-01T00:00:00.000Z\",\"kind\":\"stderr\",\"text\":\"{}\"}}\n", "x".repeat(1000));
    let needle = line.replace("xxx\"", "needle\"");
    (1..=3).for_each(|number| fs::write(segment(number), line.repeat(4000)).unwrap());
    fs::write(segment(1), needle + &line.repeat(4000)).unwrap();
    place.again(64 << 20, &[id]);
    let filter = TimelineFilter { search: Some("NEEDLE".into()), ..TimelineFilter::default() };
    let first = place.timeline.page(id, &filter, &PageRequest::default()).unwrap();
    assert!(first.items.is_empty() && first.next_cursor.is_some());
    assert_eq!(place.all(id, &filter).len(), 1);
    for wrong in ["", "1", "a-b", "1-", "-1", "+1-2", "01-2"] {
        let page = PageRequest { cursor: Some(wrong.into()), ..PageRequest::default() };
        assert!(matches!(place.timeline.page(id, &filter, &page), Err(Error::Malformed(_))), "{wrong}");
    }
}
