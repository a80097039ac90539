//! Reading backwards, from the newest line on, a bounded part at a time.

use std::{fmt, fs::File, io, os::unix::fs::FileExt, str::FromStr};

use crate::{
    error::{Error, Result},
    model::{Page, PageRequest, ServerId, TimelineFilter, TimelineItem},
    timeline::storage::Storage,
};

/// Bytes looked through for one page, about.
const SCANNED_BYTES_MAX: u64 = 8 << 20;

/// Bytes read at once; longer than any line.
const READ_BYTES: u64 = 256 << 10;

/// The longest text that is searched for.
const SEARCH_BYTES_MAX: usize = 200;

/// The end of the page before: all before this byte of this segment is older.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimelineCursor {
    segment: u64,
    offset: u64,
}

impl fmt::Display for TimelineCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.segment, self.offset)
    }
}

impl FromStr for TimelineCursor {
    type Err = Error;

    /// Reads exactly what `Display` writes.
    fn from_str(text: &str) -> Result<Self> {
        let parts = text
            .split_once('-')
            .and_then(|(segment, offset)| Some(Self { segment: segment.parse().ok()?, offset: offset.parse().ok()? }));
        let cursor = parts.filter(|cursor| cursor.to_string() == text);
        cursor.ok_or_else(|| Error::Malformed("cursor: is not one that a list gave".into()))
    }
}

/// The page after `page.cursor` of what `storage` has of a server; `unwritten` is newer, and the first page begins with
/// it.
pub(super) fn read(
    storage: &Storage,
    id: ServerId,
    filter: &TimelineFilter,
    page: &PageRequest,
    unwritten: Option<TimelineItem>,
) -> Result<Page<TimelineItem>> {
    let cursor = page.cursor.as_deref().map(str::parse::<TimelineCursor>).transpose()?;
    let search = filter.search.as_deref().map(str::to_lowercase);
    if search.as_ref().is_some_and(|search| search.len() > SEARCH_BYTES_MAX) {
        return Err(Error::invalid("/search", format!("has more than {SEARCH_BYTES_MAX} bytes")));
    }
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let mut reader = SegmentReader { filter, search, limit, left: SCANNED_BYTES_MAX, items: Vec::new() };
    let unwritten = unwritten.filter(|item| cursor.is_none() && reader.is_wanted(item));
    reader.items.extend(unwritten);
    let mut segments = storage.segments(id);
    segments.retain(|segment| cursor.is_none_or(|at| *segment <= at.segment));
    segments.sort_unstable();
    while let Some(segment) = segments.pop() {
        let end = cursor.filter(|cursor| cursor.segment == segment).map(|cursor| cursor.offset);
        let stopped = match storage.open(id, segment) {
            Ok(file) => reader.segment(&file, end),
            // It was the oldest, and gave way meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => Err(error),
        };
        let stopped = stopped.map_err(|error| Error::Internal(format!("a timeline cannot be read: {error}")))?;
        if let Some(offset) = stopped.filter(|offset| *offset > 0 || !segments.is_empty()) {
            return Ok(Page { items: reader.items, next_cursor: Some(TimelineCursor { segment, offset }.to_string()) });
        }
    }
    Ok(Page { items: reader.items, next_cursor: None })
}

struct SegmentReader<'a> {
    filter: &'a TimelineFilter,
    /// In lower case.
    search: Option<String>,
    limit: usize,
    /// Bytes that may still be looked through.
    left: u64,
    items: Vec<TimelineItem>,
}

impl SegmentReader<'_> {
    /// Looks through a segment up to `end`; where that is to be left off, before which byte.
    fn segment(&mut self, file: &File, end: Option<u64>) -> io::Result<Option<u64>> {
        let length = file.metadata()?.len();
        let mut end = end.map_or(length, |end| end.min(length));
        if self.items.len() >= self.limit {
            return Ok(Some(end));
        }
        while end > 0 {
            let start = end.saturating_sub(READ_BYTES);
            let mut window = vec![0; usize::try_from(end.saturating_sub(start)).map_err(io::Error::other)?];
            file.read_exact_at(&mut window, start)?;
            // The first line of a window may have begun before it.
            let skipped =
                if start == 0 { 0 } else { memchr::memchr(b'\n', &window).map_or(0, |at| at.saturating_add(1)) };
            if let Some(place) = self.window(&window, skipped) {
                return Ok(Some(start.saturating_add(place)));
            }
            self.left = self.left.saturating_sub(end.saturating_sub(start));
            // A window without a line feed holds no line that was written whole.
            let next = start.saturating_add(u64::try_from(skipped).unwrap_or_default());
            end = if next < end { next } else { start };
            if self.left == 0 {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    /// Takes the lines of a window from `first` on, the last one first; before which byte it is full, if it is.
    fn window(&mut self, window: &[u8], first: usize) -> Option<u64> {
        // Bytes after the last line feed are torn, or still being written.
        let mut end = memchr::memrchr(b'\n', window)?;
        while end > first {
            let start = window.get(first..end).and_then(|lines| memchr::memrchr(b'\n', lines));
            let start = start.map_or(first, |at| first.saturating_add(at).saturating_add(1));
            if let Some(item) = window.get(start..end).and_then(|line| self.wanted(line)) {
                self.items.push(item);
                if self.items.len() >= self.limit {
                    return u64::try_from(start).ok();
                }
            }
            end = start.saturating_sub(1);
        }
        None
    }

    fn wanted(&self, line: &[u8]) -> Option<TimelineItem> {
        serde_json::from_slice(line).ok().filter(|item| self.is_wanted(item))
    }

    fn is_wanted(&self, item: &TimelineItem) -> bool {
        let is_of_kind = self.filter.kinds.is_empty() || self.filter.kinds.contains(&item.kind);
        let fits = |search: &String| {
            item.text.to_lowercase().contains(search) || item.call_id.is_some_and(|id| id.to_string() == *search)
        };
        is_of_kind && self.search.as_ref().is_none_or(fits)
    }
}
