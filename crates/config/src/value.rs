//! Checks one value against the definition of its key; the words follow Kafka's own.

use crate::definition::{Allowed, KeyDef, ValueType};
use crate::error::ConfigError;

/// The items of a list value: trimmed, separated by commas; an empty text is an empty list.
pub fn list_items(value: &str) -> impl Iterator<Item = &str> {
    let value = value.trim();
    let items = (!value.is_empty()).then(|| value.split(',').map(str::trim));
    items.into_iter().flatten()
}

/// Reads a boolean as Kafka does: in any case, and nothing but the two words.
pub(crate) fn parse_bool(value: &str) -> Option<bool> {
    let value = value.trim();
    if value.eq_ignore_ascii_case("true") {
        Some(true)
    } else if value.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// What DescribeConfigs shows for a value: the canonical spelling of its type.
pub(crate) fn canonical(def: &KeyDef, value: &str) -> String {
    let value = value.trim();
    match def.value_type {
        ValueType::Boolean => value.to_ascii_lowercase(),
        ValueType::Int | ValueType::Short | ValueType::Long => value
            .parse::<i64>()
            .map_or_else(|_| value.to_owned(), |number| number.to_string()),
        ValueType::List => list_items(value).collect::<Vec<_>>().join(","),
        ValueType::Double => value
            .parse::<f64>()
            .map_or_else(|_| value.to_owned(), double_as_java_prints),
        _ => value.to_owned(),
    }
}

/// Tools compare texts, so a number must be spelled as the Java broker spells it: always with a
/// point, and with an exponent from ten millions on and below a thousandth.
fn double_as_java_prints(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{number:?}");
    }
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0E{exponent}"),
        _ => text,
    }
}

/// Whether the key takes the value.
pub fn check(def: &KeyDef, value: &str) -> Result<(), ConfigError> {
    let refuse = |reason: String| {
        let shown = if def.is_sensitive() {
            "[hidden]"
        } else {
            value
        };
        Err(ConfigError::invalid(def.name, shown, reason))
    };
    match fault(def, value) {
        Some(reason) => refuse(reason),
        None => Ok(()),
    }
}

fn type_fault(value_type: ValueType, value: &str) -> Option<String> {
    let value = value.trim();
    let is_right = match value_type {
        ValueType::Boolean => {
            return parse_bool(value)
                .is_none()
                .then(|| "Expected value to be either true or false".to_owned());
        }
        ValueType::Int => value.parse::<i32>().is_ok(),
        ValueType::Short => value.parse::<i16>().is_ok(),
        ValueType::Long => value.parse::<i64>().is_ok(),
        ValueType::Double => value.parse::<f64>().is_ok_and(f64::is_finite),
        _ => true,
    };
    (!is_right).then(|| format!("Not a number of type {}", value_type.name()))
}

/// The bounds of a number that the fault of one value does not tell: both ends, where there is more
/// than the one that the value has missed.
fn bounds_text(def: &KeyDef) -> Option<String> {
    let (type_min, type_max) = match def.value_type {
        ValueType::Int => (i64::from(i32::MIN), i64::from(i32::MAX)),
        ValueType::Short => (i64::from(i16::MIN), i64::from(i16::MAX)),
        ValueType::Long => (i64::MIN, i64::MAX),
        ValueType::Double => {
            return match def.allowed {
                Allowed::Ratio(min, max) => Some(format!("{min} to {max}")),
                _ => None,
            };
        }
        _ => return None,
    };
    match def.allowed {
        Allowed::Any => Some(format!("{type_min} to {type_max}")),
        Allowed::AtLeast(min) => Some(format!("{min} to {type_max}")),
        Allowed::Between(..) | Allowed::GzipLevel => Some(allowed_text(def)),
        _ => None,
    }
}

/// The fault of a value, in Kafka's words, with the bounds that these leave out.
fn fault(def: &KeyDef, value: &str) -> Option<String> {
    let with_bounds = |reason: String| match bounds_text(def) {
        Some(bounds) => format!("{reason}; allowed: {bounds}"),
        None => reason,
    };
    if let Some(reason) = type_fault(def.value_type, value) {
        return Some(with_bounds(reason));
    }
    let reason = range_fault(def, value)?;
    let tells_one_of_two = matches!(def.allowed, Allowed::Between(..) | Allowed::Ratio(..));
    Some(match tells_one_of_two {
        true => with_bounds(reason),
        false => reason,
    })
}

fn range_fault(def: &KeyDef, value: &str) -> Option<String> {
    let value = value.trim();
    let integer = || value.parse::<i64>().unwrap_or_default();
    match def.allowed {
        Allowed::Any => None,
        Allowed::AtLeast(min) => below(integer(), min),
        Allowed::Between(min, max) => below(integer(), min).or_else(|| above(integer(), max)),
        Allowed::Ratio(min, max) => {
            let number = value.parse::<f64>().unwrap_or(f64::NAN);
            let fault = |word: &str, bound: f64| Some(format!("Value must be {word} {bound}"));
            if number < min {
                fault("at least", min)
            } else if number > max || number.is_nan() {
                fault("no more than", max)
            } else {
                None
            }
        }
        Allowed::OneOf(texts) => (!texts.contains(&value))
            .then(|| format!("String must be one of: {}", texts.join(", "))),
        Allowed::OneOfAnyCase(texts) => (!texts.iter().any(|t| t.eq_ignore_ascii_case(value)))
            .then(|| {
                format!(
                    "String must be one of (case insensitive): {}",
                    texts.join(", ")
                )
            }),
        Allowed::ListOf(texts) => list_fault(def, value, texts),
        Allowed::NonEmpty => value
            .is_empty()
            .then(|| "String must be non-empty".to_owned()),
        Allowed::GzipLevel => (!(1..=9).contains(&integer()) && integer() != -1)
            .then(|| "Value must be between 1 and 9 or equal to -1".to_owned()),
        Allowed::ThrottledReplicas => (!are_throttled_replicas(value)).then(|| {
            format!(
                "{} must be the literal '*' or a list of replicas in the following format: \
                 [partitionId]:[brokerId],[partitionId]:[brokerId],...",
                def.name
            )
        }),
        Allowed::ClientPatterns => {
            let bad = list_items(value).find(|pattern| !is_client_pattern(pattern));
            bad.map(|pattern| {
                let names = CLIENT_NAMES.join(", ");
                format!("Illegal client matching pattern: {pattern}; must be NAME=PATTERN, with one of {names}")
            })
        }
        Allowed::OffsetReset => (!is_offset_reset(value)).then(|| {
            "The value must be either 'earliest', 'latest' or of the format \
             'by_duration:<PnDTnHnMn.nS>'."
                .to_owned()
        }),
    }
}

fn below(number: i64, min: i64) -> Option<String> {
    (number < min).then(|| format!("Value must be at least {min}"))
}

fn above(number: i64, max: i64) -> Option<String> {
    (number > max).then(|| format!("Value must be no more than {max}"))
}

fn list_fault(def: &KeyDef, value: &str, texts: &[&str]) -> Option<String> {
    let mut seen: Vec<&str> = Vec::new();
    for item in list_items(value) {
        if !texts.contains(&item) {
            return Some(format!("String must be one of: {}", texts.join(", ")));
        }
        if seen.contains(&item) {
            return Some(format!(
                "Configuration '{}' values must not be duplicated.",
                def.name
            ));
        }
        seen.push(item);
    }
    None
}

fn are_throttled_replicas(value: &str) -> bool {
    let is_id = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    value == "*"
        || list_items(value).all(|pair| {
            pair.split_once(':')
                .is_some_and(|(partition, broker)| is_id(partition) && is_id(broker))
        })
}

/// By what a subscription may tell clients apart.
const CLIENT_NAMES: [&str; 6] = [
    "client_instance_id",
    "client_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
];

fn is_client_pattern(text: &str) -> bool {
    let mut parts = text.split('=');
    let (name, pattern) = (parts.next(), parts.next());
    name.is_some_and(|name| CLIENT_NAMES.contains(&name.trim()))
        && pattern.is_some_and(|pattern| !pattern.is_empty())
        && parts.next().is_none()
}

fn is_offset_reset(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    matches!(lower.as_str(), "latest" | "earliest")
        || lower
            .strip_prefix("by_duration:")
            .is_some_and(|d| iso_duration_ms(d).is_some())
}

/// Reads a duration of ISO 8601's form `PnDTnHnMn.nS` into milliseconds; negative ones are refused.
pub fn iso_duration_ms(text: &str) -> Option<u64> {
    let rest = text.trim().strip_prefix(['P', 'p'])?;
    let (days, time) = match rest.split_once(['T', 't']) {
        Some((days, time)) if !time.is_empty() => (days, time),
        Some(_) => return None,
        None => (rest, ""),
    };
    if days.is_empty() && time.is_empty() {
        return None;
    }
    let day_ms = units_ms(days, &[('d', 86_400_000.0)])?;
    let time_ms = units_ms(time, &[('h', 3_600_000.0), ('m', 60_000.0), ('s', 1_000.0)])?;
    let total_ms = day_ms + time_ms;
    (total_ms <= i64::MAX as f64).then_some(total_ms as u64)
}

fn units_ms(text: &str, units: &[(char, f64)]) -> Option<f64> {
    let mut rest = text;
    let mut allowed = units;
    let mut total_ms = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        let unit = rest[end..].chars().next()?.to_ascii_lowercase();
        let position = allowed.iter().position(|(name, _)| *name == unit)?;
        total_ms += number * allowed[position].1;
        allowed = &allowed[position + 1..];
        rest = &rest[end + 1..];
    }
    Some(total_ms)
}

/// What a key takes, in words for documents.
pub(crate) fn allowed_text(def: &KeyDef) -> String {
    match def.allowed {
        Allowed::Any if def.value_type == ValueType::Boolean => "true, false".into(),
        Allowed::Any => String::new(),
        Allowed::AtLeast(min) => format!("at least {min}"),
        Allowed::Between(min, max) => format!("{min} to {max}"),
        Allowed::Ratio(min, max) => format!("{min} to {max}"),
        Allowed::OneOf(texts) | Allowed::OneOfAnyCase(texts) => texts.join(", "),
        Allowed::ListOf(texts) => format!("any of {}", texts.join(", ")),
        Allowed::NonEmpty => "not empty".into(),
        Allowed::GzipLevel => "1 to 9, or -1".into(),
        Allowed::ThrottledReplicas => "`*` or `partition:broker,…`".into(),
        Allowed::ClientPatterns => format!("any of {} with `=pattern`", CLIENT_NAMES.join(", ")),
        Allowed::OffsetReset => "latest, earliest, by_duration:PnDTnHnMn.nS".into(),
    }
}

#[cfg(test)]
mod tests;
