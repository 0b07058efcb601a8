//! Lets it happen.

use std::collections::BTreeSet;

use fastrand::Rng;
use sanscord::client::{Client, Config, Event};
use sanscord::dave;
use sanscord::id::{ChannelId, UserId};
use sanscord::secret::Token;
use sanscord::time::{Duration, Timestamp};
use sanscord::voice;
use sanscord::voice::phase::Phase;

use super::act::Act;
use super::ear::Ears;
use super::{Outcome, Plan};
use crate::config;
use crate::discord::Discord;
use crate::fault::DaveFault;
use crate::link::LinkConfig;
use crate::server::Service;
use crate::violation::Rule;
use crate::world::World;

/// How long calls may take to settle once nothing more happens to them: a session that stays away is given up after
/// a minute, and channels are asked for again at growing intervals.
const SETTLING: Duration = Duration::from_secs(240);

/// How often it is looked whether they have.
const LOOK: Duration = Duration::from_millis(250);

/// Longer than a transition waits, and than what is under way takes.
const CALM: Duration = Duration::from_secs(3);

/// How long keys of an epoch outlive it (dave-protocol, Transitions), and a little.
pub(super) const EXPIRY: Duration = Duration::from_secs(12);

/// The rules that the server sees broken where the network swallowed what a client did right.
const BLAMED_ON_THE_NETWORK: [Rule; 5] =
    [Rule::Acknowledgement, Rule::Dead, Rule::Heartbeat, Rule::Keepalive, Rule::ResumeUrl];

pub(super) struct Stage {
    plan: Plan,
    lines: usize,
    pub(super) rng: Rng,
    pub(super) world: World<Client, Discord>,
    pub(super) users: Vec<UserId>,
    pub(super) channels: Vec<ChannelId>,
    /// Where each member is, or is to be.
    pub(super) places: Vec<Option<usize>>,
    pub(super) ears: Ears,
    pub(super) link: LinkConfig,
    /// Who was put out of the group of its call.
    pub(super) excluded: Option<usize>,
    /// Whether encryption is ended at the moment.
    pub(super) is_clear: bool,
    /// Whether encryption ever was.
    pub(super) was_clear: bool,
    /// Until when what was tampered with may be heard, because speech in the clear passes.
    lax_until: Timestamp,
    /// Until when something lasts that befell the network.
    troubled_until: Timestamp,
    excuses: bool,
    acts: Vec<Act>,
    pub(super) outcome: Outcome,
}

impl Stage {
    /// A stage that tells so many lines of what happened when something fails.
    pub(super) fn new(plan: Plan, lines: usize) -> Self {
        let mut rng = Rng::with_seed(plan.seed ^ 0xCA11);
        let link = draw_link(&mut rng);
        let config = config::Config {
            bots: config::Config::more_bots(u16::try_from(plan.members.saturating_sub(1)).unwrap_or(1)),
            media_overtakes: true,
            ..config::Config::quiet()
        };
        let users: Vec<_> = config.bot_users().collect();
        let channels = config.voice_channels.iter().map(|(channel, _)| *channel).collect();
        let tokens = std::iter::once(&config.token).chain(config.bots.iter().map(|bot| &bot.token));
        let mut clients: Vec<_> = tokens.map(|token| client(token, &mut rng)).collect();
        let first = clients.remove(0);
        let mut world = World::new(first, Discord::new(config, plan.seed), link.clone(), plan.seed);
        for client in clients {
            world.add_client(client);
        }
        if lines > 0 {
            world.transcript_mut().keep_all();
        }
        Self {
            places: vec![None; users.len()],
            plan,
            lines,
            rng,
            world,
            users,
            channels,
            ears: Ears::default(),
            excluded: None,
            is_clear: false,
            was_clear: false,
            lax_until: Timestamp::ZERO,
            troubled_until: Timestamp::ZERO,
            // Keepalives are lost there, too.
            excuses: link.loss > 0.0,
            link,
            acts: Vec::new(),
            outcome: Outcome::default(),
        }
    }

    /// Lets all of it happen.
    pub(super) fn run(mut self) -> Result<Outcome, String> {
        let result = self.play();
        if let Err(what) = result {
            return Err(self.tell(&what));
        }
        self.outcome.time = self.world.now().since_origin();
        self.outcome.heard = self.ears.count;
        let report = self.world.server().report();
        self.outcome.sessions = report.voice_identifies;
        self.outcome.resumes = report.voice_resumes;
        Ok(self.outcome)
    }

    fn play(&mut self) -> Result<(), String> {
        for member in 0..self.users.len() {
            let act = Act::Join(member, usize::from(self.rng.u8(..8) == 0));
            self.perform(act)?;
            self.pause(600)?;
        }
        self.settle()?;
        self.converse()?;
        for _ in 0..self.plan.rounds {
            for _ in 0..self.rng.u32(1..=5) {
                let act = Act::draw(&mut self.rng, self.users.len());
                self.perform(act)?;
                if self.rng.bool() {
                    self.pause(2_500)?;
                }
            }
            self.calm()?;
            self.settle()?;
            self.converse()?;
            if self.rng.u8(..6) == 0 {
                self.speak_in_the_clear()?;
            }
        }
        self.put_one_out()
    }

    /// Something is said meanwhile, and time passes.
    fn pause(&mut self, millis: u64) -> Result<(), String> {
        for member in 0..self.users.len() {
            if self.rng.u8(..3) == 0 {
                self.say(member, 1);
            }
        }
        let time = Duration::from_millis(self.rng.u64(..=millis));
        self.run_for(time)
    }

    /// Ends what lasts.
    fn calm(&mut self) -> Result<(), String> {
        self.world.with_server(|discord, _| {
            let faults = &mut discord.config_mut().faults;
            faults.dave.clear();
            faults.relay.clear();
        });
        let time = self.troubled_until.since(self.world.now());
        self.run_for(time)
    }

    /// Encryption ends, and begins again.
    fn speak_in_the_clear(&mut self) -> Result<(), String> {
        self.acts.push(Act::Downgrade);
        self.is_clear = true;
        self.was_clear = true;
        self.world.with_server(Discord::end_encryption);
        self.settle()?;
        self.converse()?;
        self.is_clear = false;
        self.lax_until = self.world.now() + EXPIRY;
        self.world.with_server(Discord::begin_group);
        self.settle()?;
        self.converse()
    }

    /// Something that befell the network lasts so long from now.
    fn trouble(&mut self, time: Duration) {
        self.troubled_until = self.troubled_until.max(self.world.now() + time);
    }

    fn perform(&mut self, act: Act) -> Result<(), String> {
        self.acts.push(act);
        self.outcome.acts += 1;
        self.excuses |= act.excuses();
        let guild = self.world.server().config().guild;
        match act {
            Act::Join(member, channel) => self.join(member, channel),
            Act::Leave(member) => self.leave(member),
            Act::Return(member) => {
                if let Some(channel) = self.places[member] {
                    self.leave(member);
                    self.join(member, channel);
                }
            }
            Act::Move(member, channel) => {
                let (user, to) = (self.users[member], self.channels[channel]);
                if self.world.server().channel_of(user).is_some() && self.places[member].is_some() {
                    self.places[member] = Some(channel);
                    self.world.with_server(|discord, now| discord.move_to(now, user, to));
                }
            }
            Act::Kick(member) => {
                // It joins again by itself if it does not hear of this in time, as it must.
                let user = self.users[member];
                let call = self.world.client(member).call(guild);
                if call.is_some_and(|call| matches!(call.phase(), Phase::Live { .. })) {
                    self.places[member] = None;
                    self.world.with_server(|discord, now| discord.kick(now, user));
                    self.run_for(Duration::from_secs(2))?;
                    self.leave(member);
                }
            }
            Act::Cut(member) => {
                if let Some(connection) = self.world.connection(member, Service::Voice) {
                    self.world.cut(connection);
                }
            }
            Act::CutGateway(member) => {
                if let Some(connection) = self.world.connection(member, Service::Gateway) {
                    self.world.cut(connection);
                }
            }
            Act::Close(member, 1006) => {
                let user = self.users[member];
                self.world.with_server(|discord, now| discord.cut_voice_of(now, user));
            }
            Act::Close(member, code) => {
                let user = self.users[member];
                self.world.with_server(|discord, now| discord.close_voice_of(now, user, code));
            }
            Act::Hole(member, time) => {
                if let Some(connection) = self.world.connection(member, Service::Voice) {
                    self.trouble(time);
                    self.world.black_hole(connection, Some(time));
                }
            }
            Act::Stall(member, time) => {
                if let Some(connection) = self.world.connection(member, Service::Voice) {
                    self.trouble(time);
                    self.world.stall(connection, time);
                }
            }
            Act::LoseDatagrams(time) => {
                self.trouble(time);
                self.world.lose_datagrams(time);
            }
            Act::Hold(member, time) => {
                self.trouble(time);
                self.world.hold_client(member, time);
            }
            Act::ChangeServer => self.world.with_server(Discord::voice_server_change),
            Act::NewGroup => self.world.with_server(Discord::begin_group),
            Act::Downgrade => {
                self.was_clear = true;
                self.world.with_server(Discord::end_encryption);
                self.lax_until = Timestamp::from_nanos(u64::MAX);
                self.pause(2_500)?;
                self.world.with_server(Discord::begin_group);
                self.lax_until = self.world.now() + EXPIRY;
            }
            Act::ForgeCommit(member) => {
                let user = self.users[member];
                self.world.with_server(|discord, now| discord.forge_commit(now, user));
            }
            Act::WelcomeFalsely(member) => {
                let user = self.users[member];
                self.world.with_server(|discord, now| discord.welcome_falsely(now, user));
            }
            Act::ProposeStranger(member) => {
                let user = self.users[member];
                self.world.with_server(|discord, now| discord.propose_stranger_to(now, user));
            }
            Act::SpoilCommit => self.spoil(DaveFault::Commit),
            Act::SpoilWelcome => self.spoil(DaveFault::Welcome),
            Act::Tamper(fault) => {
                self.world.with_server(|discord, _| discord.config_mut().faults.relay.push_back(fault));
            }
        }
        Ok(())
    }

    fn spoil(&mut self, fault: DaveFault) {
        self.world.with_server(|discord, _| discord.config_mut().faults.dave.push_back(fault));
    }

    fn join(&mut self, member: usize, channel: usize) {
        let (guild, to) = (self.world.server().config().guild, self.channels[channel]);
        self.places[member] = Some(channel);
        self.world.with_client(member, |client, now| client.join(now, guild, to));
    }

    fn leave(&mut self, member: usize) {
        let guild = self.world.server().config().guild;
        self.places[member] = None;
        self.world.with_client(member, |client, now| client.leave(now, guild));
    }

    pub(super) fn say(&mut self, member: usize, frames: u32) -> Vec<u32> {
        let (guild, user) = (self.world.server().config().guild, self.users[member]);
        let mut said = Vec::new();
        for _ in 0..frames {
            let (number, frame) = self.ears.say(user);
            let sent = self.world.with_client(member, |client, now| client.send_opus(now, guild, frame));
            if sent.is_ok() {
                said.push(number);
            }
        }
        said
    }

    pub(super) fn run_for(&mut self, time: Duration) -> Result<(), String> {
        self.world.run_for(time);
        let is_lax = self.world.now() < self.lax_until;
        for heard in self.world.take_audio() {
            self.ears.hear(heard.client, heard.user, &heard.opus, is_lax)?;
        }
        for happened in self.world.take_events() {
            match happened.event {
                Event::Voice(_, voice::Event::Packet(packet)) => {
                    self.ears.hear(happened.client, packet.user, &packet.opus, is_lax)?;
                }
                Event::Voice(_, voice::Event::Dave(dave::Event::Epoch { .. })) => self.outcome.epochs += 1,
                Event::Voice(_, voice::Event::Dave(dave::Event::Recovering { .. })) => {
                    self.outcome.recoveries += 1;
                }
                _ => {}
            }
        }
        let excused = |rule: &Rule| self.excuses && BLAMED_ON_THE_NETWORK.contains(rule);
        match self.world.server().violations().iter().find(|violation| !excused(&violation.rule)) {
            Some(violation) => Err(violation.to_string()),
            None => Ok(()),
        }
    }

    /// Waits until every call is in order.
    pub(super) fn settle(&mut self) -> Result<(), String> {
        let end = self.world.now() + SETTLING;
        let mut asked_again = BTreeSet::new();
        loop {
            self.run_for(LOOK)?;
            let Err(why) = self.look() else { break };
            // Who leaves and comes back while somebody moves it may take the move for the answer, and then the answer to
            // its leave for a removal. Its user asks again.
            for member in 0..self.users.len() {
                let is_out = self.call(member).is_none_or(|call| call.phase() == Phase::Ended);
                if let Some(channel) = self.places[member].filter(|_| is_out)
                    && asked_again.insert(member)
                {
                    self.join(member, channel);
                }
            }
            if self.world.now() > end {
                return Err(format!("the calls do not settle: {why}"));
            }
        }
        self.run_for(CALM)?;
        self.look().map_err(|why| format!("the calls do not stay settled: {why}"))
    }

    /// What happened, with all that led to it.
    fn tell(&self, what: &str) -> String {
        let is_news =
            |line: &&str| !["timeout", "datagram", " heard "].iter().any(|dull| line.contains(dull));
        let lines: Vec<_> = self.world.transcript().lines().filter(is_news).collect();
        let last = lines.get(lines.len().saturating_sub(self.lines)..).unwrap_or_default().join("\n");
        let Plan { seed, members, .. } = self.plan;
        let now = self.world.now().since_origin();
        format!("{last}\n{:?}\nseed {seed}, {members} members, after {now:?}: {what}", self.acts)
    }
}

fn client(token: &str, rng: &mut Rng) -> Client {
    let mut seed = [0; 32];
    rng.fill(&mut seed);
    Client::new(Config::new(Token::new(token)), seed)
}

/// Mostly links on which nothing is lost.
fn draw_link(rng: &mut Rng) -> LinkConfig {
    let delay = Duration::from_millis(rng.u64(1..=80));
    let steady = LinkConfig::steady(delay);
    match rng.u8(..4) {
        0 => LinkConfig { delay: delay..=delay * 3, duplicate: 0.05, reorder: 0.05, ..steady },
        1 => LinkConfig { delay: delay..=delay * 2, loss: 0.05, duplicate: 0.02, reorder: 0.05 },
        _ => steady,
    }
}
