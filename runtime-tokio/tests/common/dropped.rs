//! Calls whose futures are dropped, as every async adapter must take them back.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use sanscord::machine::{Method, Response};
use sanscord::rest::{Draft, Error, Step, Task, task};
use sanscord::secret::Token;
use sanscord_host::discord::{Desk, Options};

/// An adapter's REST client, whose driver has a thread of its own.
pub(crate) trait Client {
    fn start(options: Options) -> Self;
    fn send(&self, draft: Draft) -> impl Future<Output = Result<Response, Error>>;
    fn on_desk<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Desk) -> T + Send + 'static,
    ) -> impl Future<Output = T>;
}

/// More than there is room for commands.
const MANY: usize = 500;
const SOON: Duration = Duration::from_secs(10);

/// Answers once it is let, and counts what it is asked.
struct Server {
    base: String,
    asked: Arc<AtomicUsize>,
    gate: Sender<()>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (gate, opened) = channel();
        let (asked, opened) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(opened)));
        let count = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (count, opened) = (Arc::clone(&count), Arc::clone(&opened));
                thread::spawn(move || serve(&stream, &count, &opened));
            }
        });
        Self { base, asked, gate }
    }

    fn client<C: Client>(&self) -> C {
        C::start(Options::new(Token::new("token")).base(&self.base))
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn serve(stream: &TcpStream, asked: &AtomicUsize, opened: &Mutex<Receiver<()>>) {
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        if line.starts_with("GET ") {
            asked.fetch_add(1, Ordering::SeqCst);
        }
        if line.is_empty() {
            let _ = opened.lock().unwrap().recv_timeout(SOON);
            let mut to = stream;
            let _ = to.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        }
    }
}

/// A task that waits, and is done.
pub(crate) struct Waits(Option<Duration>);

impl Waits {
    pub(crate) const WAIT: Duration = Duration::from_millis(300);

    pub(crate) const fn new() -> Self {
        Self(Some(Self::WAIT))
    }
}

impl Task for Waits {
    type Item = ();

    fn next(&mut self) -> Step<()> {
        self.0.take().map_or(Step::Done, Step::Wait)
    }

    fn answer(&mut self, _: Result<Response, Error>) {}

    fn progress(&self) -> task::Progress {
        task::Progress::default()
    }
}

type Calls<'a> = Vec<Pin<Box<dyn Future<Output = Result<Response, Error>> + 'a>>>;

fn calls(client: &impl Client) -> Calls<'_> {
    (0..MANY).map(|_| Box::pin(client.send(get("/channels/1"))) as _).collect()
}

fn get(path: &str) -> Draft {
    Draft::new(Method::Get, path)
}

fn poll(calls: &mut Calls<'_>) {
    let mut cx = Context::from_waker(Waker::noop());
    for call in calls {
        assert!(call.as_mut().poll(&mut cx).is_pending());
    }
}

/// Waits for a future while these go on: they may stand before it.
fn wait<T>(calls: &mut Calls<'_>, future: impl Future<Output = T>) -> T {
    let (mut future, started) = (Box::pin(future), Instant::now());
    loop {
        poll(calls);
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
        assert!(started.elapsed() < SOON, "nothing came");
        thread::sleep(Duration::from_millis(1));
    }
}

fn pending(client: &impl Client, calls: &mut Calls<'_>) -> usize {
    wait(calls, client.on_desk(|desk| desk.session().pending()))
}

pub(crate) fn calls_that_were_made_are_taken_back<C: Client>() {
    let server = Server::start();
    let client: C = server.client();
    let mut calls = calls(&client);
    let started = Instant::now();
    while pending(&client, &mut calls) < MANY {
        assert!(started.elapsed() < SOON);
    }
    drop(calls);
    assert_eq!(pending(&client, &mut Vec::new()), 0, "calls that nobody waits for");
    for _ in 0..3 {
        server.gate.send(()).unwrap();
    }
    wait(&mut Vec::new(), client.send(get("/channels/2"))).unwrap();
    assert!(server.asked() <= 2, "{} requests", server.asked());
}

pub(crate) fn calls_that_wait_for_the_driver_are_not_made<C: Client>() {
    let server = Server::start();
    let client: C = server.client();
    let ((stopped, has_stopped), (go_on, goes_on)) = (channel(), channel::<()>());
    let mut busy = Box::pin(client.on_desk(move |_| {
        stopped.send(()).unwrap();
        goes_on.recv_timeout(SOON).unwrap();
    }));
    assert!(busy.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    has_stopped.recv_timeout(SOON).unwrap();
    let mut calls = calls(&client);
    poll(&mut calls);
    drop(calls);
    go_on.send(()).unwrap();
    wait(&mut Vec::new(), busy);
    assert_eq!(pending(&client, &mut Vec::new()), 0, "calls that nobody waits for");
    server.gate.send(()).unwrap();
    wait(&mut Vec::new(), client.send(get("/channels/2"))).unwrap();
    assert_eq!(server.asked(), 1);
}
