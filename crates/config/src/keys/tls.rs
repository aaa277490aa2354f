//! Keys of TLS.

use crate::definition::ValueType::{Boolean, Class, List, Password, String};
use crate::definition::{Allowed, KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("ssl.allow.dn.changes", Boolean)
        .default("false")
        .low()
        .doc("Whether a new certificate may bear another name than the one it replaces."),
    broker("ssl.allow.san.changes", Boolean)
        .default("false")
        .low()
        .doc("Whether a new certificate may lack alternative names of the one it replaces."),
    broker("ssl.cipher.suites", List)
        .default("")
        .per_broker()
        .doc(
            "Cipher suites to offer; empty for the default ones. Highwater has no TLS \
             yet.",
        ),
    broker("ssl.client.auth", String)
        .default("none")
        .allowed(Allowed::OneOf(&["required", "requested", "none"]))
        .per_broker()
        .doc("Whether clients must, may or need not show a certificate."),
    broker("ssl.enabled.protocols", List)
        .default("TLSv1.2,TLSv1.3")
        .per_broker()
        .doc("Versions of TLS that are spoken."),
    broker("ssl.endpoint.identification.algorithm", String)
        .default("https")
        .per_broker()
        .low()
        .doc(
            "How the name in a server's certificate is compared with the host; empty for \
             not at all.",
        ),
    broker("ssl.engine.factory.class", Class)
        .per_broker()
        .low()
        .doc("Java class that makes TLS connections. Highwater cannot load it."),
    broker("ssl.key.password", Password)
        .per_broker()
        .doc("Password of the private key."),
    broker("ssl.keymanager.algorithm", String)
        .default("SunX509")
        .per_broker()
        .doc("Algorithm of Java's key manager."),
    broker("ssl.keystore.certificate.chain", Password)
        .per_broker()
        .doc("Certificate chain as PEM text."),
    broker("ssl.keystore.key", Password)
        .per_broker()
        .doc("Private key as PEM text."),
    broker("ssl.keystore.location", String)
        .per_broker()
        .doc("File with private key and certificate."),
    broker("ssl.keystore.password", Password)
        .per_broker()
        .doc("Password of that file."),
    broker("ssl.keystore.type", String)
        .default("JKS")
        .per_broker()
        .doc("Format of that file."),
    broker("ssl.principal.mapping.rules", String)
        .default("DEFAULT")
        .low()
        .doc(
            "Rules that turn the name in a client's certificate into a user name; the \
             first that matches counts.",
        ),
    broker("ssl.protocol", String)
        .default("TLSv1.3")
        .per_broker()
        .doc("Version of TLS with which Java's context is made."),
    broker("ssl.provider", String)
        .per_broker()
        .doc("Name of the Java security provider for TLS."),
    broker("ssl.secure.random.implementation", String)
        .per_broker()
        .low()
        .doc("Name of Java's random generator for TLS."),
    broker("ssl.trustmanager.algorithm", String)
        .default("PKIX")
        .per_broker()
        .doc("Algorithm of Java's trust manager."),
    broker("ssl.truststore.certificates", Password)
        .per_broker()
        .doc("Trusted certificates as PEM text."),
    broker("ssl.truststore.location", String)
        .per_broker()
        .doc("File with trusted certificates."),
    broker("ssl.truststore.password", Password)
        .per_broker()
        .doc("Password of that file."),
    broker("ssl.truststore.type", String)
        .default("JKS")
        .per_broker()
        .doc("Format of that file."),
];
