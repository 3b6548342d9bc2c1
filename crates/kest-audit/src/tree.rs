//! The Merkle tree of RFC 6962 over the lines of one writer, of which only the right edge is kept.

use std::borrow::Cow;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// A hash of the tree: of a line, of two nodes, of a whole log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TreeHash([u8; 32]);

impl TreeHash {
    /// What the first line of a writer has for the line before it.
    pub const NOTHING: Self = Self([0; 32]);

    /// RFC 6962 section 2.1: the hash of a leaf, which is a line without its end.
    #[must_use]
    pub fn of_line(line: &[u8]) -> Self {
        Self(Sha256::new().chain_update([0]).chain_update(line).finalize().into())
    }

    fn of_nodes(left: Self, right: Self) -> Self {
        Self(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A hash of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        use fmt::Write as _;
        self.0.iter().fold(String::with_capacity(64), |mut text, byte| {
            // Writing into a text cannot fail.
            let _written = write!(text, "{byte:02x}");
            text
        })
    }

    /// The same back; `None` for any other spelling.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
        let bytes: Option<Vec<u8>> =
            pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
        Some(Self(bytes?.try_into().ok()?))
    }
}

impl Serialize for TreeHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de> Deserialize<'de> for TreeHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        Self::from_hex(&text).ok_or_else(|| D::Error::custom("hash is not 64 lower-case hexadecimal digits"))
    }
}

impl fmt::Debug for TreeHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_hex())
    }
}

/// The right edge of a tree: at most 64 hashes, whatever its size, from which every later root can be computed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Said")]
pub struct Edge {
    size: u64,
    /// The roots of the whole subtrees, from the largest on.
    nodes: Vec<TreeHash>,
}

/// An edge as it is read, before its form is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    size: u64,
    nodes: Vec<TreeHash>,
}

impl TryFrom<Said> for Edge {
    type Error = &'static str;

    fn try_from(said: Said) -> Result<Self, Self::Error> {
        Self::new(said.size, said.nodes).ok_or("edge has not the nodes of its size")
    }
}

impl Edge {
    /// The edge of a tree of `size` lines; `None` when these are not as many nodes as it has.
    #[must_use]
    pub fn new(size: u64, nodes: Vec<TreeHash>) -> Option<Self> {
        let fits = u32::try_from(nodes.len()).is_ok_and(|count| count == size.count_ones());
        fits.then_some(Self { size, nodes })
    }

    /// How many lines the tree has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its nodes, from the largest subtree on.
    #[must_use]
    pub fn nodes(&self) -> &[TreeHash] {
        &self.nodes
    }

    /// Adds a line.
    pub fn push(&mut self, leaf: TreeHash) {
        let mut node = leaf;
        // As many whole subtrees end here as the size has trailing ones.
        for _level in 0..self.size.trailing_ones() {
            if let Some(left) = self.nodes.pop() {
                node = TreeHash::of_nodes(left, node);
            }
        }
        self.nodes.push(node);
        self.size = self.size.saturating_add(1);
    }

    /// The root: RFC 6962 section 2.1. Of no line at all it is the hash of nothing.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        let mut nodes = self.nodes.iter().rev().copied();
        match nodes.next() {
            None => TreeHash(Sha256::digest([]).into()),
            Some(last) => nodes.fold(last, |right, left| TreeHash::of_nodes(left, right)),
        }
    }
}

#[cfg(test)]
mod tests {
    use ct_merkle::mem_backed_tree::MemoryBackedTree;

    use super::*;

    #[test]
    fn root_is_that_of_an_independent_tree_at_every_size() {
        let mut other = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        let mut edge = Edge::default();
        for number in 0_u32..300 {
            assert_eq!(edge.root().as_bytes().as_slice(), other.root().as_bytes().as_slice(), "{number}");
            let line = format!("line {number}").into_bytes();
            edge.push(TreeHash::of_line(&line));
            other.push(line);
            assert_eq!(Edge::new(edge.size(), edge.nodes().to_vec()), Some(edge.clone()));
            assert!(edge.nodes().len() <= 9);
        }
    }

    #[test]
    fn hash_has_one_spelling() {
        let hash = TreeHash::of_line(b"x");
        assert_eq!(TreeHash::from_hex(&hash.to_hex()), Some(hash));
        for other in [hash.to_hex().to_uppercase(), format!("{}0", hash.to_hex()), String::new()] {
            assert_eq!(TreeHash::from_hex(&other), None, "{other}");
        }
    }
}
