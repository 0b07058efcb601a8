//! Seeds for the corpora: small inputs that reach deep.

mod capture;
mod cluster;
mod conversation;
mod dave;
mod file;
mod script;
mod wire;

/// A name and an input.
pub(crate) type Seed = (&'static str, Vec<u8>);

/// The seeds of this target.
pub(crate) fn of(target: &str) -> Vec<Seed> {
    match target {
        "call" => script::call(),
        "capture" => capture::capture(),
        "client" => [conversation::client(), script::client()].concat(),
        "cluster" => cluster::cluster(),
        "dave_frame" => dave::frame(),
        "dave_session" => dave::session(),
        "decrypt" => wire::decrypt(),
        "discovery" => wire::discovery(),
        "envelope" => wire::envelope(),
        "gateway" => script::gateway(),
        "inflate" => wire::inflate(),
        "jitter" => wire::jitter(),
        "limits" => wire::limits(),
        "message" => wire::message(),
        "objects" => wire::objects(),
        "ogg" => file::ogg(),
        "recorder" => script::recorder(),
        "rest_error" => wire::rest_error(),
        "rtcp" => wire::rtcp(),
        "rtp" => wire::rtp(),
        _ => Vec::new(),
    }
}
