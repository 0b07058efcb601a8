//! How a guild lets new members in: questions, requests, invites of its own.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::id::{ChannelId, GuildId, JoinRequestId, PromptId, PromptOptionId, RoleId, UserId};

use super::emoji::Emoji;
use super::kinds::{OnboardingMode, OnboardingPromptType, TargetUsersStatus};
use super::raw::Json;
use super::table::objects;
use super::text::DateTime;
use super::user::User;

objects! {
    /// The questions that new members are asked (discord-api-docs, Guild, Guild Onboarding Object).
    Onboarding {
        /// In which guild.
        guild_id: must GuildId;
        /// The questions.
        prompts: or Vec<OnboardingPrompt>;
        /// The channels that all get.
        default_channel_ids: or Vec<ChannelId>;
        /// Whether it is on.
        enabled: or bool;
        /// What counts.
        mode: or OnboardingMode;
        [below_requirements responses onboarding_prompts_seen onboarding_responses_seen]
    }

    /// A question that new members are asked (discord-api-docs, Guild, Onboarding Prompt Structure).
    OnboardingPrompt {
        /// Which question.
        id: must PromptId;
        /// How it looks.
        kind as "type": or OnboardingPromptType;
        /// The answers to choose from.
        options: or Vec<OnboardingOption>;
        /// The question itself.
        title: or String;
        /// Whether only one answer can be chosen.
        single_select: or bool;
        /// Whether one has to be chosen.
        required: or bool;
        /// Whether it is asked before all else, and not only where members choose channels and roles.
        in_onboarding: or bool;
    }

    /// An answer to choose (discord-api-docs, Guild, Prompt Option Structure).
    OnboardingOption {
        /// Which answer.
        id: must PromptOptionId;
        /// The channels that it gives.
        channel_ids: or Vec<ChannelId>;
        /// The roles that it gives.
        role_ids: or Vec<RoleId>;
        /// Its emoji.
        emoji: may Emoji;
        /// The answer itself.
        title: or String;
        /// What it means.
        description: may String;
    }

    /// Those who ask to be let in (discord-api-docs, Guild, Get Guild Join Requests).
    JoinRequestPage {
        /// How many there are, on other pages too.
        total: may u64;
        /// The requests.
        guild_join_requests: or Vec<JoinRequest>;
    }

    /// That a user asks to be let in (discord-api-docs, Guild, Guild Join Request Object).
    JoinRequest {
        /// Which request.
        id: must JoinRequestId;
        /// When it was begun.
        created_at: may DateTime;
        /// When it was decided.
        reviewed_at: may DateTime;
        /// `STARTED`, `SUBMITTED`, `REJECTED` or `APPROVED`.
        application_status: may String;
        /// Why not.
        rejection_reason: may String;
        /// Into which guild.
        guild_id: may GuildId;
        /// Who asks.
        user_id: may UserId;
        /// Who asks, whole.
        user: may Box<User>;
        /// What was answered to the guild's questions, each of a shape of its own.
        form_responses: or Vec<Json>;
        /// Who decided.
        actioned_by_user: may Box<User>;
    }

    /// How far Discord is with the users whom an invite is for (discord-api-docs, Invite, Get Target Users Job
    /// Status).
    TargetUsersJob {
        /// How far.
        status: or TargetUsersStatus;
        /// How many users there are.
        total_users: or u64;
        /// How many of them are done.
        processed_users: or u64;
        /// Since when.
        created_at: may DateTime;
        /// When it was done.
        completed_at: may DateTime;
        /// Why it failed.
        error_message: may String;
    }
}
