//! The features that this broker can work with. A level is reported only when what it stands
//! for works, because clients switch by it.

use highwater_metadata::FeatureRange;

/// All of them.
pub(crate) fn supported() -> Vec<FeatureRange> {
    Vec::new()
}
