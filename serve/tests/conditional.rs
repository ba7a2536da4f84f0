//! Validators and conditions: RFC 9110 sections 8.8 and 13. The page `docs/file-server.md` has the rules.

mod common;

use std::fs::File;
use std::time::{Duration, SystemTime};

use common::{Answer, Site};
use h1wire_mio::proto::HttpDate;

const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
/// When the files of a site were changed.
const CHANGED: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
const LATER: &str = "Sun, 09 Sep 2001 01:46:41 GMT";

/// The status of `GET /a.txt` with these fields, in which `{tag}` is the file's.
fn status(site: &Site, fields: &str) -> u16 {
    let tag = site.get("/a.txt", "").expect("etag").to_owned();
    let lines: Vec<_> = fields.split('|').map(|field| field.replace("{tag}", &tag) + "\r\n").collect();
    site.get("/a.txt", &lines.concat()).status
}

fn unix(date: &str) -> u64 {
    HttpDate::parse(date.as_bytes(), 0).unwrap()
}

fn set_modified(site: &Site, at: SystemTime) {
    File::options().write(true).open(site.path("a.txt")).unwrap().set_modified(at).unwrap();
}

#[test]
fn a_file_has_both_validators_and_the_tag_of_one_at_rest_is_strong() {
    let site = Site::new("validators");
    let answer = site.get("/a.txt", "");
    assert_eq!(answer.expect("last-modified"), CHANGED);
    let tag = answer.expect("etag");
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "{tag}");
    assert_eq!(site.get("/a.txt", "").expect("etag"), tag);
    assert_ne!(site.get("/sub%20dir/b.html", "").expect("etag"), tag);
}

#[test]
fn a_file_that_was_just_changed_has_a_weak_tag() {
    let site = Site::new("weak");
    set_modified(&site, SystemTime::now());
    let tag = site.get("/a.txt", "").expect("etag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    // It tells what it can, and never that a part fits.
    assert_eq!(site.get("/a.txt", &format!("If-None-Match: {tag}\r\n")).status, 304);
    assert_eq!(site.get("/a.txt", &format!("If-Match: {tag}\r\n")).status, 412);
    let part =
        |validator: &str| site.get("/a.txt", &format!("Range: bytes=0-1\r\nIf-Range: {validator}\r\n"));
    assert_eq!(part(&tag).status, 200);
    assert_eq!(part(tag.trim_start_matches("W/")).status, 200);
    let date = site.get("/a.txt", "").expect("last-modified").to_owned();
    assert_eq!(part(&date).status, 200);
}

#[test]
fn the_tag_of_a_weak_moment_is_not_the_tag_of_the_file_at_rest() {
    let site = Site::new("later");
    let strong = site.get("/a.txt", "").expect("etag").to_owned();
    set_modified(&site, SystemTime::now());
    let weak = site.get("/a.txt", "").expect("etag").to_owned();
    assert_ne!(weak.trim_start_matches("W/"), strong);
    assert!(weak.ends_with("-early\""), "{weak}");
}

#[test]
fn a_file_of_the_same_length_that_got_its_old_time_back_is_told_apart() {
    let site = Site::new("kept");
    let before = site.get("/a.txt", "");
    site.write("a.txt", "9876543210");
    let after = site.get("/a.txt", "");
    assert_eq!(before.expect("last-modified"), after.expect("last-modified"));
    assert_ne!(before.expect("etag"), after.expect("etag"));
    // So is one that was moved over it.
    site.write("c.txt", "9876543210");
    std::fs::rename(site.path("c.txt"), site.path("a.txt")).unwrap();
    assert_ne!(site.get("/a.txt", "").expect("etag"), after.expect("etag"));
}

#[test]
fn nothing_was_modified_after_the_answer_was_made() {
    let site = Site::new("future");
    for ahead in [0, 1, 86_400, 300_000_000] {
        set_modified(&site, SystemTime::now() + Duration::from_secs(ahead));
        let answer = site.get("/a.txt", "");
        let (modified, date) = (unix(answer.expect("last-modified")), unix(answer.expect("date")));
        assert!(modified <= date, "{ahead}: {}", answer.head);
        assert_eq!(answer.head.matches("Date: ").count(), 1, "{}", answer.head);
        assert!(answer.expect("etag").starts_with("W/"), "{}", answer.head);
    }
}

#[test]
fn a_change_before_1970_is_no_error() {
    let site = Site::new("past");
    set_modified(&site, SystemTime::UNIX_EPOCH - Duration::from_secs(86_400));
    assert_eq!(site.get("/a.txt", "").status, 200);
}

/// RFC 9110 section 13.1.1.
#[test]
fn if_match_is_met_by_the_strong_tag_alone_or_by_a_star() {
    let site = Site::new("if-match");
    for (fields, expected) in [
        ("If-Match: {tag}", 200),
        ("If-Match: *", 200),
        ("If-Match: \"x\", {tag}", 200),
        ("If-Match: \"x\"|If-Match: {tag}", 200),
        ("If-Match: \"a,b\",{tag}", 200),
        ("If-Match: \"\\\",{tag}", 200),
        ("If-Match: W/{tag}", 412),
        ("If-Match: w/{tag}", 412),
        ("If-Match: \"x\"", 412),
        ("If-Match: \"x\", *", 412),
        ("If-Match: ", 412),
        ("If-Match: x", 412),
        ("If-Match: \"x\"{tag}", 412),
    ] {
        assert_eq!(status(&site, fields), expected, "{fields}");
    }
}

/// RFC 9110 section 13.1.2.
#[test]
fn if_none_match_is_met_by_any_tag_but_the_file_s() {
    let site = Site::new("if-none-match");
    for (fields, expected) in [
        ("If-None-Match: {tag}", 304),
        ("If-None-Match: W/{tag}", 304),
        ("If-None-Match: *", 304),
        ("If-None-Match: \"x\", W/{tag}", 304),
        ("If-None-Match: \"x\"|If-None-Match: {tag}", 304),
        ("If-None-Match: \"x\"", 200),
        ("If-None-Match: \"\"", 200),
        ("If-None-Match: x", 200),
    ] {
        assert_eq!(status(&site, fields), expected, "{fields}");
    }
}

/// RFC 9110 sections 13.1.3 and 13.1.4.
#[test]
fn dates_count_if_they_are_dates_and_one_alone() {
    let site = Site::new("dates");
    for (fields, expected) in [
        (format!("If-Modified-Since: {CHANGED}"), 304),
        (format!("If-Modified-Since: {LATER}"), 304),
        ("If-Modified-Since: Sunday, 09-Sep-01 01:46:40 GMT".into(), 304),
        ("If-Modified-Since: Sun Sep  9 01:46:40 2001".into(), 304),
        (format!("If-Modified-Since: {OLD}"), 200),
        ("If-Modified-Since: yesterday".into(), 200),
        ("If-Modified-Since: 1000000000".into(), 200),
        (format!("If-Modified-Since: {CHANGED}, {CHANGED}"), 200),
        (format!("If-Modified-Since: {CHANGED}|If-Modified-Since: {CHANGED}"), 200),
        (format!("If-Unmodified-Since: {CHANGED}"), 200),
        (format!("If-Unmodified-Since: {LATER}"), 200),
        (format!("If-Unmodified-Since: {OLD}"), 412),
        ("If-Unmodified-Since: long ago".into(), 200),
        (format!("If-Unmodified-Since: {OLD}|If-Unmodified-Since: {OLD}"), 200),
    ] {
        assert_eq!(status(&site, &fields), expected, "{fields}");
    }
}

/// RFC 9110 section 13.2.2.
#[test]
fn conditions_are_judged_in_their_order() {
    let site = Site::new("order");
    for (fields, expected) in [
        // A tag makes its date void.
        (format!("If-Match: {{tag}}|If-Unmodified-Since: {OLD}"), 200),
        (format!("If-Match: \"x\"|If-Unmodified-Since: {LATER}"), 412),
        (format!("If-None-Match: \"x\"|If-Modified-Since: {LATER}"), 200),
        (format!("If-None-Match: {{tag}}|If-Modified-Since: {OLD}"), 304),
        // What must not be otherwise is asked first.
        ("If-None-Match: {tag}|If-Match: \"x\"".into(), 412),
        ("If-None-Match: {tag}|If-Match: {tag}".into(), 304),
        (format!("If-Modified-Since: {LATER}|If-Unmodified-Since: {OLD}"), 412),
        // And the part last.
        ("If-None-Match: {tag}|Range: bytes=0-1".into(), 304),
        ("If-Match: \"x\"|Range: bytes=0-1".into(), 412),
        ("If-None-Match: {tag}|Range: bytes=99-".into(), 304),
        ("If-Match: {tag}|Range: bytes=0-1".into(), 206),
    ] {
        assert_eq!(status(&site, &fields), expected, "{fields}");
    }
}

/// RFC 9110 section 13.1.5.
#[test]
fn if_range_lets_the_part_through_for_this_very_state() {
    let site = Site::new("if-range");
    for (validator, expected) in [
        ("{tag}", 206),
        (CHANGED, 206),
        ("Sunday, 09-Sep-01 01:46:40 GMT", 206),
        ("W/{tag}", 200),
        ("\"x\"", 200),
        (LATER, 200),
        (OLD, 200),
        ("*", 200),
        ("", 200),
        ("{tag}|If-Range: {tag}", 200),
    ] {
        assert_eq!(
            status(&site, &format!("Range: bytes=0-1|If-Range: {validator}")),
            expected,
            "{validator}"
        );
    }
    // Without a range it means nothing.
    assert_eq!(status(&site, "If-Range: \"x\""), 200);
}

/// RFC 9110 section 13.2.1.
#[test]
fn conditions_mean_nothing_where_the_answer_would_be_an_error_or_lead_elsewhere() {
    let site = Site::new("ignored");
    for fields in ["If-Match: \"x\"\r\n", "If-None-Match: *\r\n", "If-Match: *\r\n"] {
        assert_eq!(site.get("/nothing", fields).status, 404, "{fields}");
        assert_eq!(site.get("/sub%20dir", fields).status, 301, "{fields}");
        assert_eq!(site.ask("DELETE", "/a.txt", fields).status, 405, "{fields}");
        assert_eq!(site.ask("OPTIONS", "/a.txt", fields).status, 204, "{fields}");
    }
}

#[test]
fn head_is_judged_as_get_is() {
    let site = Site::new("head");
    let tag = site.get("/a.txt", "").expect("etag").to_owned();
    let head = |fields: &str| site.ask("HEAD", "/a.txt", fields);
    assert_eq!(head(&format!("If-None-Match: {tag}\r\n")).status, 304);
    assert_eq!(head("If-Match: \"x\"\r\n").status, 412);
    assert_eq!(head(&format!("If-Modified-Since: {CHANGED}\r\n")).status, 304);
}

/// RFC 9110 section 15.4.5, and 15.5.13.
#[test]
fn what_is_not_the_file_says_nothing_about_it_but_its_tag() {
    let site = Site::new("fields");
    let tag = site.get("/a.txt", "").expect("etag").to_owned();
    let same: Answer = site.get("/a.txt", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!((same.status, same.expect("etag"), same.names()), (304, &*tag, vec!["etag".to_owned()]));
    assert!(same.content.is_empty());
    assert!(same.field("date").is_some());
    let failed = site.get("/a.txt", "If-Match: \"x\"\r\n");
    assert_eq!(failed.names(), ["content-length", "content-type"]);
    assert_eq!(failed.expect("content-type"), "text/plain; charset=utf-8");
}

#[test]
fn an_index_that_is_made_for_the_answer_has_a_weak_tag_that_changes_with_it() {
    let site = Site::new("index-tag");
    let index = site.get("/", "");
    let tag = index.expect("etag").to_owned();
    assert!(tag.starts_with("W/") && index.field("last-modified").is_none(), "{}", index.head);
    assert_eq!(site.get("/", &format!("If-None-Match: {tag}\r\n")).status, 304);
    // It has no date, so dates mean nothing, and no parts.
    assert_eq!(site.get("/", &format!("If-Modified-Since: {LATER}\r\n")).status, 200);
    assert_eq!(site.get("/", &format!("If-Unmodified-Since: {OLD}\r\n")).status, 200);
    assert_eq!(site.get("/", "Range: bytes=0-1\r\n").status, 200);
    site.write("new", "");
    assert_eq!(site.get("/", &format!("If-None-Match: {tag}\r\n")).status, 200);
}
