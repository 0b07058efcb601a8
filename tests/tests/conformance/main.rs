//! One suite for all adapters: the whole client against our Discord, over loopback sockets and TLS.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod adapter;
mod call;
mod failure;
mod format;
mod gateway;
mod logbook;
mod play;
#[path = "../recording/mod.rs"]
mod recording;
mod session;
mod stage;
#[path = "../tapped/mod.rs"]
mod tapped;

use std::time::Duration;

/// No scenario takes longer, on a machine that is busy with something else.
const LONGEST: Duration = Duration::from_secs(45);

macro_rules! conformance {
    ($($(#[$attribute:meta])* $module:ident::$scenario:ident)*) => {
        conformance! { @for blocking Blocking: $($(#[$attribute])* $module::$scenario)* }
        conformance! { @for smol Smol: $($(#[$attribute])* $module::$scenario)* }
        conformance! { @for tokio Tokio: $($(#[$attribute])* $module::$scenario)* }
    };
    (@for $name:ident $adapter:ident: $($(#[$attribute:meta])* $module:ident::$scenario:ident)*) => {
        mod $name {
            $(
                $(#[$attribute])*
                #[test]
                fn $scenario() {
                    crate::stage::within(crate::LONGEST, crate::$module::$scenario::<crate::adapter::$adapter>);
                }
            )*
        }
    };
}

conformance! {
    call::a_call_through_everything_is_recorded
    call::either_mode_alone_will_do
    call::a_recording_is_readable_at_any_time
    call::a_killed_recording_is_readable
    #[cfg(target_os = "linux")]
    call::an_idle_call_takes_no_time
    #[cfg(unix)]
    format::a_recording_goes_through_ffmpeg
    format::a_format_that_cannot_be_written_is_said_at_once
    failure::an_api_that_cannot_be_reached_is_named
    failure::a_token_or_intent_that_is_refused_is_explained
    failure::a_voice_server_that_is_of_no_use_is_explained
    failure::wrong_discovery_answers_are_asked_again
    failure::a_flood_of_datagrams_drowns_nothing
    failure::nonsense_costs_no_more_than_the_connection
    failure::closes_during_the_handshakes_are_survived
    failure::files_that_cannot_be_written_are_named
    gateway::nothing_is_lost_with_any_compression
    gateway::a_suspended_cluster_goes_on_in_the_next_process
    gateway::what_was_not_acknowledged_comes_again
    gateway::members_are_asked_for_and_joined
    gateway::a_corrupt_stream_is_resumed
    gateway::what_happens_is_logged
    play::a_file_and_a_source_are_heard_as_they_are
    play::a_file_that_is_missing_is_named
    session::being_kicked_ends_the_recording
    session::being_moved_about_is_survived
    session::two_clients_share_a_process
    session::one_session_has_many_calls_and_recordings
    session::stopping_is_possible_at_any_time
    session::a_driver_that_nobody_holds_ends
}
