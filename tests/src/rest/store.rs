//! What there is: everything that requests change and others then show.
//!
//! It begins with the guilds, channels and members that the configuration makes up, and takes over what is changed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sanscord::id::{ChannelId, GuildId, UserId};
use sanscord::time::Timestamp;
use serde_json::{Map, Value, json};

use super::form;
use super::moment;
use crate::config::Config;
use crate::gateway::{guild, members};

pub(super) mod channel;
pub(super) mod files;
pub(super) mod log;

use channel::Channel;
use files::Files;
use log::Log;

/// Nonces that are remembered.
const MAX_NONCES: usize = 100_000;
/// Interactions that are remembered; the oldest are forgotten.
const MAX_INTERACTIONS: usize = 10_000;
/// Bits of ids that other makers of ids here leave clear.
const WORKER: u64 = 1 << 17;

/// An interaction that was created.
#[derive(Debug)]
pub(super) struct Interaction {
    pub(super) token: String,
    pub(super) application: UserId,
    pub(super) channel: u64,
    pub(super) kind: u64,
    /// The message of a component.
    pub(super) message: Option<u64>,
    pub(super) created: Timestamp,
    pub(super) is_answered: bool,
    /// The message that was the answer.
    pub(super) original: Option<u64>,
    /// Whether that is still to be written.
    pub(super) is_deferred: bool,
}

/// Whose nonce it is, and in which channel.
type Nonce = (u64, u64, String);

/// Everything there is. Bounded by the configuration and by what the tests make.
#[derive(Default)]
pub(crate) struct Store {
    channels: BTreeMap<u64, Channel>,
    /// Channels of the configuration that were deleted.
    gone: BTreeSet<u64>,
    /// The channels and threads that were made, by guild.
    made: BTreeMap<GuildId, BTreeSet<u64>>,
    /// Fields of guilds that were changed.
    pub(super) guilds: BTreeMap<GuildId, Map<String, Value>>,
    roles: BTreeMap<GuildId, BTreeMap<u64, Value>>,
    /// Members that were changed, null if they are gone.
    members: BTreeMap<(GuildId, u64), Value>,
    pub(super) webhooks: BTreeMap<u64, Value>,
    /// By application and guild.
    pub(super) commands: BTreeMap<(u64, Option<GuildId>), BTreeMap<u64, Value>>,
    /// How many commands were made since when, by application and guild.
    pub(super) created: BTreeMap<(u64, Option<GuildId>), (Timestamp, u32)>,
    pub(super) interactions: BTreeMap<u64, Interaction>,
    /// Direct messages, by both sides.
    dms: BTreeMap<(u64, u64), u64>,
    pub(super) files: Files,
    /// The messages that have enforced nonces.
    nonces: BTreeMap<Nonce, u64>,
    /// Those nonces in the order in which they came.
    recent: VecDeque<(Timestamp, Nonce)>,
    last: u64,
}

impl Store {
    pub(super) fn mint(&mut self, millis: u64) -> u64 {
        self.last = (moment::snowflake(millis) | WORKER).max(self.last + 1);
        self.last
    }

    /// A channel or thread.
    pub(super) fn channel(&mut self, config: &Config, id: u64) -> Option<&mut Channel> {
        if !self.channels.contains_key(&id) {
            let value = guild::channel(config, ChannelId(id)).filter(|_| !self.gone.contains(&id))?;
            let history = config.rest.histories.get(&ChannelId(id)).copied();
            let log = Log::new(history, config.rest.epoch_millis);
            self.channels.insert(id, Channel::new(value, log));
        }
        self.channels.get_mut(&id)
    }

    /// Adds a channel, of a guild if its object names one.
    pub(super) fn add_channel(&mut self, config: &Config, id: u64, value: Value) {
        if let Some(guild) = value.get("guild_id").and_then(form::snowflake) {
            self.made.entry(GuildId(guild)).or_default().insert(id);
        }
        let history = config.rest.histories.get(&ChannelId(id)).copied();
        self.channels.insert(id, Channel::new(value, Log::new(history, config.rest.epoch_millis)));
    }

    /// Removes a channel with its threads and webhooks.
    pub(super) fn remove_channel(&mut self, id: u64) -> Option<Value> {
        let channel = self.channels.remove(&id)?;
        self.gone.insert(id);
        let guild = channel.guild();
        let threads =
            self.channels.iter().filter(|(_, thread)| thread.is_thread() && thread.parent() == Some(id));
        let threads: Vec<_> = threads.map(|(thread, _)| *thread).collect();
        for gone in threads.iter().chain([&id]) {
            self.channels.remove(gone);
            if let Some(made) = guild.and_then(|guild| self.made.get_mut(&guild)) {
                made.remove(gone);
            }
        }
        self.webhooks.retain(|_, webhook| webhook.get("channel_id").and_then(form::snowflake) != Some(id));
        self.dms.retain(|_, channel| *channel != id);
        Some(channel.value)
    }

    /// The channels of a guild, threads included.
    pub(super) fn channels_of(&mut self, config: &Config, id: GuildId) -> Vec<u64> {
        let configured = guild::channels(config, id);
        let configured = configured.as_array().into_iter().flatten();
        let mut ids: Vec<_> = configured.filter_map(|channel| form::snowflake(&channel["id"])).collect();
        ids.retain(|channel| !self.gone.contains(channel));
        ids.extend(self.made.get(&id).into_iter().flatten());
        ids
    }

    /// The direct messages of two users, made if there are none.
    pub(super) fn dm(&mut self, config: &Config, user: UserId, recipient: &Value, millis: u64) -> u64 {
        let other = form::snowflake(&recipient["id"]).unwrap_or(0);
        if let Some(id) = self.dms.get(&(user.0, other)) {
            return *id;
        }
        let id = self.mint(millis);
        let value = json!({
            "id": id.to_string(), "type": 1, "last_message_id": null, "flags": 0, "recipients": [recipient],
        });
        self.add_channel(config, id, value);
        if let Some(channel) = self.channels.get_mut(&id) {
            channel.owner = Some(user);
        }
        self.dms.insert((user.0, other), id);
        id
    }

    /// The direct messages of a user.
    pub(super) fn dms(&self, user: UserId) -> Vec<Value> {
        let mine = self.dms.range((user.0, 0)..=(user.0, u64::MAX));
        mine.filter_map(|(_, id)| self.channels.get(id)).map(|channel| channel.value.clone()).collect()
    }

    /// The roles of a guild, by id.
    pub(super) fn roles(&mut self, config: &Config, id: GuildId) -> &mut BTreeMap<u64, Value> {
        self.roles.entry(id).or_insert_with(|| {
            let guild = guild::guild(config, id);
            let roles = guild["roles"].as_array().into_iter().flatten().cloned();
            roles.map(|role| (form::snowflake(&role["id"]).unwrap_or(0), role)).collect()
        })
    }

    /// A guild's own fields as they are now.
    pub(super) fn guild(&mut self, config: &Config, id: GuildId) -> Value {
        let mut guild = guild::guild(config, id);
        for (key, value) in self.guilds.get(&id).into_iter().flatten() {
            guild[key] = value.clone();
        }
        guild["roles"] = self.roles(config, id).values().cloned().collect();
        guild
    }

    /// Anybody's user object.
    pub(super) fn user(config: &Config, id: u64) -> Option<Value> {
        if config.bot_users().any(|bot| bot.0 == id) {
            return Some(guild::bot(config, UserId(id)));
        }
        if let Some((_, user)) = config.rest.people.iter().find(|(_, user)| user.0 == id) {
            let found = members::find(config, config.guild, *user);
            return Some(found.unwrap_or_else(|| guild::person(*user, "person", false)));
        }
        members::find(config, config.guild, UserId(id))
    }

    pub(super) fn member(&self, config: &Config, guild: GuildId, id: u64) -> Option<Value> {
        if let Some(member) = self.members.get(&(guild, id)) {
            return Some(member.clone()).filter(|member| !member.is_null());
        }
        let is_bot = config.bot_users().any(|bot| bot.0 == id);
        let user = if is_bot {
            Some(guild::bot(config, UserId(id)))
        } else {
            members::find(config, guild, UserId(id))
        };
        user.map(|user| guild::member(&user))
    }

    /// Changes a member; null removes it.
    pub(super) fn set_member(&mut self, guild: GuildId, id: u64, member: Value) {
        self.members.insert((guild, id), member);
    }

    /// The members behind this id, so many, by id.
    pub(super) fn members(&self, config: &Config, guild: GuildId, after: u64, limit: usize) -> Vec<Value> {
        let gone = self.members.range((guild, 0)..=(guild, u64::MAX)).filter(|(_, member)| member.is_null());
        let made_up = members::ids_after(config, after).take(limit + gone.count());
        let others = config.speakers.iter().filter(|_| guild == config.guild).map(|speaker| speaker.user.0);
        let mut ids: BTreeSet<u64> =
            made_up.chain(others).chain(config.bot_users().map(|bot| bot.0)).collect();
        ids.extend(self.members.range((guild, 0)..=(guild, u64::MAX)).map(|((_, id), _)| *id));
        let behind = ids.range(after.saturating_add(1)..);
        behind.filter_map(|id| self.member(config, guild, *id)).take(limit).collect()
    }

    /// The message that this author sent with this nonce not long ago.
    pub(super) fn repeated(
        &mut self,
        config: &Config,
        now: Timestamp,
        (channel, author): (u64, u64),
        text: &str,
    ) -> Option<u64> {
        let is_over = |at: Timestamp| now.since(at) > config.rest.nonce_window;
        while self.recent.len() > MAX_NONCES || self.recent.front().is_some_and(|(at, _)| is_over(*at)) {
            if let Some((_, nonce)) = self.recent.pop_front() {
                self.nonces.remove(&nonce);
            }
        }
        self.nonces.get(&(channel, author, text.to_owned())).copied()
    }

    pub(super) fn remember(&mut self, at: Timestamp, channel: u64, author: u64, text: String, message: u64) {
        let nonce = (channel, author, text);
        if self.nonces.insert(nonce.clone(), message).is_none() {
            self.recent.push_back((at, nonce));
        }
    }

    /// Takes note of an interaction that a gateway tells of.
    pub(crate) fn interact(&mut self, config: &Config, now: Timestamp, d: &Value) {
        let id = |key: &str| d.get(key).and_then(form::snowflake);
        let (Some(interaction), Some(token)) = (id("id"), d.get("token").and_then(Value::as_str)) else {
            return;
        };
        if self.interactions.len() == MAX_INTERACTIONS {
            self.interactions.pop_first();
        }
        let known = Interaction {
            token: token.into(),
            application: UserId(id("application_id").unwrap_or(config.bot.0)),
            channel: id("channel_id").unwrap_or(config.text_channel.0.0),
            kind: d.get("type").and_then(Value::as_u64).unwrap_or(2),
            message: d.pointer("/message/id").and_then(form::snowflake),
            created: now,
            is_answered: false,
            original: None,
            is_deferred: false,
        };
        self.interactions.insert(interaction, known);
    }
}
