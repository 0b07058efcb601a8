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
mod rest;
mod rest_adapter;
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
    rest::texts_and_objects_come_back
    rest::a_file_goes_up_and_comes_down_again
    rest::a_history_is_read_both_ways_and_gone_on_with
    rest::a_search_goes_to_its_end
    rest::messages_are_deleted_in_bulks
    rest::what_is_found_is_deleted
    rest::a_guild_is_mapped_and_its_members_are_found
    rest::a_webhook_posts_until_it_is_gone
    rest::many_calls_at_once_stay_within_their_limits
    rest::two_clients_share_a_limit_unknown_to_each_other
    rest::clients_share_limits_by_an_office
    rest::a_limit_that_discord_tells_is_waited_for
    rest::failures_of_discords_are_repeated
    rest::nothing_is_sent_twice
    rest::a_slow_server_meets_a_deadline
    rest::bad_answers_are_named
    rest::refusals_say_what_to_do
    rest::files_that_cannot_be_sent_are_named
    rest::a_call_that_is_given_up_leaves_nothing
    rest::stopping_finishes_what_is_under_way
    session::being_kicked_ends_the_recording
    session::being_moved_about_is_survived
    session::two_clients_share_a_process
    session::one_session_has_many_calls_and_recordings
    session::stopping_is_possible_at_any_time
    session::a_driver_that_nobody_holds_ends
}
