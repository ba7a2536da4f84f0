//! nginx where it is installed: one process, constants from its configuration, large answers as files by `sendfile`.

use std::io;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::{env, fs};

pub(super) fn command(address: SocketAddr) -> io::Result<Option<Command>> {
    let installed = Command::new("nginx").arg("-v").stderr(Stdio::null()).status();
    if !installed.is_ok_and(|status| status.success()) {
        return Ok(None);
    }
    // One folder for all runs, so that they leave little behind.
    let folder = env::temp_dir().join("h1wire-benches-nginx");
    fs::create_dir_all(&folder)?;
    for target in ["64k", "1m"] {
        fs::write(folder.join(target), super::content(format!("/{target}").as_bytes()))?;
    }
    let file = folder.join(format!("{}.conf", address.port()));
    let files = super::folder()?.display().to_string();
    fs::write(&file, configuration(&folder.display().to_string(), &files, address))?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(&folder).arg("-c").arg(file).arg("-e").arg(folder.join("error.log"));
    Ok(Some(command))
}

fn configuration(folder: &str, files: &str, address: SocketAddr) -> String {
    let content = super::content(b"/");
    let content_type = super::CONTENT_TYPE;
    let port = address.port();
    format!(
        "daemon off; master_process off; worker_rlimit_nofile 20000; pid {folder}/{port}.pid;
events {{ worker_connections 16384; }}
http {{
    access_log off; sendfile on; tcp_nopush on; tcp_nodelay on;
    keepalive_requests 1000000000; client_max_body_size 0; open_file_cache max=16;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    default_type {content_type};
    server {{
        listen {address} backlog=16384; root {folder};
        location = /64k {{ }}
        location = /1m {{ }}
        location = /file {{ root {files}; open_file_cache off; }}
        location / {{ return 200 '{content}'; }}
    }}
}}
"
    )
}
