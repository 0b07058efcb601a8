//! What every adapter's HTTP client must do.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::CertificateParams;
use sanscord::machine::{
    Body, Fault, Input, Method, Part, Progress, Request, RequestId, Response, Save, Unanswered,
};

use super::scenario::{SOON, echoes, folder, input, open, refused, start, told};
use super::web::{Web, proxy};
use super::{Next, Rig, Setup, Told, server};

/// Requests that an adapter makes at once.
const AT_ONCE: usize = 64;
/// The same of those that carry files, or save their answer.
const TRANSFERS: usize = 16;

fn get(url: String) -> Request {
    Request {
        method: Method::Get,
        url: url.into(),
        headers: Vec::new(),
        body: Body::Empty,
        body_limit: u64::MAX,
        save: None,
        progress: false,
        deadline: SOON,
    }
}

fn post(url: String, body: Body) -> Request {
    Request { method: Method::Post, body, ..get(url) }
}

fn ask<R: Rig>(rig: &mut R, request: Request) -> Result<Response, Unanswered> {
    answered(rig, request).1
}

/// The answer, and the progress that was told before it.
fn answered<R: Rig>(rig: &mut R, request: Request) -> (Vec<Progress>, Result<Response, Unanswered>) {
    let asked = begin(rig, request);
    end(rig, asked)
}

fn begin<R: Rig>(rig: &mut R, request: Request) -> RequestId {
    rig.call(move |toy, _| toy.ask(request)).unwrap()
}

fn end<R: Rig>(rig: &mut R, asked: RequestId) -> (Vec<Progress>, Result<Response, Unanswered>) {
    let mut progress = Vec::new();
    loop {
        match input(rig) {
            Input::Progress(id, now) if id == asked => progress.push(now),
            Input::Response(id, answer) if id == asked => return (progress, answer),
            input => panic!("{input:?}"),
        }
    }
}

fn fault<R: Rig>(rig: &mut R, request: Request) -> (Fault, String) {
    let unanswered = ask(rig, request).unwrap_err();
    (unanswered.fault, unanswered.reason.into())
}

fn text(path: &Path) -> Box<str> {
    path.to_str().unwrap().into()
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

pub(crate) fn connections_are_kept<R: Rig>() {
    let (mut rig, web) = (start::<R>(), Web::start());
    for path in ["/ok", "/chunked", "/missing", "/loop", "/gzip", "/continue"] {
        ask(&mut rig, get(web.url(path))).unwrap();
        let response = ask(&mut rig, post(web.url("/ok"), Body::Bytes("x".into()))).unwrap();
        assert_eq!(response.body, "ok");
    }
    assert_eq!((web.seen.connections(), web.seen.count("/ok")), (1, 7));
}

pub(crate) fn a_kept_connection_that_was_closed_is_no_obstacle<R: Rig>() {
    let (mut rig, web) = (start::<R>(), Web::start());
    for _ in 0..3 {
        assert_eq!(ask(&mut rig, get(web.url("/bye"))).unwrap().body, "bye");
        std::thread::sleep(Duration::from_millis(50));
        let response = ask(&mut rig, post(web.url("/bye"), Body::Bytes("x".into()))).unwrap();
        assert_eq!(response.body, "bye");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(web.seen.count("/bye"), 6);
}

pub(crate) fn what_may_have_arrived_is_not_sent_again<R: Rig>() {
    let (mut rig, web) = (start::<R>(), Web::start());
    for round in 1..=3 {
        // On a kept connection.
        ask(&mut rig, get(web.url("/ok"))).unwrap();
        let (kind, reason) = fault(&mut rig, post(web.url("/cut"), Body::Bytes("x".into())));
        assert_eq!(kind, Fault::Lost, "{reason}");
        assert_eq!(web.seen.count("/cut"), 2 * round - 1);
        // On a new one.
        let (kind, reason) = fault(&mut rig, get(web.url("/cut")));
        assert_eq!((kind, web.seen.count("/cut")), (Fault::Lost, 2 * round), "{reason}");
        assert!(reason.contains("127.0.0.1"), "{reason}");
    }
}

/// No repeat makes a certificate better: it is told at once, and what can be done.
pub(crate) fn tls_that_cannot_be_had_is_told<R: Rig>() {
    let folder = folder("tls");
    let (untrusted, _) = server::tls(&folder);
    let old = |leaf: &mut CertificateParams| {
        leaf.not_before = rcgen::date_time_ymd(2019, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(2020, 1, 1);
    };
    let (expired, its_root) = server::tls_as(&folder, "localhost", old);
    let (other, others_root) = server::tls_as(&super::scenario::folder("tls"), "other.test", |_| ());
    for (url, trust, words) in [
        (server::https(untrusted), None, "localhost is not trusted: its issuer is unknown here"),
        (server::https(expired), Some(its_root), "set this machine's clock"),
        (server::https(other), Some(others_root), "localhost is not trusted: it is for other.test;"),
        (
            format!("https://{}", server::tls_answer(&ALERT)),
            None,
            "127.0.0.1 refused the TLS handshake (Handsh",
        ),
        (format!("https://{}", server::tls_answer(&TLS_1_0)), None, "127.0.0.1 has no TLS in common with us"),
    ] {
        let mut rig = R::start(Setup { trust, ..Setup::default() });
        for asked in [get(url.clone()), post(url.clone(), Body::Bytes("x".into()))] {
            let (kind, reason) = fault(&mut rig, asked);
            assert_eq!(kind, Fault::Tls, "{url}: {reason}");
            assert!(reason.contains(words), "{url}: {reason}");
        }
        let (status, reason) = refused(&mut rig, url.replace("https:", "wss:"));
        assert!(status.is_none() && reason.contains(words), "{url}: {reason}");
    }
}

/// A fatal alert: handshake_failure (RFC 8446, section 6).
const ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

/// A ServerHello of TLS 1.0 that chooses TLS_RSA_WITH_AES_128_CBC_SHA (RFC 2246, section 7.4.1.3).
const TLS_1_0: [u8; 47] = {
    let mut hello = [7; 47];
    let (record, head) = ([22, 3, 1, 0, 42], [2, 0, 0, 38, 3, 1]);
    let mut at = 0;
    while at < 11 {
        hello[at] = if at < 5 { record[at] } else { head[at - 5] };
        at += 1;
    }
    // After 32 bytes of chance: no session, the cipher suite, no compression.
    (hello[43], hello[44], hello[45], hello[46]) = (0, 0, 0x2f, 0);
    hello
};

pub(crate) fn a_deadline_without_a_connection_leaves_it_unsent<R: Rig>() {
    let silent = server::silent();
    let mut rig = start::<R>();
    let short = Duration::from_millis(300);
    for body in [Body::Empty, Body::Bytes("x".into())] {
        let asked = post(format!("https://{silent}/"), body.clone());
        let (kind, reason) = fault(&mut rig, Request { deadline: short, ..asked });
        assert_eq!((kind, &*reason), (Fault::Unsent, "127.0.0.1 could not be reached within 300ms"));
        // Once there is a connection, it may have arrived.
        let asked = post(format!("http://{silent}/"), body);
        let (kind, reason) = fault(&mut rig, Request { deadline: short, ..asked });
        assert_eq!((kind, &*reason), (Fault::Late, "127.0.0.1 did not answer within 300ms"));
    }
    // On a kept connection too.
    let web = Web::start();
    ask(&mut rig, get(web.url("/ok"))).unwrap();
    let asked = post(web.url("/slow"), Body::Empty);
    let (kind, reason) = fault(&mut rig, Request { deadline: short, ..asked });
    assert_eq!((kind, web.seen.connections()), (Fault::Late, 1), "{reason}");
    // A proxy that is reached and gives no way.
    let mut rig = R::start(Setup { proxy: Some(silent.to_string()), ..Setup::default() });
    let asked = post("https://localhost/".into(), Body::Bytes("x".into()));
    let (kind, reason) = fault(&mut rig, Request { deadline: short, ..asked });
    assert_eq!(kind, Fault::Unsent, "{reason}");
}

/// In a process of its own: the environment is its.
pub(crate) fn the_environment_names_roots<R: Rig>() {
    if let Ok(urls) = std::env::var(IN_CHILD) {
        let (https, wss) = urls.split_once(' ').unwrap();
        let mut rig = start::<R>();
        assert_eq!(ask(&mut rig, get(https.to_owned())).unwrap().status, 200);
        open(&mut rig, wss.to_owned());
        return;
    }
    let folder = folder("environment");
    let (config, pem) = server::tls(&folder);
    let (https, wss) = (server::https(Arc::clone(&config)), server::tls_web_socket(config));
    let child = |file: &Path| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_environment_names_roots", "--nocapture"])
            .env(IN_CHILD, format!("{https}/200 {wss}"))
            .env("SSL_CERT_FILE", file)
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap();
        let told = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&told).into_owned())
    };
    let (passed, told) = child(&pem);
    assert!(passed && told.contains("1 passed"), "{told}");
    let missing = folder.join("missing.pem");
    let (passed, told) = child(&missing);
    assert!(!passed && told.contains(missing.to_str().unwrap()), "{told}");
}

const IN_CHILD: &str = "SANSCORD_TEST_CHILD";

pub(crate) fn faults_are_told_apart<R: Rig>() {
    let (mut rig, web) = (start::<R>(), Web::start());
    let short = Duration::from_millis(300);
    let nobody = server::nobody();
    for (url, expected, why) in [
        (format!("http://{nobody}/"), Fault::Unsent, "refused"),
        (format!("https://{nobody}/"), Fault::Unsent, "refused"),
        ("https://nobody.invalid/".into(), Fault::Unsent, "nobody.invalid"),
        (web.url("/ok").replace("http:", "https:"), Fault::Unsent, "127.0.0.1"),
        (web.url("/cut"), Fault::Lost, "127.0.0.1"),
        (web.url("/garbage"), Fault::Lost, "127.0.0.1"),
        (web.url("/short"), Fault::Lost, "127.0.0.1"),
        (web.url("/chunked-cut"), Fault::Lost, "127.0.0.1"),
        (web.url("/gzip-cut"), Fault::Lost, "gzip"),
        (web.url("/slow"), Fault::Late, "did not answer within 300ms"),
        (web.url("/drip"), Fault::Late, "did not answer within 300ms"),
        (web.url("/bomb"), Fault::TooLong, "longer than 33554432 bytes"),
        (web.url("/claims"), Fault::TooLong, "longer than 33554432 bytes"),
        (web.url("/endless"), Fault::TooLong, "longer than 33554432 bytes"),
        ("nonsense".into(), Fault::Local, "nonsense"),
        ("http://".into(), Fault::Local, "no http url"),
        ("http://a b/".into(), Fault::Local, "a b"),
        ("ftp://127.0.0.1/".into(), Fault::Local, "ftp"),
    ] {
        let deadline = if expected == Fault::Late { short } else { SOON };
        let started = Instant::now();
        let (kind, reason) = fault(&mut rig, Request { deadline, ..get(url.clone()) });
        assert_eq!(kind, expected, "{url}: {reason}");
        assert!(reason.to_lowercase().contains(why), "{url}: {reason}");
        assert!(expected != Fault::Late || started.elapsed() < Duration::from_secs(3), "{url}");
    }
}

pub(crate) fn redirects_are_answers<R: Rig>() {
    let (mut rig, web) = (start::<R>(), Web::start());
    for body in [Body::Empty, Body::Bytes("x".into())] {
        let response = ask(&mut rig, post(web.url("/loop"), body)).unwrap();
        assert_eq!((response.status, response.header("location")), (302, Some("/loop")));
        assert_eq!(response.body, "elsewhere");
    }
    assert_eq!(web.seen.count("/loop"), 2);
}

pub(crate) fn interim_answers_are_passed_over<R: Rig>() {
    let (mut rig, web) = (start::<R>(), Web::start());
    let response = ask(&mut rig, post(web.url("/continue"), Body::Bytes("x".into()))).unwrap();
    assert_eq!((response.status, response.body), (200, "ok".into()));
    assert_eq!(ask(&mut rig, get(web.url("/chunked"))).unwrap().body, "abcdefg");
}

pub(crate) fn gzip_is_taken_off_on_the_way<R: Rig>() {
    let (mut rig, web) = (start::<R>(), Web::start());
    let response = ask(&mut rig, get(web.url("/gzip"))).unwrap();
    assert_eq!((&response.body[..], response.header("content-encoding")), (&b"hello"[..], None));
    assert_eq!(response.header("content-type"), Some("text/plain"));
    assert_eq!(web.seen.last().field("accept-encoding"), Some("gzip"));
    // Whoever asks for something else gets it.
    let headers = vec![("Accept-Encoding", "identity".into())];
    let response = ask(&mut rig, Request { headers, ..get(web.url("/gzip")) }).unwrap();
    assert_eq!(response.header("content-encoding"), Some("gzip"));
    assert_eq!(response.body.get(..2), Some(&[0x1f, 0x8b][..]));
    let fields = web.seen.last().fields;
    assert_eq!(fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("accept-encoding")).count(), 1);
}

/// A file of so many bytes, and their sum.
fn long_file(length: usize) -> (PathBuf, u64) {
    let path = folder("upload").join("long");
    let content: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
    std::fs::write(&path, &content).unwrap();
    (path, content.iter().map(|byte| u64::from(*byte)).sum())
}

fn part(path: &Path) -> Part {
    Part::File { path: text(path), limit: 1 << 30 }
}

pub(crate) fn files_are_sent_piece_by_piece<R: Rig>() {
    const LENGTH: usize = 30_000_000;
    let (mut rig, web) = (start::<R>(), Web::start());
    let (path, sum) = long_file(LENGTH);
    let body = Body::Parts(vec![Part::Bytes("ab".into()), part(&path), Part::Bytes("c".into())]);
    let asked = begin(&mut rig, Request { progress: true, ..post(web.url("/gate"), body.clone()) });
    // The server does not read: what does not fit in the system's buffers waits in the file.
    let mut before = Vec::new();
    while let Next::Event(event) = rig.next(Duration::from_millis(500)) {
        match event {
            Told::Input(Input::Progress(id, now)) if id == asked => before.push(now.sent),
            event => panic!("{event:?}"),
        }
    }
    assert!(before.last().is_some_and(|sent| (1..20_000_000).contains(sent)), "{before:?}");
    web.gate.send(()).unwrap();
    let (after, answer) = end(&mut rig, asked);
    assert_eq!(answer.unwrap().body, "ok");
    let length = LENGTH as u64 + 3;
    let last = Progress { sent: length, to_send: length, received: 2, to_receive: Some(2) };
    assert_eq!(after.last(), Some(&last));
    assert!(before.len() + after.len() < 50, "{} reports", before.len() + after.len());
    let seen = web.seen.last();
    assert_eq!((seen.length, seen.sum), (length, sum + 97 + 98 + 99));
    // Without progress, nothing is told of it.
    let (progress, answer) = answered(&mut rig, post(web.url("/ok"), body));
    assert_eq!((progress, answer.unwrap().status), (Vec::new(), 200));
}

pub(crate) fn an_answer_before_the_end_of_the_request_is_one<R: Rig>() {
    let (mut rig, web) = (start::<R>(), Web::start());
    let (path, _) = long_file(5_000_000);
    let response = ask(&mut rig, post(web.url("/early"), Body::Parts(vec![part(&path)]))).unwrap();
    assert_eq!((response.status, response.body), (413, "big".into()));
    assert_eq!(ask(&mut rig, get(web.url("/ok"))).unwrap().status, 200);
}

pub(crate) fn files_that_cannot_be_sent_are_named<R: Rig>() {
    let (mut rig, web) = (start::<R>(), Web::start());
    let folder = folder("unsent");
    let file = folder.join("file");
    std::fs::write(&file, "12345").unwrap();
    for (path, limit) in
        [(folder.join("missing"), 9), (folder.clone(), 9), (file.clone(), 4), (file.join("x"), 9)]
    {
        let body = Body::Parts(vec![Part::Bytes("x".into()), Part::File { path: text(&path), limit }]);
        let (kind, reason) = fault(&mut rig, post(web.url("/ok"), body));
        assert_eq!(kind, Fault::Local, "{reason}");
        assert!(reason.contains(path.to_str().unwrap()), "{reason}");
    }
    assert_eq!(web.seen.connections(), 0);
    let body = Body::Parts(vec![Part::File { path: text(&file), limit: 5 }]);
    assert_eq!(ask(&mut rig, post(web.url("/ok"), body)).unwrap().status, 200);
    assert_eq!(web.seen.last().field("content-length"), Some("5"));
}

pub(crate) fn a_file_that_shrinks_is_given_up<R: Rig>() {
    let (mut rig, web) = (start::<R>(), Web::start());
    let (path, _) = long_file(30_000_000);
    let body = Body::Parts(vec![part(&path)]);
    let asked = begin(&mut rig, Request { progress: true, ..post(web.url("/gate"), body) });
    assert!(matches!(input(&mut rig), Input::Progress(..)));
    std::fs::File::options().write(true).open(&path).unwrap().set_len(25_000_000).unwrap();
    web.gate.send(()).unwrap();
    let unanswered = end(&mut rig, asked).1.unwrap_err();
    assert_eq!(unanswered.fault, Fault::Local, "{unanswered:?}");
    assert!(unanswered.reason.contains(path.to_str().unwrap()), "{unanswered:?}");
    assert_eq!(ask(&mut rig, get(web.url("/ok"))).unwrap().status, 200);
}

fn saving(url: String, path: &Path, limit: u64) -> Request {
    Request { save: Some(Save { path: text(path), limit }), progress: true, ..get(url) }
}

pub(crate) fn answers_are_saved<R: Rig>() {
    let (mut rig, web) = (start::<R>(), Web::start());
    let folder = folder("saved");
    let path = folder.join("big");
    let (progress, answer) = answered(&mut rig, saving(web.url("/big"), &path, 3_000_000));
    let response = answer.unwrap();
    assert_eq!((response.status, response.body.len()), (200, 0));
    assert!(std::fs::read(&path).unwrap() == vec![b'x'; 3_000_000]);
    let last = Progress { sent: 0, to_send: 0, received: 3_000_000, to_receive: Some(3_000_000) };
    assert_eq!(progress.last(), Some(&last));
    // What is saved is saved as it comes.
    assert_eq!(web.seen.last().field("accept-encoding"), None);
    // What is no success is not saved.
    let path = folder.join("other");
    let response = ask(&mut rig, saving(web.url("/missing"), &path, 9)).unwrap();
    assert_eq!((response.status, response.body), (404, "none here".into()));
    assert!(!path.exists());
    ask(&mut rig, saving(web.url("/chunked"), &path, 7)).unwrap();
    assert_eq!((std::fs::read(&path).unwrap(), files(&folder)), (b"abcdefg".into(), 2));
}

pub(crate) fn answers_that_cannot_be_saved_leave_nothing<R: Rig>() {
    let (mut rig, web) = (start::<R>(), Web::start());
    let folder = folder("unsaved");
    let path = folder.join("file");
    for (from, limit, expected) in [
        ("/short", 1_000_000, Fault::Lost),
        ("/chunked-cut", 1_000_000, Fault::Lost),
        ("/big", 2_999_999, Fault::TooLong),
        ("/endless", 3_000_000, Fault::TooLong),
        ("/drip", 1_000_000, Fault::Late),
    ] {
        let deadline = if expected == Fault::Late { Duration::from_millis(300) } else { SOON };
        let (kind, reason) = fault(&mut rig, Request { deadline, ..saving(web.url(from), &path, limit) });
        assert_eq!(kind, expected, "{from}: {reason}");
        vanishes(&folder, 0);
    }
    let count = web.seen.asked.lock().unwrap().len();
    std::fs::write(&path, "mine").unwrap();
    for path in [path.clone(), folder.clone(), folder.join("none/there"), path.join("below")] {
        let (kind, reason) = fault(&mut rig, saving(web.url("/ok"), &path, 9));
        assert_eq!(kind, Fault::Local, "{reason}");
        assert!(reason.contains(path.to_str().unwrap()), "{reason}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    assert_eq!(web.seen.asked.lock().unwrap().len(), count, "it was asked for before it was looked");
}

/// What is left of a file goes away with what wrote it, on whatever thread that is.
fn vanishes(folder: &Path, left: usize) {
    let started = Instant::now();
    while files(folder) > left {
        assert!(started.elapsed() < Duration::from_secs(3), "a file was left");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn a_cancelled_request_leaves_nothing<R: Rig>() {
    let (mut rig, web) = (start::<R>(), Web::start());
    let folder = folder("cancelled");
    let path = folder.join("file");
    let asked = begin(&mut rig, saving(web.url("/drip"), &path, 1_000_000));
    // The head and some bytes are there.
    loop {
        match input(&mut rig) {
            Input::Progress(_, now) if now.to_receive.is_some() => break,
            Input::Progress(..) => {}
            input => panic!("{input:?}"),
        }
    }
    rig.call(move |toy, _| {
        toy.cancel(asked);
        // No harm is done by another.
        toy.cancel(asked);
    })
    .unwrap();
    vanishes(&folder, 0);
    assert_eq!(ask(&mut rig, get(web.url("/ok"))).unwrap().status, 200);
    assert_eq!(files(&folder), 0);
}

pub(crate) fn cancelled_requests_make_room<R: Rig>() {
    let (mut rig, web) = (start::<R>(), Web::start());
    let many = AT_ONCE + 10;
    for path in ["/slow", "/drip", "/gate"] {
        let url = web.url(path);
        rig.call(move |toy, _| {
            for _ in 0..many {
                let asked =
                    toy.ask(Request { body: Body::Bytes("x".into()), ..post(url.clone(), Body::Empty) });
                toy.cancel(asked);
            }
        })
        .unwrap();
        let url = web.url(path);
        let asked =
            rig.call(move |toy, _| (0..many).map(|_| toy.ask(get(url.clone()))).collect::<Vec<_>>()).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        rig.call(move |toy, _| asked.into_iter().for_each(|asked| toy.cancel(asked))).unwrap();
        let started = Instant::now();
        assert_eq!(ask(&mut rig, get(web.url("/ok"))).unwrap().status, 200);
        assert!(started.elapsed() < Duration::from_secs(5), "{path}");
    }
}

pub(crate) fn waiting_for_a_turn_counts<R: Rig>() {
    let (mut rig, web) = (start::<R>(), Web::start());
    let (slow, ok) = (web.url("/slow"), web.url("/ok"));
    let (busy, late) = rig
        .call(move |toy, _| {
            let busy: Vec<_> = (0..AT_ONCE).map(|_| toy.ask(get(slow.clone()))).collect();
            (busy, toy.ask(Request { deadline: Duration::from_millis(300), ..get(ok) }))
        })
        .unwrap();
    let started = Instant::now();
    let unanswered = end(&mut rig, late).1.unwrap_err();
    assert_eq!(unanswered.fault, Fault::Unsent, "{unanswered:?}");
    assert!(unanswered.reason.contains("no turn within 300ms"), "{unanswered:?}");
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!(web.seen.count("/ok"), 0);
    rig.call(move |toy, _| busy.into_iter().for_each(|asked| toy.cancel(asked))).unwrap();
    assert_eq!(ask(&mut rig, get(web.url("/ok"))).unwrap().status, 200);
}

pub(crate) fn transfers_hold_no_call_back<R: Rig>() {
    let (mut rig, web) = (start::<R>(), Web::start());
    let folder = folder("transfers");
    let (url, parts) = (web.url("/drip"), vec![Part::Bytes("x".into())]);
    let to = folder.clone();
    let busy = rig
        .call(move |toy, _| {
            let save = |n| Some(Save { path: text(&to.join(format!("{n}"))), limit: 1_000_000 });
            let busy = |n| toy.ask(Request { save: save(n), ..get(url.clone()) });
            (0..AT_ONCE).map(busy).collect::<Vec<_>>()
        })
        .unwrap();
    for _ in 0..3 {
        assert_eq!(ask(&mut rig, get(web.url("/ok"))).unwrap().status, 200);
    }
    // Those beyond their number have no turn, and nothing of them is sent.
    let upload = post(web.url("/upload"), Body::Parts(parts));
    let deadline = Duration::from_millis(300);
    let (kind, reason) = fault(&mut rig, Request { deadline, ..upload.clone() });
    assert_eq!((kind, web.seen.count("/upload")), (Fault::Unsent, 0), "{reason}");
    assert!(web.seen.count("/drip") <= TRANSFERS);
    rig.call(move |toy, _| busy.into_iter().for_each(|asked| toy.cancel(asked))).unwrap();
    assert_eq!(ask(&mut rig, upload).unwrap().status, 200);
    vanishes(&folder, 0);
}

pub(crate) fn requests_go_by_a_proxy<R: Rig>() {
    let (config, pem) = server::tls(&folder("proxy"));
    let tls = format!("{}/200", server::https(config));
    let web = Web::start();
    let (address, seen) = proxy("200 OK");
    let by = Some(format!("http://user:p%40ss@{address}"));
    let mut rig = R::start(Setup { proxy: by, trust: Some(pem), ..Setup::default() });
    for _ in 0..3 {
        assert_eq!(ask(&mut rig, get(tls.clone())).unwrap().status, 200);
    }
    let asked = seen.last();
    assert_eq!(asked.method, "CONNECT");
    assert!(asked.path.starts_with("localhost:"), "{asked:?}");
    // "user:p@ss"
    assert_eq!(asked.field("proxy-authorization"), Some("Basic dXNlcjpwQHNz"));
    assert_eq!((seen.connections(), seen.asked.lock().unwrap().len()), (1, 1), "the tunnel was not kept");
    assert_eq!(ask(&mut rig, get(web.url("/ok"))).unwrap().body, "ok");
    assert_eq!(seen.connections(), 2);
    let asked = seen.last();
    assert!(asked.path.contains(web.base.strip_prefix("http://").unwrap()), "{asked:?}");
    assert_eq!(asked.field("proxy-authorization"), Some("Basic dXNlcjpwQHNz"));
}

pub(crate) fn a_proxy_that_refuses_is_told<R: Rig>() {
    let (address, seen) = proxy("403 Forbidden");
    let mut rig = R::start(Setup { proxy: Some(address.to_string()), ..Setup::default() });
    let (kind, reason) = fault(&mut rig, get("https://localhost/".into()));
    assert_eq!(kind, Fault::Unsent, "{reason}");
    assert_eq!(seen.last().path, "localhost:443");
    let nobody = server::nobody();
    let mut rig = R::start(Setup { proxy: Some(nobody.to_string()), ..Setup::default() });
    for url in ["https://localhost/", "http://localhost/"] {
        let (kind, reason) = fault(&mut rig, get(url.into()));
        assert_eq!(kind, Fault::Unsent, "{reason}");
    }
}

pub(crate) fn web_sockets_go_by_a_proxy<R: Rig>() {
    let (config, pem) = server::tls(&folder("proxied"));
    let (address, seen) = proxy("200 Connection established");
    let by = Some(format!("http://user:p%40ss@{address}"));
    let mut rig = R::start(Setup { proxy: by, trust: Some(pem), ..Setup::default() });
    for (count, url) in [(1, server::web_socket().0), (2, server::tls_web_socket(config))] {
        let to = url.split('/').nth(2).unwrap();
        let socket = open(&mut rig, url.clone());
        echoes(&mut rig, socket);
        let asked = seen.last();
        assert_eq!((&*asked.method, &*asked.path, asked.field("host")), ("CONNECT", to, Some(to)));
        // "user:p@ss"
        assert_eq!(asked.field("proxy-authorization"), Some("Basic dXNlcjpwQHNz"));
        assert_eq!((seen.connections(), seen.asked.lock().unwrap().len()), (count, count));
    }
}

pub(crate) fn a_proxy_that_lets_no_web_socket_through_is_told<R: Rig>() {
    let (wants, _) = proxy("407 Proxy Authentication Required");
    let cut = server::listen(drop);
    for (address, words) in [
        (wants, &["407 Proxy Authentication Required", "user:password@", "gave no way to localhost:443"][..]),
        (server::nobody(), &["refused"]),
        (cut, &["gave no way to localhost:443"]),
        (server::silent(), &["localhost did not answer within 300ms"]),
    ] {
        let proxy = Some(format!("http://user:secret@{address}"));
        let connect_timeout = Duration::from_millis(300);
        let mut rig = R::start(Setup { proxy, connect_timeout, ..Setup::default() });
        let (status, reason) = refused(&mut rig, "wss://localhost/?v=10".into());
        assert_eq!(status, None, "{reason}");
        assert!(!reason.contains("secret"), "{reason}");
        let said = reason.to_lowercase();
        assert!(words.iter().all(|words| said.contains(&words.to_lowercase())), "{reason}");
    }
}

pub(crate) fn an_ending_driver_lets_requests_out<R: Rig>() {
    let (mut rig, web) = (start::<R>(), Web::start());
    let (path, sum) = long_file(30_000_000);
    let asked = post(web.url("/gate"), Body::Parts(vec![part(&path)]));
    rig.call(move |toy, _| {
        toy.ask(Request { progress: true, ..asked });
    })
    .unwrap();
    assert!(matches!(told(&mut rig), Told::Input(Input::Progress(..))));
    rig.call(|toy, _| toy.finish()).unwrap();
    web.gate.send(()).unwrap();
    loop {
        match rig.next(SOON) {
            Next::Event(Told::Input(Input::Progress(..))) => {}
            Next::Ended => break,
            _ => panic!("the driver did not end"),
        }
    }
    let seen = web.seen.last();
    assert_eq!((seen.length, seen.sum), (30_000_000, sum));
}
