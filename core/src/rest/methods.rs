//! Requests by what they are about: an id's or object's methods.

/// Gives an object the methods of its id.
macro_rules! as_its_id {
    ($object:ident, $id:ident: $($name:ident($($arg:ident: $type:ty),*) -> $endpoint:ident;)*) => {
        impl $object {$(
            #[doc = concat!("As [`", stringify!($id), "::", stringify!($name), "`](crate::id::", stringify!($id), "::",
                stringify!($name), "): [`", stringify!($endpoint), "`].")]
            pub fn $name(&self, $($arg: $type),*) -> Call<$endpoint> {
                self.id.$name($($arg),*)
            }
        )*}
    };
}

mod channel;
mod guild;
mod interaction;
mod me;
mod message;
mod search;
mod webhook;

pub use me::Me;
pub use search::When;
