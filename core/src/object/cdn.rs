//! Where images are (discord-api-docs, Reference, Image Formatting).

use alloc::format;
use alloc::string::String;
use core::fmt;

use crate::id::GuildId;

use super::channel::Channel;
use super::command::Application;
use super::embed::{Sticker, StickerItem};
use super::emoji::Emoji;
use super::guild::{Guild, GuildPreview, Role, UserGuild};
use super::integration::Webhook;
use super::kinds::StickerFormat;
use super::text::ImageHash;
use super::user::{Member, User};
use crate::id::StickerId;

/// Discord's images.
pub const CDN: &str = "https://cdn.discordapp.com";

/// Discord's stickers that are GIFs, which [`CDN`] does not have.
const MEDIA: &str = "https://media.discordapp.net";

/// An image; animated ones move. `size` is rounded up to a power of two between 16 and 4096. `None` without a hash,
/// and for a hash that is not of Discord's form.
fn image(path: fmt::Arguments<'_>, hash: Option<&ImageHash>, size: u32) -> Option<String> {
    let hash = hash?.as_str();
    let plain = !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let moves = if hash.starts_with("a_") { "animated=true&" } else { "" };
    plain.then(|| format!("{CDN}/{path}/{hash}.webp?{moves}size={}", power(size)))
}

fn power(size: u32) -> u32 {
    size.clamp(16, 4096).next_power_of_two()
}

impl User {
    /// Where the picture is, of the given number of pixels in width and height; the one that Discord gives those who
    /// have none.
    #[must_use]
    pub fn avatar_url(&self, size: u32) -> String {
        let own = image(format_args!("avatars/{}", self.id), self.avatar.as_ref(), size);
        own.unwrap_or_else(|| {
            let digits = self.discriminator.as_ref().and_then(|digits| digits.parse::<u64>().ok());
            // Names without digits are unique: then the id tells.
            let index = match digits {
                None | Some(0) => (self.id.0 >> 22) % 6,
                Some(digits) => digits % 5,
            };
            format!("{CDN}/embed/avatars/{index}.png")
        })
    }

    /// Where the image behind the profile is, of the given width in pixels.
    #[must_use]
    pub fn banner_url(&self, size: u32) -> Option<String> {
        image(format_args!("banners/{}", self.id), self.banner.as_ref(), size)
    }
}

impl Member {
    /// Where the picture is, of the given number of pixels in width and height: the one in this guild, otherwise the
    /// user's. `None` if the user is not there.
    #[must_use]
    pub fn avatar_url(&self, guild: GuildId, size: u32) -> Option<String> {
        let user = self.user.as_ref()?;
        let path = format_args!("guilds/{guild}/users/{}/avatars", user.id);
        Some(image(path, self.avatar.as_ref(), size).unwrap_or_else(|| user.avatar_url(size)))
    }
}

macro_rules! images {
    ($($type:ident { $($(#[$doc:meta])* $name:ident $path:literal $field:ident;)* })*) => {$(
        impl $type {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $name(&self, size: u32) -> Option<String> {
                    image(format_args!(concat!($path, "/{}"), self.id), self.$field.as_ref(), size)
                }
            )*
        }
    )*};
}

images! {
    Application {
        /// Where the picture is, of the given number of pixels in width and height.
        icon_url "app-icons" icon;
        /// Where the picture of what it sells is, of the given width in pixels.
        cover_url "app-icons" cover_image;
    }
    Channel {
        /// Where the picture of a group is, of the given number of pixels in width and height.
        icon_url "channel-icons" icon;
    }
    Guild {
        /// Where the picture is, of the given number of pixels in width and height.
        icon_url "icons" icon;
        /// Where the image behind its invitations is, of the given width in pixels.
        splash_url "splashes" splash;
        /// Where the image of its banner is, of the given width in pixels.
        banner_url "banners" banner;
    }
    GuildPreview {
        /// Where the picture is, of the given number of pixels in width and height.
        icon_url "icons" icon;
        /// Where the image behind its invitations is, of the given width in pixels.
        splash_url "splashes" splash;
        /// Where the image that it has where guilds are looked for is, of the given width in pixels.
        discovery_splash_url "discovery-splashes" discovery_splash;
    }
    Role {
        /// Where the picture is, of the given number of pixels in width and height.
        icon_url "role-icons" icon;
    }
    UserGuild {
        /// Where the picture is, of the given number of pixels in width and height.
        icon_url "icons" icon;
        /// Where the image of its banner is, of the given width in pixels.
        banner_url "banners" banner;
    }
    Webhook {
        /// Where the picture is, of the given number of pixels in width and height.
        avatar_url "avatars" avatar;
    }
}

impl Emoji {
    /// Where the picture is, of the given number of pixels in width and height. `None` for those of Unicode.
    #[must_use]
    pub fn url(&self, size: u32) -> Option<String> {
        let moves = if self.animated { "animated=true&" } else { "" };
        self.id.map(|id| format!("{CDN}/emojis/{id}.webp?{moves}size={}", power(size)))
    }
}

/// A sticker's file; it has one size.
fn sticker(id: StickerId, format: StickerFormat) -> String {
    match format {
        StickerFormat::LOTTIE => format!("{CDN}/stickers/{id}.json"),
        StickerFormat::GIF => format!("{MEDIA}/stickers/{id}.gif"),
        _ => format!("{CDN}/stickers/{id}.png"),
    }
}

impl Sticker {
    /// Where the picture is, or of format LOTTIE the drawing.
    #[must_use]
    pub fn url(&self) -> String {
        sticker(self.id, self.format_type)
    }
}

impl StickerItem {
    /// Where the picture is, or of format LOTTIE the drawing.
    #[must_use]
    pub fn url(&self) -> String {
        sticker(self.id, self.format_type)
    }
}
