//! Certificates and trust, read from PEM files.

use std::path::Path;
use std::sync::Arc;

use h1wire_mio::rustls::pki_types::pem::PemObject;
use h1wire_mio::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use h1wire_mio::rustls::{ClientConfig, RootCertStore, ServerConfig};
use h1wire_mio::{client_tls_config, tls_config};

type Error = Box<dyn std::error::Error>;

/// What clients are shown.
pub fn server(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, Error> {
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| format!("{}: {error}", key.display()))?;
    let config =
        tls_config(certificates(cert)?, key).map_err(|error| format!("{}: {error}", cert.display()))?;
    Ok(Arc::new(config))
}

/// Whom origins must be vouched for by. Without a file nobody is trusted.
pub fn client(roots: Option<&Path>) -> Result<Arc<ClientConfig>, Error> {
    let mut store = RootCertStore::empty();
    if let Some(file) = roots {
        for certificate in certificates(file)? {
            store.add(certificate).map_err(|error| format!("{}: {error}", file.display()))?;
        }
    }
    Ok(Arc::new(client_tls_config(store)?))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let named = |error| format!("{}: {error}", file.display());
    let all: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).map_err(named)?.collect();
    let all = all.map_err(named)?;
    if all.is_empty() {
        return Err(format!("{}: no certificate", file.display()).into());
    }
    Ok(all)
}
