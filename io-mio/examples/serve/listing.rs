//! The index of a folder as a page.

use super::path::encode;

/// A page with links to what is in a folder: names, and whether they are folders. Those that begin with a dot are left
/// out.
pub fn page(names: &[(String, bool)], title: &str) -> String {
    let title = escape(title);
    let mut page = format!(
        "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<h1>{title}</h1>\n<ul>\n"
    );
    for (name, is_folder) in names.iter().filter(|(name, _)| !name.starts_with('.')) {
        let slash = if *is_folder { "/" } else { "" };
        page += &format!("<li><a href=\"{}{slash}\">{}{slash}</a>\n", encode(name), escape(name));
    }
    page + "</ul>\n"
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
