//! Keys of SASL.

use crate::definition::ValueType::{
    Boolean, Class, Double, Int, List, Long, Password, Short, String,
};
use crate::definition::{Allowed, KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("sasl.client.callback.handler.class", Class).doc(""),
    broker("sasl.enabled.mechanisms", List)
        .default("GSSAPI")
        .per_broker()
        .doc(""),
    broker("sasl.jaas.config", Password).per_broker().doc(""),
    broker("sasl.kerberos.kinit.cmd", String)
        .default("/usr/bin/kinit")
        .per_broker()
        .doc(""),
    broker("sasl.kerberos.min.time.before.relogin", Long)
        .default("60000")
        .per_broker()
        .doc(""),
    broker("sasl.kerberos.principal.to.local.rules", List)
        .default("DEFAULT")
        .per_broker()
        .doc(""),
    broker("sasl.kerberos.service.name", String)
        .per_broker()
        .doc(""),
    broker("sasl.kerberos.ticket.renew.jitter", Double)
        .default("0.05")
        .per_broker()
        .doc(""),
    broker("sasl.kerberos.ticket.renew.window.factor", Double)
        .default("0.8")
        .per_broker()
        .doc(""),
    broker("sasl.login.callback.handler.class", Class).doc(""),
    broker("sasl.login.class", Class).doc(""),
    broker("sasl.login.connect.timeout.ms", Int).low().doc(""),
    broker("sasl.login.read.timeout.ms", Int).low().doc(""),
    broker("sasl.login.refresh.buffer.seconds", Short)
        .default("300")
        .per_broker()
        .doc(""),
    broker("sasl.login.refresh.min.period.seconds", Short)
        .default("60")
        .per_broker()
        .doc(""),
    broker("sasl.login.refresh.window.factor", Double)
        .default("0.8")
        .per_broker()
        .doc(""),
    broker("sasl.login.refresh.window.jitter", Double)
        .default("0.05")
        .per_broker()
        .doc(""),
    broker("sasl.login.retry.backoff.max.ms", Long)
        .default("10000")
        .low()
        .doc(""),
    broker("sasl.login.retry.backoff.ms", Long)
        .default("100")
        .low()
        .doc(""),
    broker("sasl.mechanism.controller.protocol", String)
        .default("GSSAPI")
        .high()
        .doc(""),
    broker("sasl.mechanism.inter.broker.protocol", String)
        .default("GSSAPI")
        .per_broker()
        .doc(""),
    broker("sasl.oauthbearer.assertion.algorithm", String)
        .default("RS256")
        .allowed(Allowed::OneOfAnyCase(&["ES256", "RS256"]))
        .doc(""),
    broker("sasl.oauthbearer.assertion.claim.aud", String).doc(""),
    broker("sasl.oauthbearer.assertion.claim.exp.seconds", Int)
        .default("300")
        .between(0, 86400)
        .low()
        .doc(""),
    broker("sasl.oauthbearer.assertion.claim.iss", String).doc(""),
    broker("sasl.oauthbearer.assertion.claim.jti.include", Boolean)
        .default("false")
        .doc(""),
    broker("sasl.oauthbearer.assertion.claim.nbf.seconds", Int)
        .default("60")
        .between(0, 3600)
        .low()
        .doc(""),
    broker("sasl.oauthbearer.assertion.claim.sub", String).doc(""),
    broker("sasl.oauthbearer.assertion.file", String).doc(""),
    broker("sasl.oauthbearer.assertion.private.key.file", String).doc(""),
    broker(
        "sasl.oauthbearer.assertion.private.key.passphrase",
        Password,
    )
    .doc(""),
    broker("sasl.oauthbearer.assertion.template.file", String).doc(""),
    broker("sasl.oauthbearer.client.credentials.client.id", String).doc(""),
    broker(
        "sasl.oauthbearer.client.credentials.client.secret",
        Password,
    )
    .doc(""),
    broker("sasl.oauthbearer.clock.skew.seconds", Int)
        .default("30")
        .low()
        .doc(""),
    broker("sasl.oauthbearer.expected.audience", List)
        .default("")
        .low()
        .doc(""),
    broker("sasl.oauthbearer.expected.issuer", String)
        .low()
        .doc(""),
    broker("sasl.oauthbearer.jwks.endpoint.refresh.ms", Long)
        .default("3600000")
        .low()
        .doc(""),
    broker("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", Long)
        .default("10000")
        .low()
        .doc(""),
    broker("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", Long)
        .default("100")
        .low()
        .doc(""),
    broker("sasl.oauthbearer.jwks.endpoint.url", String).doc(""),
    broker("sasl.oauthbearer.jwt.retriever.class", Class)
        .default("org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever")
        .doc(""),
    broker("sasl.oauthbearer.jwt.validator.class", Class)
        .default("org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator")
        .doc(""),
    broker("sasl.oauthbearer.scope", String).doc(""),
    broker("sasl.oauthbearer.scope.claim.name", String)
        .default("scope")
        .low()
        .doc(""),
    broker("sasl.oauthbearer.sub.claim.name", String)
        .default("sub")
        .low()
        .doc(""),
    broker("sasl.oauthbearer.token.endpoint.url", String).doc(""),
    broker("sasl.server.callback.handler.class", Class).doc(""),
    broker("sasl.server.max.receive.size", Int)
        .default("524288")
        .doc(""),
];
