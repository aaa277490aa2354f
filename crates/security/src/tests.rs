use expect_test::expect;

use super::*;

/// Denies one operation, to see that a refusal leaves its mark.
struct AllBut(Operation);

impl Authorizer for AllBut {
    fn authorize(&self, _: &RequestContext, operation: Operation, _: &Resource<'_>) -> Verdict {
        if operation == self.0 {
            Verdict::Denied
        } else {
            Verdict::Allowed
        }
    }

    fn is_enabled(&self) -> bool {
        true
    }
}

fn context() -> RequestContext {
    RequestContext::anonymous("PLAINTEXT", "127.0.0.1", 1)
}

#[test]
fn a_principal_splits_at_its_first_colon() {
    let table = [
        ("User:alice", Some(("User", "alice"))),
        ("User:CN=a:b,O=c", Some(("User", "CN=a:b,O=c"))),
        ("Robot:r2", Some(("Robot", "r2"))),
        ("alice", None),
        (":alice", None),
        ("User:", None),
        ("", None),
    ];
    for (text, expected) in table {
        let parsed = text.parse::<Principal>().ok();
        assert_eq!(
            parsed.as_ref().map(|p| (p.kind(), p.name())),
            expected,
            "{text:?}"
        );
        if let Some(principal) = parsed {
            assert_eq!(principal.to_string(), text);
        }
    }
}

#[test]
fn nobody_is_written_as_kafka_writes_it() {
    assert_eq!(Principal::anonymous().to_string(), "User:ANONYMOUS");
}

#[test]
fn codes_are_those_of_kafka_and_unknown_ones_are_none() {
    let mut table = String::new();
    for code in -1..=17 {
        let operation = Operation::from_code(code).map_or("-", Operation::name);
        let resource = ResourceType::from_code(code).map_or("-", ResourceType::name);
        table.push_str(&format!("{code} {operation} {resource}\n"));
    }
    expect![[r#"
        -1 - -
        0 - -
        1 ANY ANY
        2 ALL TOPIC
        3 READ GROUP
        4 WRITE CLUSTER
        5 CREATE TRANSACTIONAL_ID
        6 DELETE DELEGATION_TOKEN
        7 ALTER USER
        8 DESCRIBE -
        9 CLUSTER_ACTION -
        10 DESCRIBE_CONFIGS -
        11 ALTER_CONFIGS -
        12 IDEMPOTENT_WRITE -
        13 CREATE_TOKENS -
        14 DESCRIBE_TOKENS -
        15 TWO_PHASE_COMMIT -
        16 - -
        17 - -
    "#]]
    .assert_eq(&table);
}

#[test]
fn without_access_control_a_topic_reports_every_operation_it_supports() {
    let topic = authorized_operations(&AllowAll, &context(), &Resource::topic("t"));
    assert_eq!(topic, 3576);
    let cluster = authorized_operations(&AllowAll, &context(), &Resource::CLUSTER);
    assert_eq!(cluster, 8096);
    let group = authorized_operations(&AllowAll, &context(), &Resource::group("g"));
    assert_eq!(group, 3400);
    assert!(!AllowAll.is_enabled());
}

#[test]
fn a_denied_operation_is_missing_from_the_set() {
    let resource = Resource::topic("t");
    let all = authorized_operations(&AllowAll, &context(), &resource);
    let some = authorized_operations(&AllBut(Operation::Write), &context(), &resource);
    assert_eq!(all & !some, Operation::Write.bit());
    let id = Resource::transactional_id("x");
    let some = authorized_operations(&AllBut(Operation::TwoPhaseCommit), &context(), &id);
    assert_eq!(some, Operation::Write.bit() | Operation::Describe.bit());
}

#[test]
fn a_resource_prints_its_type_and_name() {
    assert_eq!(Resource::CLUSTER.to_string(), "CLUSTER:kafka-cluster");
    assert_eq!(Resource::topic("orders").to_string(), "TOPIC:orders");
}
