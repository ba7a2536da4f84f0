//! The README and the pages of this folder as doctests: every program in them is compiled, and run where it says so.
//!
//! What the pages claim in tables is checked by the tests of this crate. Nothing here is published.

macro_rules! pages {
    ($($name:ident $path:literal)*) => {
        $(#[cfg(doctest)] #[doc = include_str!($path)] pub mod $name {})*
    };
}

pages! {
    readme "../../README.md"
    from_tiny_http "../from-tiny-http.md"
}
