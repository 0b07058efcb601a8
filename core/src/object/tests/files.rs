//! Names of files, and what they tell.

use std::path::{Component as Part, Path};

use super::*;

fn file(name: &str) -> Attachment {
    Attachment { filename: name.into(), ..Attachment::default() }
}

/// Whether a name names a file right in the folder that it is joined to.
fn is_safe(name: &str) -> bool {
    let path = Path::new("/folder").join(name);
    let parts: Vec<_> = Path::new(name).components().collect();
    path.parent() == Some(Path::new("/folder"))
        && matches!(parts[..], [Part::Normal(part)] if part == name)
        && (1..=MAX_FILE_NAME).contains(&name.len())
        && !name.contains(['/', '\\', ':', '*', '?', '"', '<', '>', '|'])
        && !name.contains(|c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c))
        && !name.starts_with(['.', ' '])
        && !name.ends_with(['.', ' '])
}

#[test]
fn hostile_names_become_safe() {
    for (name, safe) in [
        ("cat.png", "cat.png"),
        ("zażółć 🔥.tar.gz", "zażółć 🔥.tar.gz"),
        ("", "file"),
        (".", "file"),
        ("..", "file"),
        (" . . ", "file"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..\\..\\boot.ini", "_.._boot.ini"),
        ("/etc/passwd", "_etc_passwd"),
        ("C:\\a", "C__a"),
        ("a:stream", "a_stream"),
        (".bashrc", "bashrc"),
        ("a.txt. . ", "a.txt"),
        ("a\0b\nc\x7f\u{9b}d", "a_b_c__d"),
        ("a\u{202e}gpj.exe", "a_gpj.exe"),
        ("con", "_con"),
        ("NUL.txt", "_NUL.txt"),
        ("nul .txt", "_nul .txt"),
        ("Com1.tar.gz", "_Com1.tar.gz"),
        ("lpt³", "_lpt³"),
        ("CONOUT$", "_CONOUT$"),
        ("com10", "com10"),
        ("console.log", "console.log"),
        ("compute", "compute"),
    ] {
        assert_eq!(file(name).safe_file_name(), safe, "{name:?}");
        assert!(is_safe(safe), "{safe}");
    }
}

#[test]
fn long_names_keep_their_ending() {
    let long = file(&format!("{}.png", "é".repeat(500))).safe_file_name();
    assert!(long.ends_with("é.png") && (MAX_FILE_NAME - 3..=MAX_FILE_NAME).contains(&long.len()), "{long}");
    let long = file(&format!("a.{}", "b".repeat(500))).safe_file_name();
    assert_eq!(long.len(), MAX_FILE_NAME - 1);
    let dots = file(&format!("a{}.png", ".".repeat(500))).safe_file_name();
    assert_eq!(dots, "a.png");
    let device = file(&format!("con.{}", "b".repeat(500))).safe_file_name();
    assert!(device.starts_with("_con.") && is_safe(&device), "{device}");
}

#[test]
fn media_types_are_told_or_guessed() {
    for (name, kind) in [
        ("a.png", "image/png"),
        ("A.JPeG", "image/jpeg"),
        ("a.tar.gz", "application/gzip"),
        ("voice-message.ogg", "audio/ogg"),
        ("a.jsonl", "application/jsonl"),
        ("png", "application/octet-stream"),
        ("a.", "application/octet-stream"),
        ("a.exe", "application/octet-stream"),
        ("a.png jpg", "application/octet-stream"),
        ("", "application/octet-stream"),
    ] {
        assert_eq!(file(name).content_type_or_guess(), kind, "{name}");
    }
    let told = Attachment { content_type: Some("text/x-new".into()), ..file("a.png") };
    assert_eq!((told.content_type_or_guess(), told.is_image()), ("text/x-new", false));
    let empty = Attachment { content_type: Some(String::new()), ..file("a.png") };
    assert!(empty.is_image());
}

proptest! {
    #[test]
    fn no_name_leaves_its_folder(name in "\\PC{0,200}|[./\\\\: a-cCcOoNn1-3\u{0}-\u{1f}]{0,20}|(\\.\\./){0,4}.{0,300}") {
        let safe = file(&name).safe_file_name();
        prop_assert!(is_safe(&safe), "{:?}", safe);
        // What is safe stays as it is.
        prop_assert_eq!(&safe_file_name(&safe), &safe);
        prop_assert!(is_safe(&file(&name).unique_file_name()));
    }

    #[test]
    fn ids_keep_names_apart(one: u64, other: u64, name in ".{0,300}") {
        let named = |id: u64| Attachment { id: id.into(), ..file(&name) }.unique_file_name();
        prop_assert_eq!(named(one) == named(other), one == other);
    }
}
