//! Requests with files, saved answers, progress and cancelling, in memory.

mod toys;

use std::collections::VecDeque;

use sanscord::machine::{
    Body, Fault, Input, Machine, Method, Output, Part, Request, RequestId, Response, Save, Scope,
};
use sanscord::time::{Duration, Timestamp};
use sanscord_testing::link::LinkConfig;
use sanscord_testing::world::World;

use self::toys::Echo;

/// Asks for what it is told to, and tells what comes.
#[derive(Debug)]
struct Courier {
    scope: Scope,
    out: VecDeque<Output<Input>>,
}

impl Courier {
    fn ask(&mut self, request: Request) -> RequestId {
        let id = self.scope.request();
        self.out.push_back(Output::SendRequest(id, request));
        id
    }
}

impl Machine for Courier {
    type Event = Input;

    fn handle_input(&mut self, _: Timestamp, input: Input) {
        if input != Input::Timeout {
            self.out.push_back(Output::Event(input));
        }
    }

    fn poll_output(&mut self) -> Output<Input> {
        self.out.pop_front().unwrap_or(Output::Wait(None))
    }

    fn is_finished(&self) -> bool {
        false
    }
}

fn world() -> World<Courier, Echo> {
    let courier = Courier { scope: Scope::new(0), out: VecDeque::new() };
    World::new(courier, Echo::default(), LinkConfig::default(), 1)
}

fn post(body: Body) -> Request {
    Request {
        method: Method::Post,
        url: "https://toy/api".into(),
        headers: Vec::new(),
        body,
        body_limit: u64::MAX,
        save: None,
        progress: false,
        deadline: Duration::from_secs(15),
    }
}

fn file(path: &str, limit: u64) -> Part {
    Part::File { path: path.into(), limit }
}

fn told(world: &mut World<Courier, Echo>, request: Request) -> Vec<Input> {
    world.take_events();
    world.with_client(0, |courier, _| courier.ask(request));
    world.run_for(Duration::from_secs(20));
    world.take_events().into_iter().map(|happened| happened.event).collect()
}

fn fault(world: &mut World<Courier, Echo>, request: Request) -> Fault {
    match &told(world, request)[..] {
        [Input::Response(_, Err(unanswered))] => unanswered.fault,
        told => panic!("{told:?}"),
    }
}

#[test]
fn files_go_out_from_the_disk_and_answers_onto_it() {
    let mut world = world();
    world.disk_mut().insert("in", b"12345".to_vec());
    let body = Body::Parts(vec![Part::Bytes("<".into()), file("in", 5), Part::Bytes(">".into())]);
    let save = |limit| Some(Save { path: "out".into(), limit });
    let request = Request { save: save(19), progress: true, ..post(body) };
    match &told(&mut world, request.clone())[..] {
        [Input::Progress(_, progress), Input::Response(_, Ok(Response { status: 200, body, .. }))] => {
            assert_eq!((progress.sent, progress.to_send), (7, 7));
            assert_eq!((progress.received, body.len()), (19, 0));
        }
        told => panic!("{told:?}"),
    }
    assert_eq!(world.disk().get("out").unwrap().bytes, b"POST /api 0\n<12345>"[..].to_vec());
    assert_eq!(fault(&mut world, request.clone()), Fault::Local, "a file that is there was touched");
    world.disk_mut().remove("out");
    assert_eq!(fault(&mut world, Request { save: save(3), ..request.clone() }), Fault::TooLong);
    world.disk_mut().set_unwritable(true);
    assert_eq!(fault(&mut world, request), Fault::Local);
    for part in [file("in", 4), file("none", 9)] {
        let requests = world.server().requests;
        assert_eq!(fault(&mut world, post(Body::Parts(vec![part]))), Fault::Local);
        assert_eq!(world.server().requests, requests);
    }
}

#[test]
fn what_is_cancelled_is_not_answered() {
    let mut world = world();
    world.with_client(0, |courier, _| {
        let asked = courier.ask(post(Body::Empty));
        courier.out.push_back(Output::CancelRequest(asked));
    });
    world.run_for(Duration::from_secs(60));
    assert_eq!((world.take_events().len(), world.server().requests), (0, 1));
}

#[test]
#[should_panic(expected = "which is not under way")]
fn what_is_not_under_way_cannot_be_cancelled() {
    let mut world = world();
    world.with_client(0, |courier, _| {
        let asked = courier.scope.request();
        courier.out.push_back(Output::CancelRequest(asked));
    });
}
