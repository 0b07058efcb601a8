//! What a client did that Discord does not allow.

use std::fmt;

use sanscord::time::Timestamp;

/// A rule that a client broke.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// When the server saw it.
    pub at: Timestamp,
    /// Which rule.
    pub rule: Rule,
    /// What was seen, for a human.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {} ({})", self.at.since_origin(), self.what, self.rule.source())
    }
}

/// The rules that our Discord watches over.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Rule {
    /// The WebSocket's path and query name the protocol's version and encoding.
    Target,
    /// Messages are JSON objects in text frames, with the fields that their opcode asks for.
    Payload,
    /// A gateway message has at most 4,096 bytes.
    Size,
    /// At most 120 gateway messages in 60 seconds on one connection.
    SendRate,
    /// Only opcodes that a bot may send, in an order that makes sense.
    Order,
    /// Heartbeats come on time.
    Heartbeat,
    /// Heartbeats and resumes name the newest message that was received, and no other; where clients may
    /// [acknowledge late](crate::config::Config::acknowledge_late), none that was not sent.
    Acknowledgement,
    /// At most one Identify in 5 seconds for each of the `max_concurrency` keys, and a wait after Invalid
    /// Session.
    IdentifyRate,
    /// Never more Identifies in a day than are allowed.
    IdentifyBudget,
    /// At most five presence updates in 20 seconds on one connection.
    PresenceRate,
    /// A request about a guild comes from the shard that serves it.
    Routing,
    /// What Discord has ended for good is not tried again.
    Dead,
    /// A session is resumed at the address that it was given for that.
    ResumeUrl,
    /// REST requests say who asks.
    UserAgent,
    /// REST requests heed the rate limits they were told of.
    RestRate,
    /// REST requests are well formed: bodies have the Content-Type that they are of, no unknown fields, and whole parts;
    /// paths and queries are encoded.
    RestBody,
    /// A reason for the audit log is percent-encoded UTF-8 of 1 to 512 characters.
    RestReason,
    /// Clients stop long before 10,000 invalid requests in 10 minutes.
    RestInvalid,
    /// IP discovery packets are as documented.
    Discovery,
    /// Select Protocol names what discovery found, and a mode that was offered.
    SelectProtocol,
    /// A Speaking message precedes media, and names our SSRC.
    Speaking,
    /// The UDP path is kept open.
    Keepalive,
    /// Media packets are well formed, authentic and in order.
    Media,
    /// No nonce serves twice under one key.
    Nonce,
    /// Members of an encrypted call do their part in its group, and say nothing in the clear.
    Dave,
}

impl Rule {
    /// Where the rule is written.
    #[must_use]
    pub const fn source(self) -> &'static str {
        match self {
            Self::Target => "Discord docs: Gateway, Connecting; Voice Connections, Gateway Versioning",
            Self::Payload | Self::Order => "Discord docs: Opcodes and Status Codes",
            Self::Size => "Discord docs: Gateway, Sending Events",
            Self::SendRate => "Discord docs: Gateway, Rate Limiting",
            Self::Heartbeat => "Discord docs: Gateway, Heartbeat Interval; Voice Connections, Heartbeating",
            Self::Acknowledgement => {
                "Discord docs: Gateway, Sending Heartbeats, Resuming; Voice Connections, Buffered Resume"
            }
            Self::IdentifyBudget => "Discord docs: Gateway, Session Start Limit Object",
            Self::PresenceRate => "Discord docs: Gateway Events, Update Presence",
            Self::Routing => "Discord docs: Gateway, Sharding",
            Self::IdentifyRate => "Discord docs: Gateway, Session Start Limit Object, Sharding",
            Self::Dead => "Discord docs: Opcodes and Status Codes, Close Event Codes",
            Self::ResumeUrl => "Discord docs: Gateway, Resuming",
            Self::UserAgent => "Discord docs: Reference, User Agent",
            Self::RestRate => "Discord docs: Rate Limits",
            Self::RestBody => "Discord docs: Reference, Content Type, Uploading Files; RFC 3986; RFC 7578",
            Self::RestReason => "Discord docs: Audit Logs",
            Self::RestInvalid => "Discord docs: Rate Limits, Invalid Request Limit",
            Self::Discovery => "Discord docs: Voice Connections, IP Discovery",
            Self::SelectProtocol => "Discord docs: Voice Connections, Establishing a Voice UDP Connection",
            Self::Speaking => "Discord docs: Voice Connections, Speaking",
            Self::Keepalive => {
                "NAT bindings of UDP may close after seconds of silence: RFC 4787, section 4.3"
            }
            Self::Media => "Discord docs: Voice Connections, Voice Packet Structure; RFC 3550, section 5.1",
            Self::Nonce => {
                "Discord docs: Voice Connections, Transport Encryption Modes; RFC 5116, section 3.1"
            }
            Self::Dave => {
                "dave-protocol: Protocol Transitions, Delivery Service and Voice Gateway, Frame format"
            }
        }
    }
}
