//! Attachments, fetched into memory or saved in files.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use bytes::Bytes;

use crate::envelope::DecodeError;
use crate::machine::{MAX_BODY, Method, Response, Save};
use crate::object::Attachment;
use crate::rest::call::{Answer, Call, Endpoint};
use crate::rest::draft::{Draft, Identity, is_url};
use crate::rest::endpoint::Row;
use crate::rest::invalid::Invalid;

/// What is at a URL, into memory. No token goes along.
#[derive(Clone, Copy, Debug)]
pub enum Fetch {}

/// What is at a URL, into a file. No token goes along.
#[derive(Clone, Copy, Debug)]
pub enum Download {}

/// Bytes, as they came.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Content {
    /// The bytes.
    pub bytes: Bytes,
    /// Their media type, if the server told.
    pub media_type: Option<String>,
}

impl AsRef<[u8]> for Content {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Answer for Content {
    fn read(response: &Response) -> Result<Self, DecodeError> {
        let media_type = response.header("content-type").map(str::to_owned);
        Ok(Self { bytes: response.body.clone(), media_type })
    }
}

impl Endpoint for Fetch {
    type Answer = Content;
    const ROW: Row = row("Fetch", "Content");
}

impl Endpoint for Download {
    type Answer = ();
    const ROW: Row = row("Download", "()");
}

const fn row(name: &'static str, answer: &'static str) -> Row {
    Row { name, method: Method::Get, path: "", params: &[], one_of: &[], answer }
}

impl Fetch {
    /// What is at this `https://` or `http://` URL: at most [`MAX_BODY`] bytes.
    #[allow(clippy::new_ret_no_self, reason = "what is made of an endpoint is a call of it")]
    pub fn new(url: &str) -> Call<Self> {
        Call::from_draft(draft(url))
    }
}

impl Download {
    /// What is at this `https://` or `http://` URL, into a new file at `path`, of at most `limit` bytes.
    ///
    /// The file's folder must be there; the file must not. It appears when it is complete.
    #[allow(clippy::new_ret_no_self, reason = "what is made of an endpoint is a call of it")]
    pub fn new(url: &str, path: &str, limit: u64) -> Call<Self> {
        let mut draft = draft(url);
        if path.is_empty() {
            draft.refuse(Invalid::new("path", "is empty"));
        }
        draft.save = Some(Save { path: path.into(), limit });
        Call::from_draft(draft)
    }
}

impl Call<Download> {
    /// How many bytes the file may hold at most.
    pub fn at_most(mut self, bytes: u64) -> Self {
        if let Some(save) = &mut self.draft.save {
            save.limit = bytes;
        }
        self
    }
}

impl Attachment {
    /// Fetches it into memory: at most [`MAX_BODY`] bytes; [`save_to`](Self::save_to) takes more.
    ///
    /// Its URL is good for some 24 hours; then the message has to be asked for again.
    pub fn fetch(&self) -> Call<Fetch> {
        let mut call = Fetch::new(&self.url);
        if self.size > MAX_BODY as u64 {
            let why = format!("has {} bytes, but {MAX_BODY} fit into memory: save it", self.size);
            call.draft.refuse(Invalid::new("attachment", why));
        }
        call
    }

    /// Saves it as a new file at this path; at most [`DOWNLOAD_LIMIT`] bytes, unless
    /// [`at_most`](Call::at_most) says otherwise.
    pub fn save_to(&self, path: impl AsRef<str>) -> Call<Download> {
        Download::new(&self.url, path.as_ref(), DOWNLOAD_LIMIT)
    }

    /// Saves it as a new file in this folder, under its id and its own name made safe, as
    /// [`unique_file_name`](Self::unique_file_name) has them: never outside the folder, and never in the place of
    /// another attachment. [`save_to`](Self::save_to) with [`safe_file_name`](Self::safe_file_name) leaves out the
    /// id.
    pub fn save_in(&self, folder: impl AsRef<str>) -> Call<Download> {
        let folder = folder.as_ref();
        let folder = if folder.is_empty() { "." } else { folder };
        let slash = if folder.ends_with(['/', '\\']) { "" } else { "/" };
        self.save_to(format!("{folder}{slash}{}", self.unique_file_name()))
    }
}

/// The most bytes of an attachment that Discord takes, with some room (Discord's help centre, File Attachments: 500
/// MB).
pub const DOWNLOAD_LIMIT: u64 = 512 << 20;

fn draft(url: &str) -> Draft {
    let mut draft = Draft::new(Method::Get, url);
    draft.identity = Identity::Nobody;
    let good = is_url(url) && url.bytes().all(|byte| byte.is_ascii_graphic());
    if !good {
        draft.refuse(Invalid::new("url", "is no https:// or http:// URL"));
    }
    draft
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::AttachmentId;
    use crate::rest::Api;
    use crate::secret::Token;

    fn attachment(filename: &str) -> Attachment {
        let url = "https://cdn.discordapp.com/attachments/1/2/a.png?ex=1&is=2&hm=3".to_owned();
        Attachment {
            id: AttachmentId(5),
            filename: filename.to_owned(),
            url,
            size: 9,
            ..Attachment::default()
        }
    }

    #[test]
    fn a_hostile_name_stays_in_the_folder() {
        let save = |folder: &str| attachment("../a").save_in(folder).draft.save.map(|save| save.path);
        assert_eq!(save("out").as_deref(), Some("out/5-.._a"));
        assert_eq!(save("/out/").as_deref(), Some("/out/5-.._a"));
        assert_eq!(save("").as_deref(), Some("./5-.._a"));
        for name in ["..", "", "a/../../b", "C:\\x"] {
            let path = attachment(name).save_in("out").draft.save.map(|save| save.path);
            let (folder, name) = path.as_deref().and_then(|path| path.split_once('/')).unwrap();
            assert!(folder == "out" && !name.is_empty() && !name.contains(['/', '\\']), "{name}");
        }
    }

    #[test]
    fn two_of_one_name_are_two_files() {
        let path =
            |id| Attachment { id: AttachmentId(id), ..attachment("image.png") }.save_in("out").draft.save;
        assert_eq!(path(5).map(|save| save.path).as_deref(), Some("out/5-image.png"));
        assert_ne!(path(5), path(6));
    }

    #[test]
    fn it_is_fetched_without_a_token() {
        let api = Api::new("https://discord.com/api/v10", &Token::new("secret"));
        let call = attachment("a.png").save_to("/tmp/x").at_most(77).with_progress();
        let request = api.request(&call.draft, "").unwrap();
        assert_eq!(&*request.url, "https://cdn.discordapp.com/attachments/1/2/a.png?ex=1&is=2&hm=3");
        assert!(request.headers.iter().all(|(name, _)| *name != "authorization"));
        assert_eq!(request.save, Some(Save { path: "/tmp/x".into(), limit: 77 }));
        assert!(request.progress);
        let into_memory = api.request(&attachment("a").fetch().draft, "").unwrap();
        assert_eq!(into_memory.save, None);
        let content = Call::<Fetch>::read(&Response {
            status: 200,
            headers: alloc::vec![("content-type".into(), "image/png".into())],
            body: Bytes::from_static(b"\0\xff"),
        });
        assert_eq!(content.unwrap().as_ref(), b"\0\xff");
    }

    #[test]
    fn what_is_no_url_never_becomes_a_request_of_the_api() {
        let api = Api::new("https://discord.com/api/v10", &Token::new("secret"));
        for url in ["", "/users/@me", "file:///etc/passwd", "https://a b", "https://a\r\nx: y", "@evil"] {
            let attachment = Attachment { url: url.to_owned(), ..attachment("a") };
            assert!(api.request(&attachment.fetch().draft, "").is_err(), "{url:?}");
            assert!(api.request(&attachment.save_in("x").draft, "").is_err(), "{url:?}");
        }
        let big = Attachment { size: MAX_BODY as u64 + 1, ..attachment("a") };
        assert!(api.request(&big.fetch().draft, "").is_err());
        assert!(api.request(&big.save_to("a").draft, "").is_ok());
        assert!(api.request(&big.save_to("").draft, "").is_err());
    }
}
