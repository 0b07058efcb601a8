//! Files that are played.

use sanscord::record::ogg::PageWriter;
use sanscord_fuzz::ogg::Choice;

use super::Seed;

/// Packets of 20 ms, a page for each `page`; the last one is cut.
fn stream(serial: u32, packets: u16, page: u16, pre_skip: u16, cut: u64) -> Vec<u8> {
    let (mut writer, head) = PageWriter::new(serial, pre_skip, &[]);
    let mut file = head.to_vec();
    for number in 1..=packets {
        let [high, low] = number.to_be_bytes();
        file.extend(writer.push(&[0xF8, high, low], 960).unwrap_or_default());
        if number % page == 0 && number < packets {
            file.extend(writer.flush().unwrap_or_default());
        }
    }
    file.extend(writer.finish(cut));
    file
}

/// The granule position of each page from `first` on becomes this.
fn with_granules(mut file: Vec<u8>, first: usize, granule: u64) -> Vec<u8> {
    let pages: Vec<usize> = (0..file.len()).filter(|&at| file[at..].starts_with(b"OggS")).collect();
    for at in pages.into_iter().skip(first) {
        file[at + 6..at + 14].copy_from_slice(&granule.to_le_bytes());
    }
    file
}

pub(super) fn ogg() -> Vec<Seed> {
    let plain = |at| Choice { at, ..Choice::default() };
    let mended = |at| Choice { mend: true, at, ..Choice::default() };
    let decoded = |at| Choice { mend: true, decode: true, at };
    let one = stream(1, 30, 7, 312, 100);
    let chain = [stream(1, 8, 3, 0, 480), stream(2, 12, 5, 3840, 0), stream(3, 2, 9, 0, 0)].concat();
    let cut_out = {
        let whole = stream(4, 20, 5, 0, 0);
        let pages: Vec<usize> = (0..whole.len()).filter(|&at| whole[at..].starts_with(b"OggS")).collect();
        // Without the first page of audio, behind the two of headers.
        [&whole[..pages[2]], &whole[pages[3]..]].concat()
    };
    let mut damaged = one.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    vec![
        ("one_stream", plain(200).before(&one)),
        ("for_a_decoder", decoded(300).before(&stream(1, 30, 7, 3840, 0))),
        ("chained", mended(170).before(&chain)),
        ("chained_for_a_decoder", decoded(170).before(&chain)),
        ("cut_out_of_a_longer_one_and_chained", mended(350).before(&[cut_out, chain.clone()].concat())),
        ("damaged", plain(500).before(&damaged)),
        ("breaks_off", plain(100).before(&one[..one.len() - 5])),
        ("last_granule", mended(100).before(&with_granules(one.clone(), 3, u64::MAX - 1))),
        ("no_granules", mended(100).before(&with_granules(one.clone(), 2, u64::MAX))),
        ("granules_that_go_back", mended(100).before(&with_granules(chain, 3, 1))),
        ("headers_only", plain(0).before(&one[..one.len().min(90)])),
        ("no_ogg", plain(0).before(b"RIFF")),
    ]
}
