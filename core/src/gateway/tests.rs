//! The shard against hand-written inputs.
