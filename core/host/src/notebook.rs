//! Tables and images in Rust notebooks.

use sanscord::object::{Attachment, List, Row};

/// Lets evcxr show a value as HTML: bring the trait into the notebook's scope, and end a cell with the value.
///
/// It writes to the standard output, from where evcxr takes it.
pub trait Notebook {
    /// Shows the value. evcxr calls it.
    fn evcxr_display(&self);
}

impl<T: Row> Notebook for List<T> {
    fn evcxr_display(&self) {
        print!("{}", self.evcxr());
    }
}

impl Notebook for Attachment {
    fn evcxr_display(&self) {
        print!("{}", self.evcxr());
    }
}
