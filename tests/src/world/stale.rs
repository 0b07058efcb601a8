//! Inputs that are none of a client's business, to see that it does not heed them.

use std::fmt;

use bytes::Bytes;
use sanscord::machine::{
    Closed, Fault, FileReport, Frame, Input, Machine, Output, Response, SourceReport, Unanswered,
};
use sanscord::time::Duration;

use super::World;
use crate::check::{Dead, Short};
use crate::server::Server;

impl<M: Machine, S: Server> World<M, S>
where
    M::Event: fmt::Debug,
{
    /// Something that is none of the client's business: nothing visible may follow.
    pub(super) fn feed_stale_input(&mut self) {
        let index = self.rng.usize(..self.clients.len());
        let now = self.clients[index].clock(self.now);
        let dead = self.clients[index].ledger.dead();
        // The kind first, so that requests do not crowd out what is rarer; beyond the last it is a timeout.
        let kind = self.rng.usize(..=dead.len());
        let name = dead.get(kind).and_then(|names| self.rng.choice(names.iter().copied()));
        let variant = self.rng.u8(..5);
        let client = &self.clients[index];
        if !client.started || client.held_until > self.now || client.wait.is_some_and(|at| at <= now) {
            // Nobody drives it; or its time has come, and it may act on any occasion.
            return;
        }
        let reason = || "stale".into();
        let client = &mut self.clients[index];
        let reconnect = Bytes::from_static(br#"{"op":7,"d":null,"s":null,"t":null}"#);
        match name {
            None => {
                client.ledger.input(&Input::Timeout);
                client.machine.handle_input(now, Input::Timeout);
            }
            Some(Dead::Socket(socket)) => match variant {
                0 => client.machine.handle_input(now, Input::Opened(socket)),
                1 => {
                    client.machine.handle_input(now, Input::Closed(socket, Closed::Lost { reason: reason() }))
                }
                2 => client.machine.handle_input(now, Input::Frame(socket, Frame::Binary(reconnect))),
                3 => client.machine.handle_input(now, Input::Frame(socket, Frame::Text(reconnect))),
                _ => {
                    let mut datagram = [0x80; 64];
                    if client.machine.handle_datagram(now, socket, &mut datagram).is_some() {
                        self.fail(index, &"audio from a socket that is gone");
                    }
                }
            },
            Some(Dead::Request(request)) => {
                let answer = match variant {
                    0..3 => {
                        Ok(Response { status: 200, headers: Vec::new(), body: Bytes::from_static(b"{}") })
                    }
                    _ => Err(Unanswered::new(Fault::Lost, reason())),
                };
                client.machine.handle_input(now, Input::Response(request, answer));
            }
            Some(Dead::File(file)) => {
                let report = match variant {
                    0..3 => FileReport::Closed,
                    _ => FileReport::Failed { reason: reason() },
                };
                client.machine.handle_input(now, Input::File(file, report));
            }
            Some(Dead::Source(source)) => {
                let report = match variant {
                    0 => SourceReport::Frames(vec![Bytes::from_static(&[0xF8, 0xFF, 0xFE])]),
                    1 => SourceReport::Ended,
                    2 => SourceReport::Sought { at: Duration::ZERO },
                    3 => SourceReport::SeekRefused { reason: reason() },
                    _ => SourceReport::Failed { reason: reason() },
                };
                client.machine.handle_input(now, Input::Source(source, report));
            }
        }
        let client = &mut self.clients[index];
        match client.machine.poll_output() {
            // A timeout may make a machine count anew; what is not for it may not even do that.
            Output::Wait(wait) if name.is_none() || wait == client.wait => self.note_wait(index, wait),
            output => {
                let message = format!("a stale input ({name:?}) led to {}", Short(&output));
                self.fail(index, &message);
            }
        }
    }
}
