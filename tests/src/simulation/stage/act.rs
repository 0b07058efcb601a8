//! Each step, as it happens.

use sanscord::cluster::{Cluster, Shards, Stopped};
use sanscord::gateway::ShardId;
use sanscord::gateway::command::{Command, MembersRequest, Presence};
use sanscord::id::GuildId;
use sanscord::machine::Machine as _;
use sanscord::time::{Duration, Timestamp};

use super::{Relief, Saved, Stage, cluster_of};
use crate::discord::Discord;
use crate::fault::{End, GatewayStep, RestFault};
use crate::server::ConnectionId;
use crate::simulation::plan::{Millis, Step, ms};
use crate::world::FaultPlan;

/// How long the consequences of a fault last: a heartbeat that is one interval late, and the network's delay.
const AFTERMATH: Duration = Duration::from_secs(10);

/// How long after a jump or a stall a server's minute may hold more than a minute's messages.
const SQUEEZED: Duration = Duration::from_secs(120);

/// How long it may take until a message that a cut connection lost is missed.
const LOSSY: Duration = Duration::from_secs(300);
/// How long it may take until a session is resumed from a state that was not the last.
const STALE: Duration = Duration::from_secs(600);

impl Stage<'_> {
    pub(super) fn act(&mut self, step: &Step) -> Result<(), String> {
        if matches!(step, Step::Cut { .. } | Step::CutInMessage { .. } | Step::RestartServer) {
            self.lossy_until = self.lossy_until.max(self.world.now() + LOSSY);
        }
        match *step {
            Step::Cut { which } => self.on_connection(which, |stage, id| stage.world.cut(id)),
            Step::CutInMessage { which } => {
                self.on_connection(which, |stage, id| stage.world.cut_in_message(id));
            }
            Step::BlackHole { which, time } => self.on_connection(which, |stage, id| {
                stage.blame(time);
                stage.world.black_hole(id, Some(ms(time)));
            }),
            Step::Stall { which, time } => self.on_connection(which, |stage, id| {
                stage.blame(time);
                stage.squeezed_until = stage.squeezed_until.max(stage.world.now() + ms(time) + SQUEEZED);
                stage.world.stall(id, ms(time));
            }),
            Step::LoseCloseFrames { time } => {
                self.lossy_until = self.lossy_until.max(self.world.now() + ms(time));
                self.peace_from = self.peace_from.max(self.world.now() + ms(time));
                self.world.lose_close_frames(ms(time));
            }
            Step::RefuseConnects { time } => {
                self.world.refuse_connects(true);
                self.relieve_in(time, Relief::Connects);
            }
            Step::HangConnects { time } => {
                self.world.set_faults(FaultPlan { hung_connect: 1.0, ..FaultPlan::NONE });
                self.relieve_in(time, Relief::Connects);
            }
            Step::FailRequests { count } => self.world.fail_requests(count),
            Step::RefuseRequests { count, status } => self.on_server(|discord, _| {
                let fault = match status {
                    429 => RestFault::RateLimited { retry_after: Duration::from_secs(3), global: true },
                    _ => RestFault::Status(status),
                };
                discord.config_mut().faults.rest.extend((0..count).map(|_| fault.clone()));
            }),
            Step::SilenceAcks { time } => {
                self.on_server(|discord, now| discord.silence_acks(now, true));
                self.relieve_in(time, Relief::Acks);
            }
            Step::Freeze { time } => {
                self.blame(time);
                self.on_server(|discord, now| discord.freeze(now, true));
                self.relieve_in(time, Relief::Thaw);
            }
            Step::AskHeartbeats => {
                self.asked_until = self.world.now() + ms(self.plan.heartbeat) + AFTERMATH;
                self.on_server(Discord::request_heartbeat);
            }
            Step::Reconnect => self.on_server(Discord::gateway_op7),
            Step::Invalidate { resumable } => {
                self.on_server(|discord, now| discord.invalidate(now, resumable));
            }
            Step::Close { code } => self.on_server(|discord, now| discord.close_gateway(now, code)),
            Step::CloseShard { number, code } => {
                self.on_server(|discord, now| discord.close_shard(now, number, code));
            }
            Step::RefuseUpgrades { count, status } => self.on_server(|discord, _| {
                discord.config_mut().faults.refuse_gateway.extend((0..count).map(|_| status));
            }),
            Step::BreakHandshake { step, code } => self.on_server(|discord, _| {
                let step = match step {
                    0 => GatewayStep::Hello,
                    1 => GatewayStep::Ready,
                    2 => GatewayStep::GuildCreate,
                    3 => GatewayStep::Resume,
                    _ => GatewayStep::Resumed,
                };
                let end = code.map_or(End::Cut, End::Close);
                discord.config_mut().faults.gateway.push_back((step, end));
            }),
            Step::ReconnectInsteadOfHello { count } => self.on_server(|discord, _| {
                discord.config_mut().faults.reconnect_instead_of_hello += count;
            }),
            Step::CorruptStreams => self.on_server(Discord::corrupt_stream),
            Step::SendUnknown => self.on_server(|discord, now| {
                discord.unknown_event(now);
                discord.unknown_opcode(now);
            }),
            Step::RestartServer => self.on_server(Discord::restart),
            Step::Save => self.save(),
            Step::Crash { down, saved, silent } => {
                if saved {
                    self.save();
                } else {
                    self.witness.forget_identifies();
                    self.blame(down);
                    self.stale_until = self.world.now() + ms(down) + STALE;
                }
                if silent {
                    self.blame(down);
                    for connection in self.world.connections() {
                        self.world.black_hole(connection.id, Some(Duration::from_secs(60)));
                    }
                }
                self.start_anew(down);
            }
            Step::Suspend { down } => {
                self.world.with_client(0, Cluster::suspend);
                self.see_end()?;
                self.save();
                self.start_anew(down);
            }
            Step::Stop { down } => {
                self.world.with_client(0, Cluster::stop);
                self.see_end()?;
                self.witness.forget_identifies();
                self.blame(down);
                self.saved = None;
                self.start_anew(down);
            }
            Step::Jump { time, behind } => {
                let now = self.world.now();
                self.blame(time);
                if behind {
                    self.behind_until = self.behind_until.max(now) + ms(time);
                    self.blame(self.behind_until.since(now).as_millis() as Millis);
                }
                self.witness.forget_identifies();
                self.squeezed_until = self.squeezed_until.max(now + SQUEEZED);
                self.world.jump_clock(0, ms(time), behind);
            }
            Step::Hold { time } => {
                self.blame(time);
                self.world.hold_client(0, ms(time));
            }
            // One that is under way, or as many shards as there are: the user is told so.
            Step::Reshard { count } => {
                if self.is_driven() {
                    let _ = self.world.with_client(0, |c, now| c.reshard(now, Shards::All { count }));
                }
            }
            Step::RestartShard { number, keep } => {
                let count = self.world.client(0).count();
                if let Some(number) = number.checked_rem(count)
                    && self.is_driven()
                {
                    let id = ShardId { number, count };
                    self.world.with_client(0, |cluster, now| cluster.restart_shard(now, id, keep));
                }
            }
            Step::Flood { kind, count } => {
                if self.is_driven() {
                    self.flood(kind, count);
                }
            }
        }
        Ok(())
    }

    pub(super) fn relieve(&mut self, relief: Relief) {
        match relief {
            Relief::Acks => self.on_server(|discord, now| discord.silence_acks(now, false)),
            Relief::Thaw => self.on_server(|discord, now| discord.freeze(now, false)),
            Relief::Connects => {
                self.world.refuse_connects(false);
                self.world.set_faults(FaultPlan::NONE);
            }
        }
    }

    /// Whether nothing keeps the client's user from acting.
    fn is_driven(&self) -> bool {
        self.world.is_driven(0)
    }

    fn relieve_in(&mut self, time: Millis, relief: Relief) {
        let at = self.world.now() + ms(time);
        let place = self.reliefs.partition_point(|(other, _)| *other <= at);
        self.reliefs.insert(place, (at, relief));
    }

    /// From now on, for this time and a while after it, the network or a clock may be to blame.
    fn blame(&mut self, time: Millis) {
        let aftermath = ms(self.plan.heartbeat) * 2 + AFTERMATH;
        let until = self.world.now() + ms(time) + aftermath;
        self.blameless_until = self.blameless_until.max(until);
        self.lossy_until = self.lossy_until.max(until);
    }

    fn on_connection(&mut self, which: usize, act: impl FnOnce(&mut Self, ConnectionId)) {
        let open = self.world.connections();
        if let Some(connection) = open.get(which % open.len().max(1)) {
            act(self, connection.id);
        }
    }

    fn on_server(&mut self, act: impl FnOnce(&mut Discord, Timestamp)) {
        self.world.with_server(act);
    }

    fn see_end(&mut self) -> Result<(), String> {
        self.is_ending = true;
        self.look()?;
        self.is_ending = false;
        match &self.witness.stopped {
            Some(Stopped::ByUser) if self.world.client(0).is_finished() => Ok(()),
            other => Err(format!("told to end, and ended with {other:?}")),
        }
    }

    /// Saves the state, unless the process has only just begun: then what it began with is still there.
    fn save(&mut self) {
        let cluster = self.world.client(0);
        if cluster.count() > 0 {
            let state = cluster.state();
            let now = self.world.now();
            self.saved = Some(Saved { position: self.witness.position(now, &state), state, at: now });
        }
    }

    fn start_anew(&mut self, down: Millis) {
        let saved = self.saved.as_ref();
        let age = |at: Timestamp| self.world.now().since(at) + ms(down);
        let state = saved.map(|saved| saved.state.clone().aged(age(saved.at)));
        let config = self.world.server().config();
        let cluster = cluster_of(self.plan, config, &self.witness, self.processes, state);
        self.processes += 1;
        self.witness.restart(saved.map(|saved| (&saved.state, &saved.position)));
        self.world.replace_client(0, cluster);
        self.world.hold_client(0, ms(down));
        self.started = self.world.now() + ms(down);
    }

    fn flood(&mut self, kind: u8, count: u32) {
        let first = self.world.server().config().guild;
        for n in 0..count {
            let guild = GuildId(first.0 + (u64::from(n % self.plan.guilds) << 22));
            // A full queue is what a flood leads to.
            let is_full = self.world.with_client(0, |cluster, now| match kind {
                0 => cluster.send(now, &Command::Presence(Presence::default())).is_err(),
                1 => cluster.request_members(now, MembersRequest::named(guild, "a", 10)).is_err(),
                2 => cluster.request_members(now, MembersRequest::all(guild)).is_err(),
                3 => {
                    let d = serde_json::json!({ "guild_id": guild, "fields": ["status"] });
                    cluster.send(now, &Command::Raw { op: 43, d }).is_err()
                }
                _ => cluster.send(now, &Command::SoundboardSounds { guild_ids: vec![guild] }).is_err(),
            });
            if is_full {
                self.tally.add("commands refused", 1);
            }
        }
    }
}
