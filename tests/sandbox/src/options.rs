//! Options for starting a sandbox: address, TLS and API keys. `settings` has what can change while it runs.

use std::net::{Ipv4Addr, SocketAddr};

use crate::settings::{BodyShape, CheckRulesOn};

/// How to start a [`crate::Sandbox`].
#[derive(Debug, Clone)]
pub struct Options {
    /// The address to listen on; port 0 picks a free port.
    pub listen: SocketAddr,
    /// Whether to serve TLS.
    pub tls: Tls,
    /// Allows an address that other machines can reach. Off by default, because the admin API needs no key.
    pub allow_remote: bool,
    /// The API keys that the sandbox accepts.
    pub keys: Keys,
    /// The initial value of the `body_shape` setting.
    pub body_shape: BodyShape,
    /// The initial value of the `check_rules_on` setting.
    pub check_rules_on: CheckRulesOn,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: Tls::default(),
            allow_remote: false,
            keys: Keys::default(),
            body_shape: BodyShape::default(),
            check_rules_on: CheckRulesOn::default(),
        }
    }
}

/// Whether the sandbox serves TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tls {
    /// Plain HTTP.
    #[default]
    Off,
    /// TLS with a certificate from a private certificate authority, which is created at startup. The certificate is
    /// valid for `localhost`, `127.0.0.1`, `::1` and `api.example` (for tests through a proxy).
    PrivateCa,
    /// TLS with a self-signed certificate for the same names. It is also a certificate of an authority (`CA:TRUE`), as those
    /// of `openssl req -x509` are.
    SelfSigned,
    /// TLS with a self-signed certificate for the same names, with `CA:FALSE`.
    SelfSignedNoCa,
    /// As [`Tls::SelfSigned`], but expired.
    SelfSignedExpired,
    /// As [`Tls::SelfSigned`], but without the certificate's private key, as an impostor.
    SelfSignedWrongKey,
}

/// The three API keys of a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// A key of the main account with full access.
    pub full: String,
    /// A key of the main account that may not report events.
    pub read_only: String,
    /// A key of a second account with full access.
    pub other: String,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            full: "sk_demo_1001_4f9c1e7ab2d84c60".to_owned(),
            read_only: "sk_demo_1002_90d3b6a1f7e25c48".to_owned(),
            other: "sk_other_2001_c27e5b90d1a34f86".to_owned(),
        }
    }
}
