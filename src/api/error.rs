//! Why a client for the API cannot be set up.

use crate::model::source::Source;
use crate::text::Foreign;
use thiserror::Error;

/// A configuration that the client cannot use. Each message names the setting or variable.
#[derive(Debug, Error)]
pub enum ClientError {
    /// A proxy variable is not the URL of an HTTP proxy.
    #[error(
        "{variable} is {value:?}, which is no proxy that can be used. Allowed: an http proxy such as \
         http://proxy.example:3128, with user:password@ before the host if it requires them."
    )]
    Proxy {
        variable: &'static str,
        /// Without credentials.
        value: Foreign,
    },
    /// `api_url` cannot be the target of a request.
    #[error("api_url cannot be used: {0}")]
    Url(Foreign),
    /// The CA bundle has no certificate.
    #[error(
        "ca_bundle (from {source_}) is {path:?}, which contains no certificate that can be read{reason}. Allowed: a PEM \
         file with at least one certificate of an authority."
    )]
    CaBundle { source_: Source, path: Foreign, reason: Foreign },
    /// The key cannot be sent in a header.
    #[error("api_key (from {0}) contains characters that no request can carry")]
    KeyCharacters(Source),
    /// The TLS library rejects its configuration.
    #[error("TLS cannot be set up: {0}")]
    Tls(Foreign),
    /// The HTTP library rejects its configuration.
    #[error("the HTTP client cannot be set up: {0}")]
    Http(Foreign),
}
