//! The floor with a client: the smallest program that sends one event with the HTTP and TLS libraries of the program.
//!
//! `floor-client URL KEY BODY [CA]`. The exit code is 0 if the status is 2xx.

use anyhow::{Context as _, ensure};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// The allocator of the program.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what| arguments.next().with_context(|| format!("an argument is missing: {what}"));
    let (url, key, body) = (next("URL")?, next("KEY")?, next("BODY")?);
    let ca = arguments.next();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = reqwest::Client::builder().tls_backend_preconfigured(tls(ca.as_deref())?).http1_only().no_proxy();
        let request = client.build()?.post(url).header(AUTHORIZATION, format!("Bearer {key}"));
        let reply = request.header(CONTENT_TYPE, "application/json").body(body).send().await?;
        ensure!(reply.status().is_success(), "the status is {}", reply.status());
        reply.bytes().await?;
        Ok(())
    })
}

/// Trusts the built-in roots and the certificates in the file `ca`. Without `ca`, TLS is not used.
fn tls(ca: Option<&str>) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    if let Some(ca) = ca {
        roots.roots.extend_from_slice(webpki_roots::TLS_SERVER_ROOTS);
        roots.add_parsable_certificates(rustls_native_certs::load_certs_from_paths(Some(Path::new(ca)), None).certs);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = &[&rustls::version::TLS13, &rustls::version::TLS12];
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions)?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
