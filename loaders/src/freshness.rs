//! How long an answer may be reused, and how long it may stand in for one that fails.
//!
//! In: the owner's bounds and the answer's status and headers. Out: how long it is kept for what, or that it is not. Pure.
//! Source: RFC 9111, sections 4.2 and 5.2.2; RFC 5861, section 4. Deliberately absent: `Expires` and heuristics, because
//! the owner's bounds stand in for them; revalidation.

use std::time::Duration;

use http::header::{AGE, CACHE_CONTROL, VARY};
use http::{HeaderMap, StatusCode};

/// Longest lifetime that is counted with: a bound on what clocks are asked to add.
const LIFETIME_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What the owner allows. Zero: not at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// How long an answer may be reused.
    pub(crate) max_age: Duration,
    /// How old an answer may be that stands in for one that fails.
    pub(crate) stale: Duration,
}

/// What an answer is kept for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keeping {
    /// How old it is already.
    pub(crate) age: Duration,
    /// How much longer it may be reused; perhaps zero.
    pub(crate) fresh: Duration,
    /// How much longer it may stand in; perhaps zero.
    pub(crate) stale: Duration,
}

/// The owner's bounds, shortened by the service's own headers, never lengthened; `None` where the answer is not kept.
pub(crate) fn keeping(status: StatusCode, headers: &HeaderMap, bounds: Bounds) -> Option<Keeping> {
    // 206 is a part of something.
    if !status.is_success() || status == StatusCode::PARTIAL_CONTENT || varies_by_anything(headers) {
        return None;
    }
    let own = Own::read(headers)?;
    let age = Duration::from_secs(age(headers)).min(LIFETIME_MAX);
    let fresh = match own.lifetime() {
        _ if own.no_cache => Duration::ZERO,
        None => bounds.max_age,
        Some(lifetime) => bounds.max_age.min(lifetime.saturating_sub(age)),
    };
    let stale = match own.stale_if_error {
        _ if own.forbids_stale() => Duration::ZERO,
        None => bounds.stale,
        Some(beyond) => bounds.stale.min(own.lifetime().unwrap_or(bounds.max_age).saturating_add(beyond)),
    };
    let (fresh, stale) = (fresh.min(LIFETIME_MAX), stale.min(LIFETIME_MAX).saturating_sub(age));
    (!fresh.is_zero() || !stale.is_zero()).then_some(Keeping { age, fresh, stale })
}

/// Whether a status says that the service works, and will not answer this: then nothing that it answered before stands in. A
/// server that is overloaded or out of time (408, 429) fails as one with a 5xx does.
pub(crate) fn is_refusal(status: StatusCode) -> bool {
    status.is_client_error() && !matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

/// What `Cache-Control` says.
#[derive(Default)]
struct Own {
    max_age: Option<u64>,
    shared_max_age: Option<u64>,
    no_cache: bool,
    must_revalidate: bool,
    stale_if_error: Option<Duration>,
}

impl Own {
    fn lifetime(&self) -> Option<Duration> {
        self.shared_max_age.or(self.max_age).map(Duration::from_secs)
    }

    /// RFC 9111, 4.2.4. `s-maxage` means `proxy-revalidate`, unless `stale-if-error` beside it says otherwise.
    fn forbids_stale(&self) -> bool {
        self.no_cache || self.must_revalidate || (self.shared_max_age.is_some() && self.stale_if_error.is_none())
    }

    /// `None`: nothing may be kept.
    fn read(headers: &HeaderMap) -> Option<Own> {
        let mut own = Own::default();
        let mut stale_if_error = None;
        for value in headers.get_all(CACHE_CONTROL) {
            // Something that is no text could say anything.
            let text = value.to_str().ok()?;
            if !quotes_close(text) {
                return None;
            }
            for directive in directives(text) {
                let (name, argument) = match directive.split_once('=') {
                    Some((name, argument)) => (name.trim(), argument.trim()),
                    None => (directive.trim(), ""),
                };
                let is = |other: &str| name.eq_ignore_ascii_case(other);
                // `private="field"` and `no-cache="field"` speak of headers only, but what comes with them is safer not kept.
                if is("private") || is("no-store") {
                    return None;
                }
                own.no_cache |= is("no-cache");
                own.must_revalidate |= is("must-revalidate") || is("proxy-revalidate");
                if is("max-age") {
                    keep_least(&mut own.max_age, argument);
                } else if is("s-maxage") {
                    keep_least(&mut own.shared_max_age, argument);
                } else if is("stale-if-error") {
                    keep_least(&mut stale_if_error, argument);
                }
            }
        }
        own.stale_if_error = stale_if_error.map(Duration::from_secs);
        Some(own)
    }
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
        let bounds = Bounds { max_age: Duration::from_secs(60), stale: Duration::ZERO };
        keeping(StatusCode::OK, &map, bounds).map(|kept| kept.fresh.as_secs())
    }

    /// For how many seconds an answer is (reused, standing in), at most 60 and 3600.
    fn both(headers: &[(&'static str, &'static str)]) -> Option<(u64, u64)> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let bounds = Bounds { max_age: Duration::from_secs(60), stale: Duration::from_secs(3_600) };
        keeping(StatusCode::OK, &map, bounds).map(|kept| (kept.fresh.as_secs(), kept.stale.as_secs()))
    }

    #[test]
    fn the_service_says_what_may_stand_in() {
        for (value, kept) in [
            ("", Some((60, 3600))),
            ("max-age=10", Some((10, 3600))),
            ("max-age=0", Some((0, 3600))),
            ("max-age=0, stale-if-error=120", Some((0, 120))),
            ("max-age=30, stale-if-error=120", Some((30, 150))),
            ("max-age=30, stale-if-error=99999999999999999999999", Some((30, 3600))),
            ("stale-if-error=0", Some((60, 60))),
            ("max-age=10, stale-if-error=soon", Some((10, 10))),
            ("max-age=30, must-revalidate", Some((30, 0))),
            ("max-age=30, must-revalidate, stale-if-error=120", Some((30, 0))),
            ("max-age=30, proxy-revalidate", Some((30, 0))),
            ("s-maxage=30", Some((30, 0))),
            ("s-maxage=30, stale-if-error=120", Some((30, 150))),
            ("no-cache", None),
            ("no-cache, stale-if-error=120", None),
            ("no-store, stale-if-error=120", None),
            ("private, stale-if-error=120", None),
            ("max-age=0, must-revalidate", None),
        ] {
            assert_eq!(both(&[("cache-control", value)]), kept, "{value}");
        }
        let aged = both(&[("cache-control", "max-age=30"), ("age", "100")]);
        assert_eq!(aged, Some((0, 3500)), "time in other caches counts");
        assert_eq!(both(&[("age", "3600"), ("cache-control", "max-age=30")]), None);
    }

    #[test]
    fn a_refusal_is_an_answer() {
        for (status, is) in
            [(400, true), (401, true), (403, true), (404, true), (408, false), (429, false), (503, false)]
        {
            assert_eq!(is_refusal(StatusCode::from_u16(status).unwrap()), is, "{status}");
        }
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
            let bounds = Bounds { max_age: Duration::from_secs(60), stale: Duration::from_secs(60) };
            assert_eq!(keeping(status, &none, bounds).is_some(), kept, "{status}");
        }
        let of = |max_age, stale| keeping(StatusCode::OK, &none, Bounds { max_age, stale });
        assert_eq!(of(Duration::ZERO, Duration::ZERO), None);
        let longest = Keeping { age: Duration::ZERO, fresh: LIFETIME_MAX, stale: LIFETIME_MAX };
        assert_eq!(of(Duration::MAX, Duration::MAX), Some(longest));
    }
}
