//! Sources of audio in memory: Ogg Opus from the world's disk, and the user's own.

use std::collections::BTreeMap;
use std::io::Cursor;

use bytes::Bytes;
use ogg::PacketReader;
use sanscord::machine::{SourceId, SourceReport};
use sanscord::opus::{self, RATE};
use sanscord::play::{Origin, Source};
use sanscord::time::Duration;

use super::Disk;

/// The open sources of all clients. Each order is done at once.
#[derive(Default)]
pub(super) struct Sources {
    open: BTreeMap<(usize, SourceId), Box<dyn Source>>,
}

impl Sources {
    pub(super) fn open(
        &mut self,
        client: usize,
        id: SourceId,
        origin: Origin,
        at: Duration,
        volume: f32,
        disk: &Disk,
    ) -> Vec<SourceReport> {
        let opened = match origin {
            Origin::Custom(source) => Ok(source),
            Origin::File(path) => Packets::open(&path, disk),
        };
        let opened = opened.and_then(|mut source| {
            if !at.is_zero() {
                source.seek(at)?;
            }
            Ok(source)
        });
        let mut source = match opened {
            Ok(source) => source,
            Err(reason) => return vec![SourceReport::Failed { reason }],
        };
        let mut reports = vec![SourceReport::Opened { length: source.duration() }];
        if volume.to_bits() != 1.0_f32.to_bits() {
            reports.extend(source.set_volume(volume).err().map(refused));
        }
        self.open.insert((client, id), source);
        reports
    }

    pub(super) fn read(&mut self, client: usize, id: SourceId, frames: usize) -> Vec<SourceReport> {
        let Some(source) = self.open.get_mut(&(client, id)) else { return Vec::new() };
        let (mut read, mut last) = (Vec::new(), None);
        while read.len() < frames && last.is_none() {
            match source.read() {
                Ok(Some(frame)) => read.push(frame),
                Ok(None) => last = Some(SourceReport::Ended),
                Err(reason) => last = Some(SourceReport::Failed { reason }),
            }
        }
        if let Some(SourceReport::Failed { .. }) = last {
            self.open.remove(&(client, id));
        }
        let frames = if read.is_empty() { None } else { Some(SourceReport::Frames(read)) };
        frames.into_iter().chain(last).collect()
    }

    pub(super) fn seek(&mut self, client: usize, id: SourceId, at: Duration) -> Vec<SourceReport> {
        let Some(source) = self.open.get_mut(&(client, id)) else { return Vec::new() };
        vec![match source.seek(at) {
            Ok(at) => SourceReport::Sought { at },
            Err(reason) => SourceReport::SeekRefused { reason },
        }]
    }

    pub(super) fn set_volume(&mut self, client: usize, id: SourceId, volume: f32) -> Vec<SourceReport> {
        let Some(source) = self.open.get_mut(&(client, id)) else { return Vec::new() };
        source.set_volume(volume).err().map(refused).into_iter().collect()
    }

    pub(super) fn close(&mut self, client: usize, id: SourceId) {
        self.open.remove(&(client, id));
    }

    /// The process has died.
    pub(super) fn abandon(&mut self, client: usize) {
        self.open.retain(|(owner, _), _| *owner != client);
    }
}

fn refused(reason: Box<str>) -> SourceReport {
    SourceReport::VolumeRefused { reason }
}

/// A file of the disk, its packets as they are.
struct Packets {
    packets: Vec<Bytes>,
    next: usize,
}

impl Packets {
    fn open(path: &str, disk: &Disk) -> Result<Box<dyn Source>, Box<str>> {
        let file = disk.get(path).ok_or_else(|| format!("{path} cannot be played: there is no such file"))?;
        let mut reader = PacketReader::new(Cursor::new(file.bytes.clone()));
        let mut packets = Vec::new();
        while let Ok(Some(packet)) = reader.read_packet() {
            packets.push(Bytes::from(packet.data));
        }
        if !packets.first().is_some_and(|head| head.starts_with(b"OpusHead")) {
            return Err(format!("{path} cannot be played: a world plays Ogg Opus only").into());
        }
        packets.drain(..2.min(packets.len()));
        Ok(Box::new(Self { packets, next: 0 }))
    }
}

impl Source for Packets {
    fn read(&mut self) -> Result<Option<Bytes>, Box<str>> {
        let packet = self.packets.get(self.next).cloned();
        self.next += usize::from(packet.is_some());
        Ok(packet)
    }

    fn seek(&mut self, at: Duration) -> Result<Duration, Box<str>> {
        let mut begin = Duration::ZERO;
        self.next = 0;
        for packet in &self.packets {
            let end = begin + lasts(packet);
            if end > at {
                break;
            }
            begin = end;
            self.next += 1;
        }
        Ok(begin)
    }

    fn set_volume(&mut self, _: f32) -> Result<(), Box<str>> {
        Err("a world plays packets as they are".into())
    }

    fn duration(&self) -> Option<Duration> {
        Some(self.packets.iter().map(lasts).sum())
    }
}

fn lasts(packet: &Bytes) -> Duration {
    Duration::from_nanos(opus::duration(packet).unwrap_or(0) * 1_000_000_000 / RATE)
}
