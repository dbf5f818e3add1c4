//! Signs the request that makes a container on Azurite. The client of `object_store` cannot make containers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The default account of Azurite, from its documentation.
pub(crate) const ACCOUNT: &str = "devstoreaccount1";
pub(crate) const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const VERSION: &str = "2023-11-03";

/// Returns the headers that authorize the creation of a container.
pub(crate) fn headers(path: &str) -> Vec<(&'static str, String)> {
    let date = httpdate::fmt_http_date(std::time::SystemTime::now());
    let blank = "\n".repeat(12);
    let text =
        format!("PUT{blank}x-ms-date:{date}\nx-ms-version:{VERSION}\n/{ACCOUNT}{path}\nrestype:container");
    let key = STANDARD.decode(KEY).unwrap_or_default();
    let signature =
        Hmac::<Sha256>::new_from_slice(&key).map(|mac| mac.chain_update(text).finalize().into_bytes());
    let signature = STANDARD.encode(signature.unwrap_or_default());
    let authorization = format!("SharedKey {ACCOUNT}:{signature}");
    vec![("x-ms-date", date), ("x-ms-version", VERSION.to_owned()), ("authorization", authorization)]
}
