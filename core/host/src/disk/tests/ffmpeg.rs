//! ffmpegs of all kinds, played by shell scripts.

use std::os::unix::fs::PermissionsExt;
use std::sync::OnceLock;
use std::time::Instant;

use super::*;

/// Each is told its arguments; the last is the new file.
const SCRIPTS: [(&str, &str); 7] = [
    ("good", "cat > \"$out\""),
    (
        "failing",
        "cat > /dev/null; echo '[libmp3lame] some chatter' >&2; echo 'Unknown encoder' >&2; echo >&2; exit 1",
    ),
    ("dying", "echo 'No such filter' >&2; exit 8"),
    ("deaf", "exec sleep 60"),
    ("endless", "cat > \"$out\"; exec sleep 60"),
    ("mixing", "for n in 1 2 3 4; do echo out_time_us=$n; sleep 0.2; done; echo \"$@\" > \"$out\""),
    ("stuck", "while :; do echo out_time_us=7; sleep 0.05; done"),
];

/// The scripts. All are there before the first process is started: while one is being made, a child could hold a
/// script open that another wants to run.
fn fake(name: &str, timeout: Duration) -> Encoding {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("sanscord-ffmpegs-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for (name, script) in SCRIPTS {
            let path = folder.join(name);
            let script = format!("#!/bin/sh\nfor out; do :; done\nout=\"${{out#file:}}\"\n{script}\n");
            fs::write(&path, script).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    });
    let program = folder.join(name).to_str().unwrap().into();
    Encoding::Ffmpeg { program, options: ["-b:a".into(), "96k".into()].into(), timeout }
}

const SHORT: Duration = Duration::from_millis(400);

#[test]
fn ffmpeg_gets_the_stream() {
    let folder = Folder::new("good");
    let path = folder.path("a: b.mp3");
    let mut desk = Desk::new();
    let good = fake("good", PATIENCE);
    let file = desk.open(&path, &good);
    let mut whole = Vec::new();
    for number in 0..100_u8 {
        let page = vec![number; 30_000];
        whole.extend_from_slice(&page);
        desk.append(file, page);
    }
    assert_eq!(desk.close(file), Ok(()));
    assert_eq!(fs::read(&*path).unwrap(), whole);
    let again = desk.open(&path, &good);
    assert_says(desk.end(again), &[&path, "could not be created", "exists"]);
    assert_eq!(fs::read(&*path).unwrap(), whole);
}

#[test]
fn an_ffmpeg_that_is_not_there_is_named_at_once() {
    let folder = Folder::new("missing");
    let path = folder.path("a.mp3");
    let none =
        |program: &str| Encoding::Ffmpeg { program: program.into(), options: Vec::new(), timeout: SHORT };
    let mut desk = Desk::new();
    let absent = none("/nowhere/ffmpeg");
    for end in [desk.check(&path, &absent, false), desk.check(&path, &absent, true)] {
        assert_says(end, &[&path, "/nowhere/ffmpeg", "install ffmpeg", ".opus, .wav or .flac"]);
    }
    let file = desk.open(&path, &absent);
    assert_says(desk.end(file), &["install ffmpeg"]);
    assert_says(desk.mix(&[folder.path("b.mp3"), folder.path("c.mp3")], &path, &absent), &["install ffmpeg"]);
    let folder_as_program = none(&folder.path(""));
    assert_says(desk.check(&path, &folder_as_program, false), &["could not be started"]);
    assert!(folder.names().is_empty(), "{:?}", folder.names());
}

#[test]
fn an_ffmpeg_that_fails_is_quoted() {
    let folder = Folder::new("failing");
    let mut desk = Desk::new();
    let path = folder.path("a.mp3");
    let file = desk.open(&path, &fake("failing", PATIENCE));
    desk.append(file, vec![1; 100]);
    assert_says(desk.close(file), &[&path, "ffmpeg failed: Unknown encoder"]);
    // One that dies on the way is noticed on the way.
    let file = desk.open(&folder.path("b.mp3"), &fake("dying", PATIENCE));
    assert_says(desk.end(file), &["No such filter"]);
    for _ in 0..100 {
        desk.append(file, vec![1; 60_000]);
    }
    desk.disk.perform(file, Step::Close);
    assert!(desk.reports.recv_timeout(SHORT).is_err(), "it is told once");
}

#[test]
fn an_ffmpeg_that_hangs_is_killed_and_holds_up_nobody() {
    let folder = Folder::new("hanging");
    let mut desk = Desk::new();
    let deaf = desk.open(&folder.path("deaf.mp3"), &fake("deaf", SHORT));
    let other = desk.open(&folder.path("other.opus"), &Encoding::Plain);
    let begin = Instant::now();
    // More than a pipe holds, and than is queued.
    for _ in 0..200 {
        desk.append(deaf, vec![1; 60_000]);
        desk.append(other, vec![2; 10]);
    }
    assert_says(desk.end(deaf), &["took nothing in for 0.4 s and was killed"]);
    assert!(begin.elapsed() < PATIENCE);
    desk.disk.perform(deaf, Step::Close);
    assert_eq!(desk.close(other), Ok(()));
    assert_eq!(fs::read(&*folder.path("other.opus")).unwrap(), [2; 2000]);

    let endless = desk.open(&folder.path("endless.mp3"), &fake("endless", SHORT));
    desk.append(endless, vec![1; 100]);
    // It may wait for sound as long as there is none.
    assert!(desk.reports.recv_timeout(SHORT * 2).is_err());
    desk.append(endless, vec![1; 100]);
    assert_says(desk.close(endless), &["did not end for 0.4 s and was killed"]);
    assert_eq!(fs::read(&*folder.path("endless.mp3")).unwrap(), [1; 200], "what was written stays");
}

#[test]
fn a_format_is_tried_before_it_is_needed() {
    let folder = Folder::new("check");
    let path = folder.path("a.mp3");
    let mut desk = Desk::new();
    assert_eq!(desk.check(&path, &fake("good", PATIENCE), false), Ok(()));
    assert_eq!(desk.check(&path, &fake("good", PATIENCE), true), Ok(()));
    assert_says(desk.check(&path, &fake("failing", PATIENCE), false), &[&path, "Unknown encoder"]);
    assert_says(desk.check(&path, &fake("deaf", SHORT), false), &[&path, "was killed"]);
    assert!(folder.names().is_empty());
    let left = fs::read_dir(std::env::temp_dir()).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name().into_string().unwrap_or_default();
        name.starts_with(&format!("sanscord-check-{}-", std::process::id()))
    });
    assert_eq!(left.count(), 0);
}

#[test]
fn ffmpeg_mixes_as_long_as_it_goes_on() {
    let folder = Folder::new("mixing");
    let inputs = [folder.path("a.mp3"), folder.path("-b.mp3")];
    let path = folder.path("mixed.mp3");
    let mut desk = Desk::new();
    // In all it takes twice as long as it may stand still.
    assert_eq!(desk.mix(&inputs, &path, &fake("mixing", SHORT)), Ok(()));
    let said = fs::read_to_string(&*path).unwrap();
    let [a, b] = &inputs;
    let expected = format!(
        "-i file:{a} -i file:{b} -filter_complex amix=inputs=2:duration=longest:normalize=0 -b:a 96k -y file:{path}"
    );
    assert!(said.trim_end().ends_with(&expected), "{said}");
    fs::remove_file(&*path).unwrap();
    assert_says(desk.mix(&inputs, &path, &fake("stuck", SHORT)), &["did not go on for 0.4 s and was killed"]);
    assert_says(desk.mix(&inputs, &path, &fake("dying", SHORT)), &["No such filter"]);
    assert!(folder.names().is_empty(), "part of a mix is of no use");

    let mut options = MixOptions::default();
    let Encoding::Ffmpeg { program, timeout, .. } = fake("mixing", PATIENCE) else { panic!() };
    (options.ffmpeg, options.timeout) = (program, timeout);
    assert_eq!(super::mix(&inputs.each_ref().map(|input| &**input), &*path, &options), Ok(true));
    assert_eq!(folder.names(), ["mixed.mp3"]);
}

#[test]
fn what_is_under_way_ends_with_the_disk() {
    let folder = Folder::new("finish");
    let mut desk = Desk::new();
    let (file, inputs) = (desk.scope.file(), [folder.path("a.mp3"), folder.path("b.mp3")].into());
    let encoding = fake("deaf", PATIENCE * 10);
    desk.disk.perform(file, Step::Mix { inputs, path: folder.path("c.mp3"), encoding });
    let good = desk.open(&folder.path("good.mp3"), &fake("good", PATIENCE));
    desk.append(good, vec![1; 100]);
    let begin = Instant::now();
    desk.disk.finish();
    assert!(begin.elapsed() < PATIENCE);
    assert_eq!(fs::read(&*folder.path("good.mp3")).unwrap(), [1; 100]);
    assert_eq!(folder.names(), ["good.mp3"]);
}
