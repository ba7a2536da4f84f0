//! Says how each program is laid out, and with it how much memory it may use. See `link`.

fn main() {
    let here = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rerun-if-changed=link");
    println!("cargo::rustc-link-arg-bins=-L{here}/link");
    for program in ["server", "tcp"] {
        println!("cargo::rustc-link-arg-bin={program}=-T{program}.x");
    }
}
