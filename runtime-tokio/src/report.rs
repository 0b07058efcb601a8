//! What tasks and files tell the driver.

use sanscord::machine::{Closed, Input, SocketId};

use crate::socket::Socket;

/// What tasks and files tell the driver.
pub(crate) enum Report {
    Connected(SocketId, Result<Box<Socket>, Closed>),
    Input(Input),
    FilesDone,
}
