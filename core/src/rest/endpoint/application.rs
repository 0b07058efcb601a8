//! Applications, what they sell, and OAuth2 (discord-api-docs, Application, Entitlement, Subscription, OAuth2).

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use crate::id::{ApplicationId, EntitlementId, GuildId, SkuId, SubscriptionId, UserId};
use crate::object::{
    ActivityInstance, Application, Authorization, Entitlement, GatewayUrl, List, RoleConnectionMetadata, Sku,
    Subscription,
};
use crate::rest::endpoint::{endpoints, setup};

endpoints! {
    /// The bot's own application.
    GetCurrentApplication: Get "/applications/@me" => Application {}

    /// Edits the bot's own application. What is not set stays.
    EditCurrentApplication: Patch "/applications/@me" with setup::again => Application {
        /// What it does.
        body description: String, 0..=400;
        /// The picture, as a data URI.
        body icon: String;
        /// The cover, as a data URI.
        body cover_image: String;
        /// The flags: of the gateway's intents, the limited ones.
        body flags: u64;
        /// Where interactions are sent to.
        body interactions_endpoint_url: String, 0..=2048;
        /// Words to find it by.
        body tags: Vec<String>, 0..=5;
        /// Where it can be added, if not by Discord's own page.
        body custom_install_url: String, 0..=2048;
        /// With what it is added.
        body install_params: Value;
        /// With what it is added, for guilds and for users.
        body integration_types_config: Value;
        /// Where roles are linked.
        body role_connections_verification_url: String, 0..=2048;
        /// Where webhook events are sent to.
        body event_webhooks_url: String, 0..=2048;
        /// Whether they are: 1 not, 2 yes.
        body event_webhooks_status: u32, 1..=2;
        /// Which webhook events.
        body event_webhooks_types: Vec<String>;
    }

    /// An instance of the application's activity; 404 if it is over.
    GetActivityInstance: Get "/applications/" {application_id: ApplicationId} "/activity-instances/"
        {instance_id: String} => ActivityInstance {}

    /// What linked roles can ask for.
    GetRoleConnectionMetadata: Get "/applications/" {application_id: ApplicationId} "/role-connections/metadata"
        => List<RoleConnectionMetadata> {}

    /// Sets what linked roles can ask for.
    SetRoleConnectionMetadata: Put "/applications/" {application_id: ApplicationId} "/role-connections/metadata"
        => List<RoleConnectionMetadata>
    {
        /// All of it.
        whole records: Vec<Value>, 0..=5;
    }

    /// What was bought.
    GetEntitlements: Get "/applications/" {application_id: ApplicationId} "/entitlements" => List<Entitlement> {
        /// By this user.
        query user_id: UserId;
        /// Of these articles, joined by commas.
        query sku_ids: String;
        /// For this guild.
        query guild_id: GuildId;
        /// Below this id.
        query before: EntitlementId;
        /// Above this id.
        query after: EntitlementId;
        /// How many at most; 100 if not given.
        query limit: u32, 1..=100;
        /// Whether what has ended is left out.
        query exclude_ended: bool;
        /// Whether what was deleted is left out, as if not given.
        query exclude_deleted: bool;
        [one of before after]
    }

    /// One thing that was bought.
    GetEntitlement: Get "/applications/" {application_id: ApplicationId} "/entitlements/"
        {entitlement_id: EntitlementId} => Entitlement {}

    /// Marks what can be used once as used up.
    ConsumeEntitlement: Post "/applications/" {application_id: ApplicationId} "/entitlements/"
        {entitlement_id: EntitlementId} "/consume" => () {}

    /// Makes as if something was bought, for tests.
    CreateTestEntitlement: Post "/applications/" {application_id: ApplicationId} "/entitlements" => Entitlement {
        /// Which article.
        must sku_id: SkuId;
        /// The guild or user.
        must owner_id: String;
        /// Whether that is a guild, 1, or a user, 2.
        must owner_type: u32, 1..=2;
    }

    /// Takes a test's purchase back.
    DeleteTestEntitlement: Delete "/applications/" {application_id: ApplicationId} "/entitlements/"
        {entitlement_id: EntitlementId} => () {}

    /// The application's articles.
    GetSkus: Get "/applications/" {application_id: ApplicationId} "/skus" => List<Sku> {}

    /// The subscriptions to an article.
    GetSkuSubscriptions: Get "/skus/" {sku_id: SkuId} "/subscriptions" => List<Subscription> {
        /// Below this id.
        query before: SubscriptionId;
        /// Above this id.
        query after: SubscriptionId;
        /// How many at most; 50 if not given.
        query limit: u32, 1..=100;
        /// By this user; needed unless it is asked with an OAuth2 token.
        query user_id: UserId;
        [one of before after]
    }

    /// One subscription to an article.
    GetSkuSubscription: Get "/skus/" {sku_id: SkuId} "/subscriptions/" {subscription_id: SubscriptionId} => Subscription {}

    /// Where the gateway is.
    GetGateway: Get "/gateway" with setup::nobody => GatewayUrl {}

    /// Where the gateway is, and how the bot may use it.
    GetGatewayBot: Get "/gateway/bot" => crate::rest::gateway::GatewayBot {}

    /// The bot's own application, as OAuth2 tells it.
    GetCurrentBotApplication: Get "/oauth2/applications/@me" => Application {}

    /// What an OAuth2 token is good for, and whose it is.
    GetCurrentAuthorization: Get "/oauth2/@me" with setup::user => Authorization {}
}
