//! Moments and spans of time as people write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MS_PER_DAY: i64 = 86_400_000;

/// Milliseconds since 1970-01-01 UTC.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Reads `250ms`, `10s`, `5m`, `2h`, `7d`, `1w`, and sums of them such as `1h30m`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("{text:?} is not a duration such as 500ms, 10s, 5m, 2h or 7d");
    let mut rest = text;
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(bad());
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count: u64 = rest[..digits].parse().map_err(|_| bad())?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit_ms: u64 = match &rest[..letters] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            _ => return Err(bad()),
        };
        rest = &rest[letters..];
        let part = count.checked_mul(unit_ms).map(Duration::from_millis);
        total = part
            .and_then(|part| total.checked_add(part))
            .ok_or_else(bad)?;
    }
    Ok(total)
}

/// Reads `2026-11-21`, `2026-11-21T10:00:00Z`, with fractions and offsets, or plain
/// milliseconds since 1970. Without an offset the time is UTC.
pub(crate) fn parse_moment(text: &str) -> Result<i64, String> {
    if let Ok(ms) = text.parse::<i64>() {
        return Ok(ms);
    }
    read_moment(text).ok_or_else(|| {
        format!("{text:?} is not a time such as 2026-11-21T10:00:00Z or milliseconds since 1970")
    })
}

fn read_moment(text: &str) -> Option<i64> {
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut fields = date.splitn(3, '-').map(fixed_number);
    let (year, month, day) = (fields.next()??, fields.next()??, fields.next()??);
    let plausible = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day);
    if !plausible {
        return None;
    }
    let days = days_from_civil(year, month, day);
    let time_ms = time.map_or(Some(0), read_time)?;
    Some(days * MS_PER_DAY + time_ms)
}

fn read_time(text: &str) -> Option<i64> {
    let (clock, offset_minutes) = if let Some(clock) = text.strip_suffix('Z') {
        (clock, 0)
    } else if let Some(at) = text.rfind(['+', '-']) {
        let (hours, minutes) = text[at + 1..].split_once(':')?;
        let minutes = fixed_number(hours)? * 60 + fixed_number(minutes)?;
        (
            &text[..at],
            if text[at..].starts_with('-') {
                -minutes
            } else {
                minutes
            },
        )
    } else {
        (text, 0)
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut fields = clock.splitn(3, ':').map(fixed_number);
    let (hour, minute) = (fields.next()??, fields.next()??);
    let second = fields.next().unwrap_or(Some(0))?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction_ms = match fraction {
        "" => 0,
        digits => {
            let digits: String = digits.chars().chain("00".chars()).take(3).collect();
            fixed_number(&digits)?
        }
    };
    Some(((hour * 60 + minute - offset_minutes) * 60 + second) * 1000 + fraction_ms)
}

fn fixed_number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let next = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    days_from_civil(next.0, next.1, 1) - days_from_civil(year, month, 1)
}

/// Days since 1970-01-01 of a date in the Gregorian calendar. Years are counted from March,
/// so that the leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}

/// Writes `2026-11-21T10:00:00.000Z`.
#[cfg(test)]
pub(crate) fn moment_text(ms: i64) -> String {
    let days = ms.div_euclid(MS_PER_DAY);
    let in_day_ms = ms.rem_euclid(MS_PER_DAY);
    // A first guess from the mean length of a year, then at most one step.
    let mut year = 1970 + (days * 400).div_euclid(146_097);
    while days_from_civil(year, 1, 1) > days {
        year -= 1;
    }
    while days_from_civil(year + 1, 1, 1) <= days {
        year += 1;
    }
    let month = (1..=12)
        .rev()
        .find(|m| days_from_civil(year, *m, 1) <= days)
        .unwrap_or(1);
    let day = days - days_from_civil(year, month, 1) + 1;
    let (seconds, millis) = (in_day_ms / 1000, in_day_ms % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_and_written() {
        for (text, ms) in [
            ("1970-01-01", 0),
            ("1970-01-01T00:00:00.001Z", 1),
            ("2000-02-29T12:00:00Z", 951_825_600_000),
            ("2026-11-21T10:11:12.345Z", 1_795_255_872_345),
            ("2026-11-21T12:11:12.345+02:00", 1_795_255_872_345),
            ("2026-11-21 10:11", 1_795_255_860_000),
            ("1795255872345", 1_795_255_872_345),
        ] {
            assert_eq!(parse_moment(text), Ok(ms), "{text}");
        }
        assert_eq!(moment_text(1_795_255_872_345), "2026-11-21T10:11:12.345Z");
        assert_eq!(moment_text(951_825_600_000), "2000-02-29T12:00:00.000Z");
        assert_eq!(moment_text(-1), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn what_no_calendar_has_is_no_moment() {
        for text in [
            "",
            "x",
            "2026-13-01",
            "2026-02-29",
            "2026-11-21T24:00:00Z",
            "2026-1-",
            "10m",
        ] {
            assert!(parse_moment(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_add_up() {
        for (text, ms) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("1h30m", 5_400_000),
            ("1w", 604_800_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(ms)),
                "{text}"
            );
        }
        for text in ["", "10", "s", "1x", "1.5s", "-1s", "99999999999999999999s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
