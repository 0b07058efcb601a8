//! Replays the corpora, and writes their seeds.

mod seeds;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use sanscord::gateway::Event;
use sanscord::gateway::phase::Phase;
use sanscord::voice;
use sanscord_fuzz::message::GUILD;
use sanscord_fuzz::{TARGETS, call, client, cluster, dave_session, gateway as shard};

/// The most that all corpora may take, in bytes: they are part of the repository.
const MAX_BYTES: u64 = 200 * 1024;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

#[test]
fn every_input_of_every_corpus_passes() {
    let (mut failed, mut bytes) = (Vec::new(), 0);
    for (name, target) in TARGETS {
        let files = files(&folder().join(name));
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            let data = fs::read(&file).unwrap();
            bytes += data.len() as u64;
            if catch_unwind(AssertUnwindSafe(|| target(&data))).is_err() {
                failed.push(file);
            }
        }
    }
    assert!(failed.is_empty(), "these inputs fail: {failed:#?}");
    assert!(bytes < MAX_BYTES, "the corpora take {bytes} bytes");
}

#[test]
fn every_corpus_belongs_to_a_target() {
    for corpus in files(&folder()) {
        let name = corpus.file_name().and_then(|name| name.to_str()).unwrap();
        assert!(TARGETS.iter().any(|(target, _)| *target == name), "{name} is no target");
    }
}

/// Set `CORPUS_DIR` to write the seeds; a relative path starts at this package.
#[test]
fn every_seed_passes_and_is_written_where_asked() {
    let mut failed = Vec::new();
    for (name, target) in TARGETS {
        let seeds = seeds::of(name);
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for (seed, data) in seeds {
            // Written first: a seed that fails is there to be looked at.
            if let Some(to) = std::env::var_os("CORPUS_DIR") {
                let folder = Path::new(&to).join(name);
                fs::create_dir_all(&folder).unwrap();
                fs::write(folder.join(seed), &data).unwrap();
            }
            if catch_unwind(AssertUnwindSafe(|| target(&data))).is_err() {
                failed.push((name, seed));
            }
        }
    }
    assert!(failed.is_empty(), "these seeds fail: {failed:#?}");
}

fn seed(target: &str, name: &str) -> Vec<u8> {
    let seed = seeds::of(target).into_iter().find(|(known, _)| *known == name);
    seed.unwrap_or_else(|| panic!("no seed {name} for {target}")).1
}

/// A seed that no longer gets past the handshake is worth nothing.
#[test]
fn seeds_lead_where_they_should() {
    let shard = shard::drive(&seed("gateway", "close_and_resume")).machine;
    assert!(matches!(shard.phase(), Phase::Ready { .. }), "{:?}", shard.phase());
    assert_eq!(shard.counters().resumes, 1);

    for name in ["messages_of_their_own_zlib_streams", "a_zlib_stream", "a_zstd_stream"] {
        let shard = shard::drive(&seed("gateway", name)).machine;
        assert_eq!((shard.counters().dispatches, shard.counters().resumes), (4, 1), "{name}");
    }
    let members = shard::drive(&seed("gateway", "members_come_in_chunks"));
    let whole = |event: &Event| matches!(event, Event::Members { result: Ok(_), .. });
    assert!(members.events.iter().any(whole), "{:?}", members.events);

    for (name, count) in [("two_shards", 2), ("resharded", 3), ("another_process_goes_on", 2)] {
        let cluster = cluster::drive(&seed("cluster", name)).machine;
        assert_eq!(cluster.count(), count, "{name}");
        assert!(cluster.shards().all(|shard| matches!(shard.phase(), Phase::Ready { .. })), "{name}");
    }

    for name in ["speaker_known_before_the_packets", "packets_before_the_speaker", "resumed"] {
        let call = call::drive(&seed("call", name)).machine;
        assert!(matches!(call.phase(), voice::phase::Phase::Live { .. }), "{name}: {:?}", call.phase());
        let heard: u64 = call.tallies().values().map(|tally| tally.received).sum();
        assert_eq!(heard, if name == "resumed" { 0 } else { 2 }, "{name}: {:?}", call.counters());
    }

    for (name, epoch, members) in [("the_first_member", 3, 2), ("a_member_who_is_welcomed", 3, 2)] {
        let session = dave_session::drive(&seed("dave_session", name));
        assert_eq!((session.epoch(), session.members().len()), (Some(epoch), members), "{name}");
    }
    assert!(dave_session::drive(&seed("dave_session", "off_and_on_again")).can_send());

    let client = client::drive(&seed("client", "gateway_session_lost")).machine;
    let call = client.call(GUILD).unwrap();
    assert!(matches!(call.phase(), voice::phase::Phase::Live { .. }), "{:?}", call.phase());
    assert_eq!(client.recording(GUILD).unwrap().speakers().count(), 1);
    for (name, conversation) in
        seeds::of("client").iter().filter(|(name, _)| name.starts_with("conversation"))
    {
        let client = client::drive(conversation).machine;
        assert!(sanscord::machine::Machine::is_finished(&client), "{name} does not end as it did");
    }
}
