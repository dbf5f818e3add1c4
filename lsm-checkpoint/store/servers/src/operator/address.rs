//! [`Address`]: a repository on a server, as the environment of a process names it.

use std::path::Path;

use crate::server::CREDENTIALS;
use crate::sign;
use crate::stores::BUCKET;

/// A secret that no server knows, in base64 because Azure requires it.
const WRONG: &str = "d3Jvbmc=";

/// The URL of a repository, and the variables by which the command finds its server.
#[derive(Debug, Clone)]
pub struct Address {
    /// The URL.
    pub(super) url: String,
    /// The variables of the environment.
    pub(super) variables: Vec<(&'static str, String)>,
    /// The variable of the secret, for a server that checks signatures.
    secret: Option<&'static str>,
}

impl Address {
    /// The server of [`Server::signed`](crate::Server::signed).
    #[must_use]
    pub fn s3(endpoint: &str) -> Self {
        let (key, secret) = CREDENTIALS;
        let variables = [
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", secret),
        ];
        Self {
            url: format!("s3://{BUCKET}/operator/s"),
            variables: variables.map(|(name, value)| (name, value.to_owned())).into(),
            secret: Some("AWS_SECRET_ACCESS_KEY"),
        }
    }

    /// As [`s3`](Self::s3), for moto, which accepts any signature.
    #[must_use]
    pub fn moto(endpoint: &str) -> Self {
        Self { secret: None, ..Self::s3(endpoint) }
    }

    /// Azurite, with the account that it documents.
    #[must_use]
    pub fn azure(endpoint: &str) -> Self {
        let variables = vec![
            ("AZURE_STORAGE_ENDPOINT", format!("{endpoint}/{}", sign::ACCOUNT)),
            ("AZURE_ALLOW_HTTP", "true".to_owned()),
            ("AZURE_STORAGE_ACCOUNT_NAME", sign::ACCOUNT.to_owned()),
            ("AZURE_STORAGE_ACCOUNT_KEY", sign::KEY.to_owned()),
        ];
        let url = format!("az://{BUCKET}/operator/s");
        Self { url, variables, secret: Some("AZURE_STORAGE_ACCOUNT_KEY") }
    }

    /// A folder, which needs no variables.
    #[must_use]
    pub fn folder(folder: &Path) -> Self {
        Self { url: format!("file://{}", folder.display()), variables: Vec::new(), secret: None }
    }

    /// Returns the same address with a wrong secret. `None` if the server would accept it.
    pub(super) fn with_wrong_secret(&self) -> Option<Self> {
        let secret = self.secret?;
        let mut wrong = self.clone();
        for (name, value) in &mut wrong.variables {
            if *name == secret {
                WRONG.clone_into(value);
            }
        }
        Some(wrong)
    }
}
