//! Recordings of hand-made packets.
