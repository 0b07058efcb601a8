//! What rows set besides their parameters: who asks, what is checked across fields, whether a repeat does no harm.

use crate::rest::draft::{Draft, Identity, Rule};

/// What stands in the path is enough.
pub(super) const fn nobody(draft: &mut Draft) {
    draft.identity = Identity::Nobody;
}

/// Only users may ask.
pub(super) const fn user(draft: &mut Draft) {
    draft.identity = Identity::User;
}

/// It sets what will be, so that a repeat does no harm.
pub(super) const fn again(draft: &mut Draft) {
    draft.repeatable = true;
}

pub(super) const fn message(draft: &mut Draft) {
    draft.rule = Rule::Message;
}

pub(super) const fn edit(draft: &mut Draft) {
    draft.rule = Rule::MessageEdit;
    again(draft);
}

pub(super) const fn webhook_message(draft: &mut Draft) {
    draft.rule = Rule::WebhookMessage;
    nobody(draft);
}

pub(super) fn webhook_message_wait(draft: &mut Draft) {
    webhook_message(draft);
    draft.query("wait", true);
}

pub(super) const fn webhook_edit(draft: &mut Draft) {
    edit(draft);
    nobody(draft);
}

pub(super) const fn callback(draft: &mut Draft) {
    draft.rule = Rule::Callback;
    nobody(draft);
}

pub(super) const fn bulk_delete(draft: &mut Draft) {
    draft.rule = Rule::BulkDelete;
    again(draft);
}

pub(super) const fn search(draft: &mut Draft) {
    draft.rule = Rule::Search;
}

pub(super) const fn thread(draft: &mut Draft) {
    draft.rule = Rule::Thread;
}

pub(super) const fn forum_thread(draft: &mut Draft) {
    draft.rule = Rule::ForumThread;
}

pub(super) const fn channel_edit(draft: &mut Draft) {
    draft.rule = Rule::Thread;
    again(draft);
}

pub(super) const fn webhook(draft: &mut Draft) {
    draft.rule = Rule::WebhookName;
}

pub(super) const fn webhook_settings(draft: &mut Draft) {
    webhook(draft);
    again(draft);
}

pub(super) const fn webhook_with_token(draft: &mut Draft) {
    webhook_settings(draft);
    nobody(draft);
}

/// A command is replaced by one of the same name and kind.
pub(super) const fn command(draft: &mut Draft) {
    draft.rule = Rule::Command;
    again(draft);
}

pub(super) const fn guild(draft: &mut Draft) {
    draft.rule = Rule::Guild;
    again(draft);
}

pub(super) const fn thread_search(draft: &mut Draft) {
    draft.rule = Rule::ThreadSearch;
}

pub(super) const fn sticker(draft: &mut Draft) {
    draft.rule = Rule::Form("file");
}

pub(super) const fn target_users(draft: &mut Draft) {
    draft.rule = Rule::Form("target_users_file");
    draft.repeatable = true;
}
