//! What may happen to a machine, as bytes.
//!
//! A step is one byte that says what it is, and its fields, numbers in little endian. Data is a length of two
//! bytes and the data itself. Where the bytes end, zeros follow: any bytes are steps.

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::message::{Message, Rtp};

/// The most steps that are read from one input.
pub const MAX_STEPS: usize = 1024;

/// The longest data of one step in bytes: what comes back of it in a Resume fits in a gateway message.
pub const MAX_DATA: usize = 3500;

/// What happens. Which socket, request or file it happens to is a number in the list of those that it can
/// happen to, modulo the list's length; if there is none, nothing happens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// The time comes that the machine waits for, if any.
    Timeout,
    /// Time passes, in microseconds; nothing is said to the machine.
    Sleep(u32),
    /// A timeout, whether it is due or not.
    Tick,
    /// A socket opened.
    Opened(u8),
    /// A text message came.
    Text(u8, Vec<u8>),
    /// A binary message came.
    Binary(u8, Vec<u8>),
    /// A message came that the main gateway might have sent.
    Gateway(u8, Message),
    /// A message came that a voice server might have sent.
    Voice(u8, Message),
    /// A socket was closed with this code.
    Closed(u8, u16),
    /// A socket was refused (1), closed without a code (2) or lost (any other number).
    Gone(u8, u8),
    /// A request was answered with this status and body.
    Response(u8, u16, Vec<u8>),
    /// A request was not answered.
    Unanswered(u8),
    /// A datagram came.
    Datagram(u8, Vec<u8>),
    /// An RTP packet came.
    Rtp(u8, Rtp),
    /// IP discovery was answered: socket, last byte of the address, port.
    Discovered(u8, u8, u16),
    /// A file that is being closed was.
    FileClosed(u8),
    /// A file could not be written or closed.
    FileFailed(u8),
    /// The user acts: what, and on what.
    Command(u8, u8),
    /// Something happens to a name that is done with: which kind of name, and which of them.
    Stale(u8, u8),
}

/// The number of variants.
const STEPS: u8 = 19;

impl<'a> Arbitrary<'a> for Step {
    fn arbitrary(data: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match data.arbitrary::<u8>()? % STEPS {
            0 => Self::Timeout,
            1 => Self::Sleep(data.arbitrary()?),
            2 => Self::Tick,
            3 => Self::Opened(data.arbitrary()?),
            4 => Self::Text(data.arbitrary()?, bytes(data)?),
            5 => Self::Binary(data.arbitrary()?, bytes(data)?),
            6 => Self::Gateway(data.arbitrary()?, data.arbitrary()?),
            7 => Self::Voice(data.arbitrary()?, data.arbitrary()?),
            8 => Self::Closed(data.arbitrary()?, data.arbitrary()?),
            9 => Self::Gone(data.arbitrary()?, data.arbitrary()?),
            10 => Self::Response(data.arbitrary()?, data.arbitrary()?, bytes(data)?),
            11 => Self::Unanswered(data.arbitrary()?),
            12 => Self::Datagram(data.arbitrary()?, bytes(data)?),
            13 => Self::Rtp(data.arbitrary()?, rtp(data)?),
            14 => Self::Discovered(data.arbitrary()?, data.arbitrary()?, data.arbitrary()?),
            15 => Self::FileClosed(data.arbitrary()?),
            16 => Self::FileFailed(data.arbitrary()?),
            17 => Self::Command(data.arbitrary()?, data.arbitrary()?),
            _ => Self::Stale(data.arbitrary()?, data.arbitrary()?),
        })
    }
}

fn rtp(data: &mut Unstructured<'_>) -> Result<Rtp> {
    Ok(Rtp {
        flags: data.arbitrary()?,
        ssrc: data.arbitrary()?,
        sequence: data.arbitrary()?,
        timestamp: data.arbitrary()?,
        payload: bytes(data)?,
    })
}

fn bytes(data: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let length = usize::from(data.arbitrary::<u16>()?).min(MAX_DATA).min(data.len());
    data.bytes(length).map(Vec::from)
}

/// Reads steps until the bytes end, at most [`MAX_STEPS`].
pub fn steps(mut data: Unstructured<'_>) -> impl Iterator<Item = Step> {
    std::iter::from_fn(move || if data.is_empty() { None } else { data.arbitrary().ok() }).take(MAX_STEPS)
}

impl Step {
    /// Writes what [`Arbitrary`] reads. Data beyond [`MAX_DATA`] is cut.
    pub fn encode(&self, to: &mut Vec<u8>) {
        match self {
            Self::Timeout => to.push(0),
            Self::Sleep(micros) => {
                to.push(1);
                to.extend(micros.to_le_bytes());
            }
            Self::Tick => to.push(2),
            Self::Opened(socket) => to.extend([3, *socket]),
            Self::Text(socket, data) => {
                to.extend([4, *socket]);
                put(data, to);
            }
            Self::Binary(socket, data) => {
                to.extend([5, *socket]);
                put(data, to);
            }
            Self::Gateway(socket, message) => {
                to.extend([6, *socket]);
                message.encode(to);
            }
            Self::Voice(socket, message) => {
                to.extend([7, *socket]);
                message.encode(to);
            }
            Self::Closed(socket, code) => {
                to.extend([8, *socket]);
                to.extend(code.to_le_bytes());
            }
            Self::Gone(socket, how) => to.extend([9, *socket, *how]),
            Self::Response(request, status, body) => {
                to.extend([10, *request]);
                to.extend(status.to_le_bytes());
                put(body, to);
            }
            Self::Unanswered(request) => to.extend([11, *request]),
            Self::Datagram(socket, data) => {
                to.extend([12, *socket]);
                put(data, to);
            }
            Self::Rtp(socket, rtp) => {
                to.extend([13, *socket, rtp.flags, rtp.ssrc]);
                to.extend(rtp.sequence.to_le_bytes());
                to.extend(rtp.timestamp.to_le_bytes());
                put(&rtp.payload, to);
            }
            Self::Discovered(socket, address, port) => {
                to.extend([14, *socket, *address]);
                to.extend(port.to_le_bytes());
            }
            Self::FileClosed(file) => to.extend([15, *file]),
            Self::FileFailed(file) => to.extend([16, *file]),
            Self::Command(what, on) => to.extend([17, *what, *on]),
            Self::Stale(kind, which) => to.extend([18, *kind, *which]),
        }
    }
}

fn put(data: &[u8], to: &mut Vec<u8>) {
    let data = &data[..data.len().min(MAX_DATA)];
    to.extend((data.len() as u16).to_le_bytes());
    to.extend_from_slice(data);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_read_back() {
        let message = Message { kind: 1, number: u64::MAX - 5, at: 7, byte: 200 };
        let rtp = Rtp { flags: 3, ssrc: 4, sequence: 5, timestamp: 0x0102_0304, payload: vec![1, 2] };
        let all = [
            Step::Timeout,
            Step::Sleep(1_000_000),
            Step::Tick,
            Step::Opened(1),
            Step::Text(1, b"text".to_vec()),
            Step::Binary(2, Vec::new()),
            Step::Gateway(0, message.clone()),
            Step::Voice(0, message),
            Step::Closed(1, 4014),
            Step::Gone(1, 2),
            Step::Response(0, 200, b"{}".to_vec()),
            Step::Unanswered(1),
            Step::Datagram(1, vec![0; MAX_DATA]),
            Step::Rtp(0, rtp),
            Step::Discovered(1, 2, 50_000),
            Step::FileClosed(3),
            Step::FileFailed(4),
            Step::Command(1, 2),
            Step::Stale(2, 3),
        ];
        assert_eq!(all.len(), usize::from(STEPS));
        let mut bytes = Vec::new();
        all.iter().for_each(|step| step.encode(&mut bytes));
        assert!(steps(Unstructured::new(&bytes)).eq(all));
    }
}
