//! A thread for each open source, so that a slow disk, a codec or a user's own code holds up nobody else.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use sanscord::machine::{SourceId, SourceReport};
use sanscord::play::{Origin, Source};
use tracing::debug;

use super::file::FileSource;

/// The most sources that one driver has open at once, those included whose last read has not come back yet. One more
/// fails to open.
pub const MAX_SOURCES: usize = 256;

/// Packets of a file that are told of at once. A user's own source may wait for each.
const BATCH: usize = 8;

/// Takes what sources report, from their threads; it must not wait.
type Listener = Arc<dyn Fn(SourceId, SourceReport) + Send + Sync>;

/// The open sources of a driver. No call waits; the threads end by themselves once their source is closed.
pub struct Sources {
    listener: Listener,
    open: HashMap<SourceId, Reader>,
    running: Arc<AtomicUsize>,
}

/// The thread of a source.
struct Reader {
    orders: Sender<Order>,
    thread: JoinHandle<()>,
}

enum Order {
    Read(usize),
    Seek(Duration),
    SetVolume(f32),
}

impl Sources {
    /// No source is open yet. `listener` is told what they report, from their threads.
    pub fn new(listener: impl Fn(SourceId, SourceReport) + Send + Sync + 'static) -> Self {
        Self { listener: Arc::new(listener), open: HashMap::new(), running: Arc::new(AtomicUsize::new(0)) }
    }

    /// As [`Output::OpenSource`](sanscord::machine::Output::OpenSource) says.
    pub fn open(&mut self, source: SourceId, origin: Origin, at: Duration, volume: f32) {
        debug!(source = source.as_u64(), ?origin, ?at, volume, "open source");
        let failed = |reason: String| (self.listener)(source, SourceReport::Failed { reason: reason.into() });
        // Those whose thread has ended by itself have failed, and take no room.
        self.open.retain(|_, reader| !reader.thread.is_finished());
        if self.open.len() >= MAX_SOURCES || self.running.load(Ordering::Relaxed) >= MAX_SOURCES {
            failed(format!("{MAX_SOURCES} sources are open already"));
            return;
        }
        let (to_thread, orders) = channel();
        let (listener, running) = (Arc::clone(&self.listener), Running::new(&self.running));
        let thread = thread::Builder::new().name("sanscord-source".into()).spawn(move || {
            let _running = running;
            let report = |report: SourceReport| listener(source, report);
            let run = || run(origin, at, volume, &orders, &report);
            match catch_unwind(AssertUnwindSafe(run)) {
                Ok(Ok(())) => debug!(source = source.as_u64(), "source closed"),
                Ok(Err(reason)) => report(SourceReport::Failed { reason }),
                Err(_) => report(SourceReport::Failed { reason: "the code that reads it panicked".into() }),
            }
        });
        match thread {
            Ok(thread) => drop(self.open.insert(source, Reader { orders: to_thread, thread })),
            Err(error) => failed(format!("no thread to read it: {error}")),
        }
    }

    /// As [`Output::ReadSource`](sanscord::machine::Output::ReadSource) says.
    pub fn read(&mut self, source: SourceId, frames: usize) {
        self.order(source, Order::Read(frames));
    }

    /// As [`Output::SeekSource`](sanscord::machine::Output::SeekSource) says.
    pub fn seek(&mut self, source: SourceId, at: Duration) {
        self.order(source, Order::Seek(at));
    }

    /// As [`Output::SetVolume`](sanscord::machine::Output::SetVolume) says.
    pub fn set_volume(&mut self, source: SourceId, volume: f32) {
        self.order(source, Order::SetVolume(volume));
    }

    /// As [`Output::CloseSource`](sanscord::machine::Output::CloseSource) says.
    pub fn close(&mut self, source: SourceId) {
        self.open.remove(&source);
    }

    /// A thread that is gone has reported why.
    fn order(&mut self, source: SourceId, order: Order) {
        if self.open.get(&source).is_some_and(|reader| reader.orders.send(order).is_err()) {
            self.open.remove(&source);
        }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

/// Counts a thread for as long as it runs.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Reads a source as it is told, until nobody can tell any more. Answers why it failed.
fn run(
    origin: Origin,
    at: Duration,
    volume: f32,
    orders: &Receiver<Order>,
    report: &dyn Fn(SourceReport),
) -> Result<(), Box<str>> {
    let (mut source, batch): (Box<dyn Source>, usize) = match origin {
        Origin::File(path) => (Box::new(FileSource::open(Path::new(&*path))?), BATCH),
        Origin::Custom(source) => (source, 1),
    };
    if !at.is_zero() {
        source.seek(at)?;
    }
    report(SourceReport::Opened { length: source.duration() });
    if volume.to_bits() != 1.0_f32.to_bits()
        && let Err(reason) = source.set_volume(volume)
    {
        report(SourceReport::VolumeRefused { reason });
    }
    let (mut credit, mut ended) = (0_usize, false);
    loop {
        let order = if credit == 0 || ended {
            orders.recv().map_err(|_| TryRecvError::Disconnected)
        } else {
            orders.try_recv()
        };
        match order {
            Ok(Order::Read(frames)) => credit += frames,
            Ok(Order::Seek(at)) => {
                credit = 0;
                report(match source.seek(at) {
                    Ok(at) => {
                        ended = false;
                        SourceReport::Sought { at }
                    }
                    Err(reason) => SourceReport::SeekRefused { reason },
                });
            }
            Ok(Order::SetVolume(volume)) => {
                if let Err(reason) = source.set_volume(volume) {
                    report(SourceReport::VolumeRefused { reason });
                }
            }
            Err(TryRecvError::Disconnected) => return Ok(()),
            Err(TryRecvError::Empty) => {
                let mut frames: Vec<Bytes> = Vec::new();
                let mut failed = None;
                while frames.len() < credit.min(batch) && !ended && failed.is_none() {
                    match source.read() {
                        Ok(Some(frame)) => frames.push(frame),
                        Ok(None) => ended = true,
                        Err(reason) => failed = Some(reason),
                    }
                }
                credit -= frames.len();
                if !frames.is_empty() {
                    report(SourceReport::Frames(frames));
                }
                if let Some(reason) = failed {
                    return Err(reason);
                }
                if ended {
                    report(SourceReport::Ended);
                }
            }
        }
    }
}
