//! Metadata records, image and delta, and the decisions of the controller, as pure machines.
