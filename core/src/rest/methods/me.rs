//! What the bot's own user, or the user, is asked for.

use crate::rest::call::Call;
use crate::rest::endpoint::*;

/// Who asks: the bot, or the user whose token was given.
///
/// ```
/// use sanscord::rest::Me;
///
/// assert_eq!(Me.get().to_string(), "GET /users/@me");
/// assert_eq!(Me.guilds().limit(10_u32).to_string(), "GET /users/@me/guilds");
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Me;

impl Me {
    /// Who we are: [`GetCurrentUser`].
    pub fn get(self) -> Call<GetCurrentUser> {
        GetCurrentUser::new()
    }

    /// Edits who we are: [`EditCurrentUser`].
    pub fn edit(self) -> Call<EditCurrentUser> {
        EditCurrentUser::new()
    }

    /// A page of the guilds in which we are, 200 unless a limit is set: [`GetCurrentUserGuilds`].
    pub fn guilds(self) -> Call<GetCurrentUserGuilds> {
        GetCurrentUserGuilds::new()
    }

    /// The direct channels, as the user: [`GetDms`].
    pub fn dms(self) -> Call<GetDms> {
        GetDms::new()
    }

    /// The bot's application: [`GetCurrentApplication`].
    pub fn application(self) -> Call<GetCurrentApplication> {
        GetCurrentApplication::new()
    }
}
