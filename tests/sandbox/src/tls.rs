//! The server's certificate: signed by a private certificate authority (CA), or self-signed. It exists in memory only.

use std::io;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};

use crate::options::Tls;

/// The TLS acceptor of the server, and the certificate that its clients must trust.
pub(crate) struct Identity {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) ca_pem: String,
}

impl Identity {
    /// Creates the certificates for `tls`; none without TLS.
    pub(crate) fn generate(tls: Tls) -> io::Result<Option<Self>> {
        match tls {
            Tls::Off => Ok(None),
            Tls::PrivateCa => Self::signed_by_ca().map(Some),
            Tls::SelfSigned | Tls::SelfSignedNoCa | Tls::SelfSignedExpired | Tls::SelfSignedWrongKey => {
                Self::self_signed(tls).map(Some)
            }
        }
    }

    fn self_signed(tls: Tls) -> io::Result<Self> {
        let mut server = server_params()?;
        server.is_ca = match tls {
            Tls::SelfSignedNoCa => IsCa::ExplicitNoCa,
            _ => IsCa::Ca(BasicConstraints::Unconstrained),
        };
        if tls == Tls::SelfSignedExpired {
            server.not_after = date_time_ymd(2000, 1, 1);
        }
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = server.self_signed(&key).map_err(io::Error::other)?;
        let key = match tls {
            Tls::SelfSignedWrongKey => KeyPair::generate().map_err(io::Error::other)?,
            _ => key,
        };
        Self::new(&certificate, &key, certificate.pem())
    }

    fn signed_by_ca() -> io::Result<Self> {
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(DnType::CommonName, "Versioner sandbox CA");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_key = KeyPair::generate().map_err(io::Error::other)?;
        let ca_pem = ca.self_signed(&ca_key).map_err(io::Error::other)?.pem();
        let issuer = Issuer::new(ca, ca_key);

        let mut server = server_params()?;
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.use_authority_key_identifier_extension = true;
        let server_key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = server.signed_by(&server_key, &issuer).map_err(io::Error::other)?;
        Self::new(&certificate, &server_key, ca_pem)
    }

    fn new(certificate: &Certificate, key: &KeyPair, ca_pem: String) -> io::Result<Self> {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = ring::sign::any_supported_type(&key).map_err(io::Error::other)?;
        // Does not check that the key belongs to the certificate, which may be an impostor's.
        let certified = CertifiedKey::new(vec![certificate.der().clone()], key);
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), ca_pem })
    }
}

fn server_params() -> io::Result<CertificateParams> {
    // Tests of proxies need a name that is not loopback: clients never use a proxy for loopback.
    let names = ["localhost", "127.0.0.1", "::1", "api.example"].map(str::to_owned);
    let mut server = CertificateParams::new(names).map_err(io::Error::other)?;
    server.distinguished_name.push(DnType::CommonName, "localhost");
    Ok(server)
}
