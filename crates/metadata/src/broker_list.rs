//! A short list of brokers that needs no allocation.

use std::fmt;
use std::ops::Deref;

use highwater_types::BrokerId;

/// How many brokers fit without an allocation; more replicas than that are rare.
const INLINE_LEN: usize = 5;

/// The replicas of a partition, in order of preference; up to five take 24 bytes in all.
///
/// A cluster has hundreds of thousands of these, so two allocations per partition would be
/// most of what its image costs.
#[derive(Clone)]
pub struct BrokerList(Repr);

#[derive(Clone)]
enum Repr {
    Inline {
        len: u8,
        ids: [BrokerId; INLINE_LEN],
    },
    Heap(Box<[BrokerId]>),
}

impl BrokerList {
    /// A list of none.
    pub const fn new() -> Self {
        Self(Repr::Inline {
            len: 0,
            ids: [BrokerId(0); INLINE_LEN],
        })
    }

    /// The list without one broker.
    pub fn without(&self, broker: BrokerId) -> Self {
        self.iter().copied().filter(|id| *id != broker).collect()
    }
}

impl Default for BrokerList {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for BrokerList {
    type Target = [BrokerId];

    fn deref(&self) -> &[BrokerId] {
        match &self.0 {
            Repr::Inline { len, ids } => ids.get(..usize::from(*len)).unwrap_or_default(),
            Repr::Heap(ids) => ids,
        }
    }
}

impl From<&[BrokerId]> for BrokerList {
    fn from(brokers: &[BrokerId]) -> Self {
        let mut ids = [BrokerId(0); INLINE_LEN];
        match ids.get_mut(..brokers.len()) {
            Some(inline) => {
                inline.copy_from_slice(brokers);
                Self(Repr::Inline {
                    len: brokers.len() as u8,
                    ids,
                })
            }
            None => Self(Repr::Heap(brokers.into())),
        }
    }
}

impl<const N: usize> From<[BrokerId; N]> for BrokerList {
    fn from(brokers: [BrokerId; N]) -> Self {
        Self::from(&brokers[..])
    }
}

impl FromIterator<BrokerId> for BrokerList {
    fn from_iter<I: IntoIterator<Item = BrokerId>>(brokers: I) -> Self {
        let mut ids = [BrokerId(0); INLINE_LEN];
        let mut len = 0;
        let mut brokers = brokers.into_iter();
        while let Some(broker) = brokers.next() {
            if let Some(slot) = ids.get_mut(len) {
                *slot = broker;
                len += 1;
                continue;
            }
            let mut all = ids.to_vec();
            all.push(broker);
            all.extend(brokers);
            return Self(Repr::Heap(all.into()));
        }
        Self(Repr::Inline {
            len: len as u8,
            ids,
        })
    }
}

impl PartialEq for BrokerList {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for BrokerList {}

impl fmt::Debug for BrokerList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.iter().map(|id| id.get()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_list_takes_no_more_room_than_promised() {
        assert_eq!(size_of::<BrokerList>(), 24);
    }

    proptest! {
        #[test]
        fn a_list_holds_what_was_put_in(ids in prop::collection::vec(0..9_i32, 0..12)) {
            let ids: Vec<BrokerId> = ids.into_iter().map(BrokerId).collect();
            prop_assert_eq!(&*BrokerList::from(&ids[..]), &ids[..]);
            let collected: BrokerList = ids.iter().copied().collect();
            prop_assert_eq!(&*collected, &ids[..]);
            prop_assert_eq!(collected, BrokerList::from(&ids[..]));
        }
    }
}
