//! What the opcode tables of both gateways have in common.

/// Who sends an opcode, seen from the client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// Client and server.
    Both,
    /// The server.
    Receive,
    /// The client.
    Send,
}

/// Makes an enum of a table whose columns are number, name and direction.
macro_rules! opcodes {
    ($(#[$outer:meta])* OpCode; $($(#[$doc:meta])* $number:literal $name:ident $direction:ident;)*) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum OpCode {
            $($(#[$doc])* $name,)*
            /// A number that is not in the table: counted, shown to the user, otherwise ignored.
            Unknown(u64),
        }

        impl OpCode {
            /// All opcodes of the table.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The opcode of this number.
            #[must_use]
            pub const fn from_number(number: u64) -> Self {
                match number {
                    $($number => Self::$name,)*
                    other => Self::Unknown(other),
                }
            }

            /// The number on the wire.
            #[must_use]
            pub const fn number(self) -> u64 {
                match self {
                    $(Self::$name => $number,)*
                    Self::Unknown(number) => number,
                }
            }

            /// Who sends it.
            #[must_use]
            pub const fn direction(self) -> Direction {
                match self {
                    $(Self::$name => Direction::$direction,)*
                    Self::Unknown(_) => Direction::Receive,
                }
            }
        }

        impl core::fmt::Display for OpCode {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{self:?} ({})", self.number())
            }
        }
    };
}

pub(crate) use opcodes;
