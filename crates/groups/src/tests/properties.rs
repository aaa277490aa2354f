//! Properties of any interleaving.
