//! What can be played: files, what is made piece by piece and, with the feature `opus`, samples.

pub use sanscord_host::source::SourceError;
pub use sanscord_host::source::channel::{FrameError, FrameSender, FrameSource, frames};
#[cfg(feature = "opus")]
pub use sanscord_host::source::file::file_to_pcm;
pub use sanscord_host::source::ogg::{Block, Head, OggOpus};
#[cfg(feature = "opus")]
pub use sanscord_host::source::pcm::{
    BITRATE, CHANNELS, FRAME_BYTES, FRAME_SAMPLES, FromReader, FromSamples, OpusEncoder, Pcm, PcmSource,
    SAMPLE_RATE, SILENCE, pcm_frames,
};
pub use sanscord_host::source::threads::MAX_SOURCES;
