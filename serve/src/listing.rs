//! The index of a folder as a page.

use std::fmt::Write;

use h1wire_mio::proto::HttpDate;
use std::time::UNIX_EPOCH;

use super::beneath::{About, Entry};
use super::path::encode;

/// A page with links to what is in a folder, with sizes and dates.
pub fn page(entries: &[Entry], all: bool, title: &str) -> String {
    let title = escape(title);
    let mut page = format!(
        "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
        <style>td {{ padding: 0 1em }} td.size {{ text-align: right }}</style>\n\
        <h1>{title}</h1>\n<table>\n"
    );
    for Entry { name, about } in entries {
        let slash = if about.is_folder { "/" } else { "" };
        let (link, text) = (encode(name), escape(&name.to_string_lossy()));
        let (size, date) = (size(about), date(about));
        let cells = format!("<td class=\"size\">{size}<td>{date}");
        // Text is formatted into memory, which does not fail.
        let _ = writeln!(page, "<tr><td><a href=\"{link}{slash}\">{text}{slash}</a>{cells}");
    }
    page + if all { "</table>\n" } else { "</table>\n<p>There is more.\n" }
}

/// `1,234 bytes` would be exact; a listing is for eyes.
fn size(about: &About) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    if about.is_folder {
        return String::new();
    }
    let (mut size, mut unit) = (about.len as f64, 0);
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0);
    format!("{size:.digits$} {}", UNITS.get(unit).copied().unwrap_or_default())
}

/// `06 Nov 1994 08:49`, in UTC.
fn date(about: &About) -> String {
    let since = about.modified.and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
    let date = since.map(|since| HttpDate::from_unix(since.as_secs()));
    date.and_then(|date| date.as_str().get(5..22).map(str::to_owned)).unwrap_or_default()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
