//! One request on its way through a resource.

use sanscord::id::{ChannelId, GuildId, UserId};
use serde_json::{Map, Value};

use super::body::Body;
use super::form::{Complaints, Form, parse_id};
use super::moment;
use super::query::Query;
use super::reply::{self, Answer, Reply};
use super::store::Store;
use crate::config::Config;
use crate::desk::Desk;
use crate::gateway::guild;
use crate::violation::Rule;

/// A request whose route is known.
pub(super) struct Call<'a> {
    pub(super) desk: &'a mut Desk,
    pub(super) store: &'a mut Store,
    /// Who asks: a bot, or one of [`people`](super::settings::RestConfig::people).
    pub(super) user: UserId,
    /// The method and the path's template.
    pub(super) route: &'static str,
    /// What stands for the path's parameters, decoded, with their names.
    pub(super) params: Vec<(&'static str, String)>,
    pub(super) query: Query,
    pub(super) body: Body,
    /// `X-Audit-Log-Reason`, decoded.
    pub(super) reason: Option<String>,
    /// Whether there is any gateway session.
    pub(super) is_heard: bool,
    /// What the gateway is to tell.
    pub(super) events: Vec<(&'static str, Value)>,
}

/// What resources are asked by.
pub(super) type Handler = fn(&mut Call<'_>) -> Answer;

impl Call<'_> {
    pub(super) const fn config(&self) -> &Config {
        &self.desk.config
    }

    /// Milliseconds since 1970.
    pub(super) fn millis(&self) -> u64 {
        moment::unix_millis(&self.desk.config, self.desk.now)
    }

    pub(super) fn iso_now(&self) -> String {
        moment::iso(self.millis())
    }

    /// A new id.
    pub(super) fn mint(&mut self) -> u64 {
        let millis = self.millis();
        self.store.mint(millis)
    }

    /// Lets the gateway tell of something, if there is anybody who hears it.
    pub(super) fn tell(&mut self, event: &'static str, data: Value) {
        if self.is_heard {
            self.events.push((event, data));
        }
    }

    /// A parameter of the path as it stands there.
    pub(super) fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(found, _)| *found == name).map_or("", |(_, value)| value)
    }

    /// A parameter of the path that is an id; the router has seen to that.
    pub(super) fn id(&self, name: &str) -> u64 {
        parse_id(self.param(name)).unwrap_or(0)
    }

    /// The channel of the path.
    pub(super) fn channel(&mut self) -> Result<u64, Reply> {
        self.channel_at(self.id("channel_id"))
    }

    pub(super) fn channel_at(&mut self, id: u64) -> Result<u64, Reply> {
        if self.desk.config.rest.no_access.contains(&ChannelId(id)) {
            return Err(reply::no_access());
        }
        match self.store.channel(&self.desk.config, id) {
            Some(channel) if channel.is_for(self.user) => Ok(id),
            Some(_) => Err(reply::no_access()),
            None => Err(reply::unknown_channel()),
        }
    }

    /// The guild of the path.
    pub(super) fn guild(&self) -> Result<GuildId, Reply> {
        let id = GuildId(self.id("guild_id"));
        guild::exists(&self.desk.config, id).then_some(id).ok_or_else(reply::unknown_guild)
    }

    /// Reads the body's fields, and refuses them if there is any complaint.
    pub(super) fn read<T>(
        &mut self,
        known: &[&str],
        read: impl FnOnce(&Form<'_>, &mut Complaints) -> T,
    ) -> Result<T, Reply> {
        let empty = Map::new();
        let fields = match &self.body.json {
            Value::Null => &empty,
            Value::Object(fields) => fields,
            _ => {
                let message = "Only dictionaries may be used in a DictType";
                return Err(super::form::complaint("", "DICT_TYPE_CONVERT", message));
            }
        };
        let mut complaints = Complaints::default();
        let form = Form::new(fields);
        form.only(&mut complaints, known);
        let read = read(&form, &mut complaints);
        for unknown in std::mem::take(&mut complaints.unknown) {
            let what = format!("{} has a field {unknown:?} that nothing documents", self.route);
            self.desk.violation(Rule::RestBody, what);
        }
        complaints.finish().map(|()| read)
    }

    /// Notes parameters of the query that are none of these.
    pub(super) fn expect_query(&mut self, known: &[&str]) {
        let unknown: Vec<_> =
            self.query.names().filter(|name| !known.contains(name)).map(ToOwned::to_owned).collect();
        for name in unknown {
            let what = format!("{} has a parameter {name:?} that nothing documents", self.route);
            self.desk.violation(Rule::RestBody, what);
        }
    }
}
