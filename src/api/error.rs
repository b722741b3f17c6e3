//! Why a client for the API cannot be set up.

use crate::model::source::Source;
use crate::text::Foreign;
use thiserror::Error;

/// A configuration that the client cannot use. Each message names the setting or variable.
#[derive(Debug, Error)]
pub enum ClientError {
    /// A proxy variable is not the URL of an HTTP proxy.
    #[error(
        "{variable} is {scheme}***, which cannot be used as a proxy: {problem}. Allowed: http://HOST:PORT or \
         https://HOST:PORT, with USER:PASSWORD@ before the host if the proxy requires a login. Special characters in the \
         user and the password must be percent-encoded: @ is %40, : is %3A, / is %2F, ? is %3F, # is %23, % is %25."
    )]
    Proxy {
        variable: &'static str,
        /// With `://`, if it is a well-known one. The rest of the value is never shown: any of it may belong to the password.
        scheme: &'static str,
        problem: ProxyProblem,
    },
    /// `api_url` cannot be the target of a request.
    #[error("api_url cannot be used: {0}")]
    Url(Foreign),
    /// The CA bundle has no certificate.
    #[error(
        "ca_bundle (from {source_}) is {path:?}, which contains no certificate that can be read{reason}. Allowed: a PEM \
         file with at least one certificate: of an authority, or of the API itself if it is self-signed."
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

/// Why a proxy variable cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProxyProblem {
    #[error("its scheme is missing or not supported")]
    Scheme,
    #[error("its user or password contains a character that must be percent-encoded")]
    Login,
    #[error("its host is missing or invalid")]
    Host,
    #[error("its port is not a number from 1 to 65535")]
    Port,
    #[error("it contains bytes that are not UTF-8")]
    NotUtf8,
}
