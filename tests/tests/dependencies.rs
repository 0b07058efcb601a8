//! What each package brings along: users of threads get no async runtime, and nobody needs more than a C compiler.

use std::collections::BTreeSet;
use std::process::Command;

/// The names of all packages that building `package` takes, with these further arguments.
fn tree(package: &str, arguments: &[&str]) -> BTreeSet<String> {
    // Cargo tells the tests that it runs where it is.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--offline", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
        .args(["--package", package])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("package names are UTF-8");
    lines.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

fn assert_free_of(tree: &BTreeSet<String>, banned: &[&str]) {
    assert!(tree.iter().any(|name| name.starts_with("sanscord")), "{tree:?}");
    for banned in banned {
        let is_banned = |name: &&String| match banned.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == banned,
        };
        assert_eq!(tree.iter().find(is_banned), None, "{banned} is not wanted");
    }
}

/// Runtimes, and what is only there for them.
const ASYNC: [&str; 11] = [
    "async-*", "embassy*", "futures*", "glommio", "h2", "hyper*", "reqwest", "smol*", "tokio*", "tower*",
    "want",
];

/// What needs more than Rust and a C compiler, or a library of the system's. The crate pkg-config is not among them:
/// zstd-sys brings it, and asks it for nothing unless the environment says so.
const HEAVY: [&str; 6] = ["aws-lc*", "bindgen", "cmake", "native-tls", "openssl", "openssl-sys"];

#[test]
fn threads_come_without_async() {
    let tree = tree("sanscord-blocking", &[]);
    assert_free_of(&tree, &ASYNC);
    assert!(tree.contains("mio") && tree.contains("rustls"));
}

#[test]
fn everything_builds_with_rust_and_a_c_compiler() {
    for package in ["sanscord", "sanscord-blocking", "sanscord-smol", "sanscord-tokio", "sanscord-testing"] {
        assert_free_of(&tree(package, &[]), &HEAVY);
    }
}

#[test]
fn the_core_brings_no_io() {
    for features in [&[][..], &["--no-default-features"]] {
        let tree = tree("sanscord", features);
        assert_free_of(&tree, &ASYNC);
        assert_free_of(&tree, &["mio", "rustls*", "socket2", "tungstenite", "ureq*", "url"]);
    }
}

#[test]
fn the_bare_core_needs_no_operating_system() {
    let bare = tree("sanscord", &["--no-default-features"]);
    assert_free_of(&bare, &["getrandom", "once_cell", "parking_lot*", "ring", "std*", "windows*"]);
    let whole = tree("sanscord", &[]);
    assert!(whole.contains("ring") && bare.is_subset(&whole), "features only add");
}
