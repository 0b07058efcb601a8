//! Who and what is on our Discord, and how it behaves.

use std::collections::BTreeMap;

use sanscord::id::{ChannelId, GuildId, UserId};
use sanscord::time::Duration;

use crate::clip::Clip;
use crate::fault::{Action, Faults, MediaFaults, VoiceOrder};
use crate::link::LinkConfig;
use crate::rest::settings::{History, RestConfig};
use crate::server::Addresses;
use crate::speaker::{Announce, Speaker, Spurt};

/// Everything that can be chosen. [`Config::default`] is the demonstration, [`Config::quiet`] a bare Discord.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the client finds us, for us to tell it.
    pub addresses: Addresses,
    /// The path at which sessions are resumed, behind the gateway's URL, so that the server can tell whether
    /// a client heeds `resume_gateway_url`. Empty: not told apart.
    pub resume_path: String,
    /// The token of the bot.
    pub token: String,
    /// The bot, whose application has the same id.
    pub bot: UserId,
    /// The bot's name.
    pub bot_name: String,
    /// Further bots, each with a token, sessions and limits of its own. They are in the same guilds, and hear one
    /// another in voice channels.
    pub bots: Vec<Bot>,
    /// The main guild, the only one with voice channels and speakers.
    pub guild: GuildId,
    /// Other guilds that the bot is in, each with a text channel. What stands here twice counts once.
    pub more_guilds: Vec<GuildId>,
    /// How many members each guild has beside the bot and the speakers. They are made up from their index.
    pub members: u32,
    /// The most members in one `GUILD_MEMBERS_CHUNK`; Discord's and the highest is 1,000.
    pub chunk_size: usize,
    /// The main guild's name.
    pub guild_name: String,
    /// The main guild's one text channel.
    pub text_channel: (ChannelId, String),
    /// The main guild's voice channels.
    pub voice_channels: Vec<(ChannelId, String)>,
    /// How many shards `/gateway/bot` recommends.
    pub shards: u32,
    /// The fewest shards that are let in: close code 4011.
    pub min_shards: u32,
    /// How many Identifies are allowed at once: one in 5 s for each `shard_id % max_concurrency`.
    pub max_concurrency: u32,
    /// How many Identifies a day allows. One more is the last: the token is reset, and nothing works again.
    pub identify_total: u32,
    /// How many of them remain at first.
    pub identify_remaining: u32,
    /// How long after the origin of the clock they are all there again; from then on every 24 hours.
    pub identify_reset_after: Duration,
    /// Whether clients may ask for a compressed stream, or for compressed payloads. If not, streams are
    /// refused with HTTP status 400, and payloads come as they are.
    pub compression: bool,
    /// The window of zlib streams, as a power of two from 9 to 15. Small ones save memory.
    pub zlib_window: u8,
    /// The window of zstd streams, as a power of two from 10 to 18.
    pub zstd_window: u8,
    /// The gateway's heartbeat interval. Discord's is 41.25 s.
    pub heartbeat_interval: Duration,
    /// The voice gateway's heartbeat interval. Discord's is 13.75 s.
    pub voice_heartbeat_interval: Duration,
    /// How long a session that lost its connection can be resumed.
    pub resume_window: Duration,
    /// The same for a voice session.
    pub voice_resume_window: Duration,
    /// How many dispatches a session keeps for its replay. If more were missed, it cannot be resumed.
    pub replay_limit: usize,
    /// The time between two dispatches of a replay.
    pub replay_pace: Duration,
    /// Whether heartbeats and resumes may name a dispatch older than the newest that arrived, as clients do that
    /// acknowledge what they have handled.
    pub acknowledge_late: bool,
    /// Intents that the bot may not have: close code 4014.
    pub disallowed_intents: u64,
    /// How often somebody writes a message in each guild, if ever, to clients that are cut off, too. Each guild
    /// counts its messages from 1. The guilds take turns, beginning with the main one.
    pub chatter: Option<Duration>,
    /// The encryption modes that Ready offers, in this order. Of all that may stand here, only the two
    /// `rtpsize` modes work.
    pub modes: Vec<String>,
    /// Whether calls are encrypted end to end (DAVE, version 1) for clients that offer it. Those that do not, and all
    /// clients where this is off, get version 0.
    pub dave: bool,
    /// Whether clients that do not offer end-to-end encryption are sent away with close code 4017, as Discord does
    /// since March 2026.
    pub dave_required: bool,
    /// The number of the first numbered message of a voice session. The count wraps behind 65,535.
    pub voice_first_seq: u16,
    /// The order of the dispatches that answer a request to join.
    pub voice_order: VoiceOrder,
    /// Who else is there.
    pub speakers: Vec<Speaker>,
    /// What happens to the speakers' datagrams.
    pub media: MediaFaults,
    /// What happens to the media of these users between them and the voice server, both ways; that of others passes
    /// unharmed. For sockets: in memory a [`World`](crate::world::World) has links of its own.
    pub links: BTreeMap<UserId, LinkConfig>,
    /// Whether the media of clients may be overtaken on their way here. If not, a sequence number that goes back is a
    /// violation.
    pub media_overtakes: bool,
    /// How the REST API behaves.
    pub rest: RestConfig,
    /// What goes wrong otherwise.
    pub faults: Faults,
    /// What happens, and how long after the first voice session became live.
    pub script: Vec<(Duration, Action)>,
    /// How late a client may be before that is a violation, network and scheduling included.
    pub tolerance: Duration,
    /// How many packets of each speaker are remembered as ground truth; the oldest are forgotten first.
    pub truth_limit: usize,
    /// How many frames of each client are kept for [`Discord::heard`](crate::discord::Discord::heard), none by default;
    /// the oldest are forgotten first.
    pub heard_limit: usize,
}

/// A bot beside the first.
#[derive(Clone, Debug)]
pub struct Bot {
    /// Its token.
    pub token: String,
    /// Its user, whose id its application has, too.
    pub user: UserId,
    /// Its name.
    pub name: String,
}

/// The id of the demonstration's first speaker.
pub const ALICE: UserId = UserId(204_255_221_017_214_977);
/// The id of the demonstration's second speaker.
pub const BOB: UserId = UserId(310_848_622_642_069_504);

impl Config {
    /// Discord's own intervals, an empty voice channel, no fault and no script.
    #[must_use]
    pub fn quiet() -> Self {
        Self {
            addresses: Addresses::in_memory(),
            resume_path: "/resume".into(),
            token: "MTEwNDY5NDMxOTMwNjI0ODE5.GkQ2xA.a-token-for-tests-only".into(),
            bot: UserId(1_104_694_319_306_248_192),
            bot_name: "recorder".into(),
            bots: Vec::new(),
            guild: GuildId(1_099_511_627_776_000_001),
            more_guilds: Vec::new(),
            members: 3,
            chunk_size: 1_000,
            guild_name: "Sanscord".into(),
            text_channel: (ChannelId(1_099_511_627_776_000_010), "general".into()),
            voice_channels: vec![
                (ChannelId(1_099_511_627_776_000_020), "Lounge".into()),
                (ChannelId(1_099_511_627_776_000_021), "Quiet corner".into()),
            ],
            shards: 1,
            min_shards: 1,
            max_concurrency: 1,
            identify_total: 1_000,
            identify_remaining: 1_000,
            identify_reset_after: Duration::from_secs(14_400),
            compression: true,
            zlib_window: 12,
            zstd_window: 12,
            heartbeat_interval: Duration::from_millis(41_250),
            voice_heartbeat_interval: Duration::from_millis(13_750),
            resume_window: Duration::from_secs(180),
            voice_resume_window: Duration::from_secs(60),
            replay_limit: 1_000,
            replay_pace: Duration::ZERO,
            acknowledge_late: false,
            disallowed_intents: 0,
            chatter: None,
            modes: vec!["aead_aes256_gcm_rtpsize".into(), "aead_xchacha20_poly1305_rtpsize".into()],
            dave: true,
            dave_required: false,
            voice_first_seq: 0,
            voice_order: VoiceOrder::StateFirst,
            speakers: Vec::new(),
            media: MediaFaults::default(),
            links: BTreeMap::new(),
            media_overtakes: false,
            rest: RestConfig::default(),
            faults: Faults::default(),
            script: Vec::new(),
            tolerance: Duration::from_secs(1),
            truth_limit: 100_000,
            heard_limit: 0,
        }
    }

    /// As many bots beside the first, with ids, names and tokens that are made up.
    #[must_use]
    pub fn more_bots(count: u16) -> Vec<Bot> {
        let bot = |number: u16| Bot {
            token: format!("token-of-bot-{number}.for.tests-only"),
            user: UserId(1_104_694_319_306_248_192 + (u64::from(number) << 22)),
            name: format!("bot{number}"),
        };
        (1..=count).map(bot).collect()
    }

    /// The same with so many messages in a channel, one a minute before the clock's origin. They are made up when they
    /// are asked for.
    #[must_use]
    pub fn history(mut self, channel: ChannelId, count: u64) -> Self {
        self.rest.histories.insert(channel, History { count, spacing: Duration::from_secs(60) });
        self
    }

    /// The users of all bots, the first one first.
    pub fn bot_users(&self) -> impl Iterator<Item = UserId> {
        std::iter::once(self.bot).chain(self.bots.iter().map(|bot| bot.user))
    }

    /// Whose token this is.
    pub(crate) fn bot_of(&self, token: &str) -> Option<UserId> {
        if token == self.token {
            return Some(self.bot);
        }
        self.bots.iter().find(|bot| bot.token == token).map(|bot| bot.user)
    }

    /// The name of a bot.
    pub(crate) fn bot_name(&self, user: UserId) -> &str {
        self.bots.iter().find(|bot| bot.user == user).map_or(&self.bot_name, |bot| &bot.name)
    }

    /// The two speakers of the demonstration: Alice, who begins at once and is announced after her first
    /// packets, and Bob, who joins in later. Her sequence numbers wrap within a second, his timestamps within
    /// two.
    #[must_use]
    pub fn speakers() -> Vec<Speaker> {
        let channel = ChannelId(1_099_511_627_776_000_020);
        let alice = Speaker {
            start: Duration::from_millis(400),
            spurts: vec![
                Spurt { packets: 110, pause: Duration::from_millis(900) },
                Spurt { packets: 60, pause: Duration::from_millis(1_500) },
            ],
            first_sequence: Some(65_530),
            announce: Announce::AfterPackets(3),
            ..Speaker::new(ALICE, "Alice", channel, 0x0A11_CE01, Clip::alice())
        };
        let bob = Speaker {
            start: Duration::from_millis(1_300),
            spurts: vec![Spurt { packets: 140, pause: Duration::from_millis(1_130) }],
            first_timestamp: Some(u32::MAX - 70_000),
            ..Speaker::new(BOB, "Bob", channel, 0x0000_0B0B, Clip::bob())
        };
        vec![alice, bob]
    }
}

impl Default for Config {
    /// The demonstration: two speakers, some loss, reordering, duplicates and forgeries, chatter, heartbeats every five seconds, a gateway that is cut after
    /// three seconds of the call and a voice gateway that is cut after five.
    fn default() -> Self {
        Self {
            heartbeat_interval: Duration::from_secs(5),
            chatter: Some(Duration::from_millis(700)),
            speakers: Self::speakers(),
            media: MediaFaults {
                loss: 0.02,
                reorder: 0.03,
                duplicate: 0.02,
                hostile: Some(Duration::from_millis(700)),
            },
            script: vec![
                (Duration::from_secs(3), Action::CutGateway),
                (Duration::from_secs(5), Action::CutVoice),
            ],
            ..Self::quiet()
        }
    }
}
