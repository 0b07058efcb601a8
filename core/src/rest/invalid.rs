//! What Discord would refuse, refused before it is sent.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

/// A request that Discord would refuse. It was not sent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct Invalid {
    /// The parameter, by its name on the wire.
    pub field: Cow<'static, str>,
    /// What is wrong with it, and what would be right.
    pub why: String,
}

impl Invalid {
    /// This is wrong with that parameter.
    pub fn new(field: impl Into<Cow<'static, str>>, why: impl Into<String>) -> Self {
        Self { field: field.into(), why: why.into() }
    }
}

/// What has a size that Discord bounds.
pub trait Measure {
    /// What is counted; empty for a number itself.
    const UNIT: &'static str;

    /// How many.
    fn measure(&self) -> i64;
}

impl Measure for String {
    const UNIT: &'static str = "characters";

    fn measure(&self) -> i64 {
        self.chars().count() as i64
    }
}

impl<T> Measure for Vec<T> {
    const UNIT: &'static str = "entries";

    fn measure(&self) -> i64 {
        self.len() as i64
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Measure for $number {
            const UNIT: &'static str = "";

            fn measure(&self) -> i64 {
                i64::from(*self)
            }
        }
    )*};
}

numbers!(u8 u16 u32 i32 i64);

/// Refuses what lies outside a range.
pub(crate) fn check<T: Measure>(
    field: &'static str,
    value: &T,
    range: RangeInclusive<i64>,
) -> Result<(), Invalid> {
    let (size, low, high) = (value.measure(), *range.start(), *range.end());
    if range.contains(&size) {
        return Ok(());
    }
    let why = match T::UNIT {
        "" => format!("is {size}, but Discord takes {low} to {high}"),
        unit => format!("has {size} {unit}, but Discord takes {low} to {high}"),
    };
    Err(Invalid::new(field, why))
}
