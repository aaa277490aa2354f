//! Request context and authorisation.
