//! Keys of authentication, authorisation and tokens.

use crate::definition::ValueType::{Class, Int, Long, Password, String};
use crate::definition::{Allowed, KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("authorizer.class.name", String)
        .default("")
        .low()
        .doc(""),
    broker("connection.failed.authentication.delay.ms", Int)
        .default("100")
        .at_least(0)
        .low()
        .doc(""),
    broker("connections.max.reauth.ms", Long)
        .default("0")
        .doc(""),
    broker("delegation.token.expiry.check.interval.ms", Long)
        .default("3600000")
        .at_least(1)
        .low()
        .doc(""),
    broker("delegation.token.expiry.time.ms", Long)
        .default("86400000")
        .at_least(1)
        .doc(""),
    broker("delegation.token.max.lifetime.ms", Long)
        .default("604800000")
        .at_least(1)
        .doc(""),
    broker("delegation.token.secret.key", Password).doc(""),
    broker("principal.builder.class", Class)
        .default("org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder")
        .per_broker()
        .doc(""),
    broker("security.inter.broker.protocol", String)
        .default("PLAINTEXT")
        .allowed(Allowed::OneOf(&[
            "PLAINTEXT",
            "SSL",
            "SASL_PLAINTEXT",
            "SASL_SSL",
        ]))
        .effective()
        .doc(""),
];
