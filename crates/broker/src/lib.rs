//! Request handlers, partitions, coordinators and configuration of the broker.
