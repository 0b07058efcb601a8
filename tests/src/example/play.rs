//! What the `play` examples share: options, and what is shown.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lexopt::prelude::{Long, Short, Value, ValueExt};
use sanscord::client::{Client, Event, Stopped};
use sanscord::id::{ChannelId, GuildId};
use sanscord::play::{self, EndReason, Origin};
use sanscord::record::ogg::PageWriter;
use sanscord::time::Timestamp;
use sanscord::voice;

use super::options::{id, usage_of};
use crate::clip::Clip;
use crate::example::{Demonstration, variable};

/// What `--help` shows.
pub const USAGE: &str = "\
Joins a Discord voice channel and plays files there, one after the other.

Usage: play [--guild ID --channel ID] [--volume FACTOR] [FILE...]

  --guild ID       the guild to join (with a token)
  --channel ID     the voice channel to join (with a token)
  --volume FACTOR  from 0 to 2; other than 1 needs the feature `opus`
  FILE             Ogg Opus; with the feature `opus` also WAV, FLAC, MP3, Ogg Vorbis, AAC and MP4.
                   Without one, four seconds of speech are played.

Environment:
  DISCORD_BOT_TOKEN   the bot's token. Without it, a Discord of our own runs on loopback.
  DISCORD_API_BASE    another API than https://discord.com/api/v10
  SSL_CERT_FILE       further trusted certificates, PEM";

/// What an example was asked to do.
#[derive(Debug)]
pub struct Options {
    /// The bot's token; without one, our own Discord is used.
    pub token: Option<String>,
    /// Another API.
    pub api_base: Option<String>,
    /// Further trusted certificates.
    pub certificates: Option<PathBuf>,
    /// Where to play.
    pub place: Option<(GuildId, ChannelId)>,
    /// What to play.
    pub files: Vec<String>,
    /// How loud.
    pub volume: f32,
    /// The speech that is played where no file was named, to be removed.
    clip: Option<PathBuf>,
}

impl Options {
    /// Reads this process's command line and environment. `None`: help was asked for, and shown.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do.
    pub fn read() -> Result<Option<Self>, String> {
        Self::parse(std::env::args_os().skip(1), |name| std::env::var_os(name))
    }

    /// Fills in what our own Discord gives where there is no token, and speech where there is no file. Answers with
    /// where to play.
    ///
    /// # Errors
    /// If there is no place, or the speech cannot be written.
    pub fn settle(&mut self, demonstration: Option<&Demonstration>) -> Result<(GuildId, ChannelId), String> {
        if let Some(demonstration) = demonstration {
            let base = demonstration.api_base();
            eprintln!("DISCORD_BOT_TOKEN is not set: playing to a Discord of our own at {base}");
            self.token = Some(demonstration.token().into());
            self.api_base = Some(base.into());
            self.place = Some(demonstration.place());
        }
        if self.files.is_empty() {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let name = format!("sanscord-{}-{}.opus", std::process::id(), now.as_nanos());
            let path = std::env::temp_dir().join(name);
            std::fs::write(&path, speech()).map_err(|error| format!("{}: {error}", path.display()))?;
            self.files = vec![path.to_string_lossy().into()];
            self.clip = Some(path);
        }
        self.place.ok_or_else(|| "name --guild and --channel".into())
    }

    /// The further certificates to trust.
    pub fn certificates<'a>(
        &'a self,
        demonstration: Option<&'a Demonstration>,
    ) -> impl Iterator<Item = &'a Path> {
        self.certificates.as_deref().into_iter().chain(demonstration.map(Demonstration::certificate))
    }

    /// What to play, for the client.
    #[must_use]
    pub fn to_play(&self) -> Playlist {
        Playlist { files: self.files.clone(), volume: self.volume }
    }

    fn parse(
        args: impl Iterator<Item = OsString>,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Self>, String> {
        let (mut guild, mut channel, mut volume, mut files) = (None, None, 1.0, Vec::new());
        let usage = |error| usage_of(&error, USAGE);
        let mut parser = lexopt::Parser::from_args(args);
        while let Some(argument) = parser.next().map_err(usage)? {
            match argument {
                Long("guild") => guild = Some(id::<GuildId>("--guild", &mut parser)?),
                Long("channel") => channel = Some(id::<ChannelId>("--channel", &mut parser)?),
                Long("volume") => volume = parser.value().and_then(|value| value.parse()).map_err(usage)?,
                Value(file) => files.push(file.string().map_err(usage)?),
                Long("help") | Short('h') => {
                    println!("{USAGE}");
                    return Ok(None);
                }
                other => return Err(usage(other.unexpected())),
            }
        }
        let token = variable(&env, "DISCORD_BOT_TOKEN")?;
        let place = guild.zip(channel);
        if place.is_none() && (token.is_some() || guild.is_some() || channel.is_some()) {
            return Err(
                "name both --guild and --channel: the ids of a guild and of a voice channel in it".into()
            );
        }
        if place.is_some() && token.is_none() {
            return Err("--guild and --channel need a bot: set DISCORD_BOT_TOKEN".into());
        }
        Ok(Some(Self {
            api_base: variable(&env, "DISCORD_API_BASE")?,
            certificates: variable(&env, "SSL_CERT_FILE")?.map(PathBuf::from),
            token,
            place,
            files,
            volume,
            clip: None,
        }))
    }
}

/// What to play.
#[derive(Clone, Debug)]
pub struct Playlist {
    files: Vec<String>,
    volume: f32,
}

impl Playlist {
    /// Joins, and plays.
    ///
    /// # Errors
    /// If the client has stopped, or there are more files than a queue takes.
    pub fn begin(
        &self,
        client: &mut Client,
        now: Timestamp,
        guild: GuildId,
        channel: ChannelId,
    ) -> Result<(), String> {
        client.join(now, guild, channel);
        let Some(player) = client.player_mut(now, guild) else { return Err("the client has stopped".into()) };
        player.set_volume(self.volume).map_err(|error| error.to_string())?;
        for file in &self.files {
            player.enqueue(Origin::file(file)).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        if let Some(clip) = &self.clip {
            // A file in the temporary folder that cannot be removed harms nobody.
            let _ = std::fs::remove_file(clip);
        }
    }
}

/// Four seconds of speech, an Ogg Opus file.
#[must_use]
pub fn speech() -> Vec<u8> {
    let (mut writer, head) = PageWriter::new(1, 0, &["TITLE=speech"]);
    let mut file = head.to_vec();
    for packet in Clip::alice().packets() {
        file.extend(writer.push(packet, 960).unwrap_or_default());
    }
    file.extend(writer.finish(0));
    file
}

/// Follows a client's events and says what a human wants to know.
#[derive(Debug)]
pub struct Report {
    guild: GuildId,
    files: Vec<String>,
    connected: bool,
    empty: bool,
    played: usize,
    failure: Option<String>,
}

impl Report {
    /// A report on what is played in a guild's call.
    #[must_use]
    pub fn new(guild: GuildId, files: &[String]) -> Self {
        Self { guild, files: files.to_vec(), connected: false, empty: false, played: 0, failure: None }
    }

    /// Takes an event. `true`: all is over and the client should stop.
    pub fn event(&mut self, event: &Event) -> bool {
        match event {
            Event::Voice(guild, event) if *guild == self.guild => self.voice_event(event),
            Event::Playing(guild, event) if *guild == self.guild => self.play_event(event),
            Event::Stopped { reason } if *reason != Stopped::ByUser => {
                self.fail(reason.to_string());
                false
            }
            _ => false,
        }
    }

    fn voice_event(&mut self, event: &voice::Event) -> bool {
        match event {
            voice::Event::Connected { .. } => {
                eprintln!("in the call");
                self.connected = true;
            }
            voice::Event::Disconnected { reason, .. } => eprintln!("{reason}; reconnecting"),
            // The player is ahead of what is sent.
            voice::Event::TransmissionEnded => return self.empty,
            voice::Event::Ended { reason, .. } => {
                if *reason != voice::Ended::ByUser {
                    self.fail(reason.to_string());
                }
                return true;
            }
            _ => {}
        }
        false
    }

    fn play_event(&mut self, event: &play::Event) -> bool {
        let name = |track: &play::TrackId| {
            let at = usize::try_from(track.as_u64()).unwrap_or(usize::MAX);
            self.files.get(at.saturating_sub(1)).map_or("?", String::as_str)
        };
        match event {
            play::Event::Started { track, length } => {
                let length = length.map_or(String::new(), |length| format!(" ({})", seconds(length)));
                eprintln!("playing {}{length}", name(track));
            }
            play::Event::Ended { reason: EndReason::Finished, .. } => self.played += 1,
            play::Event::Ended { reason: EndReason::Failed { reason }, .. } => self.fail(reason.to_string()),
            play::Event::VolumeRefused { reason, .. } => self.fail(reason.to_string()),
            play::Event::Starved { track } => eprintln!("{} comes too slowly", name(track)),
            play::Event::QueueEmpty => {
                self.empty = true;
                // Nothing was ever sent whose end could be waited for.
                return self.played == 0;
            }
            _ => {}
        }
        false
    }

    fn fail(&mut self, reason: String) {
        eprintln!("{reason}");
        self.failure.get_or_insert(reason);
    }

    /// Ends the report: the summary on standard output, or what went wrong.
    ///
    /// # Errors
    /// Why not all was played.
    pub fn finish(self) -> Result<(), String> {
        if self.connected {
            println!("Played {} of {}", self.played, self.files.len());
        }
        self.failure.map_or(Ok(()), Err)
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str], env: &[(&str, &str)]) -> Result<Option<Options>, String> {
        Options::parse(args.iter().map(OsString::from), |name| {
            env.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn files_and_volume_are_read() {
        let options = parse(&["a.opus", "--volume", "0.5", "b.opus"], &[]).unwrap().unwrap();
        assert_eq!(options.files, ["a.opus", "b.opus"]);
        assert!((options.volume - 0.5).abs() < f32::EPSILON);
        assert!(parse(&["--volume", "loud"], &[]).unwrap_err().contains("loud"));
        assert!(parse(&["--loud"], &[]).unwrap_err().contains("Usage: play"));
        assert!(parse(&["--guild", "1"], &[]).is_err());
        assert!(parse(&[], &[("DISCORD_BOT_TOKEN", "t")]).unwrap_err().contains("--channel"));
    }
}
