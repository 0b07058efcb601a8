//! The REST client of every adapter against our Discord: calls, tasks, files, limits, failures, the end.

use std::collections::BTreeSet;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use sanscord::id::{ChannelId, MessageId};
use sanscord::machine::{Fault, Method, Unanswered};
use sanscord::object::{Json, Message};
use sanscord::rest::endpoint::{CreateMessage, GetCurrentUser};
use sanscord::rest::share;
use sanscord::rest::task::{BulkDelete, Find, GuildTree};
use sanscord::rest::{Call, Cause, Draft, Error, File, Me, Task, WebhookUrl};
use sanscord::secret::Token;
use sanscord::time::Timestamp;
use sanscord_blocking::{Network, Office, Options, unix_millis};
use sanscord_testing::config::Config;
use sanscord_testing::fault::RestFault;
use sanscord_testing::rest::settings::Limit;
use serde_json::json;

use super::adapter::{Blocking, Tokio};
use super::rest_adapter::RestAdapter;
use super::stage::{LIMIT, Stage, calm};

const POST: &str = "POST /channels/{channel_id}/messages";

/// Longer than any call here may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Our Discord, and a client that trusts it.
struct Desk<A: RestAdapter> {
    stage: Stage,
    channel: ChannelId,
    discord: A::Discord,
}

/// A Discord whose clock is this machine's, as far as ages of messages go.
fn present() -> Config {
    let mut config = calm();
    config.rest.epoch_millis = unix_millis();
    config
}

fn options(stage: &Stage) -> Options {
    let network = Network::new().no_proxy().trust_pem_file(stage.authority()).unwrap();
    Options::new(Token::new(&stage.token))
        .base(&stage.loopback.addresses().api_base)
        .network(network)
        .deadline(PATIENCE)
        .attempts(3)
}

impl<A: RestAdapter> Desk<A> {
    fn new(config: Config) -> Self {
        let channel = config.text_channel.0;
        let stage = Stage::new(config);
        let discord = A::start(options(&stage));
        Self { stage, channel, discord }
    }

    fn send(&self, text: &str) -> Result<Message, Error> {
        A::call(&self.discord, self.channel.send(text))
    }

    /// All that a task brings, which must not fail.
    #[track_caller]
    fn run<T: Task>(&self, task: T) -> Vec<T::Item> {
        let (brought, _) = A::run(&self.discord, task, usize::MAX);
        brought.into_iter().map(Result::unwrap).collect()
    }

    /// The next requests of a route meet this.
    fn faults(&self, route: &str, faults: impl IntoIterator<Item = RestFault>) {
        let faults: Vec<_> = faults.into_iter().map(|fault| (route.to_owned(), fault)).collect();
        self.stage.discord(move |discord, _| discord.config_mut().faults.rest_routes.extend(faults));
    }

    /// The texts in the channel, the oldest first.
    fn texts(&self) -> Vec<String> {
        let history = self.channel.messages().all().oldest_first();
        self.run(history).into_iter().map(|message| message.content).collect()
    }

    #[track_caller]
    fn assert_proper(&self) {
        let violations = self.stage.discord(|discord, _| discord.violations().to_vec());
        assert!(violations.is_empty(), "{violations:#?}");
    }
}

/// One line, without a secret.
#[track_caller]
fn told<A: RestAdapter, T: std::fmt::Debug>(desk: &Desk<A>, answer: Result<T, Error>) -> Error {
    let error = answer.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains(&desk.stage.token), "{text}");
    assert!(!error.to_string().contains('\n'), "{text}");
    error
}

fn cause<T>(answer: Result<T, Error>) -> Option<Cause> {
    answer.err().map(|error| error.cause)
}

pub(crate) fn texts_and_objects_come_back<A: RestAdapter>() {
    let desk = Desk::<A>::new(present());
    assert_eq!(A::base(&desk.discord), desk.stage.loopback.addresses().api_base);
    let me = A::call(&desk.discord, Me.get()).unwrap();
    assert_eq!(me.username, "recorder");
    let mine = A::call(&desk.discord, Me.guilds()).unwrap();
    let channels = A::call(&desk.discord, mine.first().unwrap().channels()).unwrap();
    assert!(channels.iter().any(|channel| channel.id == desk.channel));
    let text = "Grüße, 世界 👋\n\"quoted\" \\ and <tags>";
    let sent = desk.send(text).unwrap();
    assert_eq!((&*sent.content, sent.channel_id), (text, desk.channel));
    let again = A::call(&desk.discord, desk.channel.message(sent.id)).unwrap();
    assert_eq!(again.content, text);
    // An answer without a body.
    A::call(&desk.discord, again.react("👋")).unwrap();
    let edited = A::call(&desk.discord, again.edit().content("changed")).unwrap();
    assert_eq!(edited.content, "changed");
    // A request that is not modelled, and what came as it came.
    let mut draft = Draft::new(Method::Post, format!("/channels/{}/messages", desk.channel));
    draft.set("content", "raw");
    let raw = A::send(&desk.discord, draft).unwrap();
    assert_eq!(raw.status, 200);
    let raw: serde_json::Value = serde_json::from_slice(&raw.body).unwrap();
    assert_eq!(raw["content"], json!("raw"));
    let draft = Draft::new(Method::Get, format!("/channels/{}", desk.channel));
    let object = A::call(&desk.discord, sanscord::rest::call::Raw::<Json>::call(draft)).unwrap();
    assert_eq!(serde_json::to_value(&object).unwrap()["name"], json!("general"));
    // Packed answers are unpacked.
    desk.faults("GET /users/@me", [RestFault::Gzip]);
    assert_eq!(A::call(&desk.discord, GetCurrentUser::new()).unwrap().id, me.id);
    desk.assert_proper();
}

pub(crate) fn a_file_goes_up_and_comes_down_again<A: RestAdapter>() {
    let desk = Desk::<A>::new(present());
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    let path = desk.stage.write("a picture \"1\".bin", &bytes);
    let (told, heard) = channel();
    let call = desk.channel.send("look").file(File::path(&*path).description("noise"));
    let watch = move |progress| {
        let _ = told.send(progress);
    };
    let message = A::call_with(&desk.discord, call, watch).unwrap();
    let steps: Vec<_> = heard.into_iter().collect();
    assert!(steps.iter().any(|step| step.sent > 1_000_000), "{steps:?}");
    assert!(steps.is_sorted_by_key(|step| (step.sent, step.received)), "{steps:?}");
    assert!(steps.iter().all(|step| step.sent <= step.to_send), "{steps:?}");
    let [file] = &message.attachments[..] else { panic!("{message:?}") };
    assert_eq!((file.size, file.description.as_deref()), (3_000_000, Some("noise")));

    assert_eq!(A::call(&desk.discord, file.fetch()).unwrap().as_ref(), &bytes[..]);
    let (told, heard) = channel();
    let folder = desk.stage.authority().with_file_name("saved");
    std::fs::create_dir_all(&folder).unwrap();
    let target = folder.join("copy.bin");
    let watch = move |progress| {
        let _ = told.send(progress);
    };
    A::call_with(&desk.discord, file.save_to(target.to_str().unwrap()), watch).unwrap();
    assert_eq!(std::fs::read(&target).unwrap(), bytes);
    let steps: Vec<_> = heard.into_iter().collect();
    assert_eq!(steps.last().map(|step| (step.received, step.to_receive)), Some((3_000_000, Some(3_000_000))));

    // What is there is not overwritten, and what is too long leaves nothing behind.
    assert!(A::call(&desk.discord, file.save_to(target.to_str().unwrap())).is_err());
    let short = folder.join("short.bin");
    let answer = A::call(&desk.discord, file.save_to(short.to_str().unwrap()).at_most(2_999_999));
    let fault = cause(answer);
    assert!(matches!(&fault, Some(Cause::Unanswered(Unanswered { fault: Fault::TooLong, .. }))), "{fault:?}");
    A::call(&desk.discord, file.save_in(folder.to_str().unwrap())).unwrap();
    let mut names: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort_unstable();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.contains(&"copy.bin".into()), "{names:?}");
    desk.assert_proper();
}

pub(crate) fn a_history_is_read_both_ways_and_gone_on_with<A: RestAdapter>() {
    let config = present();
    let channel = config.text_channel.0;
    let desk = Desk::<A>::new(config.history(channel, 250));
    let oldest: Vec<Message> = desk.run(channel.messages().all().oldest_first());
    let expected: Vec<String> = (0..250).map(|number| format!("message {number}")).collect();
    let texts = |messages: &[Message]| -> Vec<String> {
        messages.iter().map(|message| message.content.clone()).collect()
    };
    assert_eq!(texts(&oldest), expected);
    let mut newest = desk.run(channel.messages().all());
    newest.reverse();
    assert_eq!(newest, oldest);
    // Ended in the middle, saved, and gone on with by another client.
    let (first, task) = A::run(&desk.discord, channel.messages().all().oldest_first(), 130);
    let saved = serde_json::to_string(&task).unwrap();
    let other = A::start(options(&desk.stage));
    let task: sanscord::rest::task::History = serde_json::from_str(&saved).unwrap();
    let (rest, task) = A::run(&other, task, usize::MAX);
    let both: Vec<Message> = first.into_iter().chain(rest).map(Result::unwrap).collect();
    assert_eq!(both, oldest);
    assert_eq!(task.progress().done, 250);
    // From one message on, and no further than another.
    let part = desk.run(channel.messages().after(oldest[99].id).all().at_most(20));
    assert_eq!(texts(&part), expected[100..120]);
    desk.assert_proper();
}

pub(crate) fn a_search_goes_to_its_end<A: RestAdapter>() {
    let config = present();
    let channel = config.text_channel.0;
    let desk = Desk::<A>::new(config.history(channel, 130));
    let route = "GET /guilds/{guild_id}/messages/search";
    desk.faults(route, [RestFault::NotReady { retry_after: 0 }, RestFault::NotReady { retry_after: 1 }]);
    let begun = Instant::now();
    let found = desk.run(desk.stage.guild.search().content("message").all());
    assert!(begun.elapsed() >= Duration::from_secs(1), "it waits as long as it is told");
    let mut expected: Vec<String> = (0..130).map(|number| format!("message {number}")).collect();
    expected.reverse();
    assert_eq!(found.into_iter().map(|message| message.content).collect::<Vec<_>>(), expected);
    assert_eq!(desk.run(desk.stage.guild.search().content("nobody said this").all()).len(), 0);
    desk.assert_proper();
}

pub(crate) fn messages_are_deleted_in_bulks<A: RestAdapter>() {
    let mut config = present();
    config.rest.limits.insert(BULK.into(), Limit::new(1, Duration::from_millis(100)));
    let channel = config.text_channel.0;
    let desk = Desk::<A>::new(config.history(channel, 220));
    let ids: Vec<MessageId> = desk.run(channel.messages().all()).iter().map(|message| message.id).collect();
    let deleted = desk.run(BulkDelete::new(channel, ids[..205].iter().copied(), unix_millis()));
    assert_eq!(deleted.iter().collect::<BTreeSet<_>>(), ids[..205].iter().collect());
    assert_eq!(desk.texts().len(), 15);
    let bulks = desk.stage.discord(|discord, _| discord.report().requests);
    assert!(bulks < 20, "{bulks} requests");
    desk.assert_proper();
}

const BULK: &str = "POST /channels/{channel_id}/messages/bulk-delete";

pub(crate) fn what_is_found_is_deleted<A: RestAdapter>() {
    let config = present();
    let channel = config.text_channel.0;
    let desk = Desk::<A>::new(config.history(channel, 120));
    let search = || desk.stage.guild.search().content("message 1").all().delete(unix_millis());
    // "message 1", 10 to 19 and 100 to 119 have these words in them.
    let would: BTreeSet<MessageId> = desk.run(search().dry_run()).iter().map(|message| message.id).collect();
    assert!(would.len() >= 31, "{}", would.len());
    assert_eq!(desk.texts().len(), 120, "a dry run deletes nothing");
    let gone: BTreeSet<MessageId> = desk.run(search()).iter().map(|message| message.id).collect();
    assert_eq!(gone, would);
    assert_eq!(desk.texts().len(), 120 - would.len());
    desk.assert_proper();
}

pub(crate) fn a_guild_is_mapped_and_its_members_are_found<A: RestAdapter>() {
    let desk = Desk::<A>::new(Config { members: 37, ..present() });
    let guild = desk.stage.guild;
    let trees = desk.run(GuildTree::new(guild).with_members(1_000));
    let [tree] = &trees[..] else { panic!("{trees:?}") };
    let text = tree.to_string();
    assert!(text.contains("Sanscord") && text.contains("#general") && text.contains("Lounge"), "{text}");
    let members = desk.run(guild.members().limit(10_u32).all());
    assert_eq!(members.len(), 38, "and the bot");
    assert_eq!(tree.members.len(), 38);
    let name = members[20].user.as_ref().unwrap().username.clone();
    let found = desk.run(Find::member(guild, &format!("@{name}")));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].user.as_ref().unwrap().username, name);
    assert_eq!(desk.run(Find::channel(guild, "#general"))[0].id, desk.channel);
    assert_eq!(desk.run(Find::channel(guild, "nowhere")).len(), 0);
    desk.assert_proper();
}

pub(crate) fn a_webhook_posts_until_it_is_gone<A: RestAdapter>() {
    let desk = Desk::<A>::new(present());
    let webhook = A::call(&desk.discord, desk.channel.create_webhook("News")).unwrap();
    let api = &desk.stage.loopback.addresses().api_base;
    let token = webhook.token.as_ref().unwrap().expose().to_owned();
    let url: WebhookUrl = format!("{api}/webhooks/{}/{token}", webhook.id).parse().unwrap();
    // Who posts needs no token of a bot.
    let network = Network::new().no_proxy().trust_pem_file(desk.stage.authority()).unwrap();
    let poster = A::start(Options::new(Token::new("")).base(url.api_base()).network(network));
    let call = url.send("read all about it").username("Crier").file(File::bytes("a.txt", &b"news"[..]));
    let message = A::call(&poster, call).unwrap();
    assert_eq!((&*message.content, message.attachments.len()), ("read all about it", 1));
    assert_eq!(message.author.as_ref().unwrap().username, "Crier");
    A::call(&desk.discord, webhook.id.delete()).unwrap();
    let error = told(&desk, A::call(&poster, url.send("anybody?")));
    assert_eq!((error.status(), error.code()), (Some(404), 10_015));
    assert!(!error.to_string().contains(&token), "{error}");
    // It is not asked again for what is gone.
    let requests = || desk.stage.discord(|discord, _| discord.report().requests);
    let before = requests();
    let error = told(&desk, A::call(&poster, url.send("anybody?")));
    assert!(matches!(error.cause, Cause::Held(_)), "{error}");
    assert_eq!(requests(), before);
    desk.assert_proper();
}

/// Calls that say these numbers.
fn counting(channel: ChannelId, numbers: std::ops::Range<u32>) -> Vec<Call<CreateMessage>> {
    numbers.map(|number| channel.send(number.to_string())).collect()
}

#[track_caller]
fn assert_each_once(texts: &[String], count: u32) {
    let mut numbers: Vec<u32> = texts.iter().map(|text| text.parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..count).collect::<Vec<_>>());
}

pub(crate) fn many_calls_at_once_stay_within_their_limits<A: RestAdapter>() {
    let mut config = present();
    config.rest.limits.insert(POST.into(), Limit::new(10, Duration::from_millis(500)));
    let desk = Desk::<A>::new(config);
    for answer in A::all(&desk.discord, counting(desk.channel, 0..64)) {
        answer.unwrap();
    }
    assert_each_once(&desk.texts(), 64);
    let limited = desk.stage.discord(|discord, _| discord.report().rest_statuses.get(&429).copied());
    assert_eq!(limited, None, "limits are foreseen");
    assert_eq!(A::look(&desk.discord, |session| session.pending()), Some(0));
    desk.assert_proper();
}

pub(crate) fn two_clients_share_a_limit_unknown_to_each_other<A: RestAdapter>() {
    let mut config = present();
    config.rest.limits.insert(POST.into(), Limit::new(5, Duration::from_millis(400)));
    let desk = Desk::<A>::new(config);
    let other = A::start(options(&desk.stage));
    let calls = counting(desk.channel, 20..40);
    let racing = thread::spawn(move || A::all(&other, calls));
    let mine = A::all(&desk.discord, counting(desk.channel, 0..20));
    for answer in mine.into_iter().chain(racing.join().unwrap()) {
        answer.unwrap();
    }
    assert_each_once(&desk.texts(), 40);
    // No client can foresee what another does, but each heeds what it is told.
    let limited = desk.stage.discord(|discord, _| discord.report().rest_statuses.get(&429).copied());
    assert!(limited.unwrap_or(0) < 40, "{limited:?}");
}

/// Clients of several adapters and one office: one set of limits; also when the office is replaced by another, and
/// when one of them goes away.
pub(crate) fn clients_share_limits_by_an_office<A: RestAdapter>() {
    let mut config = present();
    config.rest.limits.insert(POST.into(), Limit::new(5, Duration::from_millis(400)));
    let channel = config.text_channel.0;
    let stage = Stage::new(config);
    let office = Office::listen("127.0.0.1:0").unwrap();
    let told = || options(&stage).limits_at(office.url());
    let (a, b, c) = (A::start(told()), Blocking::start(told()), Tokio::start(told()));
    let desk = Desk::<A> { stage, channel, discord: a };
    thread::scope(|scope| {
        let all = [
            scope.spawn(|| Blocking::all(&b, counting(channel, 20..40))),
            scope.spawn(|| Tokio::all(&c, counting(channel, 40..60))),
        ];
        for answer in A::all(&desk.discord, counting(channel, 0..20)) {
            answer.unwrap();
        }
        for answer in all.into_iter().flat_map(|all| all.join().unwrap()) {
            answer.unwrap();
        }
    });
    assert_each_once(&desk.texts(), 60);
    let limited = desk.stage.discord(|discord, _| discord.report().rest_statuses.get(&429).copied());
    assert_eq!(limited, None, "limits are foreseen");
    desk.assert_proper();

    // The next office at this address, a while later: what is asked meanwhile waits.
    let (saved, address) = (office.save().unwrap(), office.address());
    drop(office);
    let mut machine = share::Office::new(share::Config::default());
    machine.restore(Timestamp::ZERO, &saved, Duration::ZERO);
    let office = thread::scope(|scope| {
        let asked = scope.spawn(|| desk.send("meanwhile"));
        thread::sleep(Duration::from_millis(300));
        assert!(!asked.is_finished(), "nobody grants it");
        let office = Office::listen_with(address, machine).unwrap();
        asked.join().unwrap().unwrap();
        office
    });
    Tokio::call(&c, channel.send("after")).unwrap();
    let clients = |count: usize| {
        let end = Instant::now() + LIMIT;
        while office.with(|office, _| office.clients()).unwrap() != count {
            assert!(Instant::now() < end, "there never were {count} clients");
            thread::sleep(Duration::from_millis(10));
        }
    };
    clients(3);
    drop(b);
    clients(2);
    A::stop(&desk.discord);
    clients(1);
    assert_eq!(office.with(|office, _| office.requests()).unwrap(), 0);
}

pub(crate) fn a_limit_that_discord_tells_is_waited_for<A: RestAdapter>() {
    let desk = Desk::<A>::new(present());
    let wait = Duration::from_millis(300);
    for (fault, least) in [
        (RestFault::RateLimited { retry_after: wait, global: false }, wait),
        (RestFault::RateLimited { retry_after: wait, global: true }, wait),
        (RestFault::Shared { retry_after: wait }, wait),
        (RestFault::Cloudflare { retry_after: Duration::from_secs(1) }, Duration::from_secs(1)),
    ] {
        desk.faults(POST, [fault.clone()]);
        let begun = Instant::now();
        desk.send("patience").unwrap();
        assert!(begun.elapsed() >= least, "{fault:?}: {:?}", begun.elapsed());
    }
    // A wait beyond the call's own time ends it at once, and says so.
    desk.faults(POST, [RestFault::RateLimited { retry_after: Duration::from_secs(600), global: false }]);
    let begun = Instant::now();
    let error = told(&desk, desk.send("no patience"));
    assert!(matches!(error.cause, Cause::Deadline { .. }), "{error}");
    assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
    assert_eq!(desk.texts(), ["patience"; 4]);
    desk.assert_proper();
}

pub(crate) fn failures_of_discords_are_repeated<A: RestAdapter>() {
    let desk = Desk::<A>::new(present());
    let route = "GET /users/@me";
    for faults in [
        vec![RestFault::Status(502), RestFault::Status(503)],
        vec![RestFault::Error { status: 500, code: 0, message: "500: Internal Server Error".into() }],
        vec![RestFault::Lost { processed: false }, RestFault::Lost { processed: true }],
    ] {
        desk.faults(route, faults);
        A::call(&desk.discord, GetCurrentUser::new()).unwrap();
    }
    // Not forever.
    desk.faults(route, vec![RestFault::Status(502); 3]);
    let error = told(&desk, A::call(&desk.discord, GetCurrentUser::new()));
    assert_eq!(error.status(), Some(502));
    A::call(&desk.discord, GetCurrentUser::new()).unwrap();
    desk.assert_proper();
}

pub(crate) fn nothing_is_sent_twice<A: RestAdapter>() {
    let desk = Desk::<A>::new(present());
    let path = desk.stage.write("note.txt", b"a note");
    for (number, processed) in [true, false, true].into_iter().enumerate() {
        desk.faults(POST, [RestFault::Lost { processed }]);
        let call = desk.channel.send(number.to_string()).file(File::path(&*path));
        let message = A::call(&desk.discord, call).unwrap();
        assert_eq!(message.attachments.len(), 1, "files go along again");
    }
    assert_each_once(&desk.texts(), 3);
    // What cannot be told apart is not repeated, and the error says that it may have been done.
    let webhook = A::call(&desk.discord, desk.channel.create_webhook("Once")).unwrap();
    let route = "POST /webhooks/{webhook_id}/{webhook_token}";
    for processed in [true, false] {
        desk.faults(route, [RestFault::Lost { processed }]);
        let error = told(&desk, A::call(&desk.discord, webhook.send("3").unwrap()));
        assert!(error.is_uncertain(), "{error}");
    }
    assert_each_once(&desk.texts(), 4);
    desk.assert_proper();
}

pub(crate) fn a_slow_server_meets_a_deadline<A: RestAdapter>() {
    let desk = Desk::<A>::new(present());
    let soon = Duration::from_millis(400);
    let route = "GET /users/@me";
    for fault in [RestFault::Slow(Duration::from_secs(30)), RestFault::Silent { processed: true }] {
        desk.faults(route, [fault.clone()]);
        let begun = Instant::now();
        let error = told(&desk, A::call(&desk.discord, GetCurrentUser::new().deadline(soon)));
        assert!(begun.elapsed() >= soon, "{:?}", begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(5), "{fault:?}: {:?}", begun.elapsed());
        assert!(error.is_uncertain(), "{error}");
    }
    // One that is slow but in time.
    desk.faults(route, [RestFault::Slow(soon)]);
    A::call(&desk.discord, GetCurrentUser::new().deadline(PATIENCE)).unwrap();
    desk.assert_proper();
}

pub(crate) fn bad_answers_are_named<A: RestAdapter>() {
    let desk = Desk::<A>::new(present());
    let html = |status| RestFault::Answer {
        status,
        headers: vec![("content-type".into(), "text/html".into())],
        body: format!("<html>{}</html>", "sorry ".repeat(500)).into(),
    };
    // A wait of a thousand years is none: it is asked again, as after a limit that tells no time.
    desk.faults("GET /users/@me", [RestFault::absurd_wait("31536000000", "31536000000")]);
    A::call(&desk.discord, GetCurrentUser::new()).unwrap();
    for (fault, word) in [
        (RestFault::Redirect, "302"),
        (RestFault::Truncated(20), "cannot be read"),
        (RestFault::Truncated(0), "cannot be read"),
        (RestFault::Huge(33 << 20), "longer than"),
        (html(200), "cannot be read"),
        (html(403), "403"),
        (RestFault::absurd_wait("31536000", "31536000"), "not done within"),
    ] {
        desk.faults("GET /users/@me", [fault.clone()]);
        let begun = Instant::now();
        let answer = A::call(&desk.discord, GetCurrentUser::new());
        assert!(answer.is_err(), "{fault:?} is no answer: {answer:?}");
        let text = told(&desk, answer).to_string();
        assert!(text.starts_with("GET /users/@me: ") && text.contains(word), "{fault:?}: {text}");
        assert!(text.len() < 700, "{fault:?}: {text}");
        assert!(begun.elapsed() < LIMIT, "{fault:?}: {:?}", begun.elapsed());
        if word != "not done within" {
            A::call(&desk.discord, GetCurrentUser::new()).unwrap();
        }
    }
}

pub(crate) fn refusals_say_what_to_do<A: RestAdapter>() {
    let mut config = present();
    config.rest.forbidden.insert("PATCH /channels/{channel_id}".into());
    let desk = Desk::<A>::new(config);
    let stranger = A::start(
        Options::new(Token::new("wrong.token.indeed"))
            .base(&desk.stage.loopback.addresses().api_base)
            .network(Network::new().no_proxy().trust_pem_file(desk.stage.authority()).unwrap()),
    );
    let error = told(&desk, A::call(&stranger, GetCurrentUser::new()));
    assert_eq!(error.status(), Some(401));
    assert!(error.to_string().contains("DISCORD_BOT_TOKEN"), "{error}");
    // It is not tried again.
    let requests = || desk.stage.discord(|discord, _| discord.report().requests);
    let before = requests();
    let error = told(&desk, A::call(&stranger, GetCurrentUser::new()));
    assert!(matches!(error.cause, Cause::Held(_)), "{error}");
    assert_eq!(requests(), before);

    let error = told(&desk, A::call(&desk.discord, desk.channel.edit().name("mine")));
    assert_eq!((error.status(), error.code()), (Some(403), 50_013));
    assert!(error.to_string().contains("permission"), "{error}");
    let made = A::call(&desk.discord, desk.stage.guild.create_channel("brief")).unwrap();
    A::call(&desk.discord, made.delete()).unwrap();
    let error = told(&desk, A::call(&desk.discord, made.send("hello?")));
    assert_eq!((error.status(), error.code()), (Some(404), 10_003));
    // Refused before it is sent.
    let before = requests();
    let error = told(&desk, desk.send(&"x".repeat(2_001)));
    assert!(matches!(error.cause, Cause::Invalid(_)), "{error}");
    assert_eq!(requests(), before);
    desk.assert_proper();
}

pub(crate) fn files_that_cannot_be_sent_are_named<A: RestAdapter>() {
    let desk = Desk::<A>::new(present());
    let here = |name: &str| desk.stage.authority().with_file_name(name).to_str().unwrap().to_owned();
    std::fs::create_dir_all(here("a folder")).unwrap();
    let big = desk.stage.write("big.bin", &[7; 2_000]);
    for (file, word) in [
        (File::path(here("missing.png")), "missing.png"),
        (File::path(here("a folder")), "a folder"),
        (File::path(&*big).limit(1_999), "big.bin"),
    ] {
        let error = told(&desk, A::call(&desk.discord, desk.channel.send("look").file(file)));
        let text = error.to_string();
        assert!(text.contains("not sent") && text.contains(word), "{text}");
        assert!(!error.is_uncertain(), "{text}");
    }
    // One that is there when the call is made, and gone before its turn comes.
    let path = desk.stage.write("fleeting.txt", b"now");
    let limit = RestFault::RateLimited { retry_after: Duration::from_millis(600), global: false };
    desk.faults(POST, [limit]);
    let call = desk.channel.send("look").file(File::path(&*path));
    let discord = desk.discord.clone();
    let calling = thread::spawn(move || A::call(&discord, call));
    desk.stage.wait("the 429", |discord| discord.report().rest_statuses.contains_key(&429));
    std::fs::remove_file(&path).unwrap();
    let error = told(&desk, calling.join().unwrap());
    assert!(error.to_string().contains("fleeting.txt"), "{error}");
    assert_eq!(desk.texts(), [""; 0]);
    desk.assert_proper();
}

pub(crate) fn a_call_that_is_given_up_leaves_nothing<A: RestAdapter>() {
    let desk = Desk::<A>::new(present());
    desk.faults("GET /users/@me", [RestFault::Silent { processed: true }]);
    A::give_up(&desk.discord, GetCurrentUser::new(), Duration::from_millis(200));
    // One that had not been sent.
    desk.faults(POST, [RestFault::RateLimited { retry_after: Duration::from_secs(1), global: false }]);
    A::give_up(&desk.discord, desk.channel.send("taken back"), Duration::from_millis(200));
    let end = Instant::now() + LIMIT;
    while A::look(&desk.discord, |session| session.pending()) != Some(0) {
        assert!(Instant::now() < end, "calls are left");
        thread::sleep(Duration::from_millis(5));
    }
    A::call(&desk.discord, GetCurrentUser::new()).unwrap();
    desk.send("kept").unwrap();
    assert_eq!(desk.texts(), ["kept"]);
    desk.assert_proper();
}

pub(crate) fn stopping_finishes_what_is_under_way<A: RestAdapter>() {
    let desk = Desk::<A>::new(present());
    desk.faults(POST, [RestFault::Slow(Duration::from_millis(500))]);
    let (discord, calls) = (desk.discord.clone(), counting(desk.channel, 0..12));
    let calling = thread::spawn(move || A::all(&discord, calls));
    let end = Instant::now() + LIMIT;
    while A::look(&desk.discord, |session| session.pending()) != Some(12) {
        assert!(Instant::now() < end, "calls are missing");
        thread::sleep(Duration::from_millis(2));
    }
    A::stop(&desk.discord);
    let late = cause(desk.send("late"));
    assert_eq!(late, Some(Cause::Ended));
    for answer in calling.join().unwrap() {
        answer.unwrap();
    }
    // Nothing goes on when the last is done.
    assert_eq!(cause(desk.send("later")), Some(Cause::Ended));
    let other = A::start(options(&desk.stage));
    let (brought, _) = A::run(&other, desk.channel.messages().all(), usize::MAX);
    let texts: Vec<String> = brought.into_iter().map(|message| message.unwrap().content).collect();
    assert_each_once(&texts, 12);
    desk.assert_proper();
}
