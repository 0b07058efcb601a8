//! Every typed field of the objects against the description of what Discord answers with.

use sanscord::object::{Embed, Poll, *};

use super::*;

/// A type, the names of its typed fields, and what describes it.
type Known = (&'static str, &'static [&'static str], &'static [&'static str]);

macro_rules! known {
    ($($type:ident: $($schema:ident)+;)*) => {
        &[$((stringify!($type), $type::FIELDS, &[$(stringify!($schema)),+])),*]
    };
}

/// All objects, but for those of [`ELSEWHERE`].
const KNOWN: &[Known] = known! {
    ActivityInstance: EmbeddedActivityInstance;
    ActivityLocation: GuildChannelLocation PrivateChannelLocation;
    Application: ApplicationResponse PrivateApplicationResponse IntegrationApplicationResponse BasicApplicationResponseWithBot;
    ApplicationCommand: ApplicationCommandResponse;
    ApplicationCommandOption: ApplicationCommandChannelOptionResponse ApplicationCommandStringOptionResponse
        ApplicationCommandSubcommandOptionResponse;
    Attachment: AttachmentResponse MessageAttachmentResponse;
    AuditLog: GuildAuditLogResponse;
    AuditLogChange: AuditLogObjectChangeResponse;
    AuditLogEntry: AuditLogEntryResponse;
    Authorization: OAuth2GetAuthorizationResponse;
    AutoModerationAction: BlockMessageActionResponse FlagToChannelActionResponse QuarantineUserActionResponse
        UserCommunicationDisabledActionResponse;
    AutoModerationActionMetadata: BlockMessageActionMetadataResponse FlagToChannelActionMetadataResponse
        QuarantineUserActionMetadataResponse UserCommunicationDisabledActionMetadataResponse;
    AutoModerationRule: DefaultKeywordRuleResponse KeywordRuleResponse MLSpamRuleResponse MentionSpamRuleResponse
        UserProfileRuleResponse;
    AutoModerationTrigger: DefaultKeywordListTriggerMetadataResponse KeywordTriggerMetadataResponse
        MentionSpamTriggerMetadataResponse UserProfileMetadataResponse;
    Ban: GuildBanResponse;
    BulkBanned: BulkBanUsersResponse;
    CallbackInteraction: InteractionResponse;
    CallbackResource: CreateMessageInteractionCallbackResponse;
    Channel: GuildChannelResponse PrivateChannelResponse PrivateGroupChannelResponse ThreadResponse
        CreatedThreadResponse;
    CommandChoice: ApplicationCommandOptionStringChoiceResponse;
    CommandPermission: CommandPermissionResponse;
    CommandPermissions: CommandPermissionsResponse;
    Component: ButtonComponentResponse ContainerComponentResponse SectionComponentResponse
        TextDisplayComponentResponse;
    Connection: ConnectedAccountResponse;
    DefaultReaction: DefaultReactionEmojiResponse;
    Embed: MessageEmbedResponse;
    EmbedAuthor: MessageEmbedAuthorResponse;
    EmbedField: MessageEmbedFieldResponse;
    EmbedFooter: MessageEmbedFooterResponse;
    EmbedMedia: MessageEmbedImageResponse MessageEmbedVideoResponse;
    EmbedProvider: MessageEmbedProviderResponse;
    Emoji: EmojiResponse;
    EmojiList: ListApplicationEmojisResponse;
    Entitlement: EntitlementResponse;
    FollowedChannel: ChannelFollowerResponse;
    ForumTag: ForumTagResponse;
    GatewayUrl: GatewayResponse;
    Guild: GuildResponse GuildWithCountsResponse;
    GuildPreview: GuildPreviewResponse;
    GuildTemplate: GuildTemplateResponse;
    Incidents: GuildIncidentsDataResponse;
    Integration: DiscordIntegrationResponse ExternalConnectionIntegrationResponse
        GuildSubscriptionIntegrationResponse PartialDiscordIntegrationResponse;
    IntegrationAccount: AccountResponse;
    InteractionCallback: InteractionCallbackResponse;
    Invite: FriendInviteResponse GroupDMInviteResponse GuildInviteResponse;
    JoinRequest: GuildJoinRequestResponse;
    JoinRequestPage: GuildJoinRequestsListResponse;
    Member: GuildMemberResponse PrivateGuildMemberResponse;
    Message: MessageResponse SearchMessageResponse BasicMessageResponse;
    MessageReference: MessageReferenceResponse;
    MessageSnapshot: MessageSnapshotResponse;
    NthWeekday: ByNWeekdayResponse;
    Onboarding: GuildOnboardingResponse UserGuildOnboardingResponse;
    OnboardingOption: OnboardingPromptOptionResponse;
    OnboardingPrompt: OnboardingPromptResponse;
    Overwrite: ChannelPermissionOverwriteResponse;
    Pin: PinnedMessageResponse;
    PinPage: PinnedMessagesResponse;
    Poll: PollResponse;
    PollAnswer: PollAnswerResponse;
    PollAnswerCount: PollResultsEntryResponse;
    PollMedia: PollMediaResponse;
    PollResults: PollResultsResponse;
    PollVoters: PollAnswerDetailsResponse;
    Pruned: GuildPruneResponse;
    Reaction: MessageReactionResponse;
    RecurrenceRule: RecurrenceRuleResponse;
    Role: GuildRoleResponse;
    RoleColors: GuildRoleColorsResponse;
    RoleConnection: ApplicationUserRoleConnectionResponse;
    RoleConnectionMetadata: ApplicationRoleConnectionsMetadataItemResponse;
    ScheduledEvent: ExternalScheduledEventResponse StageScheduledEventResponse VoiceScheduledEventResponse;
    ScheduledEventException: GuildScheduledEventExceptionResponse;
    ScheduledEventPlace: EntityMetadataExternalResponse;
    ScheduledEventUser: ScheduledEventUserResponse;
    SearchPage: GuildSearchResponse;
    SnapshotMessage: MinimalContentMessageResponse;
    SoundList: ListGuildSoundboardSoundsResponse;
    SoundboardSound: SoundboardSoundResponse;
    StageInstance: StageInstanceResponse;
    Sticker: GuildStickerResponse StandardStickerResponse;
    StickerItem: MessageStickerItemResponse;
    StickerPack: StickerPackResponse;
    StickerPackList: StickerPackCollectionResponse;
    Subscription: SubscriptionResponse;
    TargetUsersJob: TargetUsersJobStatusResponse;
    Team: TeamResponse;
    TeamMember: TeamMemberResponse;
    TemplateChannel: GuildTemplateChannelResponse;
    TemplateGuild: GuildTemplateSnapshotResponse;
    TemplateRole: GuildTemplateRoleResponse;
    TemplateTag: GuildTemplateChannelTags;
    ThreadList: ThreadsResponse ThreadSearchResponse;
    ThreadMember: ThreadMemberResponse;
    ThreadMetadata: ThreadMetadataResponse;
    User: UserResponse UserPIIResponse;
    UserGuild: MyGuildResponse;
    VanityUrl: VanityURLResponse;
    VoiceRegion: VoiceRegionResponse;
    VoiceState: VoiceStateResponse;
    Webhook: ApplicationIncomingWebhookResponse ChannelFollowerWebhookResponse GuildIncomingWebhookResponse;
    WelcomeChannel: GuildWelcomeScreenChannelResponse;
    WelcomeScreen: GuildWelcomeScreenResponse;
    Widget: WidgetResponse;
    WidgetChannel: WidgetChannel;
    WidgetMember: WidgetMember;
    WidgetSettings: WidgetSettingsResponse;
};

/// Answers that are no objects of ours, or that nothing describes.
const ELSEWHERE: &[(&str, &str)] = &[
    ("crate::rest::gateway::GatewayBot", "of the gateway, with the fields that a session needs"),
    ("BTreeMap<RoleId, u64>", "numbers by ids, without a name"),
    ("Sku", "documented (discord-api-docs, SKU), but not described"),
];

/// Fields that Discord documents, but that the description lacks, with the reason.
const MORE: &[(&str, &[&str], &str)] = &[
    ("AuditLogEntry", &["guild_id"], "of an event only"),
    ("Channel", &["newly_created", "status"], "of events only"),
    ("Guild", &["owner", "permissions"], "of lists of our own guilds"),
    (
        "Guild",
        &[
            "unavailable",
            "joined_at",
            "large",
            "member_count",
            "voice_states",
            "members",
            "channels",
            "threads",
            "presences",
        ],
        "of an event only",
    ),
    (
        "Incidents",
        &["dm_spam_detected_at", "raid_detected_at"],
        "documented (discord-api-docs, Guild, Incidents Data Object)",
    ),
    ("Member", &["guild_id"], "of events only"),
    ("Message", &["guild_id", "member", "channel_type"], "of events only"),
    ("User", &["member"], "of an event's mentions only"),
];

/// The names of the schemas that a schema stands for; without null.
fn names<'a>(schema: &'a Value, into: &mut Vec<&'a str>) {
    if let Some(path) = schema["$ref"].as_str() {
        into.extend(path.rsplit('/').next());
    }
    for list in ["oneOf", "anyOf", "allOf"] {
        schema[list].as_array().into_iter().flatten().for_each(|form| names(form, into));
    }
}

#[test]
fn typed_fields_are_described() {
    let Some(description) = Description::load() else { return };
    let mut faults = Vec::new();
    for (object, fields, schemas) in KNOWN {
        let mut described = BTreeSet::new();
        for name in *schemas {
            match description.0.pointer(&format!("/components/schemas/{name}")) {
                None => faults.push(format!("{object}: there is no {name}")),
                Some(schema) => described.extend(description.fields(schema).0.into_keys()),
            }
        }
        for field in *fields {
            let more = MORE.iter().any(|(known, names, _)| known == object && names.contains(field));
            match (described.contains(field), more) {
                (false, false) => faults.push(format!("{object}: {field} is not described")),
                (true, true) => faults.push(format!("{object}: {field} is described by now")),
                _ => {}
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn answers_are_described() {
    let Some(description) = Description::load() else { return };
    let mut faults = Vec::new();
    for row in all().0 {
        let method = row.method.as_str().to_lowercase();
        let paths = description.0["paths"].as_object().expect("there are paths");
        let found =
            paths.iter().find(|(path, item)| plain(path) == plain(row.path) && item.get(&method).is_some());
        let Some((_, item)) = found else { continue };
        let answers = item[&method]["responses"].as_object().expect("there are answers");
        // 202 answers that it takes longer: that is no object, but a wait.
        let good = answers.iter().filter(|(status, _)| status.starts_with('2') && *status != "202");
        let schemas: Vec<_> = good
            .filter_map(|(_, answer)| {
                description.resolve(answer).pointer("/content/application~1json/schema")
            })
            .collect();
        let inner = |answer: &'static str, outer: &str| answer.strip_prefix(outer)?.strip_suffix('>');
        let answer = inner(row.answer, "Option<").unwrap_or(row.answer);
        let (list, answer) = inner(answer, "List<").map_or((false, answer), |one| (true, one));
        if answer == "()" || ELSEWHERE.iter().any(|(known, _)| *known == answer) {
            continue;
        }
        let Some((_, _, known)) = KNOWN.iter().find(|(known, _, _)| *known == answer) else {
            faults.push(format!("{}: {answer} is not listed here", row.name));
            continue;
        };
        if schemas.is_empty() {
            faults.push(format!("{}: no answer is described, but {} taken", row.name, row.answer));
        }
        for schema in schemas {
            if list != is_array(&description, schema) {
                faults.push(format!("{}: {} is an array, or is not", row.name, row.answer));
                continue;
            }
            let mut described = Vec::new();
            names(if list { &schema["items"] } else { schema }, &mut described);
            for name in described.iter().filter(|name| !known.contains(name)) {
                faults.push(format!("{}: {answer} is described as {name}", row.name));
            }
            if described.is_empty() {
                faults.push(format!("{}: {answer} is described as something without a name", row.name));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
