//! The limit of blocking sockets: a thread for each connection that reads and writes a constant.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use super::canned::{Answers, Inbound};

pub(super) fn serve(address: SocketAddr) -> io::Result<()> {
    let answers = Answers::new();
    for socket in TcpListener::bind(address)?.incoming() {
        let socket = socket?;
        thread::Builder::new().stack_size(128 << 10).spawn(move || link(socket, answers))?;
    }
    Ok(())
}

fn link(mut socket: TcpStream, answers: &'static Answers) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let (mut inbound, mut buffer) = (Inbound::default(), vec![0; 8 << 10]);
    while !inbound.closes() {
        let read = socket.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        let answer = inbound.take(&buffer[..read], answers);
        if !answer.is_empty() {
            socket.write_all(&answer)?;
        }
    }
    Ok(())
}
