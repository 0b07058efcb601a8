//! The parts of MLS messages that a delivery service reads and writes (RFC 9420), independent of any MLS library.

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use sha2::{Digest, Sha256};

/// A proposal that the delivery service makes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Proposal {
    /// Adds the member with this key package.
    Add(Vec<u8>),
    /// Removes the member at this leaf.
    Remove(u32),
}

/// What is read of a commit.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Commit {
    pub(super) group: Vec<u8>,
    pub(super) epoch: u64,
    /// The committer's leaf.
    pub(super) sender: u32,
    /// References of the proposals it commits to; `None` if it carries one by value.
    pub(super) proposals: Option<Vec<[u8; 32]>>,
    pub(super) has_path: bool,
    /// Length of the whole message.
    pub(super) length: usize,
}

/// Appends a vector with its length (RFC 9420, 2.1.2).
pub(super) fn vector(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len() {
        length @ 0..0x40 => out.push(length as u8),
        length @ 0x40..0x4000 => out.extend((length as u16 | 0x4000).to_be_bytes()),
        length => out.extend((length as u32 | 0x8000_0000).to_be_bytes()),
    }
    out.extend_from_slice(bytes);
}

/// An external proposal: the whole MLSMessage, and its reference (RFC 9420, sections 6, 6.1, 12.1.8 and 5.2).
pub(super) fn proposal(
    key: &SigningKey,
    group: &[u8],
    epoch: u64,
    proposal: &Proposal,
) -> (Vec<u8>, [u8; 32]) {
    let mut content = Vec::new();
    vector(&mut content, group);
    content.extend(epoch.to_be_bytes());
    content.push(2); // sender: external,
    content.extend(0_u32.to_be_bytes()); // the first in the list
    vector(&mut content, &[]); // authenticated data
    content.push(2); // content: proposal
    match proposal {
        Proposal::Add(key_package) => {
            content.extend(1_u16.to_be_bytes());
            content.extend_from_slice(key_package);
        }
        Proposal::Remove(leaf) => {
            content.extend(3_u16.to_be_bytes());
            content.extend(leaf.to_be_bytes());
        }
    }
    let framed = [&[0, 1], content.as_slice()].concat(); // wire format: public message
    let signed = [&[0, 1], framed.as_slice()].concat(); // version: MLS 1.0
    let mut labelled = Vec::new();
    vector(&mut labelled, b"MLS 1.0 FramedContentTBS");
    vector(&mut labelled, &signed);
    let signature: Signature = key.sign(&labelled);
    let mut authenticated = framed;
    vector(&mut authenticated, signature.to_der().as_bytes());
    let mut hashed = Vec::new();
    vector(&mut hashed, b"MLS 1.0 Proposal Reference");
    vector(&mut hashed, &authenticated);
    let message = [&[0, 1], authenticated.as_slice()].concat();
    (message, Sha256::digest(&hashed).into())
}

/// Reads a commit at the front of `bytes`, a public message of a member (RFC 9420, sections 6.2 and 12.4). Its
/// signature and tags are for the members to check.
pub(super) fn commit(bytes: &[u8]) -> Option<Commit> {
    let mut read = Reader(bytes);
    if read.take(4)? != [0, 1, 0, 1] {
        return None;
    }
    let group = read.vector()?.to_vec();
    let epoch = u64::from_be_bytes(read.array()?);
    if read.take(1)? != [1] {
        return None; // not from a member
    }
    let sender = u32::from_be_bytes(read.array()?);
    read.vector()?; // authenticated data
    if read.take(1)? != [3] {
        return None; // not a commit
    }
    let mut list = Reader(read.vector()?);
    let mut proposals = Some(Vec::new());
    while !list.0.is_empty() && proposals.is_some() {
        proposals = match (list.take(1)?, proposals) {
            ([2], Some(mut references)) => {
                references.push(list.vector()?.try_into().ok()?);
                Some(references)
            }
            _ => None,
        };
    }
    let has_path = read.take(1)? == [1];
    if has_path {
        read.leaf_node()?;
        read.vector()?; // nodes
    }
    read.vector()?; // signature
    read.vector()?; // confirmation tag
    read.vector()?; // membership tag
    Some(Commit { group, epoch, sender, proposals, has_path, length: bytes.len() - read.0.len() })
}

/// What is read of a key package.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct KeyPackage {
    pub(super) identity: Vec<u8>,
    /// From when until when, in seconds since 1970.
    pub(super) lifetime: (u64, u64),
}

/// Reads a key package, all of `bytes`, of version 1.0 and suite 2 (RFC 9420, section 10). Its signatures are for the
/// members to check.
pub(super) fn key_package(bytes: &[u8]) -> Option<KeyPackage> {
    let mut read = Reader(bytes);
    if read.take(4)? != [0, 1, 0, 2] {
        return None;
    }
    read.vector()?; // init key
    let identity = read.member()?;
    if read.take(1)? != [1] {
        return None; // its leaf is not of a key package
    }
    let lifetime = (u64::from_be_bytes(read.array()?), u64::from_be_bytes(read.array()?));
    for _ in 0..4 {
        read.vector()?; // extensions and signature, of the leaf and of the whole
    }
    read.0.is_empty().then(|| KeyPackage { identity: identity.to_vec(), lifetime })
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn vector(&mut self) -> Option<&'a [u8]> {
        let first = *self.0.first()?;
        let length = match first >> 6 {
            0 => u32::from(self.array::<1>()?[0]),
            1 => u32::from(u16::from_be_bytes(self.array()?) & 0x3FFF),
            2 => u32::from_be_bytes(self.array()?) & 0x3FFF_FFFF,
            _ => return None,
        };
        self.take(length as usize)
    }

    /// The leaf node of a commit's path (RFC 9420, 7.2).
    fn leaf_node(&mut self) -> Option<()> {
        self.member()?;
        if self.take(1)? != [3] {
            return None; // not of a commit
        }
        self.vector()?; // parent hash
        self.vector()?; // extensions
        self.vector()?; // signature
        Some(())
    }

    /// The beginning of a leaf node, up to its source. Answers with the identity.
    fn member(&mut self) -> Option<&'a [u8]> {
        self.vector()?; // encryption key
        self.vector()?; // signature key
        if self.take(2)? != [0, 1] {
            return None; // not a basic credential
        }
        let identity = self.vector()?;
        for _ in 0..5 {
            self.vector()?; // capabilities
        }
        Some(identity)
    }
}
