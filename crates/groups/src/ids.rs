//! The names that groups go by, as newtypes over shared text.
//!
//! A member's id stands in the group, in its timers and in the table of parked requests; sharing
//! the text keeps a group of a thousand members from holding it four times.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id! {
    /// The name of a group (`group.id`).
    GroupId
}
text_id! {
    /// One member of one group; given out by the coordinator, empty before that.
    MemberId
}
text_id! {
    /// The name that a static member keeps over its restarts (`group.instance.id`, KIP-345).
    InstanceId
}

impl MemberId {
    /// The id of a member that has not been given one.
    pub fn unknown() -> Self {
        Self::from("")
    }

    /// Whether no id has been given out yet.
    pub fn is_unknown(&self) -> bool {
        self.0.is_empty()
    }
}

/// The driver's name for one request that waits for its reply.
///
/// The shard never makes one up and never answers one twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Waiter(pub u64);
