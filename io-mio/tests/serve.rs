//! The example that serves a folder, over real sockets.

mod common;

#[path = "../examples/serve/beneath.rs"]
mod beneath;
#[path = "../examples/serve/conditional.rs"]
mod conditional;
#[path = "../examples/serve/files.rs"]
mod files;
#[path = "../examples/serve/listing.rs"]
mod listing;
#[path = "../examples/serve/path.rs"]
mod path;
#[path = "../examples/serve/range.rs"]
mod range;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Raw, serve_with, stop};
use files::Files;
use h1wire_mio::{Options, Running};
use range::{Ranges, ranges};

/// A folder of its own for each test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("h1wire-mio-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("root/sub dir")).unwrap();
        fs::write(path.join("secret"), "secret").unwrap();
        fs::write(path.join("root/a.txt"), "0123456789").unwrap();
        fs::write(path.join("root/sub dir/b.html"), "<p>b").unwrap();
        Self(path)
    }

    fn serve(&self) -> Running {
        let root = self.0.join("root");
        serve_with(Options::default(), move |_| Files::new(&root).unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn ask(server: &Running, method: &str, target: &str, fields: &str) -> String {
    let request = format!("{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    Raw::to(server).ask(request)
}

fn get(server: &Running, target: &str, fields: &str) -> (String, String) {
    let got = ask(server, "GET", target, fields);
    let (head, content) = got.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), content.to_owned())
}

/// The value of a field of a head.
fn field<'a>(head: &'a str, name: &str) -> &'a str {
    let line = head.lines().find(|line| line.starts_with(&format!("{name}: ")));
    &line.unwrap_or_else(|| panic!("no {name} in {head}"))[name.len() + 2..]
}

#[test]
fn a_file_is_sent_with_its_type_its_length_and_what_tells_its_states_apart() {
    let folder = Folder::new("file");
    let server = folder.serve();
    let (head, content) = get(&server, "/a.txt?query", "");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert_eq!(field(&head, "Content-Type"), "text/plain; charset=utf-8");
    assert_eq!((field(&head, "Content-Length"), content.as_str()), ("10", "0123456789"));
    let etag = field(&head, "ETag");
    let date = field(&head, "Last-Modified");
    for fields in [format!("If-None-Match: \"x\", W/{etag}\r\n"), format!("If-Modified-Since: {date}\r\n")] {
        let (head, content) = get(&server, "/a.txt", &fields);
        assert!(head.starts_with("HTTP/1.1 304 Not Modified\r\n") && content.is_empty(), "{head}");
        assert_eq!(field(&head, "ETag"), etag);
    }
    assert!(get(&server, "/a.txt", "If-Match: \"x\"\r\n").0.starts_with("HTTP/1.1 412 "));
    assert!(get(&server, "/a.txt", "If-None-Match: \"x\"\r\n").0.starts_with("HTTP/1.1 200 "));
    let old = "Sun, 06 Nov 1994 08:49:37 GMT";
    assert!(get(&server, "/a.txt", &format!("If-Modified-Since: {old}\r\n")).0.starts_with("HTTP/1.1 200 "));
    assert!(
        get(&server, "/a.txt", &format!("If-Unmodified-Since: {old}\r\n")).0.starts_with("HTTP/1.1 412 ")
    );
    let head = ask(&server, "HEAD", "/a.txt", "");
    assert!(head.ends_with("\r\n\r\n") && field(&head, "Content-Length") == "10", "{head}");
    stop(server);
}

#[test]
fn parts_of_a_file_are_sent_when_asked_for() {
    let folder = Folder::new("range");
    let server = folder.serve();
    for (range, part, place) in [
        ("2-4", "234", "bytes 2-4/10"),
        ("7-", "789", "bytes 7-9/10"),
        ("-2", "89", "bytes 8-9/10"),
        ("0-99", "0123456789", "bytes 0-9/10"),
    ] {
        let (head, content) = get(&server, "/a.txt", &format!("Range: bytes={range}\r\n"));
        assert!(head.starts_with("HTTP/1.1 206 Partial Content\r\n"), "{range}: {head}");
        assert_eq!((field(&head, "Content-Range"), content.as_str()), (place, part));
    }
    let (head, _) = get(&server, "/a.txt", "Range: bytes=10-\r\n");
    assert!(head.starts_with("HTTP/1.1 416 ") && field(&head, "Content-Range") == "bytes */10", "{head}");
    let (head, content) = get(&server, "/a.txt", "Range: bytes=0-1, -1\r\n");
    let boundary = field(&head, "Content-Type").strip_prefix("multipart/byteranges; boundary=").unwrap();
    let of = |place| {
        format!(
            "\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes {place}/10\r\n\r\n"
        )
    };
    assert_eq!(content, format!("{}01{}9\r\n--{boundary}--\r\n", of("0-1"), of("9-9")));
    assert_eq!(field(&head, "Content-Length"), content.len().to_string());
    let etag = field(&head, "ETag").to_owned();
    let if_range = |tag: &str| get(&server, "/a.txt", &format!("Range: bytes=0-1\r\nIf-Range: {tag}\r\n"));
    assert_eq!(if_range(&etag).1, "01");
    assert_eq!(if_range("\"other\"").1, "0123456789");
    assert_eq!(if_range(&format!("W/{etag}")).1, "0123456789", "a weak tag is no ground for a part");
    stop(server);
}

#[test]
fn ranges_that_cannot_be_meant_are_ignored() {
    for field in ["bytes=", "items=0-1", "bytes=5-2", "bytes=a-b", "bytes=+1-2", "bytes=--1", "bytes=0-9,0-9"]
    {
        let expected = if field == "bytes=" { Ranges::None } else { Ranges::All };
        assert_eq!(ranges(field.as_bytes(), 10), expected, "{field}");
    }
    assert_eq!(ranges(b"bytes=0-", 0), Ranges::None);
    assert_eq!(ranges(b"bytes=-0", 10), Ranges::None);
    assert_eq!(ranges(b"bytes=99999999999999999999-", 10), Ranges::All);
    assert_eq!(ranges(b"bytes=0-0,", 10), Ranges::Some(vec![(0, 1)]));
    let many = format!("bytes={}", "1-1,".repeat(17));
    assert_eq!(ranges(many.as_bytes(), 1000), Ranges::All);
}

#[test]
fn a_folder_is_sent_to_its_slash_and_has_an_index() {
    let folder = Folder::new("folder");
    let server = folder.serve();
    let (head, _) = get(&server, "/sub%20dir", "");
    assert!(head.starts_with("HTTP/1.1 301 ") && field(&head, "Location") == "/sub%20dir/", "{head}");
    let (_, page) = get(&server, "/", "");
    assert!(page.contains("<a href=\"sub%20dir/\">sub dir/</a>") && page.contains("\"a.txt\""), "{page}");
    assert_eq!(get(&server, "/sub%20dir/b.html", "").1, "<p>b");
    fs::write(folder.0.join("root/sub dir/index.html"), "the index").unwrap();
    assert_eq!(get(&server, "//sub%20dir/", "").1, "the index");
    let (head, _) = get(&server, "//sub%20dir", "");
    assert_eq!(field(&head, "Location"), "/sub%20dir/", "not to a host of that name");
    stop(server);
}

#[test]
fn there_is_no_way_out_of_the_folder() {
    let folder = Folder::new("out");
    let server = folder.serve();
    for target in [
        "/../secret",
        "/sub%20dir/../../secret",
        "/%2e%2e/secret",
        "/%2E./secret",
        "/..%2fsecret",
        "/..%5csecret",
        "/sub%20dir/%2e%2e%2f%2e%2e%2fsecret",
        "/a.txt%00",
        "/%",
        "/%zz",
        "/a.txt/",
        "/nothing",
        "http://a/../secret",
    ] {
        let (head, content) = get(&server, target, "");
        assert!(head.starts_with("HTTP/1.1 404 ") && content == "not found\n", "{target}: {head}");
    }
    assert!(ask(&server, "POST", "/a.txt", "Content-Length: 0\r\n").starts_with("HTTP/1.1 405 "));
    assert!(ask(&server, "OPTIONS", "/a.txt", "").contains("\r\nAllow: GET, HEAD, OPTIONS\r\n"));
    stop(server);
}

/// Files, and links of all kinds: relative and absolute, to files and folders, inside and out.
#[cfg(unix)]
fn with_links(name: &str) -> Folder {
    use std::os::unix::fs::symlink;
    let folder = Folder::new(name);
    let root = folder.0.join("root");
    fs::create_dir(folder.0.join("outside")).unwrap();
    fs::write(folder.0.join("outside/a.txt"), "secret").unwrap();
    symlink("a.txt", root.join("file in")).unwrap();
    symlink(root.join("a.txt"), root.join("file in, absolute")).unwrap();
    symlink("../a.txt", root.join("sub dir/up")).unwrap();
    symlink("sub dir", root.join("dir in")).unwrap();
    symlink(root.join("sub dir"), root.join("dir in, absolute")).unwrap();
    symlink("../secret", root.join("file out")).unwrap();
    symlink(folder.0.join("secret"), root.join("file out, absolute")).unwrap();
    symlink("..", root.join("dir out")).unwrap();
    symlink(&folder.0, root.join("dir out, absolute")).unwrap();
    symlink("../root/a.txt", root.join("out and in")).unwrap();
    symlink("itself", root.join("itself")).unwrap();
    symlink("/proc/self/cwd", root.join("magic")).unwrap();
    folder
}

#[cfg(unix)]
const INSIDE: [(&str, &str); 7] = [
    ("out and in", "0123456789"),
    ("file in", "0123456789"),
    ("file in, absolute", "0123456789"),
    ("sub dir/up", "0123456789"),
    ("dir in/b.html", "<p>b"),
    ("dir in, absolute/b.html", "<p>b"),
    ("dir in/up", "0123456789"),
];
#[cfg(unix)]
const OUTSIDE: [&str; 8] = [
    "file out",
    "file out, absolute",
    "dir out/secret",
    "dir out, absolute/secret",
    "dir out/outside/a.txt",
    "itself",
    "magic",
    "magic/Cargo.toml",
];

#[cfg(unix)]
#[test]
fn links_lead_to_what_is_inside_and_nowhere_else() {
    let folder = with_links("links");
    let server = folder.serve();
    let escaped = |path: &str| path.replace(' ', "%20").replace(',', "%2C");
    for (path, content) in INSIDE {
        assert_eq!(get(&server, &format!("/{}", escaped(path)), "").1, content, "{path}");
    }
    for path in OUTSIDE {
        let (head, _) = get(&server, &format!("/{}", escaped(path)), "");
        assert!(head.starts_with("HTTP/1.1 404 "), "{path}: {head}");
    }
    let (_, page) = get(&server, "/", "");
    assert!(page.contains(">file in<") && page.contains(">dir in, absolute/<"), "{page}");
    assert!(!page.contains("file out") && !page.contains("dir out") && !page.contains("magic"), "{page}");
    stop(server);
}

#[cfg(unix)]
#[test]
fn links_are_the_same_where_the_system_has_no_single_call_for_them() {
    use beneath::{Found, Root};
    use std::io::Read;
    let folder = with_links("steps");
    let root = Root::new(folder.0.join("root")).unwrap();
    let open = |path: &str| root.open_in_steps(&path.split('/').map(str::to_owned).collect::<Vec<_>>());
    for (path, content) in INSIDE {
        let Ok(Found::File(mut file, _)) = open(path) else { panic!("{path}") };
        let mut got = String::new();
        file.read_to_string(&mut got).unwrap();
        assert_eq!(got, content, "{path}");
    }
    for path in OUTSIDE {
        assert!(open(path).is_err(), "{path}");
    }
    assert!(matches!(open("dir in"), Ok(Found::Folder(_))));
}

#[cfg(unix)]
#[test]
fn a_folder_that_becomes_a_link_meanwhile_is_no_way_out() {
    use beneath::{Found, Root};
    use std::io::Read;
    use std::sync::atomic::{AtomicBool, Ordering};
    let folder = with_links("race");
    let path = folder.0.join("root");
    fs::create_dir(path.join("door")).unwrap();
    fs::write(path.join("door/a.txt"), "inside").unwrap();
    let root = Root::new(&path).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            use std::os::unix::fs::symlink;
            while !over.load(Ordering::Relaxed) {
                fs::rename(path.join("door"), path.join("aside")).unwrap();
                symlink("../outside", path.join("door")).unwrap();
                fs::remove_file(path.join("door")).unwrap();
                fs::rename(path.join("aside"), path.join("door")).unwrap();
            }
        });
        let segments = ["door".to_owned(), "a.txt".to_owned()];
        let mut inside = 0;
        for turn in 0.. {
            let opened = if turn % 2 == 0 { root.open(&segments) } else { root.open_in_steps(&segments) };
            if let Ok(Found::File(mut file, _)) = opened {
                let mut got = String::new();
                file.read_to_string(&mut got).unwrap();
                if got != "inside" {
                    over.store(true, Ordering::Relaxed);
                }
                assert_eq!(got, "inside", "in turn {turn}");
                inside += 1;
            }
            if turn >= 30_000 && inside > 100 {
                break;
            }
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[cfg(unix)]
#[test]
fn a_pipe_nobody_writes_to_is_not_waited_for() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let folder = Folder::new("pipe");
    mknodat(CWD, folder.0.join("root/pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let server = folder.serve();
    assert!(get(&server, "/pipe", "").0.starts_with("HTTP/1.1 404 "));
    assert!(get(&server, "/a.txt", "").0.starts_with("HTTP/1.1 200 "));
    stop(server);
}

#[test]
fn a_large_file_arrives_whole_and_in_parts() {
    let folder = Folder::new("large");
    let server = folder.serve();
    let content: String = (0..500_000u64).map(|i| char::from(b'a' + (i * i % 23) as u8)).collect();
    fs::write(folder.0.join("root/large.bin"), &content).unwrap();
    assert!(get(&server, "/large.bin", "").1 == content);
    assert!(get(&server, "/large.bin", "Range: bytes=100000-399999\r\n").1 == content[100_000..400_000]);
    let (head, got) = get(&server, "/large.bin", "Range: bytes=0-99999,200000-299999\r\n");
    assert_eq!(field(&head, "Content-Length"), got.len().to_string());
    assert!(got.contains(&content[..100_000]) && got.contains(&content[200_000..300_000]));
    // Behind one another, with answers from memory between them.
    let mut client = Raw::to(&server);
    let request = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    client.send([request("/large.bin"), request("/a.txt"), request("/large.bin")].concat());
    client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let got = client.rest();
    assert_eq!(got.matches(&content).count(), 2);
    assert_eq!(got.matches("0123456789").count(), 2);
    stop(server);
}

#[test]
fn a_file_that_is_cut_short_while_it_is_sent_ends_the_connection() {
    struct Cut(PathBuf);
    impl h1wire_mio::Handler for Cut {
        type Exchange = ();
        fn request(&mut self, _: &h1wire_mio::Request<'_>, res: &mut h1wire_mio::Response<'_>) -> Option<()> {
            let file = std::sync::Arc::new(fs::File::open(&self.0).unwrap());
            res.content_length(20).write_file(file, 0, 20).unwrap();
            None
        }
    }
    let folder = Folder::new("cut");
    let path: PathBuf = Path::join(&folder.0, "root/a.txt");
    let server = serve_with(Options::default(), move |_| Cut(path.clone()));
    let got = Raw::to(&server).ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(got.ends_with("0123456789"), "{got}");
    assert_eq!(server.handle().counters().io_errors, 1);
    stop(server);
}
