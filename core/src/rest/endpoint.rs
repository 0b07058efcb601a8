//! The table of all endpoints, by resource.
//!
//! Each row says it all: method, path, parameters, answer. [`all`] lists them at run time; it prints as a table.
//!
//! A row's parameters are
//!
//! | kind | where | in the call |
//! |---|---|---|
//! | in the path's braces | the path, percent-encoded | an argument of `new` |
//! | `must` | the JSON body | an argument of `new` |
//! | `ask` | the query | an argument of `new` |
//! | `whole` | all of the JSON body | an argument of `new` |
//! | `body` | the JSON body | a method; left out unless it is called |
//! | `own` | the JSON body | a method of its own, which says more than the value |
//! | `query` | the query | a method |
//! | `each` | the query, the key repeated for each value | a method that may be called again |
//!
//! and a range behind a parameter bounds its value, its characters or its entries.

mod application;
mod channel;
mod command;
mod emoji;
mod guild;
mod interaction;
mod invite;
mod member;
mod message;
mod moderation;
mod pin;
mod reaction;
mod role;
mod scheduled_event;
mod setup;
mod thread;
mod user;
mod voice;
mod webhook;

pub use application::*;
pub use channel::*;
pub use command::*;
pub use emoji::*;
pub use guild::*;
pub use interaction::*;
pub use invite::*;
pub use member::*;
pub use message::*;
pub use moderation::*;
pub use pin::*;
pub use reaction::*;
pub use role::*;
pub use scheduled_event::*;
pub use thread::*;
pub use user::*;
pub use voice::*;
pub use webhook::*;

use alloc::vec::Vec;
use core::fmt;

use crate::machine::Method;

/// A row of the table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Row {
    /// The endpoint's type.
    pub name: &'static str,
    /// The method.
    pub method: Method,
    /// The path, its parameters in braces.
    pub path: &'static str,
    /// The other parameters.
    pub params: &'static [Param],
    /// Parameters of the query of which one at most may be given.
    pub one_of: &'static [&'static str],
    /// The answer's type.
    pub answer: &'static str,
}

/// A parameter of an endpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Param {
    /// Its name on the wire.
    pub name: &'static str,
    /// `must`, `ask`, `whole`, `body`, `own`, `query` or `each`.
    pub kind: &'static str,
    /// Its type.
    pub value: &'static str,
    /// Its bounds; empty if none.
    pub range: &'static str,
}

/// All endpoints.
#[must_use]
pub fn all() -> Table {
    Table(ROWS.iter().flat_map(|rows| rows.iter().copied()).collect())
}

const ROWS: &[&[Row]] = &[
    message::ROWS,
    reaction::ROWS,
    pin::ROWS,
    channel::ROWS,
    thread::ROWS,
    guild::ROWS,
    member::ROWS,
    role::ROWS,
    user::ROWS,
    webhook::ROWS,
    interaction::ROWS,
    command::ROWS,
    invite::ROWS,
    emoji::ROWS,
    voice::ROWS,
    scheduled_event::ROWS,
    moderation::ROWS,
    application::ROWS,
];

/// Endpoints; its `Display` is a table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Table(pub Vec<Row>);

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.0 {
            writeln!(f, "{:<6} {:<70} {:<28} -> {}", row.method.as_str(), row.path, row.name, row.answer)?;
            for param in row.params {
                writeln!(f, "         {:<5} {}: {} {}", param.kind, param.name, param.value, param.range)?;
            }
        }
        Ok(())
    }
}

/// Brings what comes newest first into the order of time.
fn reversed<T>(list: &mut [T]) {
    list.reverse();
}

/// Makes endpoints of rows: see the [module](self).
macro_rules! endpoints {
    ($(
        $(#[$doc:meta])*
        $name:ident: $method:ident $first:literal $({ $part:ident: $part_type:ty } $($then:literal)?)*
        $(with $setup:expr)? => $answer:ty {
            $($(#[$field_doc:meta])* $kind:ident $field:ident $(as $key:literal)?: $type:ty $(, $range:expr)?;)*
            $([one of $($one:ident)+])?
            $([answer $finish:ident])?
        }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub enum $name {}

            impl $crate::rest::call::Endpoint for $name {
                type Answer = $answer;

                const ROW: $crate::rest::endpoint::Row = $crate::rest::endpoint::Row {
                    name: stringify!($name),
                    method: $crate::machine::Method::$method,
                    path: concat!($first $(, "{", stringify!($part), "}" $(, $then)?)*),
                    params: &[$($crate::rest::endpoint::Param {
                        name: $crate::rest::endpoint::key!($field $($key)?),
                        kind: stringify!($kind),
                        value: stringify!($type),
                        range: concat!($(stringify!($range))?),
                    }),*],
                    one_of: &[$($(stringify!($one)),+)?],
                    answer: stringify!($answer),
                };

                $(fn finish(answer: &mut Self::Answer) {
                    $crate::rest::endpoint::$finish(answer);
                })?
            }

            $crate::rest::endpoint::constructor!(
                $name $method [$first $({ $part: $part_type } $($then)?)*] [$($setup)?] []
                $([$kind $field [$($key)?] ($type) [$($range)?]])*
            );

            impl $crate::rest::call::Call<$name> {
                $($crate::rest::endpoint::builder!(
                    $kind $name [$(#[$field_doc])*] $field [$($key)?] ($type) [$($range)?]
                );)*
            }
        )*

        /// The rows of this file.
        pub(super) const ROWS: &[$crate::rest::endpoint::Row] =
            &[$(<$name as $crate::rest::call::Endpoint>::ROW),*];
    };
}

macro_rules! key {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $key:literal) => {
        $key
    };
}

/// Makes `new`, with what a request cannot do without: the path's parameters, then those that are `must`.
macro_rules! constructor {
    (
        $name:ident $method:ident [$first:literal $({ $part:ident: $part_type:ty } $($then:literal)?)*]
        [$($setup:expr)?] [$([$must_kind:ident $must:ident [$($must_key:literal)?] ($must_type:ty) [$($must_range:expr)?]])*]
    ) => {
        impl $name {
            /// The request, with what it cannot do without.
            #[allow(clippy::new_ret_no_self, reason = "what is made of an endpoint is a call of it")]
            #[allow(unused_mut, reason = "not every endpoint has something to set")]
            pub fn new(
                $($part: impl Into<$part_type>,)*
                $($must: impl Into<$must_type>,)*
            ) -> $crate::rest::call::Call<Self> {
                let mut path = alloc::string::String::from($first);
                $(
                    let part: $part_type = $part.into();
                    path.push_str(&$crate::rest::draft::segment(part));
                    $(path.push_str($then);)?
                )*
                let mut draft = $crate::rest::draft::Draft::new($crate::machine::Method::$method, path);
                if <Self as $crate::rest::call::Endpoint>::ROW.params.iter().any(|param| param.kind == "body") {
                    // Discord wants an object, be it empty.
                    draft.object = Some(Default::default());
                }
                $(
                    let value: $must_type = $must.into();
                    let name = $crate::rest::endpoint::key!($must $($must_key)?);
                    $(draft.check($crate::rest::invalid::check(name, &value, $must_range));)?
                    $crate::rest::endpoint::put!($must_kind draft name value);
                )*
                $($setup(&mut draft);)?
                $crate::rest::call::Call::from_draft(draft)
            }
        }
    };
    (
        $name:ident $method:ident $path:tt $setup:tt [$($musts:tt)*]
        [must $field:ident $key:tt $type:tt $range:tt] $($rest:tt)*
    ) => {
        $crate::rest::endpoint::constructor!(
            $name $method $path $setup [$($musts)* [must $field $key $type $range]] $($rest)*
        );
    };
    (
        $name:ident $method:ident $path:tt $setup:tt [$($musts:tt)*]
        [ask $field:ident $key:tt $type:tt $range:tt] $($rest:tt)*
    ) => {
        $crate::rest::endpoint::constructor!(
            $name $method $path $setup [$($musts)* [ask $field $key $type $range]] $($rest)*
        );
    };
    (
        $name:ident $method:ident $path:tt $setup:tt [$($musts:tt)*]
        [whole $field:ident $key:tt $type:tt $range:tt] $($rest:tt)*
    ) => {
        $crate::rest::endpoint::constructor!(
            $name $method $path $setup [$($musts)* [whole $field $key $type $range]] $($rest)*
        );
    };
    ($name:ident $method:ident $path:tt $setup:tt $musts:tt [$($other:tt)*] $($rest:tt)*) => {
        $crate::rest::endpoint::constructor!($name $method $path $setup $musts $($rest)*);
    };
}

macro_rules! put {
    (must $draft:ident $name:ident $value:ident) => {
        $draft.set($name, $value);
    };
    (ask $draft:ident $name:ident $value:ident) => {
        $draft.query($name, $value);
    };
    (whole $draft:ident $name:ident $value:ident) => {{
        let _ = $name;
        $draft.body($value);
    }};
}

/// Makes the method that sets a parameter.
macro_rules! builder {
    (must $($rest:tt)*) => {};
    (ask $($rest:tt)*) => {};
    (whole $($rest:tt)*) => {};
    (own $($rest:tt)*) => {};
    (body $name:ident [$($doc:tt)*] $field:ident [$($key:literal)?] ($type:ty) [$($range:expr)?]) => {
        $($doc)*
        pub fn $field(mut self, $field: impl Into<$type>) -> Self {
            let value: $type = $field.into();
            let name = $crate::rest::endpoint::key!($field $($key)?);
            $(self.draft.check($crate::rest::invalid::check(name, &value, $range));)?
            self.draft.set(name, value);
            self
        }
    };
    (query $name:ident [$($doc:tt)*] $field:ident [$($key:literal)?] ($type:ty) [$($range:expr)?]) => {
        $($doc)*
        pub fn $field(mut self, $field: impl Into<$type>) -> Self {
            let value: $type = $field.into();
            let name = $crate::rest::endpoint::key!($field $($key)?);
            $(self.draft.check($crate::rest::invalid::check(name, &value, $range));)?
            self.draft.query.retain(|(known, _)| known != name);
            self.draft.query(name, value);
            self.draft.at_most_one(<$name as $crate::rest::call::Endpoint>::ROW.one_of);
            self
        }
    };
    (each $name:ident [$($doc:tt)*] $field:ident [$($key:literal)?] ($type:ty) [$($range:expr)?]) => {
        $($doc)*
        pub fn $field(mut self, $field: impl Into<$type>) -> Self {
            let value: $type = $field.into();
            let name = $crate::rest::endpoint::key!($field $($key)?);
            self.draft.query(name, value);
            $(self.draft.check_each(name, $range);)?
            self
        }
    };
}

use {builder, constructor, endpoints, key, put};
