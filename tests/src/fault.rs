//! What may go wrong on our Discord's side, as the configuration asks for it.

use std::collections::VecDeque;

use bytes::Bytes;
use sanscord::id::{ChannelId, UserId};
use sanscord::time::Duration;

use crate::rest::settings::Limit;

/// Faults of handshakes and of REST. Lists are used up from the front, one entry for each occasion.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// HTTP statuses that refuse the next gateway upgrades.
    pub refuse_gateway: VecDeque<u16>,
    /// HTTP statuses that refuse the next voice upgrades.
    pub refuse_voice: VecDeque<u16>,
    /// How many gateway connections begin with Reconnect (op 7) instead of Hello.
    pub reconnect_instead_of_hello: u32,
    /// Ends of gateway connections: each happens when its step is next due, instead of that step.
    pub gateway: VecDeque<(GatewayStep, End)>,
    /// Ends of voice connections, likewise.
    pub voice: VecDeque<(VoiceStep, End)>,
    /// What of the group of an encrypted call is spoilt: each when its message is next due to the client.
    pub dave: VecDeque<DaveFault>,
    /// What is done to media of clients before it is handed on: each to one packet for one receiver.
    pub relay: VecDeque<RelayFault>,
    /// How the next IP discovery requests are answered.
    pub discovery: VecDeque<DiscoveryFault>,
    /// How the next REST requests are answered.
    pub rest: VecDeque<RestFault>,
    /// How the next requests of a route are answered, named as in
    /// [`RestConfig::limits`](crate::rest::settings::RestConfig::limits); attachments are fetched by
    /// `GET /attachments`. They come before those in `rest`.
    pub rest_routes: VecDeque<(String, RestFault)>,
    /// How many requests to join a voice channel get no answer, as if the channel were full.
    pub full_channel: u32,
    /// How late everything is that the main gateway sends.
    pub gateway_delay: Duration,
    /// How late everything is that the voice gateway sends, its datagrams aside.
    pub voice_delay: Duration,
    /// Whether gateway messages have `d` first, not last as Discord writes them: the order of keys in an
    /// object means nothing (RFC 8259, section 4).
    pub data_first: bool,
    /// Whether each message of a zlib stream comes in several WebSocket messages.
    pub split_frames: bool,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// With this close code.
    Close(u16),
    /// Without a word.
    Cut,
}

/// A step of the gateway's handshake, as the server takes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GatewayStep {
    /// Hello is due.
    Hello,
    /// An Identify arrived: READY is due.
    Ready,
    /// READY was sent: `GUILD_CREATE` is due.
    GuildCreate,
    /// A Resume arrived: the replay is due.
    Resume,
    /// The replay was sent: RESUMED is due.
    Resumed,
}

/// A step of the voice gateway's handshake, as the server takes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum VoiceStep {
    /// Hello is due.
    Hello,
    /// An Identify arrived: Ready is due.
    Ready,
    /// An IP discovery request arrived.
    Discovery,
    /// Select Protocol arrived: Session Description is due.
    SessionDescription,
    /// Session Description was sent.
    Live,
    /// A Resume arrived: Resumed is due.
    Resumed,
}

/// A message about the group of an encrypted call that the client cannot use. The other members get it as it should be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DaveFault {
    /// The commit in op 29 has a flipped bit.
    Commit,
    /// The welcome in op 30 has a flipped bit.
    Welcome,
}

/// What a voice server that means harm does to a frame that was sealed end to end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RelayFault {
    /// A bit is flipped.
    Flipped,
    /// It is noise.
    Garbage,
    /// Its trailer claims to be longer than it is, perhaps than the frame.
    LongTrailer,
    /// Its trailer claims to be a byte shorter than it is.
    ShortTrailer,
    /// The marker at its end is gone.
    Stripped,
}

impl RelayFault {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Flipped, Self::Garbage, Self::LongTrailer, Self::ShortTrailer, Self::Stripped];
}

/// A wrong answer to IP discovery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DiscoveryFault {
    /// None, as if a datagram had been lost.
    Silence,
    /// 74 bytes that mean nothing.
    Garbage,
    /// The answer for somebody else's SSRC.
    WrongSsrc,
    /// The first 70 bytes of the answer.
    Truncated,
    /// The request, sent back.
    Echo,
    /// An address without a NUL behind it.
    Unterminated,
    /// The answer, but so much later.
    Late(Duration),
}

/// A REST answer other than the usual one.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RestFault {
    /// This status, with a body that is not JSON.
    Status(u16),
    /// 429 as Discord says it.
    RateLimited {
        /// How long to wait.
        retry_after: Duration,
        /// Whether every route is meant.
        global: bool,
    },
    /// 429 as Cloudflare says it: not JSON, `Retry-After` in whole seconds.
    Cloudflare {
        /// How long to wait; rounded up.
        retry_after: Duration,
    },
    /// 429 for a resource that others use, too: it does not count as invalid, and none could foresee it.
    Shared {
        /// How long to wait.
        retry_after: Duration,
    },
    /// An error as Discord says it.
    Error {
        /// The HTTP status.
        status: u16,
        /// Discord's code.
        code: u32,
        /// What it means.
        message: String,
    },
    /// 202: what is searched has no index yet.
    NotReady {
        /// How long to wait, in seconds.
        retry_after: u64,
    },
    /// Anything at all, an absurd `Retry-After` for one.
    Answer {
        /// The HTTP status.
        status: u16,
        /// Header fields.
        headers: Vec<(String, String)>,
        /// The body.
        body: Bytes,
    },
    /// 302 to where the request was sent.
    Redirect,
    /// 200 with a JSON body of so many bytes, nearly all blanks.
    Huge(usize),
    /// The usual answer, so much later.
    Slow(Duration),
    /// The connection is cut without an answer.
    Lost {
        /// Whether the request was served before that.
        processed: bool,
    },
    /// There is never an answer.
    Silent {
        /// Whether the request was served.
        processed: bool,
    },
    /// The usual answer, but no more than so many bytes of its body.
    Truncated(usize),
    /// The usual answer, compressed with gzip.
    Gzip,
    /// The usual answer; from it on the route has another bucket, which is unused.
    NewBucket,
    /// The usual answer; from it on the route has this limit.
    NewLimit(Limit),
}

impl RestFault {
    /// 429 whose header and body ask for waits like these, as they stand: no number, a negative one, a thousand years.
    #[must_use]
    pub fn absurd_wait(header: &str, body: &str) -> Self {
        let text = format!(
            r#"{{"message": "You are being rate limited.", "retry_after": {body}, "global": false}}"#
        );
        let headers = [("content-type", "application/json"), ("retry-after", header)];
        Self::Answer {
            status: 429,
            headers: headers.map(|(name, value)| (name.into(), value.into())).into(),
            body: text.into(),
        }
    }

    /// Whether Discord itself answers so, and not what stands before it.
    pub(crate) const fn is_discords(&self) -> bool {
        matches!(self, Self::Error { .. } | Self::NotReady { .. })
    }
}

/// What the network does to the speakers' datagrams on their way to the client. Shares are 0 to 1.
#[derive(Clone, Debug, Default)]
pub struct MediaFaults {
    /// The share that is lost.
    pub loss: f64,
    /// The share that is overtaken: it arrives 25 to 75 ms late.
    pub reorder: f64,
    /// The share that arrives twice.
    pub duplicate: f64,
    /// How often a hostile datagram arrives, of each kind in turn; none if absent.
    pub hostile: Option<Duration>,
}

/// A datagram that nobody honest sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hostile {
    /// An empty one.
    Empty,
    /// The beginning of an authentic packet.
    Truncated,
    /// A well formed packet with a tag that does not fit.
    Forged,
    /// An authentic packet of a while ago, sent again.
    Replayed,
    /// The longest that UDP carries: 65,507 bytes that look like RTP.
    Huge,
    /// Noise.
    Garbage,
    /// An authentic packet from an SSRC that nobody was ever told of.
    UnknownSsrc,
}

impl Hostile {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Empty,
        Self::Truncated,
        Self::Forged,
        Self::Replayed,
        Self::Huge,
        Self::Garbage,
        Self::UnknownSsrc,
    ];
}

/// The order of the two dispatches that answer a request to join a voice channel.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum VoiceOrder {
    /// `VOICE_STATE_UPDATE` first, as is usual.
    #[default]
    StateFirst,
    /// `VOICE_SERVER_UPDATE` first.
    ServerFirst,
    /// As the seed decides.
    Random,
}

/// Something that a script lets happen; each is a control method of [`Discord`](crate::discord::Discord),
/// too.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the methods of these names say it")]
pub enum Action {
    Arrive(UserId),
    BeginGroup,
    CloseGateway(u16),
    CloseShard(u32, u16),
    CloseVoice(u16),
    CloseVoiceOf(UserId, u16),
    CorruptStream,
    CutGateway,
    CutVoice,
    CutVoiceOf(UserId),
    Dispatch(String, serde_json::Value),
    EndEncryption,
    EndpointNull,
    Exclude(UserId),
    ForgeCommit(UserId),
    Freeze(bool),
    GatewayOp7,
    Hostile(Hostile),
    Invalidate { resumable: bool },
    Kick(UserId),
    Move(UserId, ChannelId),
    MoveBot(ChannelId),
    ProposeStranger,
    ProposeStrangerTo(UserId),
    RequestHeartbeat,
    Restart,
    SilenceAcks(bool),
    UnknownEvent,
    UnknownOpcode,
    VoiceServerChange,
    WelcomeFalsely(UserId),
}
