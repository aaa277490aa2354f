use super::*;
use kafka_protocol::messages::ApiKey;

#[test]
fn the_table_is_ordered_and_every_range_is_found() {
    assert!(served().windows(2).all(|pair| pair[0].key < pair[1].key));
    for range_wanted in served() {
        assert_eq!(range(range_wanted.key), Some(*range_wanted));
        assert!(range_wanted.min <= range_wanted.decodable_min);
        assert!(range_wanted.decodable_min <= range_wanted.max);
    }
}

#[test]
fn names_are_those_of_the_codec() {
    for range in served() {
        let codec = format!("{:?}", ApiKey::try_from(range.key).unwrap());
        assert_eq!(codec.trim_end_matches("Key"), range.name);
    }
}

#[test]
fn apis_of_later_issues_are_not_served() {
    for key in [17, 36, 38, 50, 52, 64, 68, 71, 76, 78, 88] {
        assert_eq!(range(key), None, "{}", api_name(key));
    }
}

#[test]
fn only_produce_is_advertised_below_what_can_be_decoded() {
    let below: Vec<_> = served()
        .iter()
        .filter(|r| r.min != r.decodable_min)
        .collect();
    assert_eq!(below.len(), 1);
    assert_eq!(
        (below[0].key, below[0].min, below[0].decodable_min),
        (0, 0, 3)
    );
    assert!(!below[0].serves(2));
    assert!(below[0].serves(3));
}

#[test]
fn a_key_that_kafka_does_not_have_is_named_unknown() {
    assert_eq!(api_name(-1), "Unknown");
    assert_eq!(api_name(95), "Unknown");
    assert_eq!(api_name(i16::MAX), "Unknown");
    assert_eq!(api_name(18), "ApiVersions");
}
