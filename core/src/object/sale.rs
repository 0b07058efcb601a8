//! What applications sell, and who bought it.

use alloc::string::String;
use alloc::vec::Vec;

use crate::id::{ApplicationId, EntitlementId, GuildId, SkuId, SubscriptionId, UserId};

use super::kinds::{EntitlementType, SkuFlags, SkuType, SubscriptionStatus};
use super::table::objects;
use super::text::DateTime;

objects! {
    /// Something that is sold (discord-api-docs, SKU).
    Sku {
        /// Which article.
        id: must SkuId;
        /// What kind of thing.
        kind as "type": or SkuType;
        /// Whose it is.
        application_id: may ApplicationId;
        /// Its name.
        name: or String;
        /// The name in its address.
        slug: or String;
        /// What is with it.
        flags: or SkuFlags;
        [access_type dependent_sku_id features manifest_labels premium release_date show_age_gate]
    }

    /// That a user or guild has something that is sold (discord-api-docs, Entitlement).
    Entitlement {
        /// Which entitlement.
        id: must EntitlementId;
        /// To what.
        sku_id: must SkuId;
        /// Whose article that is.
        application_id: may ApplicationId;
        /// Who has it.
        user_id: may UserId;
        /// Which guild has it.
        guild_id: may GuildId;
        /// How it was come by.
        kind as "type": or EntitlementType;
        /// Whether it was deleted.
        deleted: or bool;
        /// Since when.
        starts_at: may DateTime;
        /// Until when; null if it does not end.
        ends_at: may DateTime;
        /// Whether it was used up.
        consumed: may bool;
        [fulfilled_at fulfillment_status gift_code_flags gifter_user_id parent_id promotion_id subscription_id]
    }

    /// That a user pays for something again and again (discord-api-docs, Subscription).
    Subscription {
        /// Which subscription.
        id: must SubscriptionId;
        /// Who pays.
        user_id: must UserId;
        /// For what.
        sku_ids: or Vec<SkuId>;
        /// What that gives.
        entitlement_ids: or Vec<EntitlementId>;
        /// For what after it is renewed; null if nothing changes.
        renewal_sku_ids: may Vec<SkuId>;
        /// When the current period began.
        current_period_start: may DateTime;
        /// When the current period ends.
        current_period_end: may DateTime;
        /// Whether it goes on. What the user has is for the entitlements to say.
        status: or SubscriptionStatus;
        /// When it was cancelled.
        canceled_at: may DateTime;
        /// The country of who pays, as two letters (ISO 3166-1).
        country: may String;
    }
}
