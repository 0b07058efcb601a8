//! A machine whose UDP sockets are real and lead to one address, while all else it asks for is answered in memory.

use std::net::SocketAddr;

use sanscord::client::Client;
use sanscord::machine::{Audio, Input, Machine, Output, SocketId};
use sanscord::rtp::aead::{Backend, Mode};
use sanscord::time::{Duration, Timestamp};
use sanscord::voice::Call;

use crate::packets::SPACING;
use crate::stage::{self, Peer};

/// A machine whose voice servers are at one real address.
///
/// The main gateway, the voice gateways and IP discovery are played by a [`Peer`] within. IP discovery requests go out
/// all the same: by them the server at that address learns who we are.
#[derive(Debug)]
pub struct Wired<M> {
    machine: M,
    peer: Peer,
    server: SocketAddr,
    udp: Vec<SocketId>,
    now: Timestamp,
    schedule: Option<Schedule>,
}

impl Wired<Call> {
    /// A call with nobody.
    #[must_use]
    pub fn call(mode: Mode, server: SocketAddr) -> Self {
        Self::new(stage::new_call(Backend::default(), Timestamp::ZERO), Peer::new(mode), server)
    }
}

impl Wired<Client> {
    /// A client in so many calls, with so many speakers in each.
    #[must_use]
    pub fn client(mode: Mode, server: SocketAddr, calls: u64, speakers: u32) -> Self {
        let machine = stage::new_client(Backend::default(), Timestamp::ZERO, calls);
        Self::new(machine, Peer::with_speakers(mode, speakers), server)
    }
}

impl<M: Machine> Wired<M> {
    fn new(machine: M, peer: Peer, server: SocketAddr) -> Self {
        Self { machine, peer, server, udp: Vec::new(), now: Timestamp::ZERO, schedule: None }
    }

    /// The machine.
    pub const fn machine(&self) -> &M {
        &self.machine
    }

    /// Does something with the machine.
    pub fn act<T>(&mut self, now: Timestamp, act: impl FnOnce(&mut M, Timestamp) -> T) -> T {
        self.now = now;
        act(&mut self.machine, now)
    }

    /// How long after its time each audio packet went out since the last look, by the driver's clock. The first is on
    /// time by definition, and so is one that comes more than 100 ms late: the machine's schedule starts anew.
    pub fn take_lateness(&mut self) -> Vec<Duration> {
        self.schedule.as_mut().map(|schedule| std::mem::take(&mut schedule.late)).unwrap_or_default()
    }

    fn note(&mut self, datagram: &[u8]) {
        // RTP has version 2 in its first two bits, discovery and keepalives have 0.
        if datagram.first().is_none_or(|first| first >> 6 != 2) {
            return;
        }
        let now = self.now;
        let schedule = self.schedule.get_or_insert(Schedule { due: now, late: Vec::new() });
        if now.since(schedule.due) > CATCH_UP {
            schedule.due = now;
        }
        schedule.late.push(now.since(schedule.due));
        schedule.due += Duration::from_nanos(SPACING);
    }
}

/// A packet every 20 ms.
#[derive(Debug)]
struct Schedule {
    due: Timestamp,
    late: Vec<Duration>,
}

/// After a longer delay the machine starts its schedule anew.
const CATCH_UP: Duration = Duration::from_millis(100);

impl<M: Machine> Machine for Wired<M> {
    type Event = M::Event;

    fn handle_input(&mut self, now: Timestamp, input: Input) {
        self.now = now;
        self.machine.handle_input(now, input);
    }

    fn handle_datagram(&mut self, now: Timestamp, socket: SocketId, data: &mut [u8]) -> Option<Audio> {
        self.machine.handle_datagram(now, socket, data)
    }

    fn poll_output(&mut self) -> Output<Self::Event> {
        loop {
            match self.machine.poll_output() {
                Output::OpenUdp { socket, .. } => {
                    self.udp.push(socket);
                    return Output::OpenUdp { socket, peer: self.server };
                }
                Output::SendDatagram(socket, data) => {
                    self.note(&data);
                    self.peer.take::<()>(Output::SendDatagram(socket, data.clone()));
                    return Output::SendDatagram(socket, data);
                }
                Output::Close(socket, frame) if self.udp.contains(&socket) => {
                    return Output::Close(socket, frame);
                }
                Output::Event(event) => return Output::Event(event),
                Output::Wait(deadline) => {
                    if !self.peer.answer(self.now, &mut self.machine) {
                        return Output::Wait(deadline);
                    }
                }
                output => self.peer.take(output),
            }
        }
    }

    fn is_finished(&self) -> bool {
        self.machine.is_finished()
    }

    fn log(event: &Self::Event) -> Option<sanscord::machine::Log> {
        M::log(event)
    }

    fn may_be_dropped(event: &Self::Event) -> bool {
        M::may_be_dropped(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Drives it by hand, with what goes out counted and every socket open at once.
    fn drive(machine: &mut Wired<Call>, now: Timestamp, sent: &mut usize) -> Option<Timestamp> {
        loop {
            match machine.poll_output() {
                Output::OpenUdp { socket, .. } => machine.handle_input(now, Input::Opened(socket)),
                Output::SendDatagram(_, data) => *sent += usize::from(data[0] >> 6 == 2),
                Output::Wait(deadline) => return deadline,
                Output::Event(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn lateness_is_counted_from_the_schedule() {
        let server = SocketAddr::from(([127, 0, 0, 1], 9));
        let mut machine = Wired::call(Mode::AeadAes256GcmRtpsize, server);
        let (mut now, mut sent) = (Timestamp::ZERO, 0);
        drive(&mut machine, now, &mut sent);
        for _ in 0..10 {
            let opus = bytes::Bytes::from_static(&[0xFC; 40]);
            machine.act(now, |call, now| call.send_opus(now, opus)).expect("room");
        }
        let mut deadline = drive(&mut machine, now, &mut sent);
        // The driver comes 3 ms late to the first of these.
        for late in [3, 0, 0] {
            now = deadline.expect("a deadline") + Duration::from_millis(late);
            machine.handle_input(now, Input::Timeout);
            deadline = drive(&mut machine, now, &mut sent);
        }
        assert_eq!(sent, 4);
        let millis: Vec<u128> = machine.take_lateness().iter().map(Duration::as_millis).collect();
        assert_eq!(millis, [0, 3, 0, 0]);
    }
}
