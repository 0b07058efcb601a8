//! Certificates in PEM files, and those that the environment names.
//!
//! The variables are OpenSSL's: `SSL_CERT_FILE` and `SSL_CERT_DIR`.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tracing::{debug, warn};

use crate::SetupError;

type Certificate = CertificateDer<'static>;

/// All of a PEM file, each of which must be usable.
pub(crate) fn read_all(path: &Path) -> Result<Vec<Certificate>, SetupError> {
    let fail = |reason: String| SetupError::Certificates { path: path.to_owned(), reason };
    let pem = fs::read(path).map_err(|error| fail(error.to_string()))?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| fail(format!("it is not valid PEM: {error}")))?;
    if found.is_empty() {
        return Err(fail("there is no certificate in it".to_owned()));
    }
    for certificate in &found {
        usable(certificate).map_err(|error| fail(format!("a certificate in it cannot be used: {error}")))?;
    }
    Ok(found)
}

/// Those of a PEM file that are usable: a system's bundle may hold one that is not.
fn read_usable(path: &Path) -> Result<Vec<Certificate>, SetupError> {
    let fail = |reason: String| SetupError::Certificates { path: path.to_owned(), reason };
    let pem = fs::read(path).map_err(|error| fail(error.to_string()))?;
    let (mut found, mut last) = (Vec::new(), None);
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| error.to_string());
        let tried = certificate.and_then(|certificate| match usable(&certificate) {
            Ok(()) => Ok(certificate),
            Err(error) => Err(error.to_string()),
        });
        match tried {
            Ok(certificate) => found.push(certificate),
            Err(why) => {
                debug!(path = %path.display(), why, "a certificate cannot be used");
                last = Some(why);
            }
        }
    }
    match last {
        Some(why) if found.is_empty() => Err(fail(format!("no certificate in it can be used: {why}"))),
        None if found.is_empty() => Err(fail("there is no certificate in it".to_owned())),
        _ => Ok(found),
    }
}

fn usable(certificate: &Certificate) -> Result<(), rustls::Error> {
    RootCertStore::empty().add(certificate.clone())
}

/// What the environment names.
pub(crate) fn from_env() -> Result<Vec<Certificate>, SetupError> {
    from_variables(|name| env::var_os(name))
}

fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Vec<Certificate>, SetupError> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let mut found = match set("SSL_CERT_FILE") {
        Some(path) => read_usable(Path::new(&path))?,
        None => Vec::new(),
    };
    if let Some(folders) = set("SSL_CERT_DIR") {
        for folder in env::split_paths(&folders) {
            if let Err(error) = read_folder(&folder, &mut found) {
                warn!(folder = %folder.display(), %error, "SSL_CERT_DIR cannot be read");
            }
        }
    }
    found.sort_unstable_by(|one, other| one.as_ref().cmp(other.as_ref()));
    found.dedup();
    Ok(found)
}

fn read_folder(folder: &Path, found: &mut Vec<Certificate>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().to_str().is_some_and(is_hash) {
            continue;
        }
        match read_usable(&entry.path()) {
            Ok(certificates) => found.extend(certificates),
            Err(error) => warn!(%error, "passed over"),
        }
    }
    Ok(())
}

/// Whether OpenSSL would look for a file of this name: the hash of a subject, and a number (`man c_rehash`).
fn is_hash(name: &str) -> bool {
    name.split_once('.').is_some_and(|(hash, number)| {
        hash.len() == 8
            && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two roots that sign only themselves, made for this test.
    const ROOTS: [&str; 2] = [include_str!("roots/a.pem"), include_str!("roots/b.pem")];

    fn read(variables: &[(&str, &Path)]) -> Result<Vec<Certificate>, String> {
        let found = from_variables(|name| {
            let found = variables.iter().find(|(found, _)| *found == name);
            found.map(|(_, value)| value.as_os_str().to_owned())
        });
        found.map_err(|error| error.to_string())
    }

    #[test]
    fn the_environment_names_roots() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let roots = ROOTS.map(|pem| Certificate::from_pem_slice(pem.as_bytes()).unwrap());
        for (name, content) in [
            ("one.pem", ROOTS[0].to_owned()),
            ("some.pem", [ROOTS[0], broken, ROOTS[0]].concat()),
            ("empty.pem", String::new()),
            ("broken.pem", broken.to_owned()),
            ("12ab34cd.0", ROOTS[1].to_owned()),
            ("12ab34ce.0", broken.to_owned()),
            ("12ab34cd", ROOTS[0].to_owned()),
            ("12ab34cd.r0", ROOTS[0].to_owned()),
            ("12ab34xy.0", ROOTS[0].to_owned()),
        ] {
            fs::write(at(name), content).unwrap();
        }
        assert_eq!(read(&[]), Ok(Vec::new()));
        assert_eq!(read(&[("SSL_CERT_FILE", Path::new(""))]), Ok(Vec::new()));
        for name in ["one.pem", "some.pem"] {
            assert_eq!(read(&[("SSL_CERT_FILE", &at(name))]), Ok(vec![roots[0].clone()]), "{name}");
        }
        assert_eq!(read(&[("SSL_CERT_DIR", folder.path())]), Ok(vec![roots[1].clone()]));
        let folders = env::join_paths([at("nowhere"), folder.path().to_owned()]).unwrap();
        let both = read(&[("SSL_CERT_FILE", &at("one.pem")), ("SSL_CERT_DIR", Path::new(&folders))]).unwrap();
        assert_eq!(both.len(), 2);
        for (name, words) in
            [("missing", "o such file"), ("empty.pem", "no certificate"), ("broken.pem", "can be used")]
        {
            let error = read(&[("SSL_CERT_FILE", &at(name))]).unwrap_err();
            assert!(error.contains(at(name).to_str().unwrap()) && error.contains(words), "{error}");
        }
    }
}
