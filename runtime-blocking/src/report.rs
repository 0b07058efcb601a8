//! What the helper threads tell the driver.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use mio::Waker;
use sanscord::machine::{Closed, Input, Progress, RequestId, Response, SocketId, Unanswered};
use tungstenite::WebSocket;

use crate::socket::Tcp;
use crate::tls::Stream;

#[derive(Debug)]
pub(crate) enum Report {
    Connected(SocketId, Result<Box<WebSocket<Stream<Tcp>>>, Closed>),
    Input(Input),
    Progress(RequestId, Progress),
    /// After it there is room for one more request.
    Answered(RequestId, Result<Response, Unanswered>),
    FilesDone,
}

#[derive(Clone, Debug)]
pub(crate) struct Reporter {
    pub(crate) reports: Sender<Report>,
    pub(crate) driver: Arc<Waker>,
}

impl Reporter {
    pub(crate) fn send(&self, report: Report) {
        let _ = self.reports.send(report);
        let _ = self.driver.wake();
    }
}
