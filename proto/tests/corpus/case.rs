//! Reads the cases of the corpus: titles, settings, wire blocks and events. How cases are written is told in
//! `README.md` beside this file. Running them is `machine` and `wired`.

use std::path::{Path, PathBuf};

use h1wire_proto::{ClientConfig, ClientLeniency, Limits, ServerConfig, ServerLeniency};

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// `file.md: title`
    pub title: String,
    /// The paragraph below the title, if any.
    pub remark: String,
    pub role: Role,
    pub limits: Limits,
    /// The names of the limits that are not the defaults.
    pub limited: Vec<String>,
    pub lenient: Vec<String>,
    /// What the strict machine says instead, for a case with a leniency.
    pub strict: Option<String>,
    /// Whether our own encoder can produce the messages.
    pub wired: bool,
    /// The connection closes behind the bytes.
    pub close: bool,
    pub bytes: Vec<u8>,
    /// The expected events, a line each.
    pub events: Vec<String>,
}

#[derive(Clone, Debug)]
pub enum Role {
    Server {
        /// Requests are not answered.
        silent: bool,
    },
    Client {
        asked: Vec<Asked>,
        pipelined: bool,
    },
}

/// A request that a client case has sent.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// The protocol it offers.
    pub upgrade: Option<String>,
    /// It announced content and waits for 100.
    pub expects: bool,
}

/// Every case of every file, in the order of the files' names.
pub fn all() -> Vec<Case> {
    let mut files: Vec<_> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "md") && !file.ends_with("README.md"));
    files.sort();
    assert!(!files.is_empty());
    files.iter().flat_map(|file| read(file)).collect()
}

fn folder() -> PathBuf {
    // The adapters run the cases too, from where they are.
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/tests/corpus")
}

fn read(file: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(file).unwrap();
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    of(&name, &text)
}

/// Every case of a page.
pub fn of(name: &str, page: &str) -> Vec<Case> {
    page.split("\n## ").skip(1).map(|section| case(name, section)).collect()
}

fn case(file: &str, section: &str) -> Case {
    let mut lines = section.lines();
    let title = format!("{file}: {}", lines.next().unwrap());
    let mut case = Case {
        title,
        remark: String::new(),
        role: Role::Server { silent: false },
        limits: Limits::DEFAULT,
        limited: Vec::new(),
        lenient: Vec::new(),
        strict: None,
        wired: false,
        close: false,
        bytes: Vec::new(),
        events: Vec::new(),
    };
    while let Some(line) = lines.next() {
        match line {
            "```wire" => {
                for line in lines.by_ref().take_while(|line| *line != "```") {
                    assert!(!case.close, "{}: bytes behind the close", case.title);
                    match line {
                        "<close>" => case.close = true,
                        line => case
                            .bytes
                            .extend(unescape(line).unwrap_or_else(|e| panic!("{}: {e}", case.title))),
                    }
                }
            }
            "```events" => {
                case.events = lines.by_ref().take_while(|line| *line != "```").map(str::to_owned).collect();
            }
            _ => match line.strip_prefix("- ") {
                Some(setting) => case.setting(setting),
                None => case.remark.extend([line, " "]),
            },
        }
    }
    assert!(!case.events.is_empty(), "{} has no events", case.title);
    assert_eq!(
        case.lenient.is_empty(),
        case.strict.is_none(),
        "{}: lenient and strict go together",
        case.title
    );
    case
}

impl Case {
    fn setting(&mut self, setting: &str) {
        let (name, value) = setting.split_once(": ").unwrap_or((setting, ""));
        match (name, &mut self.role) {
            ("server", _) => self.role = Role::Server { silent: false },
            ("client", _) => {
                self.role = Role::Client { asked: value.split("; ").map(asked).collect(), pipelined: false }
            }
            ("silent", Role::Server { silent }) => *silent = true,
            ("pipelined", Role::Client { pipelined, .. }) => *pipelined = true,
            ("wired", _) => self.wired = true,
            ("lenient", _) => self.lenient = value.split(", ").map(str::to_owned).collect(),
            ("strict", _) => self.strict = Some(value.to_owned()),
            ("limit", _) => {
                let (name, n) = value.split_once(' ').expect("a limit and its value");
                self.limit(name, (n != "none").then(|| n.parse().expect("a number")));
                self.limited.push(name.to_owned());
            }
            _ => panic!("{}: no such setting: {setting}", self.title),
        }
    }

    fn limit(&mut self, name: &str, n: Option<u64>) {
        let Some((_, _, set)) = Limits::NAMES.iter().find(|(known, ..)| *known == name) else {
            panic!("{}: no such limit: {name}", self.title);
        };
        set(&mut self.limits, n);
    }

    pub fn is_server(&self) -> bool {
        matches!(self.role, Role::Server { .. })
    }

    /// The settings of a server, without or with the leniencies of the case.
    pub fn server(&self, lenient: bool) -> ServerConfig {
        let pick = |name: &String| match ServerLeniency::NAMES.iter().find(|(n, _)| n == name) {
            Some((_, one)) => *one,
            None => panic!("{}: no such leniency: {name}", self.title),
        };
        let names = self.lenient.iter().filter(|_| lenient && self.is_server());
        let leniency = names.map(pick).fold(ServerLeniency::STRICT, ServerLeniency::union);
        ServerConfig { limits: self.limits, leniency, ..ServerConfig::default() }
    }

    /// The settings of a client, without or with the leniencies of the case.
    pub fn client(&self, lenient: bool) -> ClientConfig {
        let pick = |name: &String| match ClientLeniency::NAMES.iter().find(|(n, _)| n == name) {
            Some((_, one)) => *one,
            None => panic!("{}: no such leniency: {name}", self.title),
        };
        let names = self.lenient.iter().filter(|_| lenient && !self.is_server());
        let leniency = names.map(pick).fold(ClientLeniency::STRICT, ClientLeniency::union);
        let pipelined = matches!(self.role, Role::Client { pipelined: true, .. });
        let pipeline_depth = if pipelined { 16 } else { 1 };
        ClientConfig { limits: self.limits, leniency, pipeline_depth }
    }

    /// The last line of the events that is about the stream: the state it left, or the error.
    pub fn state(&self) -> &str {
        self.events
            .iter()
            .rev()
            .map(String::as_str)
            .find(|e| !e.starts_with("advice ") && !e.starts_with("answered "))
            .unwrap_or("")
    }
}

fn asked(text: &str) -> Asked {
    let mut words = text.split(' ');
    let mut asked =
        Asked { method: words.next().unwrap_or_default().to_owned(), upgrade: None, expects: false };
    match (words.next(), words.next(), words.next()) {
        (None, ..) => {}
        (Some("offering"), Some(protocol), None) => asked.upgrade = Some(protocol.to_owned()),
        (Some("expecting"), Some("100"), None) => asked.expects = true,
        _ => panic!("not a request: {text}"),
    }
    asked
}

/// The bytes of a line of a wire block.
pub fn unescape(line: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c != '\\' {
            bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let escape = rest.chars().next().ok_or("a backslash at the end")?;
        rest = &rest[escape.len_utf8()..];
        match escape {
            'r' => bytes.push(b'\r'),
            'n' => bytes.push(b'\n'),
            't' => bytes.push(b'\t'),
            '0' => bytes.push(0),
            '\\' => bytes.push(b'\\'),
            'x' => {
                let digits = rest.get(..2).ok_or("\\x needs two digits")?;
                bytes.push(u8::from_str_radix(digits, 16).map_err(|e| format!("\\x{digits}: {e}"))?);
                rest = &rest[2..];
            }
            '{' => {
                let (inside, behind) = rest.split_once('}').ok_or("\\{ without }")?;
                let (count, what) = inside.split_once('*').ok_or("\\{ without *")?;
                let count: usize = count.parse().map_err(|e| format!("{count}: {e}"))?;
                bytes.extend(unescape(what)?.repeat(count));
                rest = behind;
            }
            other => return Err(format!("no such escape: \\{other}")),
        }
    }
    Ok(bytes)
}

/// Bytes as they are written in events: escaped as in wire blocks, long runs of one byte counted.
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let run = rest.iter().take_while(|b| *b == first).count();
        let one = match first {
            b'\r' => "\\r".to_owned(),
            b'\n' => "\\n".to_owned(),
            b'\t' => "\\t".to_owned(),
            0 => "\\0".to_owned(),
            b'\\' => "\\\\".to_owned(),
            b' '..=b'~' => char::from(*first).to_string(),
            other => format!("\\x{other:02x}"),
        };
        let taken = if run >= 20 { run } else { 1 };
        match (taken, first) {
            (1, _) => text.push_str(&one),
            // The brace would end the escape.
            (_, b'}') => text.push_str(&format!("\\{{{run}*\\x7d}}")),
            _ => text.push_str(&format!("\\{{{run}*{one}}}")),
        }
        rest = &rest[taken..];
    }
    text
}
