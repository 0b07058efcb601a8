use std::fs;
use std::io::{Read, Write};
use std::sync::mpsc::channel;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use sanscord::machine::Response;

use super::*;

fn request(url: &str, body: Body) -> Request {
    Request { method: Method::Post, url: url.into(), body, ..get() }
}

fn get() -> Request {
    Request {
        method: Method::Get,
        url: "http://h/".into(),
        headers: Vec::new(),
        body: Body::Empty,
        body_limit: u64::MAX,
        save: None,
        progress: false,
        deadline: Duration::from_secs(1),
    }
}

fn prepare(request: Request) -> Result<Exchange, Unanswered> {
    let faults = Faults::new(&request);
    Exchange::prepare(request, &Proxies::default(), &faults, |_| {})
}

fn file(path: &Path, limit: u64) -> Part {
    Part::File { path: path.to_str().unwrap().into(), limit }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn field<'a>(exchange: &'a Exchange, name: &str) -> Option<&'a str> {
    exchange.headers.iter().find(|(found, _)| *found == name).map(|(_, value)| &**value)
}

#[test]
fn parts_go_out_in_order_and_their_length_before_them() {
    let folder = tempfile::tempdir().unwrap();
    let (long, empty) = (folder.path().join("long"), folder.path().join("empty"));
    let content: Vec<u8> = (0..3 * PIECE + 5).map(|at| (at % 251) as u8).collect();
    fs::write(&long, &content).unwrap();
    fs::write(&empty, "").unwrap();
    let parts = || {
        Body::Parts(vec![
            Part::Bytes("head".into()),
            file(&empty, 0),
            file(&long, content.len() as u64),
            Part::Bytes("tail".into()),
        ])
    };
    let expected = [b"head", &content[..], b"tail"].concat();
    let mut exchange = prepare(request("http://h/", parts())).unwrap();
    assert_eq!(field(&exchange, "content-length"), Some(expected.len().to_string().as_str()));
    let mut sent = Vec::new();
    while let Some(piece) = exchange.upload.next_piece() {
        let piece = piece.unwrap();
        assert!((1..=PIECE).contains(&piece.len()));
        sent.extend_from_slice(&piece);
    }
    assert!(sent == expected);
    let mut read = Vec::new();
    prepare(request("http://h/", parts())).unwrap().upload.read_to_end(&mut read).unwrap();
    assert!(read == expected);
}

#[test]
fn what_cannot_be_sent_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "12345").unwrap();
    for (part, why) in [
        (file(&folder.path().join("missing"), 9), "missing"),
        (file(folder.path(), 9), "it is a folder"),
        (file(&path, 4), "it has 5 bytes, and may have at most 4"),
    ] {
        let unanswered = prepare(request("http://h/", Body::Parts(vec![part]))).unwrap_err();
        assert_eq!(unanswered.fault, Fault::Local);
        assert!(unanswered.reason.contains(why), "{unanswered:?}");
        assert!(unanswered.reason.contains(folder.path().to_str().unwrap()), "{unanswered:?}");
    }
    let unanswered = prepare(request("ftp://h/webhooks/1/secret", Body::Empty)).unwrap_err();
    assert_eq!(unanswered.fault, Fault::Local);
    assert!(!unanswered.reason.contains("secret"), "{unanswered:?}");
}

#[test]
fn an_exchange_shows_no_secret() {
    let headers = vec![("authorization", "Bot secret".into())];
    let request = request("https://user:secret@h/webhooks/1/secret?x=secret", Body::Bytes("secret".into()));
    let exchange = prepare(Request { headers, ..request }).unwrap();
    assert_eq!(format!("{exchange:?} {:?}", exchange.upload), "Exchange(POST h:443) Upload(6 bytes)");
    for (url, shown) in [
        ("http://user:pass@h:1", "http://h:1"),
        ("http://user:pa/ss@h:1", "http://h:1"),
        ("user:12/ss@h:1/", "http://h:1"),
        ("http://a@b:pa/ss@h", "http://h"),
    ] {
        let proxy = Proxy::parse(url);
        assert_eq!(format!("{proxy:?}"), shown, "{url}");
        let usable = proxy.target().map(|target| &*target.host);
        assert_eq!(usable, (url == "http://user:pass@h:1").then_some("h"), "{url}");
    }
    let target = Target::parse("http://x/").unwrap();
    let unanswered = Proxies::all("http://user:pa/ss@h").choose(&target).unwrap_err();
    assert_eq!(
        &*unanswered.reason,
        "the proxy http://h cannot be used: a slash in a password is written %2F"
    );
}

#[test]
fn parts_are_too_long_together() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "12345").unwrap();
    let parts = || Body::Parts(vec![file(&path, 5), Part::Bytes("67".into()), file(&path, 5)]);
    let within = |body_limit| prepare(Request { body_limit, ..request("http://h/", parts()) });
    assert_eq!(within(12).unwrap().upload.length(), 12);
    let unanswered = within(11).unwrap_err();
    assert_eq!(unanswered.fault, Fault::Local);
    assert_eq!(&*unanswered.reason, "the request has 12 bytes with its files, and may have at most 11");
}

#[test]
fn a_file_that_changes_its_length_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    for (length, why) in [(PIECE as u64, "shorter"), (3 * PIECE as u64, "longer")] {
        let path = folder.path().join("file");
        fs::write(&path, vec![1; 2 * PIECE]).unwrap();
        let asked = request("http://h/", Body::Parts(vec![file(&path, u64::MAX)]));
        let faults = Faults::new(&asked);
        let mut exchange = Exchange::prepare(asked, &Proxies::default(), &faults, |_| {}).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
        exchange.upload.next_piece().unwrap().unwrap();
        let unanswered = exchange.upload.next_piece().unwrap().unwrap_err();
        assert_eq!(unanswered.fault, Fault::Local);
        assert!(unanswered.reason.contains(why) && unanswered.reason.contains("file"), "{unanswered:?}");
        // What the HTTP library then says is not what went wrong.
        assert_eq!(faults.lost(&std::io::Error::other("aborted")), unanswered);
        assert!(exchange.upload.next_piece().is_none());
    }
}

#[test]
fn a_body_has_a_length_where_one_is_due() {
    for (method, length) in [(Method::Get, None), (Method::Delete, None), (Method::Post, Some("0"))] {
        let exchange = prepare(Request { method, ..get() }).unwrap();
        assert_eq!(field(&exchange, "content-length"), length, "{method}");
    }
    let exchange =
        prepare(Request { method: Method::Delete, body: Bytes::from("xy").into(), ..get() }).unwrap();
    assert_eq!(field(&exchange, "content-length"), Some("2"));
}

fn receive(encoding: Option<&str>, body: &[u8]) -> Result<Response, Unanswered> {
    let exchange = prepare(get()).unwrap();
    assert_eq!(field(&exchange, "accept-encoding"), Some("gzip"));
    let mut headers: Vec<(Box<str>, Box<str>)> = vec![("x".into(), "y".into())];
    headers.extend(encoding.map(|encoding| ("content-encoding".into(), encoding.into())));
    let mut receiver = exchange.answer.begin(200, headers)?;
    for piece in body.chunks(1000) {
        receiver.push(piece)?;
    }
    receiver.finish()
}

#[test]
fn gzip_is_taken_off() {
    let text = "a text that comes again. ".repeat(1000);
    let body = gzip(text.as_bytes());
    let response = receive(Some("gzip"), &body).unwrap();
    assert_eq!((response.body, response.headers.len()), (Bytes::from(text.clone()), 1));
    // Two in a row are one (RFC 1952, section 2.2).
    let response = receive(Some("GZIP"), &[gzip(b"one"), gzip(b"two")].concat()).unwrap();
    assert_eq!(response.body, "onetwo");
    assert_eq!(receive(Some("gzip"), b"").unwrap().body, "");
    // What was not offered is handed on as it is.
    let response = receive(Some("br"), b"abc").unwrap();
    assert_eq!((response.body, response.headers.len()), (Bytes::from("abc"), 2));
    for cut in [1, 5, 11, body.len() / 2, body.len() - 8, body.len() - 1] {
        let unanswered = receive(Some("gzip"), &body[..cut]).unwrap_err();
        assert_eq!(unanswered.fault, Fault::Lost, "{cut}");
    }
    assert_eq!(receive(Some("gzip"), b"<html>").unwrap_err().fault, Fault::Lost);
}

#[test]
fn a_gzip_bomb_is_too_long() {
    let bomb = gzip(&vec![0; MAX_BODY + 1]);
    assert!(bomb.len() < 100_000);
    let unanswered = receive(Some("gzip"), &bomb).unwrap_err();
    assert_eq!(unanswered.fault, Fault::TooLong);
    assert_eq!(receive(Some("gzip"), &gzip(&vec![0; MAX_BODY])).unwrap().body.len(), MAX_BODY);
    assert_eq!(receive(None, &vec![0; MAX_BODY + 1]).unwrap_err().fault, Fault::TooLong);
}

fn save(path: &Path, limit: u64, status: u16, body: &[u8]) -> Result<Response, Unanswered> {
    let save = Save { path: path.to_str().unwrap().into(), limit };
    let exchange = prepare(Request { save: Some(save), ..get() })?;
    assert_eq!(field(&exchange, "accept-encoding"), None);
    let mut receiver = exchange.answer.begin(status, Vec::new())?;
    for piece in body.chunks(60_000) {
        receiver.push(piece)?;
        if receiver.is_full() {
            receiver.flush()?;
        }
    }
    assert!(!path.exists() || fs::read(path).unwrap() == b"mine");
    receiver.finish()
}

#[test]
fn files_are_saved_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("saved");
    let left = || fs::read_dir(folder.path()).unwrap().count();
    let body: Vec<u8> = (0..500_000_u32).map(|at| (at % 253) as u8).collect();
    let unanswered = save(&path, 499_999, 200, &body).unwrap_err();
    assert_eq!((unanswered.fault, left()), (Fault::TooLong, 0));
    let response = save(&path, 500_000, 404, b"none here").unwrap();
    assert_eq!((response.body, left()), (Bytes::from("none here"), 0));
    assert_eq!(save(&path, 500_000, 206, &body).unwrap().body, "");
    assert!(fs::read(&path).unwrap() == body && left() == 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let other = folder.path().join("other");
        fs::write(&other, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&other));
        fs::remove_file(other).unwrap();
    }

    fs::write(&path, "mine").unwrap();
    for path in [path.clone(), folder.path().to_owned(), folder.path().join("none/there")] {
        let unanswered = save(&path, 9, 200, b"yours").unwrap_err();
        assert_eq!(unanswered.fault, Fault::Local);
        assert!(unanswered.reason.contains(path.to_str().unwrap()), "{unanswered:?}");
    }
    // It comes to be while the answer comes in.
    let late = folder.path().join("late");
    let wanted = Save { path: late.to_str().unwrap().into(), limit: 9 };
    let exchange = prepare(Request { save: Some(wanted), ..get() }).unwrap();
    let mut receiver = exchange.answer.begin(200, Vec::new()).unwrap();
    receiver.push(b"yours").unwrap();
    fs::write(&late, "mine").unwrap();
    assert_eq!(receiver.finish().unwrap_err().fault, Fault::Local);
    assert_eq!(
        (fs::read(&path).unwrap(), fs::read(&late).unwrap(), left()),
        (b"mine".into(), b"mine".into(), 2)
    );
}

#[test]
fn progress_comes_now_and_then_and_at_the_end() {
    let (sender, told) = channel();
    let asked = Request { progress: true, ..request("http://h/", Body::Bytes(vec![0; 100 * PIECE].into())) };
    let faults = Faults::new(&asked);
    let exchange =
        Exchange::prepare(asked, &Proxies::default(), &faults, move |now| sender.send(now).unwrap()).unwrap();
    let mut upload = exchange.upload;
    while upload.next_piece().is_some() {}
    let mut receiver = exchange.answer.begin(200, vec![("content-length".into(), "7".into())]).unwrap();
    receiver.push(b"abcdefg").unwrap();
    receiver.finish().unwrap();
    let told: Vec<Progress> = told.try_iter().collect();
    let length = 100 * PIECE as u64;
    let end = Progress { sent: length, to_send: length, received: 7, to_receive: Some(7) };
    assert_eq!(told.last(), Some(&end));
    assert!((2..20).contains(&told.len()), "{}", told.len());
    assert_eq!(told.first().map(|first| first.to_send), Some(length));
}

#[test]
fn urls_name_a_host() {
    for (url, expected) in [
        ("https://discord.com/api/v10?x=@y", Some((true, "discord.com", 443))),
        ("http://h", Some((false, "h", 80))),
        ("http://user:p@h:81/", Some((false, "h", 81))),
        ("https://[::1]:5/", Some((true, "::1", 5))),
        ("https://[::1]", Some((true, "::1", 443))),
        ("https://[::1", None),
        ("https://[::1]x", None),
        ("http://:80/", None),
        ("http://h:99999/", None),
        ("https:///x", None),
        ("ws://h/", None),
        ("nonsense", None),
    ] {
        let target = Target::parse(url);
        let found = target.as_ref().map(|target| (target.secure, &*target.host, target.port));
        assert_eq!(found, expected, "{url}");
    }
}

#[test]
fn web_sockets_name_a_host() {
    for (url, expected) in [
        ("wss://gateway.discord.gg/?v=10", Some((true, "gateway.discord.gg", 443))),
        ("WSS://h", Some((true, "h", 443))),
        ("ws://[::1]:81", Some((false, "::1", 81))),
        ("ws://h?x", Some((false, "h", 80))),
        ("https://h/", None),
        ("wss://?x", None),
    ] {
        let target = Target::parse_web_socket(url);
        let found = target.as_ref().map(|target| (target.secure, &*target.host, target.port));
        assert_eq!(found, expected, "{url}");
    }
}

fn proxies(variables: &[(&str, &str)]) -> Proxies {
    Proxies::from_variables(|name| {
        let found = variables.iter().find(|(found, _)| *found == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

fn chosen(variables: &[(&str, &str)], url: &str) -> Option<String> {
    let proxies = proxies(variables);
    let proxy = proxies.choose(&Target::parse(url).unwrap()).unwrap();
    proxy.and_then(|proxy| proxy.target()).map(Target::authority)
}

#[test]
fn proxies_are_chosen_as_the_environment_says() {
    let both = [("HTTPS_PROXY", "http://s:1"), ("http_proxy", "p:2"), ("HTTP_PROXY", "http://no:9")];
    assert_eq!(chosen(&both, "https://h/"), Some("s:1".into()));
    assert_eq!(chosen(&both, "http://h/"), Some("p:2".into()));
    assert_eq!(chosen(&[("ALL_PROXY", "http://a")], "https://h/"), Some("a:80".into()));
    assert_eq!(chosen(&[], "https://h/"), None);
    assert_eq!(chosen(&[("HTTPS_PROXY", " ")], "https://h/"), None);
    let forged = [("HTTP_PROXY", "http://evil"), ("REQUEST_METHOD", "GET")];
    assert_eq!(chosen(&forged, "http://h/"), None);
    for (exempt, host, spared) in [
        ("*", "h", true),
        ("discord.com", "discord.com", true),
        ("discord.com", "Gateway.Discord.com", true),
        (".discord.com", "cdn.discord.com", true),
        ("*.discord.com", "cdn.discord.com", true),
        ("discord.com", "notdiscord.com", false),
        ("cord.com", "discord.com", false),
        ("a, b,discord.com:443", "discord.com", true),
        ("discord.com:80", "discord.com", false),
        ("127.0.0.1", "127.0.0.1", true),
        ("0.0.1", "127.0.0.1", false),
        ("127.0.0.0/8", "127.9.9.9", true),
        ("127.0.0.0/8", "128.0.0.1", false),
        ("0.0.0.0/0", "128.0.0.1", true),
        ("0.0.0.0/0", "h", false),
        ("::1", "[::1]", true),
        ("[::1]", "[::1]", true),
        ("fe80::/10", "[fe81::1]", true),
        ("fe80::/129", "[fe81::1]", false),
        ("", "h", false),
        (",.,", "h", false),
    ] {
        let variables = [("ALL_PROXY", "http://a"), ("NO_PROXY", exempt)];
        let proxy = chosen(&variables, &format!("https://{host}/"));
        assert_eq!(proxy.is_none(), spared, "{exempt} and {host}");
    }
}

#[test]
fn proxies_keep_their_password() {
    let proxy = Proxy::parse("http://us%65r:p%40ss@h:8/");
    // "user:p@ss"
    assert_eq!(proxy.authorization(), Some("Basic dXNlcjpwQHNz"));
    assert_eq!(format!("{proxy:?}"), "http://h:8");
    assert_eq!(Proxy::parse("user@h").authorization(), Some("Basic dXNlcjo="));
    let socks = proxies(&[("ALL_PROXY", "socks5://u:secret@h:1")]);
    let unanswered = socks.choose(&Target::parse("https://d/").unwrap()).unwrap_err();
    assert_eq!(unanswered.fault, Fault::Local);
    assert!(unanswered.reason.contains("socks5://h:1"), "{unanswered:?}");
}

proptest! {
    #[test]
    fn no_url_panics(url in "\\PC{0,40}", entry in "[a-z0-9:./\\[\\]*%@]{0,20}") {
        if let Some(target) = Target::parse(&url).or_else(|| Target::parse(&format!("http://{entry}"))) {
            let variables = [("ALL_PROXY", url.as_str()), ("NO_PROXY", entry.as_str())];
            let _ = proxies(&variables).choose(&target);
        }
        let _ = Proxy::parse(&url);
    }

    #[test]
    fn no_gzip_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = receive(Some("gzip"), &[&[0x1f, 0x8b, 8], &body[..]].concat());
    }
}
