//! Consumer groups and their offsets as pure machines.
