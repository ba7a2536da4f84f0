//! The index of a folder as a page.

use std::fs;
use std::io;
use std::path::Path;

use crate::path::encode;

/// A page with links to what is in a folder. Names that are not UTF-8 or begin with a dot are left out.
pub fn page(folder: &Path, title: &str) -> io::Result<String> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if !name.starts_with('.') {
            entries.push((name, fs::metadata(entry.path()).is_ok_and(|meta| meta.is_dir())));
        }
    }
    entries.sort();
    let title = escape(title);
    let mut page = format!(
        "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<h1>{title}</h1>\n<ul>\n"
    );
    for (name, is_folder) in entries {
        let slash = if is_folder { "/" } else { "" };
        page += &format!("<li><a href=\"{}{slash}\">{}{slash}</a>\n", encode(&name), escape(&name));
    }
    page += "</ul>\n";
    Ok(page)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
