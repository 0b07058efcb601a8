//! Payloads: shapes and order of keys as in Discord's.

use std::fmt::Write as _;

use bytes::Bytes;
use fastrand::Rng;

use super::words::word;
use super::{GUILDS, Session};

/// Who and what there is to tell of.
pub(super) struct World {
    rng: Rng,
    seq: u64,
    people: Vec<Person>,
    guilds: Vec<u64>,
}

struct Person {
    id: u64,
    name: String,
    global_name: String,
    avatar: String,
    roles: Vec<u64>,
    joined: String,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let guilds = (0..GUILDS).map(|_| snowflake(&mut rng)).collect();
        let roles: Vec<u64> = (0..60).map(|_| snowflake(&mut rng)).collect();
        let people = (0..PEOPLE)
            .map(|_| Person {
                id: snowflake(&mut rng),
                name: format!("{}.{}{}", word(&mut rng), word(&mut rng), rng.u16(..1000)),
                global_name: format!("{} {}", word(&mut rng), word(&mut rng)),
                avatar: hash(&mut rng),
                roles: (0..rng.usize(1..7)).map(|_| roles[rng.usize(..roles.len())]).collect(),
                joined: time(&mut rng),
            })
            .collect();
        Self { rng, seq: 0, people, guilds }
    }

    pub(super) fn open(&mut self) -> Session {
        let hello = r#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250,"_trace":["[\"gateway-prd-us-east1-c-7s4x\",{\"micros\":0.0}]"]}}"#;
        let guilds: Vec<String> =
            self.guilds.iter().map(|id| format!(r#"{{"unavailable":true,"id":"{id}"}}"#)).collect();
        let d = format!(
            r#"{{"v":10,"user_settings":{{}},"user":{{"verified":true,"username":"bench","mfa_enabled":true,"id":"42","global_name":null,"flags":0,"email":null,"discriminator":"0001","clan":null,"bot":true,"avatar":null}},"session_type":"normal","session_id":"d1b2c3a4e5f60718293a4b5c6d7e8f90","resume_gateway_url":"ws://127.0.0.1","relationships":[],"private_channels":[],"presences":[],"guilds":[{}],"guild_join_requests":[],"geo_ordered_rtc_regions":["rotterdam","frankfurt"],"auth":{{}},"application":{{"id":"42","flags":565248}},"_trace":["[\"gateway-prd-us-east1-c-7s4x\",{{\"micros\":90000}}]"]}}"#,
            guilds.join(",")
        );
        Session { opening: vec![hello.into(), self.dispatch("READY", &d)], events: Vec::new() }
    }

    pub(super) fn dispatch(&mut self, name: &str, d: &str) -> Bytes {
        self.seq += 1;
        format!(r#"{{"t":"{name}","s":{},"op":0,"d":{d}}}"#, self.seq).into()
    }

    pub(super) fn event(&mut self) -> Bytes {
        let (name, d) = match self.rng.u32(..100) {
            0..60 => ("PRESENCE_UPDATE", self.presence()),
            60..80 => ("MESSAGE_CREATE", self.message()),
            80..89 => ("TYPING_START", self.typing()),
            89..92 => ("VOICE_STATE_UPDATE", self.voice_state()),
            92..95 => ("MESSAGE_REACTION_ADD", self.reaction()),
            95..97 => ("GUILD_MEMBER_UPDATE", self.member_update()),
            97..98 => ("MESSAGE_UPDATE", self.message()),
            98..99 => ("MESSAGE_DELETE", self.message_delete()),
            _ => ("CHANNEL_UPDATE", self.channel_update()),
        };
        self.dispatch(name, &d)
    }

    fn presence(&mut self) -> String {
        let guild = self.guild_id();
        let person = self.person();
        let user = format!(r#"{{"id":"{}"}}"#, self.people[person].id);
        let state = self.presence_state();
        format!(r#"{{"user":{user},{state},"guild_id":"{guild}","broadcast":null}}"#)
    }

    /// Status, devices and activities.
    fn presence_state(&mut self) -> String {
        let status = ["online", "idle", "dnd", "offline"][self.rng.usize(..4)];
        let device = ["desktop", "mobile", "web"][self.rng.usize(..3)];
        let clients =
            if status == "offline" { "{}".to_owned() } else { format!(r#"{{"{device}":"{status}"}}"#) };
        let activities = match self.rng.u8(..10) {
            0..4 => String::new(),
            4..7 => self.game(),
            7..9 => format!(
                r#"{{"type":4,"state":"{}","name":"Custom Status","id":"custom","created_at":{}}}"#,
                self.words(4),
                self.millis()
            ),
            _ => self.song(),
        };
        format!(r#""status":"{status}","client_status":{clients},"activities":[{activities}]"#)
    }

    fn game(&mut self) -> String {
        let (start, created) = (self.millis(), self.millis());
        let game = self.rng.usize(..GAMES.len());
        let (details, state, text) = (self.words(4), self.words(3), self.words(2));
        let (id, application) = (self.rng.u64(..), 300_000_000_000_000_000 + game as u64);
        format!(
            r#"{{"type":0,"timestamps":{{"start":{start}}},"state":"{state}","name":"{}","id":"{id:016x}","details":"{details}","created_at":{created},"assets":{{"small_text":"{text}","small_image":"{}","large_text":"{}","large_image":"{}"}},"application_id":"{application}"}}"#,
            GAMES[game],
            application + 77,
            GAMES[game],
            application + 99,
        )
    }

    fn song(&mut self) -> String {
        let (start, created) = (self.millis(), self.millis());
        let (title, artist, album) = (self.words(3), self.words(2), self.words(3));
        let (person, track, cover) = (self.rng.u32(..), self.rng.u64(..), self.rng.u128(..));
        format!(
            r#"{{"type":2,"timestamps":{{"start":{start},"end":{}}},"sync_id":"{track:022x}","state":"{artist}","session_id":"{cover:032x}","party":{{"id":"spotify:{person}"}},"name":"Spotify","id":"spotify:1","flags":48,"details":"{title}","created_at":{created},"assets":{{"large_text":"{album}","large_image":"spotify:{cover:040x}"}}}}"#,
            start + 200_000
        )
    }

    pub(super) fn message(&mut self) -> String {
        let (guild, channel, id) = (self.guild_id(), self.channel_id(), snowflake(&mut self.rng));
        let author = self.person();
        let length = if self.rng.u8(..4) == 0 { 70 } else { 18 };
        let content = self.words(length);
        let time = time(&mut self.rng);
        let mentions = if self.rng.u8(..5) == 0 {
            let mentioned = self.person();
            let (user, member) = (self.user(mentioned), self.partial_member(mentioned));
            format!("{},\"member\":{member}}}", &user[..user.len() - 1])
        } else {
            String::new()
        };
        let embeds = if self.rng.u8(..3) == 0 { self.embed() } else { String::new() };
        let attachments = if self.rng.u8(..5) == 0 { self.attachment(channel) } else { String::new() };
        let (kind, reference) =
            if self.rng.u8(..4) == 0 { self.reply(guild, channel) } else { (0, String::new()) };
        let (user, member) = (self.user(author), self.partial_member(author));
        format!(
            r#"{{"type":{kind},"tts":false,"timestamp":"{time}","pinned":false,"nonce":"{}"{reference},"mentions":[{mentions}],"mention_roles":[],"mention_everyone":false,"member":{member},"id":"{id}","flags":0,"embeds":[{embeds}],"edited_timestamp":null,"content":"{content}","components":[],"channel_type":0,"channel_id":"{channel}","author":{user},"attachments":[{attachments}],"guild_id":"{guild}"}}"#,
            id + 1
        )
    }

    fn reply(&mut self, guild: u64, channel: u64) -> (u8, String) {
        let (id, author) = (snowflake(&mut self.rng), self.person());
        let (content, time, user) = (self.words(15), time(&mut self.rng), self.user(author));
        let reference = format!(
            r#","referenced_message":{{"type":0,"tts":false,"timestamp":"{time}","pinned":false,"mentions":[],"mention_roles":[],"mention_everyone":false,"id":"{id}","flags":0,"embeds":[],"edited_timestamp":null,"content":"{content}","components":[],"channel_id":"{channel}","author":{user},"attachments":[]}},"message_reference":{{"type":0,"message_id":"{id}","guild_id":"{guild}","channel_id":"{channel}"}}"#
        );
        (19, reference)
    }

    fn embed(&mut self) -> String {
        let (title, text, color) = (self.words(5), self.words(25), self.rng.u32(..0x0100_0000));
        let slug = self.rng.u64(..);
        format!(
            r#"{{"url":"https://example.com/articles/{slug:x}","type":"article","title":"{title}","thumbnail":{{"width":1200,"url":"https://cdn.example.com/{slug:x}.png","proxy_url":"https://images-ext-1.discordapp.net/external/{slug:x}/https/cdn.example.com/{slug:x}.png","height":630,"flags":0}},"provider":{{"url":"https://example.com","name":"Example"}},"description":"{text}","color":{color},"content_scan_version":4}}"#
        )
    }

    fn attachment(&mut self, channel: u64) -> String {
        let (id, size) = (snowflake(&mut self.rng), self.rng.u32(10_000..5_000_000));
        format!(
            r#"{{"width":1170,"url":"https://cdn.discordapp.com/attachments/{channel}/{id}/image.png?ex={0:x}&is={0:x}&hm={1:032x}&","size":{size},"proxy_url":"https://media.discordapp.net/attachments/{channel}/{id}/image.png?ex={0:x}&is={0:x}&hm={1:032x}&","placeholder_version":1,"placeholder":"{2:022x}","id":"{id}","height":874,"filename":"image.png","content_type":"image/png","content_scan_version":4}}"#,
            self.rng.u32(..),
            self.rng.u128(..),
            self.rng.u64(..)
        )
    }

    fn typing(&mut self) -> String {
        let (guild, channel, who) = (self.guild_id(), self.channel_id(), self.person());
        let member = self.member(who);
        let id = self.people[who].id;
        format!(
            r#"{{"user_id":"{id}","timestamp":{},"member":{member},"channel_id":"{channel}","guild_id":"{guild}"}}"#,
            self.millis() / 1000
        )
    }

    fn voice_state(&mut self) -> String {
        let (guild, channel, who) = (self.guild_id(), self.channel_id(), self.person());
        let (member, session) = (self.member(who), hash(&mut self.rng));
        let id = self.people[who].id;
        format!(
            r#"{{"member":{member},"user_id":"{id}","suppress":false,"session_id":"{session}","self_video":false,"self_mute":{},"self_deaf":false,"request_to_speak_timestamp":null,"mute":false,"guild_id":"{guild}","deaf":false,"channel_id":"{channel}"}}"#,
            self.rng.bool()
        )
    }

    fn reaction(&mut self) -> String {
        let (guild, channel, who, author) =
            (self.guild_id(), self.channel_id(), self.person(), self.person());
        let (member, message) = (self.member(who), snowflake(&mut self.rng));
        let (id, author) = (self.people[who].id, self.people[author].id);
        format!(
            r#"{{"user_id":"{id}","type":0,"message_id":"{message}","message_author_id":"{author}","member":{member},"emoji":{{"name":"👍","id":null}},"channel_id":"{channel}","burst":false,"guild_id":"{guild}"}}"#
        )
    }

    fn member_update(&mut self) -> String {
        let (guild, who) = (self.guild_id(), self.person());
        let member = self.member(who);
        format!(r#"{},"guild_id":"{guild}"}}"#, &member[..member.len() - 1])
    }

    fn message_delete(&mut self) -> String {
        let (guild, channel, id) = (self.guild_id(), self.channel_id(), snowflake(&mut self.rng));
        format!(r#"{{"id":"{id}","channel_id":"{channel}","guild_id":"{guild}"}}"#)
    }

    fn channel_update(&mut self) -> String {
        let (guild, channel) = (self.guild_id(), self.channel(3));
        format!(r#"{},"guild_id":"{guild}"}}"#, &channel[..channel.len() - 1])
    }

    pub(super) fn guild(&mut self, index: usize, members: usize) -> String {
        let (id, owner, name) = (self.guilds[index], self.people[index].id, self.words(3));
        let list = |count: usize, item: &mut dyn FnMut(usize) -> String| {
            let mut list = String::new();
            for number in 0..count {
                let comma = if number == 0 { "" } else { "," };
                let _ = write!(list, "{comma}{}", item(number));
            }
            list
        };
        let first = self.rng.usize(..PEOPLE);
        let person = |number: usize| (first + number) % PEOPLE;
        let roles = list(30 + index * 2, &mut |number| self.role(number));
        let channels = list(30 + index * 3, &mut |number| self.channel(number));
        let emojis = list(20, &mut |_| self.emoji());
        let list_of_members = list(members, &mut |number| self.member(person(number)));
        let presences = list(members / 3, &mut |number| {
            let (user, state) = (self.people[person(number * 3)].id, self.presence_state());
            format!(r#"{{"user":{{"id":"{user}"}},{state}}}"#)
        });
        let icon = hash(&mut self.rng);
        format!(
            r#"{{"widget_enabled":false,"widget_channel_id":null,"voice_states":[],"verification_level":2,"vanity_url_code":null,"unavailable":false,"threads":[],"system_channel_id":null,"system_channel_flags":0,"stickers":[],"stage_instances":[],"splash":null,"soundboard_sounds":[],"safety_alerts_channel_id":null,"rules_channel_id":null,"roles":[{roles}],"region":"deprecated","public_updates_channel_id":null,"presences":[{presences}],"premium_tier":2,"premium_subscription_count":9,"premium_progress_bar_enabled":false,"preferred_locale":"en-US","owner_id":"{owner}","nsfw_level":0,"nsfw":false,"name":"{name}","mfa_level":0,"members":[{list_of_members}],"member_count":{members},"max_video_channel_users":25,"max_stage_video_channel_users":50,"max_members":500000,"lazy":true,"large":true,"joined_at":"2021-04-05T06:07:08.901000+00:00","incidents_data":null,"id":"{id}","icon":"{icon}","hub_type":null,"home_header":null,"guild_scheduled_events":[],"features":["COMMUNITY","NEWS"],"explicit_content_filter":2,"emojis":[{emojis}],"embedded_activities":[],"discovery_splash":null,"description":null,"default_message_notifications":1,"channels":[{channels}],"banner":null,"application_id":null,"application_command_counts":{{}},"afk_timeout":300,"afk_channel_id":null,"activity_instances":[]}}"#
        )
    }

    fn role(&mut self, position: usize) -> String {
        let (id, name, color) = (snowflake(&mut self.rng), self.words(2), self.rng.u32(..0x0100_0000));
        format!(
            r#"{{"version":1700000000000,"unicode_emoji":null,"tags":{{}},"position":{position},"permissions":"{}","name":"{name}","mentionable":false,"managed":false,"id":"{id}","icon":null,"hoist":{},"flags":0,"colors":{{"tertiary_color":null,"secondary_color":null,"primary_color":{color}}},"color":{color}}}"#,
            self.rng.u64(..1 << 46),
            self.rng.bool()
        )
    }

    fn channel(&mut self, position: usize) -> String {
        let (id, parent, last) =
            (snowflake(&mut self.rng), snowflake(&mut self.rng), snowflake(&mut self.rng));
        let (name, topic) = (word(&mut self.rng), self.words(9));
        let overwrites: Vec<String> = (0..self.rng.usize(..5))
            .map(|_| {
                let (id, allow, deny) =
                    (snowflake(&mut self.rng), self.rng.u64(..1 << 46), self.rng.u64(..1 << 46));
                format!(r#"{{"type":0,"id":"{id}","deny":"{deny}","allow":"{allow}"}}"#)
            })
            .collect();
        format!(
            r#"{{"version":1700000000000,"type":0,"topic":"{topic}","rate_limit_per_user":0,"position":{position},"permission_overwrites":[{}],"parent_id":"{parent}","nsfw":false,"name":"{name}","last_message_id":"{last}","id":"{id}","icon_emoji":{{"name":"👋","id":null}},"flags":0}}"#,
            overwrites.join(",")
        )
    }

    fn emoji(&mut self) -> String {
        let (id, name) = (snowflake(&mut self.rng), word(&mut self.rng));
        format!(
            r#"{{"version":0,"roles":[],"require_colons":true,"name":"{name}","managed":false,"id":"{id}","available":true,"animated":false}}"#
        )
    }

    fn member(&mut self, who: usize) -> String {
        let user = self.user(who);
        let member = self.partial_member(who);
        format!(r#"{{"user":{user},{}"#, &member[1..])
    }

    fn partial_member(&self, who: usize) -> String {
        let Person { roles, joined, .. } = &self.people[who];
        let roles: Vec<String> = roles.iter().map(|id| format!("\"{id}\"")).collect();
        format!(
            r#"{{"roles":[{}],"premium_since":null,"pending":false,"nick":null,"mute":false,"joined_at":"{joined}","flags":2,"deaf":false,"communication_disabled_until":null,"banner":null,"avatar":null}}"#,
            roles.join(",")
        )
    }

    fn user(&self, who: usize) -> String {
        let Person { id, name, global_name, avatar, .. } = &self.people[who];
        format!(
            r#"{{"username":"{name}","public_flags":0,"primary_guild":null,"id":"{id}","global_name":"{global_name}","display_name_styles":null,"discriminator":"0","collectibles":null,"clan":null,"avatar_decoration_data":null,"avatar":"{avatar}"}}"#
        )
    }

    pub(super) fn words(&mut self, count: usize) -> String {
        let mut words = String::with_capacity(count * 7);
        for number in 0..count {
            if number > 0 {
                words.push(' ');
            }
            words.push_str(word(&mut self.rng));
        }
        words
    }

    /// Some people are seen more often than others.
    fn person(&mut self) -> usize {
        let far = self.rng.usize(1..=PEOPLE);
        self.rng.usize(..far)
    }

    fn guild_id(&mut self) -> u64 {
        self.guilds[self.rng.usize(..GUILDS)]
    }

    fn channel_id(&mut self) -> u64 {
        self.guilds[self.rng.usize(..GUILDS)] + self.rng.u64(1..6)
    }

    fn millis(&mut self) -> u64 {
        NOW + self.rng.u64(..80_000_000)
    }
}

fn snowflake(rng: &mut Rng) -> u64 {
    (rng.u64(NOW - 200_000_000_000..NOW) - EPOCH) << 22 | rng.u64(..1 << 14)
}

fn hash(rng: &mut Rng) -> String {
    format!("{:032x}", rng.u128(..))
}

fn time(rng: &mut Rng) -> String {
    format!(
        "202{}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}000+00:00",
        rng.u8(..7),
        rng.u8(1..13),
        rng.u8(1..29),
        rng.u8(..24),
        rng.u8(..60),
        rng.u8(..60),
        rng.u16(..1000)
    )
}

const GAMES: [&str; 8] = [
    "Chess",
    "Minesweeper",
    "Visual Studio Code",
    "Space Traders",
    "Dungeon of Doom",
    "Racing Legends",
    "Farm Life",
    "Tetris",
];

const PEOPLE: usize = 3000;
/// Discord's epoch, in milliseconds (Reference, Snowflakes).
const EPOCH: u64 = 1_420_070_400_000;
const NOW: u64 = 1_790_000_000_000;
