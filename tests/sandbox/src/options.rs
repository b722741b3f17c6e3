//! How a sandbox is started: address, TLS and API keys. What can change while it runs is in `settings`.

use std::net::{Ipv4Addr, SocketAddr};

use crate::settings::BodyShape;

/// How to start a [`crate::Sandbox`].
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether to speak TLS.
    pub tls: Tls,
    /// Permits an address that other machines reach. The sandbox has no secrets and no guards, hence not by default.
    pub allow_remote: bool,
    /// The API keys that are known.
    pub keys: Keys,
    /// The shape of blocked replies, until changed by the settings.
    pub body_shape: BodyShape,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: Tls::default(),
            allow_remote: false,
            keys: Keys::default(),
            body_shape: BodyShape::default(),
        }
    }
}

/// Whether the sandbox speaks TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tls {
    /// Plain HTTP.
    #[default]
    Off,
    /// A certificate for `localhost`, `127.0.0.1`, `::1` and, behind a proxy, `api.example`, signed by a certificate authority made at the start.
    PrivateCa,
}

/// The three API keys that a sandbox knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// May do everything in the first account.
    pub full: String,
    /// Belongs to the first account and may not report anything.
    pub read_only: String,
    /// May do everything in a second account.
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
