//! The pages of this folder, and what the crates say of themselves, as doctests: every program in them is compiled, and run where it says so. Those of the README
//! are run by `tests/doors.rs`.
//!
//! What the pages claim in tables is checked by the tests of this crate. Nothing here is published.

macro_rules! pages {
    ($($name:ident $path:literal)*) => {
        $(#[cfg(doctest)] #[doc = include_str!($path)] pub mod $name {})*
    };
}

pages! {
    readme_of_proto "../../proto/README.md"
    readme_of_mio "../../io-mio/README.md"
    readme_of_std "../../io-std/README.md"
    from_httparse "../from-httparse.md"
    from_hyper "../from-hyper.md"
    from_node_http "../from-node-http.md"
    from_tiny_http "../from-tiny-http.md"
}
