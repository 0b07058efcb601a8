//! Emojis, stickers and soundboard sounds (discord-api-docs, Emoji, Sticker, Soundboard).

use alloc::string::String;
use alloc::vec::Vec;

use crate::id::{ApplicationId, EmojiId, GuildId, RoleId, SoundId, StickerId, StickerPackId};
use crate::object::{
    Emoji, EmojiList, List, SoundList, SoundboardSound, Sticker, StickerPack, StickerPackList,
};
use crate::rest::endpoint::{endpoints, setup};

endpoints! {
    /// A guild's emojis.
    GetGuildEmojis: Get "/guilds/" {guild_id: GuildId} "/emojis" => List<Emoji> {}

    /// One of a guild's emojis.
    GetGuildEmoji: Get "/guilds/" {guild_id: GuildId} "/emojis/" {emoji_id: EmojiId} => Emoji {}

    /// Makes an emoji: an image of at most 256 KiB.
    CreateGuildEmoji: Post "/guilds/" {guild_id: GuildId} "/emojis" => Emoji {
        /// The name.
        must name: String, 2..=32;
        /// The image, as a data URI.
        must image: String;
        /// Who may use it; all if not given.
        body roles: Vec<RoleId>;
    }

    /// Edits an emoji. What is not set stays.
    EditGuildEmoji: Patch "/guilds/" {guild_id: GuildId} "/emojis/" {emoji_id: EmojiId} with setup::again
        => Emoji
    {
        /// The name.
        body name: String, 2..=32;
        /// Who may use it; null for all.
        body roles: Vec<RoleId>;
    }

    /// Deletes an emoji.
    DeleteGuildEmoji: Delete "/guilds/" {guild_id: GuildId} "/emojis/" {emoji_id: EmojiId} => () {}

    /// The application's emojis, as `items`.
    GetApplicationEmojis: Get "/applications/" {application_id: ApplicationId} "/emojis" => EmojiList {}

    /// One of the application's emojis.
    GetApplicationEmoji: Get "/applications/" {application_id: ApplicationId} "/emojis/" {emoji_id: EmojiId}
        => Emoji {}

    /// Makes an emoji of the application: an image of at most 256 KiB.
    CreateApplicationEmoji: Post "/applications/" {application_id: ApplicationId} "/emojis" => Emoji {
        /// The name.
        must name: String, 2..=32;
        /// The image, as a data URI.
        must image: String;
    }

    /// Renames an emoji of the application.
    EditApplicationEmoji: Patch "/applications/" {application_id: ApplicationId} "/emojis/" {emoji_id: EmojiId}
        with setup::again => Emoji
    {
        /// The name.
        must name: String, 2..=32;
    }

    /// Deletes an emoji of the application.
    DeleteApplicationEmoji: Delete "/applications/" {application_id: ApplicationId} "/emojis/"
        {emoji_id: EmojiId} => () {}

    /// A sticker.
    GetSticker: Get "/stickers/" {sticker_id: StickerId} => Sticker {}

    /// Discord's own stickers, as `sticker_packs`.
    GetStickerPacks: Get "/sticker-packs" => StickerPackList {}

    /// One pack of Discord's own stickers.
    GetStickerPack: Get "/sticker-packs/" {pack_id: StickerPackId} => StickerPack {}

    /// A guild's stickers.
    GetGuildStickers: Get "/guilds/" {guild_id: GuildId} "/stickers" => List<Sticker> {}

    /// One of a guild's stickers.
    GetGuildSticker: Get "/guilds/" {guild_id: GuildId} "/stickers/" {sticker_id: StickerId} => Sticker {}

    /// Makes a sticker, of one [`file`](crate::rest::Call::file): PNG, APNG, GIF or Lottie of at most 512 KiB and
    /// 320 x 320 pixels.
    CreateGuildSticker: Post "/guilds/" {guild_id: GuildId} "/stickers" with setup::sticker => Sticker {
        /// The name.
        must name: String, 2..=30;
        /// Words to find it by; a client sends the name of an emoji.
        must tags: String, 1..=200;
        /// What is to be seen.
        must description: String, 0..=100;
    }

    /// Edits a sticker. What is not set stays.
    EditGuildSticker: Patch "/guilds/" {guild_id: GuildId} "/stickers/" {sticker_id: StickerId}
        with setup::again => Sticker
    {
        /// The name.
        body name: String, 2..=30;
        /// What is to be seen.
        body description: String, 0..=100;
        /// Words to find it by; a client sends the name of an emoji.
        body tags: String, 1..=200;
    }

    /// Deletes a sticker.
    DeleteGuildSticker: Delete "/guilds/" {guild_id: GuildId} "/stickers/" {sticker_id: StickerId} => () {}

    /// Discord's own sounds.
    GetDefaultSoundboardSounds: Get "/soundboard-default-sounds" => List<SoundboardSound> {}

    /// A guild's sounds, as `items`.
    GetGuildSoundboardSounds: Get "/guilds/" {guild_id: GuildId} "/soundboard-sounds" => SoundList {}

    /// One of a guild's sounds.
    GetGuildSoundboardSound: Get "/guilds/" {guild_id: GuildId} "/soundboard-sounds/" {sound_id: SoundId}
        => SoundboardSound {}

    /// Makes a sound: at most 512 KiB and 5.2 seconds.
    CreateGuildSoundboardSound: Post "/guilds/" {guild_id: GuildId} "/soundboard-sounds" => SoundboardSound {
        /// The name.
        must name: String, 2..=32;
        /// MP3 or Ogg, as a data URI.
        must sound: String;
        /// How loud, from 0 to 1.
        body volume: f64;
        /// Its emoji, if it is a custom one.
        body emoji_id: EmojiId;
        /// Its emoji, if it is one of Unicode.
        body emoji_name: String, 1..=32;
    }

    /// Edits a sound. What is not set stays.
    EditGuildSoundboardSound: Patch "/guilds/" {guild_id: GuildId} "/soundboard-sounds/" {sound_id: SoundId}
        with setup::again => SoundboardSound
    {
        /// The name.
        body name: String, 2..=32;
        /// How loud, from 0 to 1.
        body volume: f64;
        /// Its emoji, if it is a custom one.
        body emoji_id: EmojiId;
        /// Its emoji, if it is one of Unicode.
        body emoji_name: String, 1..=32;
    }

    /// Deletes a sound.
    DeleteGuildSoundboardSound: Delete "/guilds/" {guild_id: GuildId} "/soundboard-sounds/" {sound_id: SoundId}
        => () {}
}
