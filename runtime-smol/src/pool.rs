//! HTTP connections that are kept for the next request to the same host.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::client::conn::http1::SendRequest;
use sanscord_host::http::{KEPT, KEPT_FOR, Target};

use crate::clock::timeout;

/// What goes out.
pub(crate) type Outgoing = UnsyncBoxBody<Bytes, io::Error>;

/// A connection's end at which requests go in.
pub(crate) type Sender = SendRequest<Outgoing>;

/// Whom a connection leads to, and the proxy between.
pub(crate) type Way = (Target, Option<Target>);

/// Each with the time since when nobody uses it, the last one last.
type Kept = HashMap<Way, Vec<(Sender, Instant)>>;

/// Connections that nobody uses: at most [`KEPT`] for a host, each for [`KEPT_FOR`].
#[derive(Clone, Default)]
pub(crate) struct Pool {
    kept: Arc<Mutex<Kept>>,
}

impl Pool {
    /// The connection used last that is still there.
    pub(crate) fn take(&self, way: &Way) -> Option<Sender> {
        let mut kept = self.lock();
        let found = kept.get_mut(way)?;
        while let Some((sender, since)) = found.pop() {
            if since.elapsed() < KEPT_FOR && sender.is_ready() {
                return Some(sender);
            }
        }
        kept.remove(way);
        None
    }

    /// Keeps a connection that has done its work, if it is fit for another request at once.
    pub(crate) async fn keep(&self, way: Way, mut sender: Sender) {
        // An answer that came before its request was sent leaves one that may not be for long.
        if !matches!(timeout(FIT, sender.ready()).await, Some(Ok(()))) {
            return;
        }
        let mut kept = self.lock();
        kept.retain(|_, found| {
            found.retain(|(sender, since)| since.elapsed() < KEPT_FOR && sender.is_ready());
            !found.is_empty()
        });
        let found = kept.entry(way).or_default();
        if found.len() < KEPT {
            found.push((sender, Instant::now()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

/// How long a connection may take to get ready for the next request.
const FIT: Duration = Duration::from_millis(100);
