//! Checks of a tool call's name, arguments and deadline.

use std::time::Duration;

use crate::error::Faults;

/// The longest deadline a caller may name.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(3600);

/// Most bytes of a tool's name.
const TOOL_NAME_BYTES_MAX: usize = 256;

/// Everything about a call that cannot be accepted, by its place in the JSON of a request. `parameters` is JSON.
#[must_use]
pub fn faults(tool: &str, parameters: Option<&str>, timeout: Option<Duration>) -> Faults {
    let mut faults = Faults::default();
    let named = (1..=TOOL_NAME_BYTES_MAX).contains(&tool.len()) && !tool.contains(char::is_control);
    faults.check(named, "/toolName", "must be 1 to 256 bytes without control characters");
    let is_object = parameters.is_none_or(|json| json == "null" || json.trim_start().starts_with('{'));
    faults.check(is_object, "/parameters", "must be an object");
    let in_bounds = timeout.is_none_or(|timeout| !timeout.is_zero() && timeout <= TIMEOUT_MAX);
    faults.check(in_bounds, "/timeoutMs", "must be 1 to 3600000");
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_reported_at_once() {
        let pointers = |faults: Faults| faults.0.into_iter().map(|fault| fault.pointer).collect::<Vec<_>>();
        let all = pointers(faults("", Some("[1]"), Some(Duration::ZERO)));
        assert_eq!(all, ["/toolName", "/parameters", "/timeoutMs"]);
        let all = pointers(faults("a\nb", Some("\"{\""), Some(TIMEOUT_MAX + Duration::from_millis(1))));
        assert_eq!(all, ["/toolName", "/parameters", "/timeoutMs"]);
        for parameters in [None, Some("null"), Some(" {}")] {
            assert!(faults("echo", parameters, Some(TIMEOUT_MAX)).0.is_empty());
        }
    }
}
