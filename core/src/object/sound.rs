//! Sounds, and collections of emojis, stickers and sounds.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::id::{EmojiId, GuildId, SkuId, Snowflake, SoundId, StickerId, StickerPackId};

use super::embed::Sticker;
use super::emoji::Emoji;
use super::raw::Json;
use super::table::objects;
use super::user::User;

objects! {
    /// A sound that can be played in voice channels (discord-api-docs, Soundboard, Soundboard Sound Object).
    SoundboardSound {
        /// Which sound.
        sound_id: must SoundId;
        /// Its name.
        name: or String;
        /// How loud, a number from 0 to 1: see [`loudness`](SoundboardSound::loudness).
        volume: may Json;
        /// Its emoji, if it is a custom one.
        emoji_id: may EmojiId;
        /// Its emoji, if it is one of Unicode.
        emoji_name: may String;
        /// In which guild; Discord's own are in none.
        guild_id: may GuildId;
        /// Whether it can be used; not so when boosts were lost.
        available: or bool;
        /// Who made it.
        user: may Box<User>;
    }

    /// A guild's sounds (discord-api-docs, Soundboard, List Guild Soundboard Sounds).
    SoundList {
        /// The sounds.
        items: or Vec<SoundboardSound>;
    }

    /// An application's emojis (discord-api-docs, Emoji, List Application Emojis).
    EmojiList {
        /// The emojis.
        items: or Vec<Emoji>;
    }

    /// A pack of Discord's own stickers (discord-api-docs, Sticker, Sticker Pack Object).
    StickerPack {
        /// Which pack.
        id: must StickerPackId;
        /// The stickers.
        stickers: or Vec<Sticker>;
        /// Its name.
        name: or String;
        /// The article as which it is sold.
        sku_id: may SkuId;
        /// The sticker that stands for it.
        cover_sticker_id: may StickerId;
        /// What is to be seen.
        description: may String;
        /// Its banner.
        banner_asset_id: may Snowflake;
    }

    /// All packs of Discord's own stickers (discord-api-docs, Sticker, List Sticker Packs).
    StickerPackList {
        /// The packs.
        sticker_packs: or Vec<StickerPack>;
    }
}

impl SoundboardSound {
    /// How loud, from 0 to 1. 1 if that is not told.
    #[must_use]
    pub fn loudness(&self) -> f64 {
        self.volume.as_ref().and_then(|volume| volume.parse().ok()).unwrap_or(1.0)
    }
}
