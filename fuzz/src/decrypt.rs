//! Transport encryption, with all backends side by side.

use arbitrary::Unstructured;
use sanscord::rtp::aead::{Backend, Cipher, KEY, Mode};
use sanscord::rtp::header::Header;
use sanscord::rtp::transport::{Sealer, open, open_rtcp};

use crate::message::KEY_BYTE;

/// Hostile packets are opened alike by all backends; of a sealed packet, every change is noticed.
pub fn decrypt(data: &[u8]) {
    let mut data = Unstructured::new(data);
    // At the end of the data, everything is zero.
    let mode = Mode::ALL[usize::from(data.arbitrary::<u8>().unwrap_or_default() & 1)];
    let flip: (u16, u8) = data.arbitrary().unwrap_or_default();
    let cut: u8 = data.arbitrary().unwrap_or_default();
    let rest = data.take_rest();
    hostile(mode, rest);

    let Some((header, payload)) = rest.split_at_checked(12) else { return };
    let Ok(parsed) = Header::parse(header) else { return };
    let header = Header { padding: false, ..parsed };
    changed(mode, &header, payload, flip, usize::from(cut));
}

fn hostile(mode: Mode, packet: &[u8]) {
    let mut opened = Vec::new();
    for &backend in Backend::ALL {
        let cipher = Cipher::new(backend, mode, &[KEY_BYTE; KEY]);
        let (mut rtp, mut rtcp) = (packet.to_vec(), packet.to_vec());
        let audio = open(&cipher, &mut rtp).map(|(header, payload)| (header, rtp[payload].to_vec()));
        let report = open_rtcp(&cipher, &mut rtcp).map(|length| rtcp[..length].to_vec());
        opened.push((audio, report));
    }
    assert!(opened.windows(2).all(|pair| pair[0] == pair[1]), "the backends do not agree: {opened:?}");
}

fn changed(mode: Mode, header: &Header, payload: &[u8], flip: (u16, u8), cut: usize) {
    let mut sealed: Vec<Vec<u8>> = Vec::new();
    for &backend in Backend::ALL {
        let mut packet = Vec::new();
        let mut sealer = Sealer::new(backend, mode, &[KEY_BYTE; KEY]);
        assert_eq!(sealer.seal(header, payload, &mut packet), Ok(()));
        sealed.push(packet);
    }
    assert!(sealed.windows(2).all(|pair| pair[0] == pair[1]), "the backends do not agree");
    let packet = &sealed[0];
    for &backend in Backend::ALL {
        let cipher = Cipher::new(backend, mode, &[KEY_BYTE; KEY]);
        let mut intact = packet.clone();
        let opened = open(&cipher, &mut intact).map(|(opened, range)| (opened, intact[range].to_vec()));
        assert_eq!(opened, Ok((*header, payload.to_vec())));

        let mut forged = packet.clone();
        let at = usize::from(flip.0) % forged.len();
        forged[at] ^= flip.1;
        forged.truncate(packet.len() - cut.min(packet.len()));
        if forged != *packet {
            assert!(open(&cipher, &mut forged).is_err(), "a forged packet opened");
        }
    }
}
