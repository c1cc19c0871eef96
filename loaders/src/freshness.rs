//! How long an answer may be reused.
//!
//! In: the owner's bound and the answer's status and headers. Out: a lifetime, or none. Pure.
//! Source: RFC 9111, sections 4.2 and 5.2.2. Deliberately absent: `Expires` and heuristics, because the owner's bound
//! stands in for them; revalidation.

use std::time::Duration;

use http::header::{AGE, CACHE_CONTROL, VARY};
use http::{HeaderMap, StatusCode};

/// Longest lifetime that is counted with: a bound on what clocks are asked to add.
const LIFETIME_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The owner's lifetime, shortened by the service's own headers, never lengthened; `None` where the answer may not be reused.
pub(crate) fn lifetime(status: StatusCode, headers: &HeaderMap, max_age: Duration) -> Option<Duration> {
    // 206 is a part of something.
    if !status.is_success() || status == StatusCode::PARTIAL_CONTENT || varies_by_anything(headers) {
        return None;
    }
    let own = match own_lifetime(headers) {
        Own::Forbidden => return None,
        Own::Unsaid => max_age,
        Own::Seconds(seconds) => {
            let remaining = Duration::from_secs(seconds.saturating_sub(age(headers)));
            max_age.min(remaining)
        }
    };
    (!own.is_zero()).then(|| own.min(LIFETIME_MAX))
}

enum Own {
    Forbidden,
    Unsaid,
    Seconds(u64),
}

fn own_lifetime(headers: &HeaderMap) -> Own {
    let mut max_age = None;
    let mut shared_max_age = None;
    for value in headers.get_all(CACHE_CONTROL) {
        // Something that is no text could say anything.
        let Ok(text) = value.to_str() else { return Own::Forbidden };
        if !quotes_close(text) {
            return Own::Forbidden;
        }
        for directive in directives(text) {
            let (name, argument) = match directive.split_once('=') {
                Some((name, argument)) => (name.trim(), argument.trim()),
                None => (directive.trim(), ""),
            };
            let is = |other: &str| name.eq_ignore_ascii_case(other);
            // `private="field"` and `no-cache="field"` speak of headers only, but what comes with them is safer not kept.
            if is("private") || is("no-store") || is("no-cache") {
                return Own::Forbidden;
            }
            if is("max-age") {
                keep_least(&mut max_age, argument);
            } else if is("s-maxage") {
                keep_least(&mut shared_max_age, argument);
            }
        }
    }
    shared_max_age.or(max_age).map_or(Own::Unsaid, Own::Seconds)
}

/// Of contradicting values the least one holds, and what is no number counts as 0.
fn keep_least(seconds: &mut Option<u64>, argument: &str) {
    let argument = argument.trim_matches('"');
    let value = if !argument.is_empty() && argument.bytes().all(|b| b.is_ascii_digit()) {
        // Only overflow is left to fail.
        argument.parse().unwrap_or(u64::MAX)
    } else {
        0
    };
    *seconds = Some(seconds.map_or(value, |least| least.min(value)));
}

/// Splits at commas that are not inside a quoted string.
fn directives(text: &str) -> impl Iterator<Item = &str> {
    let mut quotes = Quotes::default();
    text.split(move |c| !quotes.inside_after(c) && c == ',')
}

/// Whether no quoted string is left open, which could hide any directive.
fn quotes_close(text: &str) -> bool {
    let mut quotes = Quotes::default();
    !text.chars().fold(false, |_, c| quotes.inside_after(c))
}

#[derive(Default)]
struct Quotes {
    inside: bool,
    escaped: bool,
}

impl Quotes {
    /// Whether a quoted string is open once this character is read.
    fn inside_after(&mut self, c: char) -> bool {
        match c {
            _ if self.escaped => self.escaped = false,
            '\\' if self.inside => self.escaped = true,
            '"' => self.inside = !self.inside,
            _ => {}
        }
        self.inside
    }
}

/// Seconds that the answer spent in caches before this one. Text that is no number counts as none.
fn age(headers: &HeaderMap) -> u64 {
    let age = headers.get(AGE).and_then(|value| value.to_str().ok()).map(str::trim);
    age.map_or(0, |text| match text.parse() {
        Ok(age) => age,
        Err(_) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => u64::MAX,
        Err(_) => 0,
    })
}

fn varies_by_anything(headers: &HeaderMap) -> bool {
    headers
        .get_all(VARY)
        .iter()
        .any(|value| value.as_bytes().split(|b| *b == b',').any(|name| name.trim_ascii() == b"*"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    fn seconds(headers: &[(&'static str, &'static str)]) -> Option<u64> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        lifetime(StatusCode::OK, &map, Duration::from_secs(60)).map(|d| d.as_secs())
    }

    fn cache_control(value: &'static str) -> Option<u64> {
        seconds(&[("cache-control", value)])
    }

    #[test]
    fn the_service_shortens_and_never_lengthens() {
        assert_eq!(seconds(&[]), Some(60));
        assert_eq!(cache_control("max-age=10"), Some(10));
        assert_eq!(cache_control("max-age=600"), Some(60));
        assert_eq!(cache_control("public, Max-Age = 10 , must-revalidate"), Some(10));
        assert_eq!(cache_control("max-age=\"10\""), Some(10));
        assert_eq!(cache_control("max-age=99999999999999999999999"), Some(60));
        assert_eq!(cache_control("public"), Some(60));
    }

    #[test]
    fn nothing_is_kept_that_the_service_keeps_to_itself() {
        for value in [
            "private",
            "no-store",
            "no-cache",
            "NO-STORE",
            "max-age=60, private",
            "private=\"set-cookie\"",
            "max-age=0",
        ] {
            assert_eq!(cache_control(value), None, "{value}");
        }
        // Two lines count as one list.
        assert_eq!(seconds(&[("cache-control", "max-age=60"), ("cache-control", "no-store")]), None);
        assert_eq!(seconds(&[("vary", "accept, *")]), None);
        assert_eq!(seconds(&[("vary", "accept")]), Some(60));
    }

    #[test]
    fn a_shared_cache_has_its_own_age() {
        assert_eq!(cache_control("max-age=10, s-maxage=20"), Some(20));
        assert_eq!(cache_control("max-age=50, s-maxage=0"), None);
    }

    #[test]
    fn contradictions_and_nonsense_are_read_carefully() {
        assert_eq!(cache_control("max-age=30, max-age=20"), Some(20));
        assert_eq!(cache_control("max-age=soon"), None);
        assert_eq!(cache_control("max-age=-1"), None);
        assert_eq!(cache_control("max-age="), None);
        assert_eq!(cache_control("max-age=10, extension=\"open, no-store"), None);
        // A quoted string hides no directive, and shows none.
        assert_eq!(cache_control("extension=\"a, no-store\", max-age=10"), Some(10));
        assert_eq!(cache_control("extension=\"a\\\", no-store\", max-age=10"), Some(10));
    }

    #[test]
    fn time_in_other_caches_counts() {
        assert_eq!(seconds(&[("cache-control", "max-age=30"), ("age", "10")]), Some(20));
        assert_eq!(seconds(&[("cache-control", "max-age=30"), ("age", "30")]), None);
        assert_eq!(seconds(&[("cache-control", "max-age=30"), ("age", "99999999999999999999999")]), None);
        assert_eq!(seconds(&[("cache-control", "max-age=30"), ("age", "x")]), Some(30));
    }

    #[test]
    fn only_a_whole_success_is_kept() {
        let none = HeaderMap::new();
        for (status, kept) in
            [(200, true), (201, true), (206, false), (304, false), (302, false), (404, false), (500, false)]
        {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(lifetime(status, &none, Duration::from_secs(60)).is_some(), kept, "{status}");
        }
        assert_eq!(lifetime(StatusCode::OK, &none, Duration::ZERO), None);
        assert_eq!(lifetime(StatusCode::OK, &none, Duration::MAX), Some(LIFETIME_MAX));
    }
}
