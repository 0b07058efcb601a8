//! Outputs in the order in which they were decided.

use alloc::collections::VecDeque;

use crate::machine::Output;

/// What a machine has decided and its driver has not yet taken.
///
/// Bounded by its machine: each input adds a bounded number of outputs, and a driver drains before it waits.
#[derive(Debug)]
pub(crate) struct Outbox<E>(VecDeque<Output<E>>);

impl<E> Outbox<E> {
    pub(crate) const fn new() -> Self {
        Self(VecDeque::new())
    }

    pub(crate) fn push(&mut self, output: Output<E>) {
        self.0.push_back(output);
    }

    pub(crate) fn event(&mut self, event: impl Into<E>) {
        self.push(Output::Event(event.into()));
    }

    pub(crate) fn pop(&mut self) -> Option<Output<E>> {
        self.0.pop_front()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
