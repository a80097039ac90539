//! `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).

use std::time::{Duration, SystemTime};

use crate::model::Timestamp;

/// The pause that a value of `Retry-After` asks for at the time `now`; `None` where it is neither number nor date.
#[must_use]
pub fn parse(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let now = u64::try_from(now.unix_seconds()).unwrap_or_default();
    Some(date.saturating_sub(Duration::from_secs(now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_seconds_or_a_date_in_any_form() {
        let now = "1994-11-06T08:49:31Z".parse().unwrap();
        let pause = |text| parse(text, now).map(|pause| pause.as_secs());
        assert_eq!(pause("120"), Some(120));
        for date in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(pause(date), Some(6), "{date}");
        }
        assert_eq!(pause("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!((pause("soon"), pause("-1"), pause("")), (None, None, None));
    }
}
