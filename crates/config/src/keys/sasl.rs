//! Keys of SASL.

use crate::definition::ValueType::{
    Boolean, Class, Double, Int, List, Long, Password, Short, String,
};
use crate::definition::{Allowed, KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("sasl.client.callback.handler.class", Class).doc(
        "Java class that hands credentials to a SASL client. Highwater cannot load \
             it.",
    ),
    broker("sasl.enabled.mechanisms", List)
        .default("GSSAPI")
        .per_broker()
        .doc("SASL mechanisms that the broker accepts. Highwater has no SASL yet."),
    broker("sasl.jaas.config", Password).per_broker().doc(
        "Credentials for SASL in the syntax of JAAS; set behind a listener's prefix \
             and the mechanism.",
    ),
    broker("sasl.kerberos.kinit.cmd", String)
        .default("/usr/bin/kinit")
        .per_broker()
        .doc("Path of `kinit`."),
    broker("sasl.kerberos.min.time.before.relogin", Long)
        .default("60000")
        .per_broker()
        .doc("Least pause, in milliseconds, between two logins to Kerberos."),
    broker("sasl.kerberos.principal.to.local.rules", List)
        .default("DEFAULT")
        .per_broker()
        .doc(
            "Rules that turn Kerberos principals into short names; the first that matches \
             counts.",
        ),
    broker("sasl.kerberos.service.name", String)
        .per_broker()
        .doc("Name under which the broker is known to Kerberos."),
    broker("sasl.kerberos.ticket.renew.jitter", Double)
        .default("0.05")
        .per_broker()
        .doc("Share by which the renewal of a Kerberos ticket varies at random."),
    broker("sasl.kerberos.ticket.renew.window.factor", Double)
        .default("0.8")
        .per_broker()
        .doc("Share of a Kerberos ticket's life after which it is renewed."),
    broker("sasl.login.callback.handler.class", Class)
        .doc("Java class that hands credentials to a login. Highwater cannot load it."),
    broker("sasl.login.class", Class).doc("Java class that logs in. Highwater cannot load it."),
    broker("sasl.login.connect.timeout.ms", Int).low().doc(
        "How many milliseconds to wait for a connection to the provider of OAuth \
             tokens.",
    ),
    broker("sasl.login.read.timeout.ms", Int)
        .low()
        .doc("How many milliseconds to wait for an answer of the provider of OAuth tokens."),
    broker("sasl.login.refresh.buffer.seconds", Short)
        .default("300")
        .per_broker()
        .doc("How many seconds before its end an OAuth token is renewed at the latest."),
    broker("sasl.login.refresh.min.period.seconds", Short)
        .default("60")
        .per_broker()
        .doc("Least pause, in seconds, between two renewals of an OAuth token."),
    broker("sasl.login.refresh.window.factor", Double)
        .default("0.8")
        .per_broker()
        .doc("Share of an OAuth token's life after which it is renewed."),
    broker("sasl.login.refresh.window.jitter", Double)
        .default("0.05")
        .per_broker()
        .doc("Share by which the renewal of an OAuth token varies at random."),
    broker("sasl.login.retry.backoff.max.ms", Long)
        .default("10000")
        .low()
        .doc("Longest pause, in milliseconds, between two attempts to get an OAuth token."),
    broker("sasl.login.retry.backoff.ms", Long)
        .default("100")
        .low()
        .doc("First pause, in milliseconds, between two attempts to get an OAuth token."),
    broker("sasl.mechanism.controller.protocol", String)
        .default("GSSAPI")
        .high()
        .doc("SASL mechanism with which nodes authenticate to controllers."),
    broker("sasl.mechanism.inter.broker.protocol", String)
        .default("GSSAPI")
        .per_broker()
        .doc("SASL mechanism with which brokers authenticate to each other."),
    broker("sasl.oauthbearer.assertion.algorithm", String)
        .default("RS256")
        .allowed(Allowed::OneOfAnyCase(&["ES256", "RS256"]))
        .doc("Algorithm with which OAuth assertions are signed."),
    broker("sasl.oauthbearer.assertion.claim.aud", String)
        .doc("Audience that OAuth assertions claim."),
    broker("sasl.oauthbearer.assertion.claim.exp.seconds", Int)
        .default("300")
        .between(0, 86400)
        .low()
        .doc("How many seconds an OAuth assertion holds."),
    broker("sasl.oauthbearer.assertion.claim.iss", String)
        .doc("Issuer that OAuth assertions claim."),
    broker("sasl.oauthbearer.assertion.claim.jti.include", Boolean)
        .default("false")
        .doc("Whether OAuth assertions carry an id of their own."),
    broker("sasl.oauthbearer.assertion.claim.nbf.seconds", Int)
        .default("60")
        .between(0, 3600)
        .low()
        .doc("How many seconds before its making an OAuth assertion begins to hold."),
    broker("sasl.oauthbearer.assertion.claim.sub", String)
        .doc("Subject that OAuth assertions claim."),
    broker("sasl.oauthbearer.assertion.file", String)
        .doc("File that holds a finished OAuth assertion."),
    broker("sasl.oauthbearer.assertion.private.key.file", String)
        .doc("File of the key with which OAuth assertions are signed."),
    broker(
        "sasl.oauthbearer.assertion.private.key.passphrase",
        Password,
    )
    .doc("Passphrase of that key."),
    broker("sasl.oauthbearer.assertion.template.file", String)
        .doc("File with the fixed parts of OAuth assertions."),
    broker("sasl.oauthbearer.client.credentials.client.id", String)
        .doc("Name under which the broker asks for an OAuth token."),
    broker(
        "sasl.oauthbearer.client.credentials.client.secret",
        Password,
    )
    .doc("Secret with which the broker asks for an OAuth token."),
    broker("sasl.oauthbearer.clock.skew.seconds", Int)
        .default("30")
        .low()
        .doc(
            "How many seconds the clocks of the broker and of the provider of OAuth \
             tokens may differ.",
        ),
    broker("sasl.oauthbearer.expected.audience", List)
        .default("")
        .low()
        .doc("Audiences of which a client's OAuth token must name one."),
    broker("sasl.oauthbearer.expected.issuer", String)
        .low()
        .doc("Issuer that a client's OAuth token must name."),
    broker("sasl.oauthbearer.jwks.endpoint.refresh.ms", Long)
        .default("3600000")
        .low()
        .doc(
            "How often, in milliseconds, the keys for checking OAuth tokens are fetched \
             again.",
        ),
    broker("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", Long)
        .default("10000")
        .low()
        .doc("Longest pause, in milliseconds, between two attempts to fetch these keys."),
    broker("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", Long)
        .default("100")
        .low()
        .doc("First pause, in milliseconds, between two attempts to fetch these keys."),
    broker("sasl.oauthbearer.jwks.endpoint.url", String)
        .doc("Where the keys for checking OAuth tokens are."),
    broker("sasl.oauthbearer.jwt.retriever.class", Class)
        .default(
            "org.apache.kafka.common.security.oauthbearer.\
             DefaultJwtRetriever",
        )
        .doc("Java class that gets OAuth tokens. Highwater cannot load it."),
    broker("sasl.oauthbearer.jwt.validator.class", Class)
        .default(
            "org.apache.kafka.common.security.oauthbearer.\
             DefaultJwtValidator",
        )
        .doc("Java class that checks OAuth tokens. Highwater cannot load it."),
    broker("sasl.oauthbearer.scope", String)
        .doc("Scope for which the broker asks when it gets an OAuth token."),
    broker("sasl.oauthbearer.scope.claim.name", String)
        .default("scope")
        .low()
        .doc("Name of the claim that holds the scope of an OAuth token."),
    broker("sasl.oauthbearer.sub.claim.name", String)
        .default("sub")
        .low()
        .doc("Name of the claim that holds the subject of an OAuth token."),
    broker("sasl.oauthbearer.token.endpoint.url", String).doc("Where OAuth tokens are to be had."),
    broker("sasl.server.callback.handler.class", Class)
        .doc("Java class that checks the credentials of clients. Highwater cannot load it."),
    broker("sasl.server.max.receive.size", Int)
        .default("524288")
        .doc("Most bytes that a client may send in one step of its authentication."),
];
