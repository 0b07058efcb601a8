//! What is heard, as samples: with the feature `opus`.

pub use sanscord_host::hear::{PlayoutDecoder, silence};
