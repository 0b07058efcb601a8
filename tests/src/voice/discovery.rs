//! IP discovery: 74 bytes each way (Discord docs: Voice Connections, IP Discovery).

use std::net::SocketAddr;

use bytes::Bytes;

use super::Voice;
use crate::desk::Desk;
use crate::fault::{DiscoveryFault, VoiceStep};
use crate::violation::Rule;

const LENGTH: usize = 74;

impl Voice {
    pub(super) fn on_discovery(&mut self, desk: &mut Desk, from: SocketAddr, data: &Bytes) {
        desk.report.discoveries += 1;
        let excused = self.has_just_ended(desk);
        let named = data.get(4..).and_then(<[u8]>::first_chunk).map_or(0, |ssrc| u32::from_be_bytes(*ssrc));
        let mut sessions = self.seats.values_mut().filter_map(|seat| seat.session.as_mut());
        let alone = desk.config.bots.is_empty();
        let Some(session) = sessions.find(|session| session.ssrc == named || alone) else {
            if excused {
                return;
            }
            return desk.violation(Rule::Discovery, "a request came before Ready, or its SSRC is nobody's");
        };
        if let Err(what) = check(data, session.ssrc) {
            return desk.violation(Rule::Discovery, format!("a request is wrong: {what}"));
        }
        if session.keys.is_none() {
            session.peer = Some(from);
        } else if session.peer == Some(from) {
            session.heard_from(desk.now);
        }
        let (link, ssrc) = (session.link, session.ssrc);
        if let Some(connection) = link
            && self.fault(desk, connection, VoiceStep::Discovery)
        {
            return;
        }
        let fault = desk.config.faults.discovery.pop_front();
        let mut answer = answer(ssrc, from);
        match fault {
            None => {}
            Some(DiscoveryFault::Silence) => return,
            Some(DiscoveryFault::Late(delay)) => return desk.datagram_later(delay, from, answer.into()),
            Some(DiscoveryFault::Garbage) => desk.rng.fill(&mut answer),
            Some(DiscoveryFault::WrongSsrc) => answer = self::answer(ssrc.wrapping_add(1), from),
            Some(DiscoveryFault::Truncated) => answer.truncate(70),
            Some(DiscoveryFault::Echo) => answer = data.to_vec(),
            Some(DiscoveryFault::Unterminated) => {
                for byte in &mut answer[8..72] {
                    *byte = if *byte == 0 { b'1' } else { *byte };
                }
            }
        }
        desk.datagram(from, answer.into());
    }
}

fn check(data: &[u8], ssrc: u32) -> Result<(), &'static str> {
    if data.len() != LENGTH {
        return Err("it has not 74 bytes");
    }
    if data[2..4] != 70_u16.to_be_bytes() {
        return Err("its length is not 70");
    }
    if data[4..8] != ssrc.to_be_bytes() {
        return Err("its SSRC is not the one of Ready");
    }
    if data[8..].iter().any(|byte| *byte != 0) {
        return Err("its address or port is not zero");
    }
    Ok(())
}

fn answer(ssrc: u32, found: SocketAddr) -> Vec<u8> {
    let mut answer = Vec::with_capacity(LENGTH);
    answer.extend([0, 2, 0, 70]);
    answer.extend(ssrc.to_be_bytes());
    answer.extend(found.ip().to_canonical().to_string().into_bytes());
    answer.resize(72, 0);
    answer.extend(found.port().to_be_bytes());
    answer
}
