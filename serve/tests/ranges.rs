//! Parts of files over the wire: RFC 9110 sections 14 and 15.3.7. The page `docs/file-server.md` has the rules.

mod common;

use common::{Answer, Site};

fn part(site: &Site, range: &str) -> Answer {
    site.get("/a.txt", &format!("Range: {range}\r\n"))
}

#[test]
fn a_part_is_sent_with_its_place_and_with_what_a_whole_file_has() {
    let site = Site::new("part");
    let whole = site.get("/a.txt", "");
    for (range, content, place) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=0-99", "0123456789", "bytes 0-9/10"),
        ("BYTES=0-0", "0", "bytes 0-0/10"),
        ("bytes=12-13,5-5", "5", "bytes 5-5/10"),
    ] {
        let got = part(&site, range);
        assert_eq!((got.status, got.expect("content-range"), got.text()), (206, place, content), "{range}");
        assert_eq!(got.expect("content-length"), content.len().to_string());
        for name in ["etag", "last-modified", "content-type", "accept-ranges"] {
            assert_eq!(got.field(name), whole.field(name), "{range}");
        }
        assert!(got.field("date").is_some());
    }
}

/// RFC 9110 section 15.3.7.
#[test]
fn who_asks_with_if_range_is_not_told_what_it_knows() {
    let site = Site::new("known");
    let tag = site.get("/a.txt", "").expect("etag").to_owned();
    let got = part(&site, &format!("bytes=0-1\r\nIf-Range: {tag}"));
    assert_eq!(got.names(), ["content-length", "content-range", "etag"]);
    let got = part(&site, "bytes=0-1\r\nIf-Range: \"x\"");
    assert_eq!((got.status, got.text()), (200, "0123456789"));
    assert!(got.field("last-modified").is_some() && got.field("content-type").is_some(), "{}", got.head);
}

/// RFC 9110 section 15.5.17.
#[test]
fn what_the_file_does_not_have_is_refused_with_its_length_and_none_of_its_fields() {
    let site = Site::new("refused");
    site.write("empty", "");
    for (target, range, len) in [
        ("/a.txt", "10-", 10),
        ("/a.txt", "-0", 10),
        ("/empty", "0-", 0),
        ("/empty", "-0", 0),
        ("/a.txt", "77-88,99-", 10),
    ] {
        let got = site.get(target, &format!("Range: bytes={range}\r\n"));
        assert_eq!((got.status, got.expect("content-range")), (416, &*format!("bytes */{len}")), "{range}");
        assert_eq!(got.names(), ["content-length", "content-range", "content-type"]);
    }
}

/// RFC 9110 section 14.1.2: a suffix is satisfiable, and of a shorter file all.
#[test]
fn a_suffix_of_an_empty_file_is_the_empty_file() {
    let site = Site::new("empty");
    site.write("empty", "");
    let got = site.get("/empty", "Range: bytes=-5\r\n");
    assert_eq!((got.status, got.text(), got.field("content-range")), (200, "", None));
}

/// RFC 9110 section 14.2.
#[test]
fn a_range_that_is_not_valid_or_not_understood_or_not_of_get_is_ignored() {
    let site = Site::new("ignored");
    for range in ["lines=0-1", "bytes=5-2", "bytes=", "0-1", "bytes=0-9,0-9", "bytes=0-1\r\nRange: bytes=2-3"]
    {
        let got = part(&site, range);
        assert_eq!(
            (got.status, got.text(), got.field("content-range")),
            (200, "0123456789", None),
            "{range}"
        );
    }
    let head = site.ask("HEAD", "/a.txt", "Range: bytes=0-1\r\n");
    assert_eq!((head.status, head.expect("content-length")), (200, "10"));
    assert_eq!(site.ask("HEAD", "/a.txt", "Range: bytes=99-\r\n").status, 200);
}

/// RFC 9110 section 15.3.7.2.
#[test]
fn several_parts_come_in_one_answer_in_the_order_they_were_asked_for() {
    let site = Site::new("several");
    let got = part(&site, "bytes=7-8, 0-1, -1, 50-60");
    let boundary = got.expect("content-type").strip_prefix("multipart/byteranges; boundary=").unwrap();
    let piece = |place: &str, text: &str| {
        format!(
            "\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes {place}/10\r\n\r\n{text}"
        )
    };
    let pieces =
        [piece("7-8", "78"), piece("0-1", "01"), piece("9-9", "9"), format!("\r\n--{boundary}--\r\n")];
    assert_eq!((got.status, got.text()), (206, &*pieces.concat()));
    assert_eq!(got.expect("content-length"), got.content.len().to_string());
    assert_eq!(got.field("content-range"), None);
    assert!(got.field("etag").is_some() && got.field("last-modified").is_some(), "{}", got.head);
}

/// RFC 2046 section 5.1.1.
#[test]
fn what_separates_parts_is_another_for_each_answer() {
    let site = Site::new("boundary");
    let boundary = || {
        let got = part(&site, "bytes=0-1,3-4");
        got.expect("content-type").strip_prefix("multipart/byteranges; boundary=").unwrap().to_owned()
    };
    let first = boundary();
    assert_eq!(first.len(), 32);
    // A file that has the last one in it is sent with another.
    site.write("a.txt", format!("0\r\n--{first}\r\n56789"));
    let second = boundary();
    assert_ne!(first, second);
    assert_ne!(second, boundary());
}

#[test]
fn a_large_file_arrives_whole_and_in_parts() {
    let site = Site::new("large");
    let content: String = (0..500_000u64).map(|i| char::from(b'a' + (i * i % 23) as u8)).collect();
    site.write("large.bin", &content);
    let get = |range: &str| site.get("/large.bin", range);
    assert!(get("").text() == content);
    assert!(get("Range: bytes=100000-399999\r\n").text() == &content[100_000..400_000]);
    assert!(get("Range: bytes=-1\r\n").text() == &content[499_999..]);
    let got = get("Range: bytes=0-99999,200000-299999\r\n");
    assert_eq!(got.expect("content-length"), got.content.len().to_string());
    assert!(got.text().contains(&content[..100_000]) && got.text().contains(&content[200_000..300_000]));
    let head = site.ask("HEAD", "/large.bin", "");
    assert_eq!((head.expect("content-length"), head.text()), ("500000", ""));
    // One after another, with answers from memory between them.
    let request = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    let last = "GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let said =
        site.said([request("/large.bin"), request("/a.txt"), request("/large.bin"), last.into()].concat());
    let said = String::from_utf8(said).unwrap();
    assert_eq!((said.matches(&content).count(), said.matches("0123456789").count()), (2, 2));
}
