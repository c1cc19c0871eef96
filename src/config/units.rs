//! What a setting's text may say: sizes, durations, addresses, switches.
//!
//! In: one scalar as a person wrote it. Out: a plain value, or a few words on what was expected.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

/// A value that one scalar of the file, one variable or one flag gives.
pub(crate) trait Setting: Sized {
    /// What a text has to be, for the error message.
    const EXPECTED: &'static str;
    /// `None` when the text is no such value.
    fn parse(text: &str) -> Option<Self>;
}

impl Setting for bool {
    const EXPECTED: &'static str = "`true` or `false`";
    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        }
    }
}

impl Setting for usize {
    const EXPECTED: &'static str = "a whole number above 0, such as `100`";
    fn parse(text: &str) -> Option<Self> {
        text.replace('_', "").parse().ok().filter(|n| *n > 0)
    }
}

impl Setting for SocketAddr {
    const EXPECTED: &'static str = "an address with a port, such as `127.0.0.1:4000`";
    fn parse(text: &str) -> Option<Self> {
        // `localhost:4000` and `:4000` are what people type; a name that does not resolve is no address.
        let text = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.to_owned() };
        text.parse().ok().or_else(|| text.to_socket_addrs().ok()?.min_by_key(SocketAddr::is_ipv6))
    }
}

impl Setting for PathBuf {
    const EXPECTED: &'static str = "a path";
    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self::from(text))
    }
}

impl Setting for String {
    const EXPECTED: &'static str = "a text";
    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

/// A filter of the log: levels, for everything or by module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogFilter(pub(crate) String);

impl Setting for LogFilter {
    const EXPECTED: &'static str = "error, warn, info, debug, trace or off, or by module as in `info,weft=debug`";
    fn parse(text: &str) -> Option<Self> {
        // The filter takes a word that is no level for a module, whose lines would then be the only ones.
        let is_level = |word: &str| {
            ["error", "warn", "info", "debug", "trace", "off"].iter().any(|level| word.eq_ignore_ascii_case(level))
        };
        let known = text.split(',').map(str::trim).all(|part| match part.rsplit_once('=') {
            Some((_, level)) => is_level(level.trim()),
            None => is_level(part),
        });
        (known && tracing_subscriber::EnvFilter::try_new(text).is_ok()).then(|| Self(text.to_owned()))
    }
}

/// An absolute `http:` or `https:` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpUrl(pub(crate) String);

impl Setting for HttpUrl {
    const EXPECTED: &'static str = "an absolute URL, such as `http://127.0.0.1:4103`";
    fn parse(text: &str) -> Option<Self> {
        let uri: http::Uri = text.parse().ok()?;
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        (known && uri.host().is_some_and(|host| !host.is_empty())).then(|| Self(text.to_owned()))
    }
}

/// A header's name, lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header(pub(crate) http::HeaderName);

impl Setting for Header {
    const EXPECTED: &'static str = "a header's name, such as `x-profile-id`";
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

/// `*`, or scheme, host and port as a browser's `Origin` header says them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin(pub(crate) String);

impl Setting for Origin {
    const EXPECTED: &'static str = "`*` or an origin without a path, such as `https://app.example.com`";
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self(text.to_owned()));
        }
        let (scheme, rest) = text.split_once("://")?;
        let plain = !scheme.is_empty() && !rest.is_empty() && !rest.contains(['/', '?', '#', '*']) && rest.is_ascii();
        plain.then(|| Self(text.to_ascii_lowercase()))
    }
}

impl Setting for Duration {
    const EXPECTED: &'static str = "a duration with a unit, such as `250ms`, `30s`, `5m` or `1h`";
    fn parse(text: &str) -> Option<Self> {
        let split = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = text.split_at(split);
        let number: u64 = number.parse().ok().filter(|n| *n > 0)?;
        let millis = match unit.trim_start() {
            "ms" => number,
            "s" => number.checked_mul(1_000)?,
            "m" => number.checked_mul(60_000)?,
            "h" => number.checked_mul(3_600_000)?,
            _ => return None,
        };
        // A deadline is added to a clock: a year is beyond every use and far below what a clock can hold.
        (millis <= 365 * 86_400_000).then(|| Self::from_millis(millis))
    }
}

/// A size in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteSize(pub(crate) usize);

impl Setting for ByteSize {
    const EXPECTED: &'static str = "a size, such as `512KiB`, `2MB` or `32MiB`";
    fn parse(text: &str) -> Option<Self> {
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let number: usize = number.parse().ok().filter(|n| *n > 0)?;
        let factor = match unit.trim_start() {
            "" | "B" => 1,
            "kB" | "KB" => 1_000,
            "KiB" => 1 << 10,
            "MB" => 1_000_000,
            "MiB" => 1 << 20,
            "GB" => 1_000_000_000,
            "GiB" => 1 << 30,
            _ => return None,
        };
        number.checked_mul(factor).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_need_a_known_unit() {
        assert_eq!(ByteSize::parse("2MB"), Some(ByteSize(2_000_000)));
        assert_eq!(ByteSize::parse("32 KiB"), Some(ByteSize(32_768)));
        assert_eq!(ByteSize::parse("512"), Some(ByteSize(512)));
        assert_eq!(ByteSize::parse("0"), None);
        assert_eq!(ByteSize::parse("2mb"), None);
        assert_eq!(ByteSize::parse("99999999999999999999GB"), None);
        assert_eq!(Duration::parse("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(Duration::parse("2m"), Some(Duration::from_secs(120)));
        assert_eq!(Duration::parse("30"), None, "a bare number could be seconds or milliseconds");
        assert_eq!(Duration::parse("0s"), None);
        assert_eq!(Duration::parse("9999999999999h"), None);
    }

    #[test]
    fn a_log_filter_is_made_of_levels() {
        for known in ["info", "WARN", "off", "info,weft=debug", "warn,weft::gateway=trace"] {
            assert!(LogFilter::parse(known).is_some(), "{known}");
        }
        for unknown in ["loud", "", "info,loud", "weft", "weft=loud", "info,,=x"] {
            assert_eq!(LogFilter::parse(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn addresses_and_urls() {
        assert_eq!(SocketAddr::parse(":4000"), "0.0.0.0:4000".parse().ok());
        assert!(SocketAddr::parse("localhost:0").is_some());
        assert_eq!(SocketAddr::parse("4000"), None);
        assert!(HttpUrl::parse("http://127.0.0.1:4103/base").is_some());
        assert_eq!(HttpUrl::parse("127.0.0.1:4103"), None);
        assert_eq!(HttpUrl::parse("ftp://host"), None);
        assert!(Origin::parse("https://app.example.com:8443").is_some());
        assert_eq!(Origin::parse("https://app.example.com/path"), None);
        assert_eq!(Origin::parse("app.example.com"), None);
    }
}
