//! Every type and every bound, by example.

use super::*;
use crate::definition::{broker, group};
use crate::keys;

fn takes(def: &KeyDef, value: &str) -> bool {
    check(def, value).is_ok()
}

#[test]
fn each_type_takes_its_own_texts() {
    use ValueType::{Boolean, Class, Double, Int, List, Long, Password, Short, String};
    let rows: &[(ValueType, &[&str], &[&str])] = &[
        (Boolean, &["true", "FALSE", " True "], &["", "1", "yes"]),
        (
            Int,
            &["0", "-2147483648", " 7 ", "+5"],
            &["", "2147483648", "1.0", "x", "0x10"],
        ),
        (Short, &["32767"], &["32768", ""]),
        (Long, &["9223372036854775807"], &["9223372036854775808", ""]),
        (
            Double,
            &["0.5", "1e3", "1.7976931348623157E308"],
            &["", "x", "NaN", "inf"],
        ),
        (List, &["", "a,b"], &[]),
        (String, &["", "anything"], &[]),
        (Class, &["a.B"], &[]),
        (Password, &["p"], &[]),
    ];
    for (value_type, good, bad) in rows {
        let def = broker("k", *value_type);
        for value in *good {
            assert!(takes(&def, value), "{value_type:?} {value}");
        }
        for value in *bad {
            assert!(!takes(&def, value), "{value_type:?} {value}");
        }
    }
}

#[test]
fn each_bound_holds_at_its_edges() {
    let rows: &[(KeyDef, &[&str], &[&str])] = &[
        (
            broker("k", ValueType::Int).at_least(1),
            &["1"],
            &["0", "-1"],
        ),
        (
            broker("k", ValueType::Int).between(2, 4),
            &["2", "4"],
            &["1", "5"],
        ),
        (
            broker("k", ValueType::Double).allowed(Allowed::Ratio(0.0, 1.0)),
            &["0", "1", "0.3"],
            &["-0.1", "1.1"],
        ),
        (
            broker("k", ValueType::String).allowed(Allowed::OneOf(&["a"])),
            &["a"],
            &["A", "", "b"],
        ),
        (
            broker("k", ValueType::String).allowed(Allowed::OneOfAnyCase(&["a"])),
            &["A"],
            &["b"],
        ),
        (
            broker("k", ValueType::List).allowed(Allowed::ListOf(&["a", "b"])),
            &["", "a", "b, a"],
            &["a,a", "c", "a,,b"],
        ),
        (
            broker("k", ValueType::String).allowed(Allowed::NonEmpty),
            &["x"],
            &["", " "],
        ),
        (
            broker("k", ValueType::Int).allowed(Allowed::GzipLevel),
            &["1", "9", "-1"],
            &["0", "10", "-2"],
        ),
        (
            group("k", ValueType::String).allowed(Allowed::OffsetReset),
            &[
                "latest",
                "earliest",
                "by_duration:PT1.5S",
                "BY_DURATION:P1DT2H",
            ],
            &[
                "",
                "never",
                "by_duration:",
                "by_duration:P",
                "by_duration:-PT1S",
            ],
        ),
    ];
    for (def, good, bad) in rows {
        for value in *good {
            assert!(takes(def, value), "{:?} {value:?}", def.allowed);
        }
        for value in *bad {
            assert!(!takes(def, value), "{:?} {value:?}", def.allowed);
        }
    }
}

#[test]
fn clients_are_told_apart_by_what_is_known_of_them() {
    let def = group("k", ValueType::List).allowed(Allowed::ClientPatterns);
    for good in [
        "",
        "client_id=a.*",
        "client_id=a, client_software_name=Java",
    ] {
        assert!(takes(&def, good), "{good:?}");
    }
    for bad in ["client_id", "client_id=", "client_id=a=b", "who=me"] {
        assert!(!takes(&def, bad), "{bad:?}");
    }
}

fn fault_of(def: &KeyDef, value: &str) -> String {
    match check(def, value) {
        Err(ConfigError::InvalidValue { reason, .. }) => reason,
        other => panic!("{} takes {value:?}: {other:?}", def.name),
    }
}

#[test]
fn a_fault_tells_the_whole_range() {
    let int = broker("k", ValueType::Int);
    for (def, value, expected) in [
        (
            int,
            "x",
            "Not a number of type INT; allowed: -2147483648 to 2147483647",
        ),
        (
            int.at_least(1),
            "2147483648",
            "Not a number of type INT; allowed: 1 to 2147483647",
        ),
        (int.at_least(1), "0", "Value must be at least 1"),
        (
            int.between(2, 4),
            "5",
            "Value must be no more than 4; allowed: 2 to 4",
        ),
        (
            int.between(2, 4),
            "",
            "Not a number of type INT; allowed: 2 to 4",
        ),
        (
            broker("k", ValueType::Double).allowed(Allowed::Ratio(0.0, 0.5)),
            "-1",
            "Value must be at least 0; allowed: 0 to 0.5",
        ),
        (
            int.allowed(Allowed::GzipLevel),
            "best",
            "Not a number of type INT; allowed: 1 to 9, or -1",
        ),
    ] {
        assert_eq!(fault_of(&def, value), expected, "{value:?}");
    }
}

#[test]
fn every_key_that_takes_not_everything_says_what_it_takes() {
    for def in keys::all() {
        let said = |value: &str| fault_of(def, value);
        let expected: Vec<String> = match def.allowed {
            Allowed::Any | Allowed::NonEmpty | Allowed::ThrottledReplicas => continue,
            Allowed::AtLeast(min) => vec![format!("{min} to ")],
            Allowed::Between(min, max) => vec![format!("{min} to {max}")],
            Allowed::Ratio(min, max) => vec![format!("{min} to {max}")],
            Allowed::OneOf(texts) | Allowed::OneOfAnyCase(texts) | Allowed::ListOf(texts) => {
                texts.iter().map(ToString::to_string).collect()
            }
            Allowed::GzipLevel => vec!["1 to 9, or -1".to_owned()],
            Allowed::ClientPatterns => vec!["NAME=PATTERN".to_owned(), "client_id".to_owned()],
            Allowed::OffsetReset => vec!["earliest".to_owned(), "by_duration".to_owned()],
        };
        for part in expected {
            let said = said("\u{1}");
            assert!(said.contains(&part), "{}: {said}", def.name);
        }
    }
}

#[test]
fn values_are_shown_in_the_spelling_of_their_type() {
    use ValueType::{Boolean, Double, List, Long, String};
    let rows = [
        (Boolean, " TRUE", "true"),
        (Long, "+007", "7"),
        (List, "a , b", "a,b"),
        (String, " x y ", "x y"),
        (Double, "0.50", "0.5"),
        (Double, "1", "1.0"),
        (Double, "0", "0.0"),
        (Double, "9999999", "9999999.0"),
        (Double, "10000000", "1.0E7"),
        (Double, "10485760", "1.048576E7"),
        (Double, "0.0001", "1.0E-4"),
        (Double, "1.7976931348623157e308", "1.7976931348623157E308"),
    ];
    for (value_type, value, shown) in rows {
        assert_eq!(canonical(&broker("k", value_type), value), shown, "{value}");
    }
}

#[test]
fn durations_are_read_by_their_units() {
    let rows = [
        ("PT1S", Some(1_000)),
        ("P1D", Some(86_400_000)),
        ("P1DT2H3M4.5S", Some(93_784_500)),
        ("pt10m", Some(600_000)),
        ("PT", None),
        ("P", None),
        ("PT1M1H", None),
        ("PT1", None),
        ("1S", None),
        ("PT-1S", None),
        ("P99999999999999999999999D", None),
    ];
    for (text, ms) in rows {
        assert_eq!(iso_duration_ms(text), ms, "{text}");
    }
}

#[test]
fn a_secret_is_not_repeated_in_its_error() {
    let def = broker("k", ValueType::Password).allowed(Allowed::NonEmpty);
    let error = check(&def, " ").unwrap_err().to_string();
    assert_eq!(
        error,
        "Invalid value [hidden] for configuration k: String must be non-empty"
    );
}

proptest::proptest! {
    #[test]
    fn no_value_stops_a_check(value in "\\PC{0,40}") {
        for def in crate::keys::all() {
            let _ = check(def, &value);
        }
    }
}
