//! What may befall a call.

use fastrand::Rng;
use sanscord::time::Duration;

use crate::fault::RelayFault;

/// Something that happens to a call. Members are named by their index, channels by theirs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Act {
    /// A member joins a channel, or moves there by its own wish.
    Join(usize, usize),
    /// A member leaves.
    Leave(usize),
    /// A member leaves and joins again at once.
    Return(usize),
    /// Somebody moves a member to a channel.
    Move(usize, usize),
    /// Somebody throws a member out.
    Kick(usize),
    /// The network breaks a member's voice connection.
    Cut(usize),
    /// The network breaks a member's connection to the main gateway.
    CutGateway(usize),
    /// The voice server closes a member's connection with this code.
    Close(usize, u16),
    /// What a member and the voice server send each other vanishes for so long.
    Hole(usize, Duration),
    /// What they send each other comes so much later.
    Stall(usize, Duration),
    /// All datagrams are lost for so long.
    LoseDatagrams(Duration),
    /// Nobody drives a member for so long.
    Hold(usize, Duration),
    /// All members get another voice server.
    ChangeServer,
    /// The voice server begins a new group.
    NewGroup,
    /// The voice server ends encryption for a while.
    Downgrade,
    /// A member is told of a commit that nobody made.
    ForgeCommit(usize),
    /// A member is handed somebody else's welcome.
    WelcomeFalsely(usize),
    /// It is proposed to a member to add somebody who is not there.
    ProposeStranger(usize),
    /// The next commit that is announced is spoilt for one member.
    SpoilCommit,
    /// The next welcome is spoilt.
    SpoilWelcome,
    /// A frame is tampered with on its way to one member.
    Tamper(RelayFault),
}

impl Act {
    /// Something for one of so many members, in one of two channels.
    pub(super) fn draw(rng: &mut Rng, members: usize) -> Self {
        let member = rng.usize(..members);
        let channel = usize::from(rng.u8(..4) == 0);
        let up_to = |rng: &mut Rng, seconds: u64| Duration::from_millis(rng.u64(..=seconds * 1_000));
        match rng.u8(..42) {
            0..=6 => Self::Join(member, channel),
            7..=9 => Self::Leave(member),
            10..=12 => Self::Return(member),
            13..=14 => Self::Move(member, channel),
            15 => Self::Kick(member),
            16..=18 => Self::Cut(member),
            19 => Self::CutGateway(member),
            20..=21 => Self::Close(member, *rng.choice(&[4015, 4006, 4009, 4014, 1006]).unwrap_or(&4015)),
            22 => Self::Hole(member, up_to(rng, 20)),
            23 => Self::Stall(member, up_to(rng, 4)),
            24 => Self::LoseDatagrams(up_to(rng, 5)),
            25 => Self::Hold(member, up_to(rng, 5)),
            26 => Self::ChangeServer,
            27..=28 => Self::NewGroup,
            29 => Self::Downgrade,
            30..=31 => Self::ForgeCommit(member),
            32..=33 => Self::WelcomeFalsely(member),
            34..=35 => Self::ProposeStranger(member),
            36 => Self::SpoilCommit,
            37 => Self::SpoilWelcome,
            _ => Self::Tamper(*rng.choice(&RelayFault::ALL).unwrap_or(&RelayFault::Flipped)),
        }
    }

    /// Whether a client may look at fault to the server because of this.
    pub(super) const fn excuses(self) -> bool {
        matches!(
            self,
            Self::Cut(_)
                | Self::CutGateway(_)
                | Self::Hole(..)
                | Self::Stall(..)
                | Self::LoseDatagrams(_)
                | Self::Hold(..)
                | Self::Close(..)
        )
    }
}
