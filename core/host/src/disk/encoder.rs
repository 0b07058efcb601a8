//! What makes a file of samples.

use std::io;

use super::decode::Sink;

/// Makes a file of samples.
pub(super) trait Encoder: Sink {
    /// Leaves a file behind that can be played.
    fn flush(&mut self) -> io::Result<()>;

    /// Completes the file and brings it to the disk.
    fn finish(self: Box<Self>) -> io::Result<()>;
}
