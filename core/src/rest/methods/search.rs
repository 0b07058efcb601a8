//! Searches bounded by time.

use alloc::format;
use alloc::string::String;

use crate::id::{MessageId, Snowflake};
use crate::object::Message;
use crate::rest::call::Call;
use crate::rest::endpoint::{SearchChannelMessages, SearchGuildMessages};
use crate::rest::invalid::Invalid;

/// Before or after which messages are sought: a message, or a time.
///
/// It is made of a message or its id, of a day in UTC, `2026-03-01`, of a date and time of RFC 3339,
/// `2026-03-01T12:30:00+01:00`, or of a text that is nothing but an id. A text that is none of these is refused when
/// the call is made.
#[derive(Clone, Debug, PartialEq)]
pub struct When(Kind);

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Message(MessageId),
    /// The first id of that time.
    Time(Snowflake),
    Unreadable(String),
}

impl From<MessageId> for When {
    fn from(id: MessageId) -> Self {
        Self(Kind::Message(id))
    }
}

impl From<&Message> for When {
    fn from(message: &Message) -> Self {
        Self(Kind::Message(message.id))
    }
}

impl From<Snowflake> for When {
    fn from(id: Snowflake) -> Self {
        Self(Kind::Message(id.into()))
    }
}

impl From<&str> for When {
    fn from(text: &str) -> Self {
        let text = text.trim();
        let is_id = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        Self(match (text.parse(), Snowflake::from_date(text)) {
            (Ok(id), _) if is_id => Kind::Message(id),
            (_, Ok(first)) => Kind::Time(first),
            (_, Err(error)) => Kind::Unreadable(format!("{text:?}: {error}")),
        })
    }
}

impl From<String> for When {
    fn from(text: String) -> Self {
        Self::from(&*text)
    }
}

impl From<&String> for When {
    fn from(text: &String) -> Self {
        Self::from(&**text)
    }
}

macro_rules! timed {
    ($($endpoint:ident)*) => {$(
        impl Call<$endpoint> {
            /// Older than this message, or sent before this time: `max_id`.
            pub fn before(mut self, when: impl Into<When>) -> Self {
                match when.into().0 {
                    Kind::Message(id) => self.max_id(id),
                    Kind::Time(first) => self.max_id(MessageId::from(first)),
                    Kind::Unreadable(why) => {
                        self.draft.refuse(Invalid::new("max_id", why));
                        self
                    }
                }
            }

            /// Newer than this message, or sent at this time or after: `min_id`.
            pub fn after(mut self, when: impl Into<When>) -> Self {
                match when.into().0 {
                    Kind::Message(id) => self.min_id(id),
                    // The first id of that time is to be among them.
                    Kind::Time(first) => self.min_id(MessageId(first.0.saturating_sub(1))),
                    Kind::Unreadable(why) => {
                        self.draft.refuse(Invalid::new("min_id", why));
                        self
                    }
                }
            }
        }
    )*};
}

timed! { SearchGuildMessages SearchChannelMessages }

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::*;
    use crate::id::{ChannelId, GuildId};
    use crate::rest::{Api, Draft};

    #[test]
    fn dates_and_ids_bound_a_search() {
        let search = || GuildId(7).search();
        let day = (1_767_225_600_000_u64 - 1_420_070_400_000) << 22;
        let query = |draft: &Draft| {
            let pairs = draft.queries().iter().map(|(name, value)| format!("{name}={value}"));
            pairs.collect::<Vec<_>>().join("&")
        };
        for (draft, asked) in [
            (search().before("2026-01-01").into_draft(), format!("max_id={day}")),
            (search().after("2026-01-01").into_draft(), format!("min_id={}", day - 1)),
            (search().after("2026-01-01T01:00:00+01:00").into_draft(), format!("min_id={}", day - 1)),
            (search().after("2015-01-01").into_draft(), "min_id=0".into()),
            (search().after(MessageId(9)).before("12").into_draft(), "min_id=9&max_id=12".into()),
            (search().after(Snowflake(9)).after(String::from("10")).into_draft(), "min_id=10".into()),
            (ChannelId(5).search().before("2026-01-01").into_draft(), format!("max_id={day}")),
        ] {
            assert_eq!(query(&draft), asked);
        }
        let api = Api::anonymous("https://d");
        for (text, why) in [
            ("yesterday", "max_id: \"yesterday\": this is no date"),
            ("2014-01-01", "max_id: \"2014-01-01\": there are ids"),
            ("99999999999999999999", "max_id: \"99999999999999999999\": this is no date"),
            ("", "max_id: \"\": this is no date"),
        ] {
            let error = api.request(search().before(text).draft(), "").unwrap_err().to_string();
            assert!(error.starts_with(why), "{error}");
        }
    }
}
