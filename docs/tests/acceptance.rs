//! `docs/acceptance.md` is what the machine does: every row of its tables is given to it.

use h1wire_proto::{
    BodyLen, Client, ClientConfig, ClientEvent, ClientLeniency, Conn, Method, Recv, RecvError, Server,
    ServerConfig, ServerEvent, ServerLeniency, Slots,
};

/// A row: what goes in, what comes of it, and the leniency that changes that.
struct Row {
    to_server: bool,
    bytes: Vec<u8>,
    verdict: String,
    leniency: String,
}

/// The bytes of a code span: `\r`, `\n`, `\t`, `\xhh`, and `\|` for a bar inside a table.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let c = match (c, c) {
            ('\\', _) => match rest.next().expect("something behind a backslash") {
                'r' => '\r',
                'n' => '\n',
                't' => '\t',
                '|' => '|',
                'x' => {
                    let hex: String = rest.by_ref().take(2).collect();
                    char::from(u8::from_str_radix(&hex, 16).expect("two hexadecimal digits"))
                }
                other => panic!("an escape \\{other}"),
            },
            (plain, _) => plain,
        };
        bytes.push(u8::try_from(c).expect("one byte for each character"));
    }
    bytes
}

/// What stands between the first pair of backticks, verbatim but for the ends.
fn code(cell: &str) -> &str {
    cell.trim_matches(' ').trim_matches('`')
}

fn rows() -> Vec<Row> {
    let page = include_str!("../acceptance.md");
    let (mut rows, mut to_server, mut around) = (Vec::new(), true, ("", ""));
    for line in page.lines() {
        if let Some((who, template)) = line.split_once(": `").filter(|(who, _)| who.starts_with("To a ")) {
            to_server = who == "To a server";
            around = template.trim_end_matches('`').split_once("{}").expect("a place for the bytes");
        }
        let Some(row) = line.strip_prefix("| `") else { continue };
        let (bytes, rest) = row.split_once("` | ").unwrap_or_else(|| panic!("{line}"));
        // An empty span is written as two backticks.
        let bytes = bytes.trim_matches('`');
        let cells: Vec<&str> = rest.split('|').collect();
        let [verdict, leniency, ..] = cells[..] else { panic!("{line}") };
        rows.push(Row {
            to_server,
            bytes: unescape(&format!("{}{bytes}{}", around.0, around.1)),
            verdict: code(verdict).to_owned(),
            leniency: code(leniency).to_owned(),
        });
    }
    rows
}

/// Whether a message was complete before the bytes ended.
fn serve(config: &ServerConfig, mut input: &[u8]) -> Result<bool, RecvError> {
    let (mut conn, mut slots, mut complete) = (Conn::<Server>::new(config), Slots::new(), false);
    conn.recv_eof();
    loop {
        match conn.recv(&mut input, &mut slots)? {
            Recv::Event(ServerEvent::Request(head)) => complete = head.body.is_empty(),
            Recv::Event(ServerEvent::End(_)) => complete = true,
            Recv::Event(ServerEvent::Data(_)) => {}
            _ => return Ok(complete),
        }
    }
}

fn ask(config: &ClientConfig, mut input: &[u8]) -> Result<bool, RecvError> {
    let (mut conn, mut slots, mut complete) = (Conn::<Client>::new(config), Slots::new(), false);
    conn.request(Method::Get, b"/", &[("Host", "a")], BodyLen::None, &mut Vec::new()).unwrap();
    conn.recv_eof();
    loop {
        match conn.recv(&mut input, &mut slots)? {
            Recv::Event(ClientEvent::Response(head)) => complete = head.body.is_empty(),
            Recv::Event(ClientEvent::End(_)) => complete = true,
            Recv::Event(_) => {}
            _ => return Ok(complete),
        }
    }
}

/// What the machine says with this leniency, or strictly with none.
fn verdict(row: &Row, leniency: &str) -> String {
    let done = if row.to_server {
        let known = ServerLeniency::NAMES.iter().find(|(name, _)| *name == leniency);
        let leniency = known.map_or(ServerLeniency::STRICT, |(_, flag)| *flag);
        serve(&ServerConfig { leniency, ..ServerConfig::default() }, &row.bytes)
    } else {
        let known = ClientLeniency::NAMES.iter().find(|(name, _)| *name == leniency);
        let leniency = known.map_or(ClientLeniency::STRICT, |(_, flag)| *flag);
        ask(&ClientConfig { leniency, ..ClientConfig::default() }, &row.bytes)
    };
    match done {
        Ok(true) => "accepted".to_owned(),
        Ok(false) => "nothing complete".to_owned(),
        Err(error) => error.kind().name().to_owned(),
    }
}

#[test]
fn the_page_about_acceptance_is_what_the_machine_does() {
    let rows = rows();
    assert!(rows.len() > 80, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let bytes = row.bytes.escape_ascii();
        let strict = verdict(row, "");
        if strict != row.verdict {
            wrong.push(format!("{bytes}: {strict}, not {}", row.verdict));
        }
        if !row.leniency.is_empty() && verdict(row, &row.leniency) != "accepted" {
            wrong.push(format!("{bytes}: {} with {}", verdict(row, &row.leniency), row.leniency));
        }
        // A leniency that would accept it is not left out.
        if row.leniency.is_empty() && row.verdict != "accepted" {
            let names = ServerLeniency::NAMES.iter().map(|(name, _)| *name);
            let names = names.chain(ClientLeniency::NAMES.iter().map(|(name, _)| *name));
            wrong.extend(
                names.filter(|n| verdict(row, n) == "accepted").map(|n| format!("{bytes}: {n} accepts it")),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
