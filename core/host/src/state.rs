//! A cluster's state in a file, for the next process to go on with.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sanscord::cluster::State;
use serde::{Deserialize, Serialize};

use crate::replace::{Readers, replace};

/// Why a state could not be saved or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The file cannot be written; what it held before is still there.
    #[error("the sessions could not be saved in {}: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The file is there and cannot be read.
    #[error("the saved sessions in {} cannot be read: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The file holds something else.
    #[error("{} holds no saved sessions ({reason}): name another file, or delete it to start new ones", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Saved<S> {
    /// Milliseconds of Unix time.
    saved_at: u64,
    state: S,
}

/// Saves what [`Cluster::state`](sanscord::cluster::Cluster::state) gives: the file is replaced whole, or not at all.
///
/// It holds session ids, which with the token open the sessions; on Unix nobody but its owner can read it. The call
/// waits for the disk.
///
/// # Errors
///
/// [`StateError::Write`].
pub fn save(path: impl AsRef<Path>, state: &State) -> Result<(), StateError> {
    let path = path.as_ref();
    write(path, state, SystemTime::now())
        .map_err(|error| StateError::Write { path: path.into(), reason: error.to_string() })
}

/// Loads what [`save`] saved, and tells it how long ago that was: for
/// [`cluster::Config::state`](sanscord::cluster::Config::state). `None` if there is no such file. A clock that was set
/// back since counts as no time at all. The call waits for the disk.
///
/// # Errors
///
/// [`StateError::Read`] and [`StateError::Corrupt`].
pub fn load(path: impl AsRef<Path>) -> Result<Option<State>, StateError> {
    read(path.as_ref(), SystemTime::now())
}

fn write(path: &Path, state: &State, now: SystemTime) -> io::Result<()> {
    let bytes = serde_json::to_vec(&Saved { saved_at: unix_time(now), state }).map_err(io::Error::other)?;
    replace(path, &bytes, Readers::Owner)
}

fn read(path: &Path, now: SystemTime) -> Result<Option<State>, StateError> {
    let unreadable = |error: io::Error| StateError::Read { path: path.into(), reason: error.to_string() };
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(unreadable)?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes).map_err(unreadable)?;
    let saved: Saved<State> = serde_json::from_slice(&bytes)
        .map_err(|error| StateError::Corrupt { path: path.into(), reason: explain(&error) })?;
    let age = Duration::from_millis(unix_time(now).saturating_sub(saved.saved_at));
    Ok(Some(saved.state.aged(age)))
}

/// Without the words of the file, which may be secret.
fn explain(error: &serde_json::Error) -> String {
    let what = if error.is_data() { "it is not as it was saved" } else { "it is no JSON, or was cut off" };
    format!("{what}, at line {}, column {}", error.line(), error.column())
}

fn unix_time(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The most that is read of a file, in bytes: many times what the most shards of a cluster need.
const MAX_FILE: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs;

    use sanscord::cluster::SavedSession;
    use sanscord::gateway::{Session, ShardId};

    const SECRET: &str = "0123456789abcdef";

    /// A folder of its own, gone at the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("sanscord-state-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self) -> PathBuf {
            self.0.join("bot.json")
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn state() -> State {
        let mut state = State::default();
        state.shards = 2;
        let session = Session { id: SECRET.into(), resume_url: None, seq: 17, delivered: 18, user: None };
        state.sessions.push(SavedSession { shard: ShardId { number: 1, count: 2 }, session });
        state
    }

    #[test]
    fn what_is_saved_comes_back_aged() {
        let folder = Folder::new("round-trip");
        assert_eq!(load(folder.file()).unwrap(), None);
        let now = UNIX_EPOCH + Duration::from_millis(1_790_000_000_123);
        write(&folder.file(), &state(), now).unwrap();
        let later = Duration::from_millis(90_001);
        assert_eq!(read(&folder.file(), now + later).unwrap(), Some(state().aged(later)));
        assert_ne!(read(&folder.file(), now + later).unwrap(), Some(state()));
        assert_eq!(read(&folder.file(), now - later).unwrap(), Some(state()), "a clock set back is no time");
        save(folder.file(), &State::default()).unwrap();
        assert_eq!(load(folder.file()).unwrap().unwrap().shards, 0, "what was there is replaced");
        assert_eq!(folder.names(), ["bot.json"], "nothing else is left");
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_it_and_links_stay_links() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new("mode");
        fs::write(folder.0.join("real.json"), "{}").unwrap();
        std::os::unix::fs::symlink("real.json", folder.file()).unwrap();
        save(folder.file(), &state()).unwrap();
        assert!(fs::symlink_metadata(folder.file()).unwrap().is_symlink());
        let mode = fs::metadata(folder.0.join("real.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(load(folder.file()).unwrap().is_some());
    }

    #[test]
    fn a_file_that_holds_something_else_is_named_and_not_quoted() {
        let folder = Folder::new("corrupt");
        save(folder.file(), &state()).unwrap();
        let whole = fs::read(folder.file()).unwrap();
        let changed = String::from_utf8(whole.clone()).unwrap().replace("17", &format!("{SECRET:?}"));
        for bytes in [&b""[..], b"{}", b"[1]", b"\x00\xff", &whole[..whole.len() / 2], changed.as_bytes()] {
            fs::write(folder.file(), bytes).unwrap();
            let error = load(folder.file()).unwrap_err();
            assert!(matches!(error, StateError::Corrupt { .. }), "{error}");
            let text = format!("{error} {error:?}");
            assert!(text.contains("bot.json") && !text.contains(SECRET), "{text}");
        }
        assert!(matches!(load(&folder.0).unwrap_err(), StateError::Read { .. }), "a folder is no file");
    }

    #[test]
    fn what_cannot_be_written_leaves_what_was_there() {
        let folder = Folder::new("unwritable");
        // A file is no folder, and a folder is not replaced by a file.
        save(folder.file(), &state()).unwrap();
        for path in [folder.file().join("below.json"), folder.0.clone(), folder.0.join("none").join("a.json")]
        {
            let error = save(&path, &State::default()).unwrap_err();
            assert!(error.to_string().contains("could not be saved"), "{error}");
        }
        assert_eq!(load(folder.file()).unwrap().unwrap().sessions, state().sessions);
        assert_eq!(folder.names(), ["bot.json"]);
    }
}
