//! The network of a world: connections, exchanges and UDP sockets between clients and the server.

use std::fmt;

use bytes::Bytes;
use sanscord::machine::{CloseFrame, Closed, Frame, Input, Machine, RequestId, SocketId};
use sanscord::time::{Duration, Timestamp};

use super::exchange::Wanted;
use super::{OpenConnection, World};
use crate::link::{Delivery, Link, LinkConfig};
use crate::server::{ConnectionId, Server, ServerInput, Service};

/// A WebSocket between a client and the server, which lives until both ends know that it is over.
pub(super) struct Connection {
    pub(super) client: usize,
    pub(super) socket: SocketId,
    pub(super) service: Service,
    pub(super) up: Link<Up>,
    pub(super) down: Link<Down>,
    /// Whether the client still holds its end.
    pub(super) client_end: bool,
    /// Whether the server still holds its end, which it may not know of yet.
    pub(super) server_end: bool,
    pub(super) server_knows: bool,
    pub(super) hole_ends: Option<Timestamp>,
    /// Whether it is cut in the middle of the next message to the client.
    pub(super) breaks: bool,
}

/// What goes from a client to the server.
#[derive(Clone)]
pub(super) enum Up {
    Upgrade(String),
    Frame(Frame),
    Close(Option<CloseFrame>),
}

/// What goes from the server to a client.
#[derive(Clone)]
pub(super) enum Down {
    Accept,
    Refuse(u16),
    Frame(Frame),
    Close(CloseFrame),
    Cut,
}

/// An HTTP exchange.
pub(super) struct Exchange {
    pub(super) client: usize,
    pub(super) request: RequestId,
    pub(super) deadline: Timestamp,
    /// Whether an answer may still get through.
    pub(super) answerable: bool,
    pub(super) wanted: Wanted,
}

/// A client's UDP socket, by its address as the server sees it.
pub(super) struct Udp {
    pub(super) client: usize,
    pub(super) socket: SocketId,
    pub(super) up: Link<Bytes>,
    pub(super) down: Link<Bytes>,
    pub(super) open: bool,
}

impl Udp {
    pub(super) fn new(client: usize, socket: SocketId, link: &LinkConfig, seeds: [u64; 2]) -> Self {
        let [up, down] = seeds.map(|seed| Link::new(link.clone(), seed));
        Self { client, socket, up, down, open: true }
    }
}

impl<M: Machine, S: Server> World<M, S>
where
    M::Event: fmt::Debug,
{
    /// The WebSockets that clients have open or are opening, oldest first.
    #[must_use]
    pub fn connections(&self) -> Vec<OpenConnection> {
        let open = self.connections.iter().filter(|(_, connection)| connection.client_end);
        open.map(|(id, connection)| OpenConnection {
            id: *id,
            client: connection.client,
            socket: connection.socket,
            service: connection.service,
        })
        .collect()
    }

    /// The newest WebSocket of a client to this service, if there is one.
    #[must_use]
    pub fn connection(&self, client: usize, service: Service) -> Option<ConnectionId> {
        let mut open = self.connections().into_iter().rev();
        open.find(|found| found.client == client && found.service == service).map(|found| found.id)
    }

    /// Cuts a connection: what is on its way is lost, and both ends learn of it now. Nothing happens if there
    /// is no such connection.
    pub fn cut(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.remove(&id) else { return };
        self.transcript.note(self.now, format_args!("net cut {}", id.0));
        if connection.client_end {
            let lost = Closed::Lost { reason: "connection reset by peer".into() };
            self.clients[connection.client].inbox.insert(self.now, Input::Closed(connection.socket, lost));
        }
        if connection.server_end && connection.server_knows {
            self.server_inbox.insert(self.now, ServerInput::Closed(id, None));
        }
    }

    /// Cuts a connection in the middle of the next message to the client: it has left the server and never arrives.
    pub fn cut_in_message(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            self.transcript.note(self.now, format_args!("net will cut {} in a message", id.0));
            connection.breaks = true;
        }
    }

    /// Lets whatever is sent on a connection vanish, in both directions, while both ends believe it sent. With
    /// a time the connection is cut when it is over.
    pub fn black_hole(&mut self, id: ConnectionId, time: Option<Duration>) {
        if let Some(connection) = self.connections.get_mut(&id) {
            self.transcript.note(self.now, format_args!("net black hole {} for {time:?}", id.0));
            connection.up.set_black_hole(true);
            connection.down.set_black_hole(true);
            connection.hole_ends = time.map(|time| self.now + time);
        }
    }

    /// Lets what is sent on a connection within this time arrive only at its end, in both directions.
    pub fn stall(&mut self, id: ConnectionId, time: Duration) {
        if let Some(connection) = self.connections.get_mut(&id) {
            self.transcript.note(self.now, format_args!("net stall {} for {time:?}", id.0));
            connection.up.stall(self.now + time);
            connection.down.stall(self.now + time);
        }
    }

    /// Loses every datagram that is sent within this time.
    pub fn lose_datagrams(&mut self, time: Duration) {
        self.transcript.note(self.now, format_args!("net loses datagrams for {time:?}"));
        self.datagrams_lost_until = self.datagrams_lost_until.max(self.now + time);
    }

    pub(super) fn deliver_up(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Delivery::Deliver(item) = connection.up.poll_delivery(self.now) else { return };
        let loses_close = self.now < self.close_frames_lost_until;
        if !connection.server_end {
            return;
        }
        let input = match item {
            Up::Upgrade(target) => {
                connection.server_knows = true;
                ServerInput::Upgrade { connection: id, service: connection.service, target }
            }
            Up::Frame(frame) => ServerInput::Frame(id, frame),
            Up::Close(frame) => {
                connection.server_end = false;
                ServerInput::Closed(id, frame.filter(|_| !loses_close))
            }
        };
        self.forget_if_over(id);
        self.tell_server(input);
    }

    pub(super) fn deliver_down(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Delivery::Deliver(item) = connection.down.poll_delivery(self.now) else { return };
        if connection.breaks && matches!(item, Down::Frame(_)) {
            return self.cut(id);
        }
        if !connection.client_end {
            return;
        }
        let (client, socket) = (connection.client, connection.socket);
        let closed = match item {
            Down::Accept => return self.tell_client(client, Input::Opened(socket)),
            Down::Frame(frame) => return self.tell_client(client, Input::Frame(socket, frame)),
            Down::Refuse(status) => {
                Closed::Refused { status: Some(status), reason: "upgrade refused".into() }
            }
            Down::Close(frame) if self.now >= self.close_frames_lost_until => Closed::ByPeer(Some(frame)),
            Down::Close(_) | Down::Cut => Closed::Lost { reason: "connection reset by peer".into() },
        };
        connection.client_end = false;
        self.forget_if_over(id);
        self.tell_client(client, Input::Closed(socket, closed));
    }

    /// Takes a client's ends of all connections away, as its operating system does when it dies.
    pub(super) fn drop_client_ends(&mut self, client: usize) {
        for connection in self.connections.values_mut() {
            if connection.client == client && connection.client_end {
                connection.client_end = false;
                connection.up.send_ordered(self.now, Up::Close(None));
            }
        }
        self.connections.retain(|_, connection| connection.client_end || connection.server_end);
        for udp in self.udp.values_mut() {
            udp.open &= udp.client != client;
        }
        self.udp.retain(|_, udp| udp.open || !udp.up.is_empty());
        self.exchanges.retain(|_, exchange| exchange.client != client);
    }

    pub(super) fn forget_if_over(&mut self, id: ConnectionId) {
        if self.connections.get(&id).is_some_and(|over| !over.client_end && !over.server_end) {
            self.connections.remove(&id);
        }
    }
}
