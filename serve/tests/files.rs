//! What is found under which name, what is not, and what a file is that is not as the system says.

mod common;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use common::Site;

#[test]
fn a_file_is_sent_with_its_type_and_length() {
    let site = Site::new("file");
    for (name, content_type) in [
        ("a.txt", "text/plain; charset=utf-8"),
        ("page.HTML", "text/html; charset=utf-8"),
        ("x.svg", "image/svg+xml"),
        ("Makefile", "application/octet-stream"),
        ("archive.tar.gz", "application/gzip"),
    ] {
        site.write(name, "0123456789");
        let got = site.get(&format!("/{name}?query"), "");
        assert_eq!((got.status, got.expect("content-type"), got.text()), (200, content_type, "0123456789"));
        assert_eq!((got.expect("content-length"), got.expect("accept-ranges")), ("10", "bytes"));
    }
}

#[test]
fn there_is_no_way_out_of_the_folder() {
    let site = Site::new("out");
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
        "/%2",
        "/%zz",
        "/a.txt/",
        "/a.txt/.",
        "/a.txt/b",
        "/nothing",
        "http://a/../secret",
    ] {
        let got = site.get(target, "");
        assert_eq!((got.status, got.text()), (404, "not found\n"), "{target}");
        assert_eq!(got.names(), ["content-length", "content-type"]);
    }
}

#[test]
fn a_folder_is_found_with_its_slash_and_the_way_there_keeps_the_query() {
    let site = Site::new("slash");
    site.write("sub dir/x", "");
    for (target, location) in [
        ("/sub%20dir", "/sub%20dir/"),
        ("/sub%20dir?x=1&y=/a?b", "/sub%20dir/?x=1&y=/a?b"),
        ("/sub%20dir?", "/sub%20dir/?"),
        ("/sub%20dir?%22\"<", "/sub%20dir/?%22%22%3C"),
        ("http://a/sub%20dir?x", "/sub%20dir/?x"),
        ("//sub%20dir", "/sub%20dir/"),
        ("/./sub%20dir", "/sub%20dir/"),
    ] {
        let got = site.get(target, "");
        assert_eq!((got.status, got.expect("location")), (301, location), "{target}");
        assert!(got.text().contains("<a href='/sub%20dir/"), "{}", got.text());
    }
    for target in ["/sub%20dir/", "/sub%20dir/.", "//sub%20dir//", "/sub%20dir/?x=1"] {
        assert_eq!(site.get(target, "").status, 200, "{target}");
    }
    site.write("sub dir/index.html", "the index");
    let got = site.get("/sub%20dir/", "");
    assert_eq!((got.text(), got.expect("content-type")), ("the index", "text/html; charset=utf-8"));
    assert!(got.field("etag").is_some());
}

#[test]
fn an_index_links_to_everything_with_size_and_date() {
    let site = Site::new("index");
    site.write("<b>&", vec![b'x'; 3 << 20]);
    let index = site.get("/", "");
    assert_eq!(index.expect("content-type"), "text/html; charset=utf-8");
    for row in [
        "<tr><td><a href=\"%3Cb%3E%26\">&lt;b&gt;&amp;</a><td class=\"size\">3.0 MiB<td>09 Sep 2001 01:46\n",
        "<tr><td><a href=\"a.txt\">a.txt</a><td class=\"size\">10 B<td>09 Sep 2001 01:46\n",
        "<tr><td><a href=\"sub%20dir/\">sub dir/</a><td class=\"size\"><td>",
    ] {
        assert!(index.text().contains(row), "{row} {}", index.text());
    }
    let head = site.ask("HEAD", "/", "");
    assert_eq!((head.expect("content-length"), head.text()), (&*index.content.len().to_string(), ""));
}

/// The target that an index has for a name.
fn link<'a>(index: &'a str, text: &str) -> &'a str {
    let (before, _) = index.split_once(&format!("\">{text}<")).unwrap_or_else(|| panic!("{text} in {index}"));
    before.rsplit_once('"').unwrap().1
}

#[cfg(unix)]
#[test]
fn every_name_that_the_system_has_is_served_by_the_link_of_the_index() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let site = Site::new("names");
    for (name, shown) in [
        (&b"a:b"[..], "a:b"),
        (b"C:", "C:"),
        (b"back\\slash", "back\\slash"),
        (b"100%", "100%"),
        (b"%2e%2e", "%2e%2e"),
        (b"what?", "what?"),
        (b"#1", "#1"),
        (b"a b+c;d=e", "a b+c;d=e"),
        (b"...", "..."),
        (b"\xFF\xFE", "\u{FFFD}\u{FFFD}"),
        ("\u{e4}\u{1F600}".as_bytes(), "\u{e4}\u{1F600}"),
        (b"line\r\nend", "line\r\nend"),
    ] {
        let site_of_dots =
            Site::with(&format!("names-{}", name.escape_ascii().to_string().len()), |f| f.dot_files(true));
        site_of_dots.write(OsStr::from_bytes(name), name);
        let index = site_of_dots.get("/", "");
        let link = link(index.text(), shown);
        assert!(link.bytes().all(|b| b.is_ascii_alphanumeric() || b"%-._~".contains(&b)), "{link}");
        assert_eq!(site_of_dots.get(&format!("/{link}"), "").content, name, "{link}");
    }
    // A folder of such a name has its slash, too.
    fs::create_dir(site.path("a:b")).unwrap();
    assert_eq!(site.get("/a:b", "").expect("location"), "/a%3Ab/");
}

#[test]
fn names_that_begin_with_a_dot_are_served_only_if_that_is_asked_for() {
    let hidden =
        ["/.env", "/.git/config", "/.git/", "/.git", "/sub%20dir/.x", "/%2Eenv", "/.", "/.well-known/.x"];
    let fill = |site: &Site| {
        for folder in [".git", ".well-known"] {
            fs::create_dir(site.path(folder)).unwrap();
        }
        for file in [".env", ".git/config", "sub dir/.x", ".well-known/.x", ".well-known/security.txt"] {
            site.write(file, "x");
        }
    };
    let site = Site::new("hidden");
    fill(&site);
    for target in hidden.iter().filter(|target| **target != "/.") {
        assert_eq!(site.get(target, "").status, 404, "{target}");
    }
    // RFC 8615: that one is there to be found.
    assert_eq!(site.get("/.well-known/security.txt", "").text(), "x");
    assert_eq!(site.get("/a/.well-known/security.txt", "").status, 404);
    assert_eq!(site.get("/.", "").status, 200);
    assert!(!site.get("/", "").text().contains(">."));

    let site = Site::with("shown", |files| files.dot_files(true));
    fill(&site);
    for target in hidden {
        assert!([200, 301].contains(&site.get(target, "").status), "{target}");
    }
    assert!(site.get("/", "").text().contains(">.env<"));
}

#[cfg(unix)]
#[test]
fn what_is_no_file_and_what_leads_nowhere_is_not_there() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::os::unix::fs::symlink;
    let site = Site::new("special");
    mknodat(CWD, site.path("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(site.path("socket")).unwrap();
    symlink("itself", site.path("itself")).unwrap();
    symlink("gone", site.path("to nothing")).unwrap();
    symlink("/dev/null", site.path("device")).unwrap();
    symlink("../secret", site.path("out")).unwrap();
    let long = format!("/{}", "n".repeat(300));
    for target in
        ["/pipe", "/socket", "/itself", "/itself/x", "/to%20nothing", "/device", "/out", "/a.txt/x", &long]
    {
        assert_eq!(site.get(target, "").status, 404, "{target}");
    }
    let index = site.get("/", "");
    for name in ["pipe", "socket", "itself", "to nothing", "device", "out"] {
        assert!(!index.text().contains(&format!(">{name}<")), "{name}");
    }
    // As an index page of a folder, too.
    symlink("itself", site.path("index.html")).unwrap();
    assert_eq!(site.get("/", "").status, 200);
}

#[cfg(target_os = "linux")]
#[test]
fn files_whose_size_says_nothing_are_sent_as_they_are_read() {
    let files = h1wire_serve::Files::new("/proc/self").unwrap();
    let server = h1wire_mio::Server::bind("127.0.0.1:0").unwrap();
    let running = server.start_with(move |_| files.clone()).unwrap();
    let ask = |method: &str, target: &str| {
        let mut client = std::net::TcpStream::connect(running.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(common::PATIENCE)).unwrap();
        write!(client, "{method} {target} HTTP/1.0\r\nRange: bytes=0-1\r\nIf-None-Match: *\r\n\r\n").unwrap();
        let mut said = Vec::new();
        client.read_to_end(&mut said).unwrap();
        common::Answer::parse(&said)
    };
    let comm = ask("GET", "/comm");
    assert_eq!((comm.status, &*comm.content), (200, &*fs::read("/proc/self/comm").unwrap()));
    assert!(comm.field("etag").is_none() && comm.field("last-modified").is_none(), "{}", comm.head);
    // More than fits into one piece.
    let map = ask("GET", "/smaps");
    assert!(map.content.len() > 16 * 1024 && map.text().contains("VmFlags"), "{}", map.content.len());
    assert_eq!(ask("HEAD", "/comm").text(), "");
    running.handle().shutdown(std::time::Duration::ZERO);
    running.join().unwrap();
}

#[test]
fn a_large_file_that_is_cut_short_while_it_is_sent_never_looks_complete() {
    const LEN: usize = 32 << 20;
    let site = Site::new("cut");
    site.write("large", vec![b'x'; LEN]);
    let mut client = site.client();
    client.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut piece = vec![0; 1 << 16];
    let mut got = client.read(&mut piece).unwrap();
    File::options().write(true).open(site.path("large")).unwrap().set_len(LEN as u64 / 2).unwrap();
    // A cut, however the system says it.
    while let Ok(n @ 1..) = client.read(&mut piece) {
        got += n;
    }
    assert!(got < LEN, "{got}");
}

#[test]
fn a_small_file_is_one_of_its_states_whoever_writes_it_meanwhile() {
    let site = Site::new("states");
    let path = site.path("a.txt");
    let states = ["0".repeat(9_000), "1".repeat(5_000), "2".repeat(12_000)];
    fs::write(&path, &states[0]).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for state in states.iter().cycle() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let next = site.path("next");
                fs::write(&next, state).unwrap();
                fs::rename(&next, &path).unwrap();
            }
        });
        for _ in 0..200 {
            let got = site.get("/a.txt", "");
            if !states.iter().any(|state| state == got.text()) {
                over.store(true, Ordering::Relaxed);
                panic!("{} bytes of none", got.content.len());
            }
            assert_eq!(got.expect("content-length"), got.content.len().to_string());
        }
        over.store(true, Ordering::Relaxed);
    });
}
