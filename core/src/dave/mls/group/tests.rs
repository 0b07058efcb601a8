//! Commits of members who do not obey the protocol.

use openmls::credentials::NewSignerBundle;
use openmls::prelude::{KeyPackageIn, LeafNodeParameters};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use sha2::{Digest, Sha256};

use super::*;

const CHANNEL: ChannelId = ChannelId(7);
const ALICE: UserId = UserId(1);
const BOB: UserId = UserId(2);

fn server() -> SigningKey {
    SigningKey::from_slice(&[7; 32]).unwrap()
}

/// Appends a vector with its length (RFC 9420, section 2.1.2).
fn vector(out: &mut Vec<u8>, bytes: &[u8]) {
    VLBytes::new(bytes.to_vec()).tls_serialize(out).unwrap();
}

/// Op 25's payload.
fn external_sender() -> Vec<u8> {
    let mut payload = Vec::new();
    vector(&mut payload, server().verifying_key().to_sec1_point(false).as_bytes());
    payload.extend([0, 1]);
    vector(&mut payload, &[0]);
    payload
}

/// Op 27's payloads: the server's proposal of this kind and body, and its revocation (RFC 9420, sections 5.2, 6, 6.1
/// and 12.1.8).
fn proposals(epoch: u64, body: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut message = vec![0, 1, 0, 1];
    vector(&mut message, &CHANNEL.0.to_be_bytes());
    message.extend(epoch.to_be_bytes());
    message.extend([2, 0, 0, 0, 0, 0, 2]);
    message.extend(body);
    let mut labelled = Vec::new();
    vector(&mut labelled, b"MLS 1.0 FramedContentTBS");
    vector(&mut labelled, &message);
    let signature: Signature = server().sign(&labelled);
    vector(&mut message, signature.to_der().as_bytes());
    let mut payload = vec![0];
    vector(&mut payload, &message);
    let (mut hashed, mut list, mut revocation) = (Vec::new(), Vec::new(), vec![1]);
    vector(&mut hashed, b"MLS 1.0 Proposal Reference");
    vector(&mut hashed, &message[2..]);
    vector(&mut list, &Sha256::digest(&hashed));
    vector(&mut revocation, &list);
    (payload, revocation)
}

fn member(user: UserId) -> Membership {
    let mut entropy = Entropy::new([user.0 as u8; 32]);
    let identity = Identity::new(&mut entropy);
    Membership::new(user, CHANNEL, identity, &mut entropy)
}

fn add(user: UserId) -> Vec<u8> {
    [&[0, 1], member(user).key_package().unwrap().as_slice()].concat()
}

/// Two members of one group, at epoch 1.
fn pair() -> (Membership, Membership) {
    let (mut alice, mut bob) = (member(ALICE), member(BOB));
    alice.create(&external_sender()).unwrap();
    let addition = [&[0, 1], bob.key_package().unwrap().as_slice()].concat();
    let answer = alice.handle_proposals(&proposals(0, &addition).0, |_| true).unwrap();
    let commit = alice.commit.clone().unwrap();
    let welcome = answer.commit_welcome.unwrap().split_off(commit.len());
    assert_eq!(alice.handle_commit(&commit), Ok(Applied::NextEpoch));
    bob.handle_welcome(&welcome, &external_sender()).unwrap();
    assert_eq!((alice.epoch_authenticator(), alice.epoch()), (bob.epoch_authenticator(), Some(1)));
    (alice, bob)
}

/// What a member may do who does not obey the protocol.
#[derive(Clone, Copy)]
enum Cheat {
    None,
    AddsByValue,
    NamesNothing,
    ChangesUser,
    ChangesKey,
}

fn commit_of(bob: &mut Membership, cheat: Cheat) -> Vec<u8> {
    let credential = bob.credential();
    let Membership { provider, identity, state: State::Established(group), .. } = bob else { panic!() };
    let mut leaf = LeafNodeParameters::builder();
    if let Cheat::ChangesUser = cheat {
        let other = BasicCredential::new(99_u64.to_be_bytes().to_vec()).into();
        leaf = leaf.with_credential_with_key(CredentialWithKey { credential: other, ..credential });
    }
    let mut builder = group
        .commit_builder()
        .consume_proposal_store(!matches!(cheat, Cheat::NamesNothing | Cheat::AddsByValue))
        .force_self_update(true)
        .leaf_node_parameters(leaf.build());
    if let Cheat::AddsByValue = cheat {
        let package = member(UserId(4)).key_package().unwrap();
        let package = KeyPackageIn::tls_deserialize_exact(&package).unwrap();
        let package = package.validate(provider.crypto(), ProtocolVersion::Mls10).unwrap();
        builder = builder.propose_adds([package]);
    }
    let builder = builder.load_psks(provider.storage()).unwrap();
    let (rand, crypto) = (provider.rand(), provider.crypto());
    let built = if let Cheat::ChangesKey = cheat {
        let other = Identity::new(&mut Entropy::new([99; 32]));
        let credential = CredentialWithKey {
            credential: BasicCredential::new(BOB.0.to_be_bytes().to_vec()).into(),
            signature_key: other.public().into(),
        };
        let signer = NewSignerBundle { signer: &other, credential_with_key: credential };
        builder.build_with_new_signer(rand, crypto, identity, signer, |_| true)
    } else {
        builder.build(rand, crypto, identity, |_| true)
    };
    let bundle = built.unwrap().stage_commit(&*provider).unwrap();
    bundle.commit().tls_serialize_detached().unwrap()
}

#[test]
fn a_new_local_group_forgets_what_was_committed() {
    let mut alice = member(ALICE);
    alice.create(&external_sender()).unwrap();
    assert!(alice.handle_proposals(&proposals(0, &add(BOB)).0, |_| true).unwrap().commit_welcome.is_some());
    let commit = alice.commit.clone().unwrap();
    alice.create(&external_sender()).unwrap();
    assert_eq!((alice.has_commit(), alice.proposed), (false, false));
    assert_eq!(alice.handle_commit(&commit), Ok(Applied::Ignored));
}

#[test]
fn a_group_changes_from_the_proposal_to_the_commit() {
    let alone = member(ALICE);
    assert!(alone.is_changing(), "a welcome is awaited");
    let (mut alice, mut bob) = pair();
    assert_eq!((alice.is_changing(), bob.is_changing()), (false, false));
    let (addition, revocation) = proposals(1, &add(UserId(3)));
    for member in [&mut alice, &mut bob] {
        member.handle_proposals(&addition, |_| true).unwrap();
        assert!(member.is_changing());
    }
    let commit = alice.commit.clone().unwrap();
    bob.handle_proposals(&revocation, |_| true).unwrap();
    assert!(!bob.is_changing());
    assert_eq!(alice.handle_commit(&commit), Ok(Applied::NextEpoch));
    assert!(!alice.is_changing());
}

#[test]
fn no_more_proposals_are_kept_than_an_epoch_needs() {
    let mut alice = member(ALICE);
    alice.create(&external_sender()).unwrap();
    // Of another epoch, and so refused one by one.
    let one = proposals(9, &[0, 3, 0, 0, 0, 1]).0;
    let message = &read::<VLBytes>(&one[1..]).unwrap();
    let many = |count: usize| {
        let mut payload = vec![0];
        vector(&mut payload, &message.as_slice().repeat(count));
        payload
    };
    let refused = alice.handle_proposals(&many(MAX_PROPOSALS), |_| true).unwrap().refused;
    assert_eq!(refused.len(), MAX_PROPOSALS);
    assert!(alice.handle_proposals(&many(MAX_PROPOSALS + 1), |_| true).is_err());
}

#[test]
fn commits_that_break_the_rules_are_refused() {
    for (cheat, revoked, why) in [
        (Cheat::None, false, None),
        (Cheat::AddsByValue, false, Some("it carries a proposal of its own")),
        (Cheat::NamesNothing, true, Some("it names no proposal")),
        (Cheat::NamesNothing, false, Some("it names no proposal")),
        (Cheat::ChangesUser, false, Some("its sender changes identity")),
        (Cheat::ChangesKey, false, Some("its sender changes identity")),
    ] {
        let (mut alice, mut bob) = pair();
        let (addition, revocation) = proposals(1, &add(UserId(3)));
        for member in [&mut alice, &mut bob] {
            assert!(member.handle_proposals(&addition, |_| true).unwrap().commit_welcome.is_some());
        }
        let State::Established(group) = &mut bob.state else { panic!() };
        group.clear_pending_commit(bob.provider.storage()).unwrap();
        if revoked {
            assert!(alice.handle_proposals(&revocation, |_| true).unwrap().refused.is_empty());
        }
        let applied = alice.handle_commit(&commit_of(&mut bob, cheat));
        match why {
            None => assert_eq!((applied, alice.epoch()), (Ok(Applied::NextEpoch), Some(2))),
            Some(why) => {
                let error = alloc::string::ToString::to_string(&applied.unwrap_err());
                assert!(error.contains(why), "{error}");
                assert_eq!(alice.epoch(), Some(1));
            }
        }
    }
}
