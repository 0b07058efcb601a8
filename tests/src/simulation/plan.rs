//! What happens in a run, as a value.

use sanscord::gateway::Compression;
use sanscord::time::Duration;
use serde::{Deserialize, Serialize};

/// Milliseconds.
pub type Millis = u64;

/// What happens in a run, as a value.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Plan {
    /// Decides what the plan leaves open: delays on the links, jitter, ids.
    pub seed: u64,
    /// How long the faults last; peace follows.
    pub length: Millis,
    /// Shards at first, from 1.
    pub shards: u32,
    /// Guilds, from 1.
    pub guilds: u32,
    /// Discord's `max_concurrency`, from 1.
    pub max_concurrency: u32,
    /// Identifies that Discord allows in a day.
    pub identifies: u32,
    /// When the first such day ends.
    pub identifies_reset: Millis,
    /// The gateway's heartbeat interval.
    pub heartbeat: Millis,
    /// The shortest and the longest way over a link.
    pub delay: (Millis, Millis),
    /// How often somebody writes in each guild.
    pub chatter: Millis,
    /// How the gateway's messages are compressed.
    pub compression: Compression,
    /// How long the user needs before acknowledging a dispatch; `None`: dispatches need no acknowledgement.
    pub acknowledges: Option<Millis>,
    /// How long Discord keeps a session without a connection.
    pub resume_window: Millis,
    /// The time between two dispatches of a replay.
    pub replay_pace: Millis,
    /// What happens and when, in the order of time.
    pub steps: Vec<(Millis, Step)>,
    /// How it ends.
    pub ending: Ending,
}

/// Something that happens. `which` counts the open connections, and starts afresh beyond the last.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub enum Step {
    /// A connection is cut; what is on its way is lost.
    Cut {
        /// The connection.
        which: usize,
    },
    /// A connection is cut in the middle of its next message.
    CutInMessage {
        /// The connection.
        which: usize,
    },
    /// What is sent on a connection vanishes, until it is cut.
    BlackHole {
        /// The connection.
        which: usize,
        /// How long.
        time: Millis,
    },
    /// What is sent on a connection arrives late.
    Stall {
        /// The connection.
        which: usize,
        /// How long.
        time: Millis,
    },
    /// Close frames are lost, the connections end all the same.
    LoseCloseFrames {
        /// How long.
        time: Millis,
    },
    /// Nobody can be connected to: refused at once.
    RefuseConnects {
        /// How long.
        time: Millis,
    },
    /// Nobody can be connected to: no answer.
    HangConnects {
        /// How long.
        time: Millis,
    },
    /// HTTP requests go unanswered.
    FailRequests {
        /// How many.
        count: u32,
    },
    /// HTTP requests are answered with this status.
    RefuseRequests {
        /// How many.
        count: u32,
        /// The status.
        status: u16,
    },
    /// The server acknowledges no heartbeats.
    SilenceAcks {
        /// How long.
        time: Millis,
    },
    /// The server sends nothing at all.
    Freeze {
        /// How long.
        time: Millis,
    },
    /// The server asks for heartbeats.
    AskHeartbeats,
    /// The server asks everybody to reconnect.
    Reconnect,
    /// The server declares every session invalid.
    Invalidate {
        /// Whether they may be resumed nevertheless.
        resumable: bool,
    },
    /// The server closes every connection.
    Close {
        /// The code.
        code: u16,
    },
    /// The server closes the connections of one shard.
    CloseShard {
        /// Its number.
        number: u32,
        /// The code.
        code: u16,
    },
    /// The server refuses upgrades.
    RefuseUpgrades {
        /// How many.
        count: u32,
        /// The HTTP status.
        status: u16,
    },
    /// The next handshake ends in the middle.
    BreakHandshake {
        /// Instead of which step: Hello, READY, `GUILD_CREATE`, the replay, RESUMED.
        step: u8,
        /// With which code; `None` without a word.
        code: Option<u16>,
    },
    /// The next connections begin with Reconnect instead of Hello.
    ReconnectInsteadOfHello {
        /// How many.
        count: u32,
    },
    /// The server damages compressed messages.
    CorruptStreams,
    /// The server sends an event and an opcode that nobody knows.
    SendUnknown,
    /// The server is started afresh and knows no session any more.
    RestartServer,
    /// The state is saved, for a crash to go on from.
    Save,
    /// The client dies.
    Crash {
        /// How long until it runs again.
        down: Millis,
        /// Whether the state was saved in its last moment, not at the last [`Step::Save`].
        saved: bool,
        /// Whether the server does not learn of it.
        silent: bool,
    },
    /// The client hands its sessions to another process.
    Suspend {
        /// How long until that one runs.
        down: Millis,
    },
    /// The client stops, and starts without anything saved.
    Stop {
        /// How long until it runs again.
        down: Millis,
    },
    /// The client's clock jumps.
    Jump {
        /// By how much.
        time: Millis,
        /// Whether it goes back, as one that stood still while the machine slept.
        behind: bool,
    },
    /// Nobody drives the client.
    Hold {
        /// How long.
        time: Millis,
    },
    /// The client goes over to so many shards.
    Reshard {
        /// How many.
        count: u32,
    },
    /// The client lets a shard reconnect.
    RestartShard {
        /// Its number; beyond the last it counts afresh.
        number: u32,
        /// Whether its session is kept.
        keep: bool,
    },
    /// The user sends many commands.
    Flood {
        /// Of which kind: presences, members by name, all members, raw messages, sounds.
        kind: u8,
        /// How many.
        count: u32,
    },
}

/// How a run ends.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub enum Ending {
    /// The user stops the cluster: close code 1000.
    Stop,
    /// The user suspends the cluster.
    Suspend,
    /// The server closes with a code after which nobody comes back.
    Fatal {
        /// The code.
        code: u16,
    },
}

impl Step {
    /// Its kind as one word.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Cut { .. } => "cut",
            Self::CutInMessage { .. } => "cut in message",
            Self::BlackHole { .. } => "black hole",
            Self::Stall { .. } => "stall",
            Self::LoseCloseFrames { .. } => "close frames lost",
            Self::RefuseConnects { .. } => "connects refused",
            Self::HangConnects { .. } => "connects hung",
            Self::FailRequests { .. } => "requests failed",
            Self::RefuseRequests { .. } => "requests refused",
            Self::SilenceAcks { .. } => "zombie server",
            Self::Freeze { .. } => "frozen server",
            Self::AskHeartbeats => "heartbeats asked for",
            Self::Reconnect => "op 7 sent",
            Self::Invalidate { resumable: true } => "op 9 true",
            Self::Invalidate { resumable: false } => "op 9 false",
            Self::Close { .. } => "close code",
            Self::CloseShard { .. } => "close code of a shard",
            Self::RefuseUpgrades { .. } => "upgrades refused",
            Self::BreakHandshake { .. } => "handshake broken",
            Self::ReconnectInsteadOfHello { .. } => "op 7 for Hello",
            Self::CorruptStreams => "streams corrupted",
            Self::SendUnknown => "unknown messages",
            Self::RestartServer => "server restart",
            Self::Save => "save",
            Self::Crash { .. } => "crash",
            Self::Suspend { .. } => "suspend",
            Self::Stop { .. } => "stop",
            Self::Jump { .. } => "clock jump",
            Self::Hold { .. } => "slow user",
            Self::Reshard { .. } => "reshard",
            Self::RestartShard { .. } => "shard restart",
            Self::Flood { .. } => "flood",
        }
    }
}

/// So many milliseconds.
pub(super) const fn ms(millis: Millis) -> Duration {
    Duration::from_millis(millis)
}
