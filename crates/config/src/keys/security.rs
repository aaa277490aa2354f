//! Keys of authentication, authorisation and tokens.

use crate::definition::ValueType::{Class, Int, Long, Password, String};
use crate::definition::{Allowed, KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("authorizer.class.name", String)
        .default("")
        .low()
        .doc(
            "Java class that decides who may do what; empty allows everything. Highwater \
             cannot load it and does not authorise yet.",
        ),
    broker("connection.failed.authentication.delay.ms", Int)
        .default("100")
        .at_least(0)
        .low()
        .doc(
            "How many milliseconds the broker waits before it closes a connection whose \
             authentication failed, to slow down guessing.",
        ),
    broker("connections.max.reauth.ms", Long).default("0").doc(
        "Longest life, in milliseconds, of a SASL session before the client must \
             authenticate again; 0 for no limit.",
    ),
    broker("delegation.token.expiry.check.interval.ms", Long)
        .default("3600000")
        .at_least(1)
        .low()
        .doc("How often, in milliseconds, expired delegation tokens are removed."),
    broker("delegation.token.expiry.time.ms", Long)
        .default("86400000")
        .at_least(1)
        .doc("How many milliseconds a delegation token holds until it must be renewed."),
    broker("delegation.token.max.lifetime.ms", Long)
        .default("604800000")
        .at_least(1)
        .doc("How many milliseconds a delegation token can be renewed at all."),
    broker("delegation.token.secret.key", Password).doc(
        "Secret from which delegation tokens are made, the same on all nodes; without \
             it there are no tokens.",
    ),
    broker("principal.builder.class", Class)
        .default(
            "org.apache.kafka.common.security.authenticator.\
             DefaultKafkaPrincipalBuilder",
        )
        .per_broker()
        .doc("Java class that names the user of a connection. Highwater cannot load it."),
    broker("security.inter.broker.protocol", String)
        .default("PLAINTEXT")
        .allowed(Allowed::OneOf(&[
            "PLAINTEXT",
            "SSL",
            "SASL_PLAINTEXT",
            "SASL_SSL",
        ]))
        .doc(
            "Security protocol between brokers; names the listener where \
             `inter.broker.listener.name` is not set. Only one of the two may be set.",
        ),
];
