//! Paths as text: the core knows no others.

use std::path::{Path, PathBuf};

/// A path that is no text.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the path {} cannot be used: it is no UTF-8", .0.display())]
pub struct NotUtf8(pub PathBuf);

/// A path as [`File::path`](sanscord::rest::File::path), `Attachment::save_to` and `Attachment::save_in` take it:
/// `attachment.save_in(utf8(&folder)?)`.
///
/// # Errors
///
/// [`NotUtf8`] if it is no UTF-8.
pub fn utf8<P: AsRef<Path> + ?Sized>(path: &P) -> Result<&str, NotUtf8> {
    let path = path.as_ref();
    path.to_str().ok_or_else(|| NotUtf8(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_text_or_refused_by_name() {
        for path in ["", "a/b", "C:\\x", "ä\n"] {
            assert_eq!(utf8(Path::new(path)), Ok(path));
            assert_eq!(utf8(&PathBuf::from(path)), Ok(path));
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_text_is_refused_by_name() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;

        let path = Path::new(OsStr::from_bytes(b"out/\xff"));
        let error = utf8(path).unwrap_err();
        assert_eq!(error.to_string(), "the path out/\u{fffd} cannot be used: it is no UTF-8");
    }
}
