//! One member: key package, local group, proposals, commits and welcomes.

#[cfg(test)]
mod tests;

use alloc::vec;
use alloc::vec::Vec;
use openmls::credentials::{BasicCredential, Credential, CredentialType, CredentialWithKey};
use openmls::extensions::{Extension, Extensions, ExternalSender};
use openmls::framing::{
    ContentType, MlsMessageBodyIn, MlsMessageIn, ProcessedMessageContent, ProtocolMessage, Sender,
};
use openmls::group::{
    GroupContext, GroupId, MlsGroup, MlsGroupJoinConfig, PURE_PLAINTEXT_WIRE_FORMAT_POLICY, QueuedProposal,
    StagedCommit, StagedWelcome,
};
use openmls::key_packages::{KeyPackage, Lifetime};
use openmls::messages::Welcome;
use openmls::messages::proposals::{Proposal, ProposalOrRefType};
use openmls::prelude::Capabilities;
use openmls::prelude::hash_ref::ProposalRef;
use openmls::versions::ProtocolVersion;
use openmls_traits::OpenMlsProvider;
use tls_codec::{Deserialize, Serialize, VLBytes};

use super::crypto::{CIPHERSUITE, Identity, Provider};
use crate::dave::event::MlsError;
use crate::entropy::Entropy;
use crate::id::{ChannelId, UserId};

/// Proposals that are kept for one epoch, and read from one message: each member of a full channel, added and removed.
const MAX_PROPOSALS: usize = 1024;

/// What came of op 27.
#[derive(Debug, Default)]
pub(crate) struct Proposals {
    /// The payload of op 28 that answers it: commit, and welcome if anyone is added.
    pub(crate) commit_welcome: Option<Vec<u8>>,
    /// Proposals that were not taken, and why.
    pub(crate) refused: Vec<MlsError>,
}

/// What came of an announced commit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Applied {
    /// The group is in its next epoch.
    NextEpoch,
    /// It is not for us: a welcome will follow.
    Ignored,
}

/// Where the membership stands (dave-protocol, Group Creation).
#[derive(Debug)]
enum State {
    /// No external sender yet, so no group.
    None,
    /// A group of our own, at epoch 0; it becomes the group if our commit wins.
    Local(MlsGroup),
    /// The group of the call.
    Established(MlsGroup),
}

/// One member of one group, from its key package to its last epoch.
#[derive(Debug)]
pub(crate) struct Membership {
    user: UserId,
    channel: ChannelId,
    identity: Identity,
    provider: Provider,
    state: State,
    /// Our commit to the proposals of this epoch, as sent.
    commit: Option<Vec<u8>>,
    /// Whether any proposal of this epoch was taken.
    proposed: bool,
}

impl Membership {
    /// A member without a group. The signature key lasts as long as the voice session; everything else is made anew
    /// with each membership.
    pub(crate) fn new(user: UserId, channel: ChannelId, identity: Identity, entropy: &mut Entropy) -> Self {
        Self {
            user,
            channel,
            identity,
            provider: Provider::new(entropy),
            state: State::None,
            commit: None,
            proposed: false,
        }
    }

    /// Whether the group of the call is joined.
    pub(crate) const fn is_established(&self) -> bool {
        matches!(self.state, State::Established(_))
    }

    /// Whether a commit of ours may still be chosen.
    pub(crate) const fn has_commit(&self) -> bool {
        self.commit.is_some()
    }

    fn group(&self) -> Option<&MlsGroup> {
        match &self.state {
            State::None => None,
            State::Local(group) | State::Established(group) => Some(group),
        }
    }

    /// A fresh key package, bare, as op 26 carries it. Its secrets are kept for the welcome.
    pub(crate) fn key_package(&self) -> Result<Vec<u8>, MlsError> {
        const DOING: &str = "making a key package";
        let bundle = KeyPackage::builder()
            .key_package_lifetime(lifetime())
            .leaf_node_capabilities(capabilities())
            .build(CIPHERSUITE, &self.provider, &self.identity, self.credential())
            .map_err(MlsError::while_(DOING))?;
        bundle.key_package().tls_serialize_detached().map_err(MlsError::while_(DOING))
    }

    /// Makes the local group, for which the external sender must be known (op 25's payload). It takes the place of an
    /// earlier one.
    pub(crate) fn create(&mut self, external_sender: &[u8]) -> Result<(), MlsError> {
        const DOING: &str = "creating the local group";
        let sender = read::<ExternalSender>(external_sender)
            .map_err(MlsError::while_("reading the external sender"))?;
        let extensions: Extensions<GroupContext> =
            Extensions::single(Extension::ExternalSenders(vec![sender])).map_err(MlsError::while_(DOING))?;
        // OpenMLS makes no second group of one id, and what was proposed and committed to goes with the first.
        if let State::Local(mut before) = core::mem::replace(&mut self.state, State::None) {
            before.delete(self.provider.storage()).map_err(MlsError::while_(DOING))?;
        }
        self.commit = None;
        self.proposed = false;
        let group = MlsGroup::builder()
            .with_group_id(self.group_id())
            .ciphersuite(CIPHERSUITE)
            .with_wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
            .with_group_context_extensions(extensions)
            .with_capabilities(capabilities())
            .lifetime(lifetime())
            .use_ratchet_tree_extension(true)
            .max_past_epochs(0)
            .build(&self.provider, &self.identity, self.credential())
            .map_err(MlsError::while_(DOING))?;
        self.state = State::Local(group);
        Ok(())
    }

    /// Whether a next epoch is under way: there are proposals that no commit has taken up, or a welcome is awaited.
    pub(crate) fn is_changing(&self) -> bool {
        match &self.state {
            State::Established(group) => group.has_pending_proposals(),
            State::None | State::Local(_) => true,
        }
    }

    /// Takes the payload of op 27. Every proposal that is allowed is kept for the commit that will name it; one that
    /// is not is refused, and then no commit of ours is made.
    pub(crate) fn handle_proposals(
        &mut self,
        payload: &[u8],
        is_expected: impl Fn(UserId) -> bool,
    ) -> Result<Proposals, MlsError> {
        const DOING: &str = "reading proposals";
        let (State::Local(group) | State::Established(group)) = &mut self.state else {
            return Ok(Proposals::default());
        };
        let (&operation, list) = payload.split_first().ok_or_else(|| MlsError::new(DOING, "empty"))?;
        let mut refused = Vec::new();
        let mut room = MAX_PROPOSALS.saturating_sub(group.pending_proposals().count());
        match operation {
            0 => {
                let list = read::<VLBytes>(list).map_err(MlsError::while_(DOING))?;
                let mut rest = list.as_slice();
                while !rest.is_empty() {
                    room = room.checked_sub(1).ok_or_else(|| MlsError::new(DOING, "there are too many"))?;
                    let message =
                        MlsMessageIn::tls_deserialize(&mut rest).map_err(MlsError::while_(DOING))?;
                    match proposal(group, &self.provider, message, &is_expected) {
                        Ok(proposal) => {
                            group
                                .store_pending_proposal(self.provider.storage(), proposal)
                                .map_err(MlsError::while_(DOING))?;
                            self.proposed = true;
                        }
                        Err(error) => refused.push(error),
                    }
                }
            }
            1 => {
                let references = read::<Vec<ProposalRef>>(list).map_err(MlsError::while_(DOING))?;
                for reference in references.into_iter().take(MAX_PROPOSALS) {
                    if let Err(error) = group.remove_pending_proposal(self.provider.storage(), &reference) {
                        refused.push(MlsError::new("revoking a proposal", error));
                    }
                }
            }
            _ => return Err(MlsError::new(DOING, "neither append nor revoke")),
        }
        self.commit = None;
        group.clear_pending_commit(self.provider.storage()).map_err(MlsError::while_(DOING))?;
        let removes_us = group.pending_proposals().any(|queued| match queued.proposal() {
            Proposal::Remove(remove) => remove.removed() == group.own_leaf_index(),
            _ => false,
        });
        let commit_welcome = if refused.is_empty() && group.has_pending_proposals() && !removes_us {
            Some(self.commit()?)
        } else {
            None
        };
        Ok(Proposals { commit_welcome, refused })
    }

    /// Commits to all pending proposals, from the epoch's unmodified state.
    fn commit(&mut self) -> Result<Vec<u8>, MlsError> {
        const DOING: &str = "committing";
        let (State::Local(group) | State::Established(group)) = &mut self.state else {
            return Err(MlsError::new(DOING, "there is no group"));
        };
        let bundle = group
            .commit_builder()
            .consume_proposal_store(true)
            .load_psks(self.provider.storage())
            .map_err(MlsError::while_(DOING))?
            .build(self.provider.rand(), self.provider.crypto(), &self.identity, |_| true)
            .map_err(MlsError::while_(DOING))?
            .stage_commit(&self.provider)
            .map_err(MlsError::while_(DOING))?;
        let mut payload = bundle.commit().tls_serialize_detached().map_err(MlsError::while_(DOING))?;
        self.commit = Some(payload.clone());
        if let Some(welcome) = bundle.welcome() {
            welcome.tls_serialize(&mut payload).map_err(MlsError::while_(DOING))?;
        }
        Ok(payload)
    }

    /// Takes an announced commit (op 29, without its transition id).
    pub(crate) fn handle_commit(&mut self, commit: &[u8]) -> Result<Applied, MlsError> {
        const DOING: &str = "applying a commit";
        let ours = self.commit.as_deref() == Some(commit);
        let group = match &mut self.state {
            State::Established(group) => group,
            State::Local(group) if ours => group,
            State::Local(_) | State::None => return Ok(Applied::Ignored),
        };
        if ours {
            group.merge_pending_commit(&self.provider).map_err(MlsError::while_(DOING))?;
        } else {
            let message = protocol_message(
                MlsMessageIn::tls_deserialize_exact(commit).map_err(MlsError::while_(DOING))?,
                ContentType::Commit,
            )
            .map_err(MlsError::while_(DOING))?;
            if message.group_id() != group.group_id() || !self.proposed {
                return Ok(Applied::Ignored);
            }
            let committer =
                group.process_message(&self.provider, message).map_err(MlsError::while_(DOING))?;
            let sender = committer.sender().clone();
            let ProcessedMessageContent::StagedCommitMessage(staged) = committer.into_content() else {
                return Err(MlsError::new(DOING, "it is no commit"));
            };
            check_commit(group, &staged, &sender).map_err(MlsError::while_(DOING))?;
            group.merge_staged_commit(&self.provider, *staged).map_err(MlsError::while_(DOING))?;
        }
        self.enter_epoch().map_err(MlsError::while_(DOING))
    }

    /// A new epoch begins: no user twice, nothing pending.
    fn enter_epoch(&mut self) -> Result<Applied, &'static str> {
        self.commit = None;
        self.proposed = false;
        let state = core::mem::replace(&mut self.state, State::None);
        let (State::Local(group) | State::Established(group)) = state else {
            return Err("there is no group");
        };
        check_roster(&group)?;
        self.state = State::Established(group);
        Ok(Applied::NextEpoch)
    }

    /// Takes a welcome (op 30, without its transition id).
    pub(crate) fn handle_welcome(&mut self, welcome: &[u8], external_sender: &[u8]) -> Result<(), MlsError> {
        const DOING: &str = "joining by a welcome";
        if self.is_established() {
            return Err(MlsError::new(DOING, "the group is joined already"));
        }
        let welcome = Welcome::tls_deserialize_exact(welcome).map_err(MlsError::while_(DOING))?;
        let expected = read::<ExternalSender>(external_sender).map_err(MlsError::while_(DOING))?;
        let config = MlsGroupJoinConfig::builder()
            .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
            .use_ratchet_tree_extension(true)
            .max_past_epochs(0)
            .build();
        let staged = StagedWelcome::build_from_welcome(&self.provider, &config, welcome)
            .map_err(MlsError::while_(DOING))?
            .skip_lifetime_validation()
            .replace_old_group()
            .build()
            .map_err(MlsError::while_(DOING))?;
        let context = staged.group_context();
        if *context.group_id() != self.group_id() {
            return Err(MlsError::new(DOING, "it leads into another group"));
        }
        let extensions: Vec<&Extension> = context.extensions().iter().collect();
        if !matches!(extensions[..], [Extension::ExternalSenders(senders)] if *senders == [expected]) {
            return Err(MlsError::new(DOING, "its external sender is not the voice server"));
        }
        let group = staged.into_group(&self.provider).map_err(MlsError::while_(DOING))?;
        self.state = State::Local(group);
        self.enter_epoch().map_err(MlsError::while_(DOING))?;
        Ok(())
    }

    /// The group's epoch, once joined.
    pub(crate) fn epoch(&self) -> Option<u64> {
        match &self.state {
            State::Established(group) => Some(group.epoch().as_u64()),
            State::None | State::Local(_) => None,
        }
    }

    /// The members, with their signature keys.
    pub(crate) fn members(&self) -> Vec<(UserId, Vec<u8>)> {
        self.group()
            .into_iter()
            .flat_map(MlsGroup::members)
            .filter_map(|member| Some((user_of(&member.credential)?, member.signature_key)))
            .collect()
    }

    /// What all members of the epoch agree on: the privacy code derives from it.
    pub(crate) fn epoch_authenticator(&self) -> Option<Vec<u8>> {
        match &self.state {
            State::Established(group) => Some(group.epoch_authenticator().as_slice().to_vec()),
            State::None | State::Local(_) => None,
        }
    }

    /// A secret of the epoch (RFC 9420, section 8.5), 16 bytes long.
    pub(crate) fn export(&self, label: &str, context: &[u8]) -> Result<[u8; 16], MlsError> {
        const DOING: &str = "exporting a sender's key";
        let State::Established(group) = &self.state else {
            return Err(MlsError::new(DOING, "there is no group"));
        };
        group
            .export_secret(self.provider.crypto(), label, context, 16)
            .map_err(MlsError::while_(DOING))?
            .try_into()
            .map_err(|_| MlsError::new(DOING, "of another length"))
    }

    fn group_id(&self) -> GroupId {
        GroupId::from_slice(&self.channel.0.to_be_bytes())
    }

    fn credential(&self) -> CredentialWithKey {
        let identity = self.user.0.to_be_bytes().to_vec();
        CredentialWithKey {
            credential: BasicCredential::new(identity).into(),
            signature_key: self.identity.public().into(),
        }
    }
}

/// All bytes, or an error.
fn read<T: Deserialize>(bytes: &[u8]) -> Result<T, tls_codec::Error> {
    T::tls_deserialize_exact(bytes)
}

/// From the beginning to the end of time: the voice gateway demands it (dave-protocol, Key Packages).
fn lifetime() -> Lifetime {
    Lifetime::init(0, u64::MAX)
}

/// What a leaf supports (dave-protocol, MLS Parameters).
fn capabilities() -> Capabilities {
    Capabilities::new(
        Some(&[ProtocolVersion::Mls10]),
        Some(&[CIPHERSUITE]),
        Some(&[]),
        Some(&[]),
        Some(&[CredentialType::Basic]),
    )
}

/// The user of a basic credential.
fn user_of(credential: &Credential) -> Option<UserId> {
    let basic = BasicCredential::try_from(credential.clone()).ok()?;
    Some(UserId(u64::from_be_bytes(basic.identity().try_into().ok()?)))
}

/// A public message of this content; DAVE allows no other framing.
fn protocol_message(message: MlsMessageIn, content: ContentType) -> Result<ProtocolMessage, &'static str> {
    match message.extract() {
        MlsMessageBodyIn::PublicMessage(message) if message.content_type() == content => Ok(message.into()),
        MlsMessageBodyIn::PublicMessage(_) => Err("its content is of another kind"),
        _ => Err("it is no public message"),
    }
}

/// A proposal that DAVE allows: Add of an expected user or Remove, by the external sender (dave-protocol, Proposal
/// Handling).
fn proposal(
    group: &mut MlsGroup,
    provider: &Provider,
    message: MlsMessageIn,
    is_expected: impl Fn(UserId) -> bool,
) -> Result<QueuedProposal, MlsError> {
    const DOING: &str = "taking a proposal";
    let message = protocol_message(message, ContentType::Proposal).map_err(MlsError::while_(DOING))?;
    let processed = group.process_message(provider, message).map_err(MlsError::while_(DOING))?;
    if !matches!(processed.sender(), Sender::External(_)) {
        return Err(MlsError::new(DOING, "it is not from the voice server"));
    }
    let ProcessedMessageContent::ProposalMessage(queued) = processed.into_content() else {
        return Err(MlsError::new(DOING, "it is no proposal"));
    };
    match queued.proposal() {
        Proposal::Add(add) => match user_of(add.key_package().leaf_node().credential()) {
            Some(user) if is_expected(user) => Ok(*queued),
            Some(user) => Err(MlsError::new(DOING, format_args!("user {user} is not in the call"))),
            None => Err(MlsError::new(DOING, "its credential names no user")),
        },
        Proposal::Remove(_) => Ok(*queued),
        _ => Err(MlsError::new(DOING, "it neither adds nor removes")),
    }
}

/// Whether a commit of another member obeys dave-protocol, Commit Handling: all proposals of the epoch and no other,
/// by reference, and no change of the committer's identity.
fn check_commit(group: &MlsGroup, commit: &StagedCommit, sender: &Sender) -> Result<(), &'static str> {
    let mut named = 0;
    for queued in commit.queued_proposals() {
        if queued.proposal_or_ref_type() != ProposalOrRefType::Reference {
            return Err("it carries a proposal of its own");
        }
        named += 1;
    }
    if named == 0 {
        return Err("it names no proposal");
    }
    if named != group.pending_proposals().count() {
        return Err("it leaves proposals out");
    }
    if commit.self_removed() {
        return Err("it removes us");
    }
    let Sender::Member(index) = sender else { return Err("it is not from a member") };
    let (Some(before), Some(after)) = (group.member_at(*index), commit.update_path_leaf_node()) else {
        return Ok(());
    };
    if after.credential() != &before.credential || after.signature_key().as_slice() != before.signature_key {
        return Err("its sender changes identity");
    }
    Ok(())
}

/// No user may be there twice, and each leaf must name one.
fn check_roster(group: &MlsGroup) -> Result<(), &'static str> {
    let mut users = Vec::new();
    for member in group.members() {
        users.push(user_of(&member.credential).ok_or("a member's credential names no user")?);
    }
    let all = users.len();
    users.sort_unstable();
    users.dedup();
    if users.len() == all { Ok(()) } else { Err("a user is there twice") }
}
