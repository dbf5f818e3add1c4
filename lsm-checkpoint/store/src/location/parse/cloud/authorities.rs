//! Certificate authorities that a client trusts in addition to the system's.

use std::{env, fmt, path::Path};

use lsm_fs::{Fs, FsExt, StdFs};
use object_store::{Certificate, ClientOptions};

/// The variable that names a file of certificates for the AWS tools.
const VARIABLE: &str = "AWS_CA_BUNDLE";
/// The maximum length of such a file. The bundle of Debian has less than 1 MiB.
const BUNDLE_MAX: u64 = 16 << 20;

/// Trusts the authorities in the file that `AWS_CA_BUNDLE` names, if it is set.
pub(super) fn trust_named(options: ClientOptions) -> Result<ClientOptions, String> {
    match env::var_os(VARIABLE).filter(|file| !file.is_empty()) {
        Some(file) => trust(&StdFs, options, Path::new(&file)),
        None => Ok(options),
    }
}

fn trust(fs: &dyn Fs, options: ClientOptions, file: &Path) -> Result<ClientOptions, String> {
    let unusable = |why: &dyn fmt::Display| format!("{VARIABLE} names {}: {why}", file.display());
    let pem = fs.read_to_vec(file, BUNDLE_MAX).map_err(|error| unusable(&error))?;
    let authorities = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(&error))?;
    if authorities.is_empty() {
        return Err(unusable(&"the file has no certificate in PEM"));
    }
    Ok(authorities.into_iter().fold(options, ClientOptions::with_root_certificate))
}

#[cfg(test)]
mod tests {
    use lsm_fs::SyncMode;
    use lsm_fs_mem::MemFs;

    use super::*;

    /// A certificate of `localhost` that has signed itself.
    const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----
MIIBVTCCAQegAwIBAgIUMnNJN6DfSw4Z1v0Q6+Di7bjsN2swBQYDK2VwMBQxEjAQ
BgNVBAMMCWxvY2FsaG9zdDAgFw0yNjExMzAyMjA3MjlaGA8yMTI2MTEwNjIyMDcy
OVowFDESMBAGA1UEAwwJbG9jYWxob3N0MCowBQYDK2VwAyEAz64cIJ85WfrvcwfF
62MqhIMbnXNueYRNGPBNTYZUx7qjaTBnMB0GA1UdDgQWBBRS7W9phsXCSnRuX9UG
V049wZ92MTAfBgNVHSMEGDAWgBRS7W9phsXCSnRuX9UGV049wZ92MTAPBgNVHRMB
Af8EBTADAQH/MBQGA1UdEQQNMAuCCWxvY2FsaG9zdDAFBgMrZXADQQAtDAGAdTT7
cqLGRwo5ZTFEyWmtg3CdV1kurVUlRgq7q3DP6U2KoGoRWYIp8qJR8JKvTlJ0G8ZA
QCobniTpaOIA
-----END CERTIFICATE-----
";

    #[test]
    fn a_bundle_that_cannot_be_used_is_named() {
        let fs = MemFs::new();
        let outcome = |file: &str| trust(&fs, ClientOptions::new(), Path::new(file)).map(drop);
        for (file, content) in [("/text", "no certificate"), ("/ca.pem", AUTHORITY)] {
            fs.write_new(Path::new(file), content.as_bytes(), SyncMode::Normal).unwrap();
        }
        let missing = outcome("/missing").unwrap_err();
        assert!(missing.starts_with("AWS_CA_BUNDLE names /missing: "), "{missing}");
        let text = outcome("/text").unwrap_err();
        assert_eq!(text, "AWS_CA_BUNDLE names /text: the file has no certificate in PEM");
        assert_eq!(outcome("/ca.pem"), Ok(()));
    }
}
