//! Replays the corpora, and writes their seeds.

mod seeds;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use sanscord_fuzz::TARGETS;

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
