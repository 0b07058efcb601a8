//! What a test lets happen on our Discord, a method for each [`Action`].

use sanscord::id::{ChannelId, UserId};
use sanscord::time::Timestamp;
use serde_json::Value;

use super::Discord;
use crate::fault::{Action, Hostile};

impl Discord {
    /// Lets something happen now.
    pub fn act(&mut self, now: Timestamp, action: Action) {
        self.advance(now);
        self.perform(action);
        self.settle();
        self.catch_up();
    }

    /// Sends a dispatch to all sessions whose shard serves the guild that `d` names, as its `guild_id` or, in the
    /// guild's own events, as its `id`; without a guild, to those of shard 0. Sessions without a connection get it
    /// when they resume.
    pub fn dispatch(&mut self, now: Timestamp, name: &str, d: Value) {
        self.act(now, Action::Dispatch(name.into(), d));
    }

    /// Lets somebody use a command, a component or a form of the first bot in its main text channel: `data` as
    /// `INTERACTION_CREATE` has it, and its type. Answers with the whole event, which has the token.
    pub fn interact(&mut self, now: Timestamp, kind: u8, data: Value) -> Value {
        self.advance(now);
        let token = self.desk.hex(32);
        let d = self.rest.interaction(&self.desk, kind, data, &token);
        self.act(now, Action::Dispatch("INTERACTION_CREATE".into(), d.clone()));
        d
    }

    /// Cuts every gateway connection without a word.
    pub fn cut_gateway(&mut self, now: Timestamp) {
        self.act(now, Action::CutGateway);
    }

    /// Closes every gateway connection with this code.
    pub fn close_gateway(&mut self, now: Timestamp, code: u16) {
        self.act(now, Action::CloseGateway(code));
    }

    /// Closes the gateway connections of all shards of this number, whatever their count, with this code.
    pub fn close_shard(&mut self, now: Timestamp, number: u32, code: u16) {
        self.act(now, Action::CloseShard(number, code));
    }

    /// Damages the next compressed message of each gateway connection so that it cannot be decompressed.
    pub fn corrupt_stream(&mut self, now: Timestamp) {
        self.act(now, Action::CorruptStream);
    }

    /// Stops or resumes sending anything on the gateway. Upgrades are still accepted, connections stay open. What
    /// was held back goes out in the end, as TCP would have it.
    pub fn freeze(&mut self, now: Timestamp, on: bool) {
        self.act(now, Action::Freeze(on));
    }

    /// Restarts the gateway: every connection is cut, the voice WebSocket, too, and every session is forgotten.
    /// Limits are remembered.
    pub fn restart(&mut self, now: Timestamp) {
        self.act(now, Action::Restart);
    }

    /// Sends every session an event of which no documentation tells.
    pub fn unknown_event(&mut self, now: Timestamp) {
        self.act(now, Action::UnknownEvent);
    }

    /// Sends every gateway client a message with an opcode of which no documentation tells.
    pub fn unknown_opcode(&mut self, now: Timestamp) {
        self.act(now, Action::UnknownOpcode);
    }

    /// Asks every gateway client to reconnect, and closes its connection four seconds later.
    pub fn gateway_op7(&mut self, now: Timestamp) {
        self.act(now, Action::GatewayOp7);
    }

    /// Declares every gateway session invalid; unless resumable, it is over, and with it the voice
    /// connection.
    pub fn invalidate(&mut self, now: Timestamp, resumable: bool) {
        self.act(now, Action::Invalidate { resumable });
    }

    /// Cuts every voice WebSocket without a word. Media go on.
    pub fn cut_voice(&mut self, now: Timestamp) {
        self.act(now, Action::CutVoice);
    }

    /// Cuts the voice WebSocket of one bot without a word. Its media go on.
    pub fn cut_voice_of(&mut self, now: Timestamp, user: UserId) {
        self.act(now, Action::CutVoiceOf(user));
    }

    /// Closes the voice WebSocket of one bot with this code.
    pub fn close_voice_of(&mut self, now: Timestamp, user: UserId, code: u16) {
        self.act(now, Action::CloseVoiceOf(user, code));
    }

    /// Closes every voice WebSocket with this code. Media go on if the code lets the session be resumed.
    pub fn close_voice(&mut self, now: Timestamp, code: u16) {
        self.act(now, Action::CloseVoice(code));
    }

    /// Throws somebody out of their voice channel, the bot or a speaker.
    pub fn kick(&mut self, now: Timestamp, user: UserId) {
        self.act(now, Action::Kick(user));
    }

    /// Lets a speaker come back to their voice channel.
    pub fn arrive(&mut self, now: Timestamp, user: UserId) {
        self.act(now, Action::Arrive(user));
    }

    /// Moves a bot to another voice channel.
    pub fn move_to(&mut self, now: Timestamp, user: UserId, channel: ChannelId) {
        self.act(now, Action::Move(user, channel));
    }

    /// Moves the first bot to another voice channel.
    pub fn move_bot(&mut self, now: Timestamp, channel: ChannelId) {
        self.act(now, Action::MoveBot(channel));
    }

    /// Gives every bot in a voice channel another voice server, as it is done when one fails.
    pub fn voice_server_change(&mut self, now: Timestamp) {
        self.act(now, Action::VoiceServerChange);
    }

    /// Tells every bot in a voice channel that its voice server is gone and there is none yet.
    pub fn endpoint_null(&mut self, now: Timestamp) {
        self.act(now, Action::EndpointNull);
    }

    /// Ends the encryption of calls (voice op 21, version 0). Calls of version 0 stay as they are, here and below.
    pub fn end_encryption(&mut self, now: Timestamp) {
        self.act(now, Action::EndEncryption);
    }

    /// Begins a new group of everyone in the call, whether or not there is one (voice op 24, epoch 1): so encryption
    /// begins again after it was ended.
    pub fn begin_group(&mut self, now: Timestamp) {
        self.act(now, Action::BeginGroup);
    }

    /// Puts a bot out of the group of its call, without a word to it, and goes on handing it all that is said there: it
    /// cannot open that any more. Not even its key packages are taken until it connects anew.
    pub fn exclude(&mut self, now: Timestamp, user: UserId) {
        self.act(now, Action::Exclude(user));
    }

    /// Announces to a bot a commit that is none.
    pub fn forge_commit(&mut self, now: Timestamp, user: UserId) {
        self.act(now, Action::ForgeCommit(user));
    }

    /// Hands a bot the welcome that was last sent to somebody, if there was one.
    pub fn welcome_falsely(&mut self, now: Timestamp, user: UserId) {
        self.act(now, Action::WelcomeFalsely(user));
    }

    /// Proposes to a bot to add somebody to the group of whom it was never told.
    pub fn propose_stranger_to(&mut self, now: Timestamp, user: UserId) {
        self.act(now, Action::ProposeStrangerTo(user));
    }

    /// The same for the first bot.
    pub fn propose_stranger(&mut self, now: Timestamp) {
        self.act(now, Action::ProposeStranger);
    }

    /// Stops or resumes answering heartbeats, on both gateways.
    pub fn silence_acks(&mut self, now: Timestamp, on: bool) {
        self.act(now, Action::SilenceAcks(on));
    }

    /// Asks for heartbeats, on both gateways.
    pub fn request_heartbeat(&mut self, now: Timestamp) {
        self.act(now, Action::RequestHeartbeat);
    }

    /// Sends a hostile datagram to the live voice session. Kinds that spoil an authentic packet need one
    /// first.
    pub fn hostile(&mut self, now: Timestamp, kind: Hostile) {
        self.act(now, Action::Hostile(kind));
    }
}
