//! A channel's history as JSON lines, in a file or on stdout, and how far it has come.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::exit;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sanscord::id::{ChannelId, MessageId};
use sanscord::object::Message;
use sanscord::rest::Error;
use sanscord_host::discord::Options;
use serde::{Deserialize, Serialize};

use super::options::Words;
use super::{Failure, Result, Setup, fail};

const EXPORT: &str = "\
Writes a channel's messages as JSON lines, the oldest first.

Usage: export [--channel ID] [--out FILE] [--state FILE | --after ID]

  --channel ID   which channel (with a token)
  --out FILE     where to; default: standard output
  --state FILE   how far it has come: kept there, and gone on from if the file is there
  --after ID     begin behind this message; FILE is added to

Ctrl-C ends it between two lines.
";

/// What `export` was asked to do, and how far it has come.
pub struct Export {
    setup: Setup,
    /// Which channel.
    pub channel: ChannelId,
    /// Behind which message to begin.
    pub after: MessageId,
    sink: Arc<Mutex<Sink>>,
}

/// Where the lines go. Every line is written whole, or the process ends before it.
struct Sink {
    out: Box<dyn Write + Send>,
    place: State,
    state: Option<PathBuf>,
    /// Messages of this run.
    count: u64,
    /// Errors of this run.
    errors: u64,
    told: Instant,
}

/// How far an export has come.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
struct State {
    channel: ChannelId,
    after: MessageId,
    /// How long the file was then.
    bytes: u64,
}

/// How many messages are written at most before the state is.
const SAVED: u64 = 100;

/// How often progress is told.
const TOLD: Duration = Duration::from_millis(500);

impl Export {
    /// Reads this process's command line and environment, and opens the file. Help, if asked for, is shown, and ends
    /// the process.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do.
    pub fn read() -> Result<Self> {
        let mut words = Words::read(EXPORT, &["channel", "out", "state", "after"], &[])?;
        words.no_text()?;
        let (given, after) = (words.id("channel")?, words.id::<MessageId>("after")?);
        let out: Option<PathBuf> = words.take("out", "a path")?;
        let state: Option<PathBuf> = words.take("state", "a path")?;
        if after.is_some() && state.is_some() {
            return fail("give one of --state and --after");
        }
        let saved = state.as_deref().map(load).transpose()?.flatten();
        let setup = Setup::from_env()?;
        let channel = setup.settle("--channel", given, |scene| scene.channel)?;
        if let Some(saved) = saved
            && saved.channel != channel
        {
            return fail(format!("the state is that of channel {}, not of {channel}", saved.channel));
        }
        let mut place = saved.unwrap_or(State { channel, after: after.unwrap_or_default(), bytes: 0 });
        let out: Box<dyn Write + Send> = match &out {
            Some(path) => {
                let (file, bytes) = open(path, saved, after.is_some())
                    .map_err(|error| Failure(format!("{}: {error}", path.display())))?;
                place.bytes = bytes;
                Box::new(file)
            }
            None => Box::new(io::stdout()),
        };
        let after = place.after;
        let sink =
            Arc::new(Mutex::new(Sink { out, place, state, count: 0, errors: 0, told: Instant::now() }));
        let interrupted = Arc::clone(&sink);
        ctrlc::set_handler(move || {
            // No line is being written while this is held, and none will be.
            let sink = lock(&interrupted);
            let saved = sink.save();
            eprintln!("interrupted: {}", sink.summary());
            if let Err(error) = saved {
                eprintln!("{error:?}");
            }
            exit(130);
        })?;
        Ok(Self { setup, channel, after, sink })
    }

    /// For `Discord::new`.
    #[must_use]
    pub fn options(&self) -> Options {
        self.setup.options.clone()
    }

    /// Writes a message, and tells every now and then how far it has come.
    ///
    /// # Errors
    /// If it cannot be written, or the state cannot.
    pub fn write(&self, message: &Message) -> Result {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        lock(&self.sink).write(message.id, &line)
    }

    /// Tells an error; the export may go on behind it, with a message left out.
    pub fn tell(&self, error: &Error) {
        lock(&self.sink).errors += 1;
        eprintln!("{error}");
    }

    /// Tells how far it has come in the end.
    ///
    /// # Errors
    /// If the state cannot be written, or an error was told.
    pub fn finish(&self) -> Result {
        let sink = lock(&self.sink);
        sink.save()?;
        if sink.errors > 0 {
            return fail(format!("not all was exported: {} errors; {}", sink.errors, sink.summary()));
        }
        eprintln!("done: {}", sink.summary());
        Ok(())
    }
}

/// What was written counts, however it ended.
impl Drop for Export {
    fn drop(&mut self) {
        if let Err(error) = lock(&self.sink).save() {
            eprintln!("{error:?}");
        }
    }
}

impl Sink {
    fn write(&mut self, id: MessageId, line: &[u8]) -> Result {
        let written = self.out.write_all(line).and_then(|()| self.out.flush());
        written.map_err(|error| Failure(format!("the export cannot be written: {error}")))?;
        self.place.after = id;
        self.place.bytes += line.len() as u64;
        self.count += 1;
        if self.count.is_multiple_of(SAVED) {
            self.save()?;
        }
        if self.told.elapsed() >= TOLD {
            self.told = Instant::now();
            eprintln!("{}", self.summary());
        }
        Ok(())
    }

    fn save(&self) -> Result {
        let Some(path) = &self.state else { return Ok(()) };
        let text = serde_json::to_vec(&self.place)?;
        let beside = path.with_added_extension("tmp");
        let saved = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
        saved.map_err(|error| Failure(format!("{}: the state cannot be saved: {error}", path.display())))
    }

    fn summary(&self) -> String {
        let State { after, .. } = self.place;
        match self.count {
            0 => "no messages".into(),
            count => format!("{count} messages, the last is {after} of {}", after.snowflake().to_rfc3339()),
        }
    }
}

fn lock(sink: &Mutex<Sink>) -> MutexGuard<'_, Sink> {
    sink.lock().unwrap_or_else(PoisonError::into_inner)
}

fn load(path: &Path) -> Result<Option<State>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return fail(format!("{}: {error}", path.display())),
    };
    match serde_json::from_slice(&text) {
        Ok(state) => Ok(Some(state)),
        Err(error) => fail(format!("{}: this is no state of an export: {error}", path.display())),
    }
}

/// The file, at its end, and how long it is. What came behind the state is cut: it comes again.
fn open(path: &Path, saved: Option<State>, adds: bool) -> io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    let mut file = match saved {
        Some(saved) => {
            let file = options.open(path)?;
            if file.metadata()?.len() < saved.bytes {
                return Err(io::Error::other("it is shorter than it was when the state was saved"));
            }
            file.set_len(saved.bytes)?;
            file
        }
        None => {
            let file = options.create(true).truncate(false).open(path)?;
            // An empty one is what an export leaves that failed at once.
            if !adds && file.metadata()?.len() > 0 {
                return Err(io::Error::other("it exists: name another file, or say where to go on"));
            }
            file
        }
    };
    let bytes = file.seek(SeekFrom::End(0))?;
    Ok((file, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_goes_on_where_its_state_says() {
        let folder = std::env::temp_dir().join(format!("sanscord-export-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (path, state) = (folder.join("out.jsonl"), folder.join("out.state"));
        let (file, bytes) = open(&path, None, false).unwrap();
        assert_eq!(bytes, 0);
        let place = State { channel: ChannelId(1), after: MessageId(0), bytes: 0 };
        let sink = |file: File, place| Sink {
            out: Box::new(file),
            place,
            state: Some(state.clone()),
            count: 0,
            errors: 0,
            told: Instant::now(),
        };
        let mut first = sink(file, place);
        first.write(MessageId(7), b"{\"a\":1}\n").unwrap();
        first.save().unwrap();
        // A line that the state does not know of, as after a crash.
        first.write(MessageId(8), b"{\"b\":2}\n").unwrap();
        drop(first);
        let saved = load(&state).unwrap().unwrap();
        assert_eq!((saved.after, saved.bytes), (MessageId(7), 8));
        let (file, bytes) = open(&path, Some(saved), false).unwrap();
        assert_eq!(bytes, 8);
        sink(file, saved).write(MessageId(8), b"{\"b\":2}\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"a\":1}\n{\"b\":2}\n");
        assert!(open(&path, None, false).unwrap_err().to_string().contains("exists"));
        assert_eq!(open(&path, None, true).unwrap().1, 16);
        let longer = State { bytes: 100, ..saved };
        assert!(open(&path, Some(longer), false).unwrap_err().to_string().contains("shorter"));
        fs::write(&state, "{").unwrap();
        assert!(load(&state).is_err());
        assert!(load(&folder.join("none")).unwrap().is_none());
        fs::remove_dir_all(&folder).unwrap();
    }
}
