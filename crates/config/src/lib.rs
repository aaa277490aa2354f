//! Configuration keys of brokers, topics and groups: definitions, values, sources and documentation.
