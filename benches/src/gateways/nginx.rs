//! nginx where it is installed: one process, kept connections to the origin, nothing collected.

use std::net::SocketAddr;
use std::process::Command;
use std::{fs, io};

pub(super) fn command(address: SocketAddr, origin: SocketAddr) -> io::Result<Option<Command>> {
    if !super::is_installed("nginx") {
        return Ok(None);
    }
    let folder = super::folder("nginx")?;
    let file = folder.join(format!("{}.conf", address.port()));
    fs::write(&file, configuration(&folder.display().to_string(), address, origin))?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(&folder).arg("-c").arg(file).arg("-e").arg(folder.join("error.log"));
    Ok(Some(command))
}

fn configuration(folder: &str, address: SocketAddr, origin: SocketAddr) -> String {
    let port = address.port();
    format!(
        "daemon off; master_process off; worker_rlimit_nofile 20000; pid {folder}/{port}.pid;
events {{ worker_connections 16384; }}
http {{
    access_log off; tcp_nodelay on; keepalive_requests 1000000000; client_max_body_size 0;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    upstream origin {{ server {origin}; keepalive 1024; keepalive_requests 1000000000; }}
    server {{
        listen {address} backlog=16384;
        location / {{
            proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection '';
            proxy_request_buffering off; proxy_max_temp_file_size 0;
        }}
    }}
}}
"
    )
}
