//! Certificate verification: the built-in roots, the user's, and the system's store if those do not suffice.
//!
//! Owns: which certificates are trusted. No setting turns verification off. Does not own: the handshake (rustls).

pub(super) mod problem;

use super::config::is_readable_file;
use super::error::ClientError;
use crate::env::Env;
use crate::model::source::Sourced;
use crate::text::Foreign;
use problem::is_ca_as_server;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_native_certs::load_certs_from_paths;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// TLS 1.2 and later. With `ca_only`, nothing but `ca_bundle` is trusted.
///
/// # Errors
/// [`ClientError::CaBundle`] if the file has no certificate.
pub(super) fn config(
    env: &Env,
    ca_bundle: Option<&Sourced<PathBuf>>,
    ca_only: bool,
) -> Result<ClientConfig, ClientError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let (roots, pinned) = first_roots(ca_bundle, ca_only)?;
    let named = |name: &str| env.get(name).map(PathBuf::from);
    let verifier = Verifier {
        first: verifier(roots, &provider).map_err(tls_error)?,
        pinned,
        more: OnceLock::new(),
        others: (!ca_only).then(|| Others {
            files: [named("SSL_CERT_FILE"), named("NODE_EXTRA_CA_CERTS")],
            directories: named("SSL_CERT_DIR"),
        }),
        provider: Arc::clone(&provider),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(tls_error)?
        .dangerous() // rustls' word for any custom verifier. Ours calls only the functions of rustls.
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

/// A configuration for a client that makes no TLS connection. If it did, no server would be trusted.
///
/// # Errors
/// Never, as the protocol versions are valid.
pub(super) fn trust_nothing() -> Result<ClientConfig, ClientError> {
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(tls_error)?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Ok(config)
}

/// The roots to try first, and the certificates of servers that are trusted without an issuer.
fn first_roots(
    ca_bundle: Option<&Sourced<PathBuf>>,
    ca_only: bool,
) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), ClientError> {
    let built_in = if ca_only { &[] } else { webpki_roots::TLS_SERVER_ROOTS };
    let mut roots = RootCertStore { roots: built_in.to_vec() };
    let Some(bundle) = ca_bundle else {
        return Ok((roots, Vec::new()));
    };
    let readable = Some(bundle.value.as_path()).filter(|path| is_readable_file(path));
    let found = load_certs_from_paths(readable, None);
    let (added, _) = roots.add_parsable_certificates(found.certs.iter().cloned());
    if added > 0 {
        return Ok((roots, found.certs));
    }
    let reason = found.errors.first().map(|reason| Foreign::new(format!(" ({reason})")));
    Err(ClientError::CaBundle {
        source_: bundle.source.clone(),
        path: bundle.value.display().to_string().into(),
        reason: reason.unwrap_or_default(),
    })
}

fn tls_error(error: Error) -> ClientError {
    ClientError::Tls(error.to_string().into())
}

fn verifier(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, Error> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| Error::General(error.to_string()))
}

/// The certificates to try next: files and directories that the environment names, and the system's store.
#[derive(Debug)]
struct Others {
    files: [Option<PathBuf>; 2],
    /// One or more, separated as in PATH (as OpenSSL reads it).
    directories: Option<PathBuf>,
}

impl Others {
    /// All readable certificates.
    fn load(&self) -> Vec<CertificateDer<'static>> {
        let mut certificates = Vec::new();
        for file in self.files.iter().flatten().filter(|path| is_readable_file(path)) {
            certificates.extend(load_certs_from_paths(Some(file), None).certs);
        }
        for directory in self.directories.iter().flat_map(std::env::split_paths) {
            certificates.extend(load_certs_from_paths(None, Some(&directory)).certs);
        }
        certificates.extend(system_store());
        certificates
    }
}

/// Where Linux distributions and BSDs have their CA bundle.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];

fn system_store() -> Vec<CertificateDer<'static>> {
    if cfg!(any(windows, target_os = "macos")) {
        return rustls_native_certs::load_native_certs().certs;
    }
    let bundle = BUNDLES.iter().map(Path::new).find(|path| path.is_file());
    bundle.map(|bundle| load_certs_from_paths(Some(bundle), None).certs).unwrap_or_default()
}

/// Tries the roots in memory first. Only if they do not include the issuer, reads the others from disk.
#[derive(Debug)]
struct Verifier {
    first: Arc<WebPkiServerVerifier>,
    /// Certificates of servers that are trusted without an issuer.
    pinned: Vec<CertificateDer<'static>>,
    more: OnceLock<Option<Arc<WebPkiServerVerifier>>>,
    /// `None`: nothing else is trusted.
    others: Option<Others>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn more(&self) -> Option<&Arc<WebPkiServerVerifier>> {
        let load = || {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(self.others.as_ref()?.load());
            if roots.is_empty() { None } else { verifier(roots, &self.provider).ok() }
        };
        self.more.get_or_init(load).as_ref()
    }

    fn is_pinned(&self, certificate: &CertificateDer<'_>) -> bool {
        self.pinned.iter().any(|pinned| pinned.as_ref() == certificate.as_ref())
    }
}

/// Whether `error` says that a certificate has no valid issuer, and nothing else about it.
fn is_about_issuer(error: &CertificateError) -> bool {
    matches!(
        error,
        CertificateError::UnknownIssuer
            | CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
    ) || is_ca_as_server(error)
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let ask = |verifier: &WebPkiServerVerifier| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        let first = ask(&self.first);
        let Err(Error::InvalidCertificate(error)) = &first else {
            return first;
        };
        if !is_about_issuer(error) {
            return first;
        }
        if self.is_pinned(end_entity) {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        // Of an authority that was replaced, the first roots may have the predecessor, with the same name.
        match self.more().map(|more| ask(more)) {
            None | Some(Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))) => first,
            Some(verdict) => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.first.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.first.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.first.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::source::Source;
    use std::io::Write as _;
    use versioner_sandbox::{Options, Sandbox, Tls};

    #[test]
    fn built_in_roots_are_trusted_unless_ca_only_is_set() {
        let sandbox = Sandbox::start_with(Options { tls: Tls::PrivateCa, ..Options::default() }).unwrap();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(sandbox.ca_pem().unwrap().as_bytes()).unwrap();
        let bundle = Sourced { value: file.path().to_owned(), source: Source::Default };
        let count = |bundle: Option<&Sourced<PathBuf>>, ca_only| first_roots(bundle, ca_only).unwrap().0.len();
        let built_in = count(None, false);
        assert!(built_in > 50, "{built_in}");
        assert_eq!(count(Some(&bundle), false), built_in + 1);
        assert_eq!(count(Some(&bundle), true), 1);
    }
}
