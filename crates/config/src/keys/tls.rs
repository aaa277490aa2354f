//! Keys of TLS.

use crate::definition::ValueType::{Boolean, Class, List, Password, String};
use crate::definition::{Allowed, KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("ssl.allow.dn.changes", Boolean)
        .default("false")
        .low()
        .doc(""),
    broker("ssl.allow.san.changes", Boolean)
        .default("false")
        .low()
        .doc(""),
    broker("ssl.cipher.suites", List)
        .default("")
        .per_broker()
        .doc(""),
    broker("ssl.client.auth", String)
        .default("none")
        .allowed(Allowed::OneOf(&["required", "requested", "none"]))
        .per_broker()
        .doc(""),
    broker("ssl.enabled.protocols", List)
        .default("TLSv1.2,TLSv1.3")
        .per_broker()
        .doc(""),
    broker("ssl.endpoint.identification.algorithm", String)
        .default("https")
        .per_broker()
        .low()
        .doc(""),
    broker("ssl.engine.factory.class", Class)
        .per_broker()
        .low()
        .doc(""),
    broker("ssl.key.password", Password).per_broker().doc(""),
    broker("ssl.keymanager.algorithm", String)
        .default("SunX509")
        .per_broker()
        .doc(""),
    broker("ssl.keystore.certificate.chain", Password)
        .per_broker()
        .doc(""),
    broker("ssl.keystore.key", Password).per_broker().doc(""),
    broker("ssl.keystore.location", String).per_broker().doc(""),
    broker("ssl.keystore.password", Password)
        .per_broker()
        .doc(""),
    broker("ssl.keystore.type", String)
        .default("JKS")
        .per_broker()
        .doc(""),
    broker("ssl.principal.mapping.rules", String)
        .default("DEFAULT")
        .low()
        .doc(""),
    broker("ssl.protocol", String)
        .default("TLSv1.3")
        .per_broker()
        .doc(""),
    broker("ssl.provider", String).per_broker().doc(""),
    broker("ssl.secure.random.implementation", String)
        .per_broker()
        .low()
        .doc(""),
    broker("ssl.trustmanager.algorithm", String)
        .default("PKIX")
        .per_broker()
        .doc(""),
    broker("ssl.truststore.certificates", Password)
        .per_broker()
        .doc(""),
    broker("ssl.truststore.location", String)
        .per_broker()
        .doc(""),
    broker("ssl.truststore.password", Password)
        .per_broker()
        .doc(""),
    broker("ssl.truststore.type", String)
        .default("JKS")
        .per_broker()
        .doc(""),
];
