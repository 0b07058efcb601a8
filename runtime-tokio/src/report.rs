//! What tasks and files tell the driver.

use sanscord::machine::{Closed, Input, Progress, RequestId, Response, SocketId, Unanswered};

use crate::socket::Socket;

/// What tasks and files tell the driver.
pub(crate) enum Report {
    Connected(SocketId, Result<Box<Socket>, Closed>),
    Answered(RequestId, Result<Response, Unanswered>),
    Progress(RequestId, Progress),
    Input(Input),
    FilesDone,
}
