//! The call against hand-written inputs.
