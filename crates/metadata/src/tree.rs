//! An ordered map whose clones share everything that has not changed since.
//!
//! The image of the cluster is read by every request and replaced by every change. A B+ tree
//! whose nodes are reference-counted gives both: a clone copies one pointer, a change copies the
//! nodes on the way from the root to one leaf, and iteration is in the order of the keys, which
//! is what topic listings and reproducible snapshots need. A hash map in shards would copy more
//! per change and give no order.

use std::borrow::Borrow;
use std::fmt;
use std::slice;
use std::sync::Arc;

/// Most entries in a node: a change copies at most this many per level.
const NODE_LEN_MAX: usize = 32;
/// Neighbours that together have no more than this many become one.
const MERGED_LEN_MAX: usize = 16;

/// The map; see the module.
#[derive(Clone)]
pub struct SharedMap<K, V> {
    root: Arc<Node<K, V>>,
    len: usize,
}

/// The children that remain to be visited in one branch.
type Remaining<'a, K, V> = slice::Iter<'a, (K, Arc<Node<K, V>>)>;

#[derive(Clone)]
enum Node<K, V> {
    Leaf(Vec<(K, V)>),
    /// Each child under a key that is above all keys of the child before it and not above any
    /// of its own; the first child's is never looked at.
    Branch(Vec<(K, Arc<Node<K, V>>)>),
}

/// What an insertion has left behind: the value that was there, and a new right neighbour of
/// the node if that has been split.
struct Inserted<K, V> {
    old: Option<V>,
    right: Option<(K, Arc<Node<K, V>>)>,
}

impl<K, V> Node<K, V> {
    fn len(&self) -> usize {
        match self {
            Self::Leaf(entries) => entries.len(),
            Self::Branch(children) => children.len(),
        }
    }
}

/// Which child holds `key`, if any does.
fn child_of<K, C, Q>(children: &[(K, C)], key: &Q) -> usize
where
    K: Borrow<Q>,
    Q: Ord + ?Sized,
{
    children
        .partition_point(|(first, _)| first.borrow() <= key)
        .saturating_sub(1)
}

/// The second half of a node that has become too long, with its first key.
fn split<K: Clone, T>(entries: &mut Vec<(K, T)>) -> Option<(K, Vec<(K, T)>)> {
    if entries.len() <= NODE_LEN_MAX {
        return None;
    }
    let right = entries.split_off(entries.len() / 2);
    let first = right.first()?.0.clone();
    Some((first, right))
}

impl<K: Ord + Clone, V: Clone> Node<K, V> {
    fn insert(&mut self, key: K, value: V) -> Inserted<K, V> {
        match self {
            Self::Leaf(entries) => {
                match entries.binary_search_by(|(present, _)| present.cmp(&key)) {
                    Ok(at) => {
                        let old = entries
                            .get_mut(at)
                            .map(|entry| std::mem::replace(&mut entry.1, value));
                        Inserted { old, right: None }
                    }
                    Err(at) => {
                        entries.insert(at, (key, value));
                        let right = split(entries)
                            .map(|(first, right)| (first, Arc::new(Self::Leaf(right))));
                        Inserted { old: None, right }
                    }
                }
            }
            Self::Branch(children) => {
                let at = child_of(children, &key);
                let Some((_, child)) = children.get_mut(at) else {
                    return Inserted {
                        old: None,
                        right: None,
                    };
                };
                let inserted = Arc::make_mut(child).insert(key, value);
                if let Some(right) = inserted.right {
                    children.insert(at + 1, right);
                }
                let right =
                    split(children).map(|(first, right)| (first, Arc::new(Self::Branch(right))));
                Inserted {
                    old: inserted.old,
                    right,
                }
            }
        }
    }

    fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        match self {
            Self::Leaf(entries) => {
                let at = entries
                    .binary_search_by(|(present, _)| present.borrow().cmp(key))
                    .ok()?;
                Some(entries.remove(at).1)
            }
            Self::Branch(children) => {
                let at = child_of(children, key);
                let (_, child) = children.get_mut(at)?;
                let removed = Arc::make_mut(child).remove(key)?;
                if child.len() == 0 {
                    children.remove(at);
                } else {
                    Self::merge_around(children, at);
                }
                Some(removed)
            }
        }
    }

    /// Joins the child at `at` with a neighbour if both are short, so that what has shrunk does
    /// not stay a long row of nearly empty leaves.
    fn merge_around(children: &mut Vec<(K, Arc<Self>)>, at: usize) {
        let left = if at + 1 < children.len() {
            at
        } else {
            at.saturating_sub(1)
        };
        let len = |at: usize| {
            children
                .get(at)
                .map_or(NODE_LEN_MAX, |(_, child)| child.len())
        };
        if left + 1 >= children.len() || len(left) + len(left + 1) > MERGED_LEN_MAX {
            return;
        }
        let (_, right) = children.remove(left + 1);
        let Some((_, left)) = children.get_mut(left) else {
            return;
        };
        match (Arc::make_mut(left), right.as_ref()) {
            (Self::Leaf(left), Self::Leaf(right)) => left.extend(right.iter().cloned()),
            (Self::Branch(left), Self::Branch(right)) => left.extend(right.iter().cloned()),
            // All leaves are at one depth, so neighbours are of one kind.
            (Self::Leaf(_), Self::Branch(_)) | (Self::Branch(_), Self::Leaf(_)) => {
                debug_assert!(false, "neighbours of different depth");
            }
        }
    }
}

impl<K, V> SharedMap<K, V> {
    /// An empty map.
    pub fn new() -> Self {
        Self {
            root: Arc::new(Node::Leaf(Vec::new())),
            len: 0,
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Finds the value of a key.
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let mut node = self.root.as_ref();
        loop {
            match node {
                Node::Leaf(entries) => {
                    let at = entries
                        .binary_search_by(|(present, _)| present.borrow().cmp(key))
                        .ok()?;
                    return entries.get(at).map(|(_, value)| value);
                }
                Node::Branch(children) => {
                    node = children
                        .get(child_of(children, key))
                        .map(|(_, child)| child)?;
                }
            }
        }
    }

    /// Whether the key has a value.
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.get(key).is_some()
    }

    /// All entries in the order of their keys.
    pub fn iter(&self) -> Iter<'_, K, V> {
        let mut iter = Iter {
            branches: Vec::new(),
            leaf: [].iter(),
        };
        iter.descend(&self.root);
        iter
    }

    /// The entries whose keys are not below `key`, in the order of their keys.
    pub fn iter_from<Q>(&self, key: &Q) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let mut iter = Iter {
            branches: Vec::new(),
            leaf: [].iter(),
        };
        let mut node = self.root.as_ref();
        loop {
            match node {
                Node::Leaf(entries) => {
                    let at = entries.partition_point(|(present, _)| present.borrow() < key);
                    iter.leaf = entries.get(at..).unwrap_or_default().iter();
                    return iter;
                }
                Node::Branch(children) => {
                    let at = child_of(children, key);
                    iter.branches
                        .push(children.get(at + 1..).unwrap_or_default().iter());
                    match children.get(at) {
                        Some((_, child)) => node = child,
                        None => return iter,
                    }
                }
            }
        }
    }

    /// All keys in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// All values in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

impl<K: Ord + Clone, V: Clone> SharedMap<K, V> {
    /// Sets the value of a key; returns the one it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let inserted = Arc::make_mut(&mut self.root).insert(key, value);
        if let Some((first, right)) = inserted.right {
            // The key of a first child is never looked at, so any will do.
            let left = Arc::clone(&self.root);
            self.root = Arc::new(Node::Branch(vec![(first.clone(), left), (first, right)]));
        }
        self.len += usize::from(inserted.old.is_none());
        inserted.old
    }

    /// Takes the entry of a key out; returns its value.
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        // Looking first spares the copies where there is nothing to remove.
        if !self.contains_key(key) {
            return None;
        }
        let removed = Arc::make_mut(&mut self.root).remove(key);
        self.len -= usize::from(removed.is_some());
        while let Node::Branch(children) = self.root.as_ref()
            && children.len() <= 1
        {
            self.root = match children.first() {
                Some((_, child)) => Arc::clone(child),
                None => Arc::new(Node::Leaf(Vec::new())),
            };
        }
        removed
    }

    /// The value of a key, to be changed in place; what other clones see stays as it is.
    pub fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        if !self.contains_key(key) {
            return None;
        }
        let mut node = Arc::make_mut(&mut self.root);
        loop {
            match node {
                Node::Leaf(entries) => {
                    let at = entries
                        .binary_search_by(|(present, _)| present.borrow().cmp(key))
                        .ok()?;
                    return entries.get_mut(at).map(|(_, value)| value);
                }
                Node::Branch(children) => {
                    let at = child_of(children, key);
                    node = Arc::make_mut(children.get_mut(at).map(|(_, child)| child)?);
                }
            }
        }
    }
}

impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for SharedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.root, &other.root)
            || (self.len == other.len && self.iter().eq(other.iter()))
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for SharedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for SharedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

impl<'a, K, V> IntoIterator for &'a SharedMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The entries of a [`SharedMap`] in the order of their keys.
#[derive(Clone)]
pub struct Iter<'a, K, V> {
    /// What remains on the way down to the current leaf.
    branches: Vec<Remaining<'a, K, V>>,
    leaf: slice::Iter<'a, (K, V)>,
}

impl<'a, K, V> Iter<'a, K, V> {
    fn descend(&mut self, mut node: &'a Node<K, V>) {
        loop {
            match node {
                Node::Leaf(entries) => {
                    self.leaf = entries.iter();
                    return;
                }
                Node::Branch(children) => {
                    let mut children = children.iter();
                    let first = children.next();
                    self.branches.push(children);
                    match first {
                        Some((_, child)) => node = child,
                        None => return,
                    }
                }
            }
        }
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, value)) = self.leaf.next() {
                return Some((key, value));
            }
            match self.branches.last_mut()?.next() {
                Some((_, child)) => self.descend(child),
                None => {
                    self.branches.pop();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
