//! Ways out of a folder, by both ways of opening.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Found, Root};

/// Files, and links of all kinds: relative and absolute, to files and folders, inside and out.
struct Links(PathBuf);

impl Links {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("h1wire-serve-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let root = folder.join("root");
        fs::create_dir_all(root.join("sub dir")).unwrap();
        fs::create_dir(folder.join("outside")).unwrap();
        for (path, content) in [
            ("outside/a.txt", "secret"),
            ("secret", "secret"),
            ("root/a.txt", "0123456789"),
            ("root/sub dir/b.html", "<p>b"),
        ] {
            fs::write(folder.join(path), content).unwrap();
        }
        symlink("a.txt", root.join("file in")).unwrap();
        symlink(root.join("a.txt"), root.join("file in, absolute")).unwrap();
        symlink("../a.txt", root.join("sub dir/up")).unwrap();
        symlink("sub dir", root.join("dir in")).unwrap();
        symlink(root.join("sub dir"), root.join("dir in, absolute")).unwrap();
        symlink("../secret", root.join("file out")).unwrap();
        symlink(folder.join("secret"), root.join("file out, absolute")).unwrap();
        symlink("..", root.join("dir out")).unwrap();
        symlink(&folder, root.join("dir out, absolute")).unwrap();
        symlink("../root/a.txt", root.join("out and in")).unwrap();
        symlink("itself", root.join("itself")).unwrap();
        symlink("there", root.join("back")).unwrap();
        symlink("back", root.join("there")).unwrap();
        symlink("/proc/self/cwd", root.join("magic")).unwrap();
        symlink("gone", root.join("to nothing")).unwrap();
        Self(folder)
    }

    fn root(&self) -> PathBuf {
        self.0.join("root")
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const INSIDE: [(&str, &str); 7] = [
    ("out and in", "0123456789"),
    ("file in", "0123456789"),
    ("file in, absolute", "0123456789"),
    ("sub dir/up", "0123456789"),
    ("dir in/b.html", "<p>b"),
    ("dir in, absolute/b.html", "<p>b"),
    ("dir in/up", "0123456789"),
];
/// What is not there, not beneath, or beneath a file.
const NOWHERE: [&str; 13] = [
    "file out",
    "file out, absolute",
    "dir out/secret",
    "dir out, absolute/secret",
    "dir out/outside/a.txt",
    "itself",
    "itself/a.txt",
    "back",
    "magic",
    "magic/Cargo.toml",
    "to nothing",
    "a.txt/b",
    "file in/b",
];

fn names(path: &str) -> Vec<OsString> {
    path.split('/').map(OsString::from).collect()
}

fn content(found: Result<Found, std::io::Error>) -> Option<String> {
    let Ok(Found::File(mut file, _)) = found else { return None };
    let mut content = String::new();
    file.read_to_string(&mut content).unwrap();
    Some(content)
}

#[test]
fn links_lead_to_what_is_inside_and_nowhere_else_also_where_no_single_call_follows_them() {
    let links = Links::new("links");
    let root = Root::new(links.root()).unwrap();
    for (path, expected) in INSIDE {
        assert_eq!(content(root.open(&names(path))).as_deref(), Some(expected), "{path}");
        assert_eq!(content(root.open_in_steps(&names(path))).as_deref(), Some(expected), "{path}");
    }
    let long = "n".repeat(256);
    let deep = "d/".repeat(4096) + "d";
    for path in NOWHERE.into_iter().chain([&*long, &*deep]) {
        for found in [root.open(&names(path)), root.open_in_steps(&names(path))] {
            let kind = found.map(|_| ()).unwrap_err().kind();
            assert_eq!(kind, std::io::ErrorKind::NotFound, "{path}");
        }
    }
    assert!(matches!(root.open_in_steps(&names("dir in")), Ok(Found::Folder(_))));
}

#[test]
fn a_folder_is_listed_without_what_leads_out_and_in_the_end_by_force() {
    let links = Links::new("entries");
    let root = Root::new(links.root()).unwrap();
    let Ok(Found::Folder(folder)) = root.open(&[]) else { panic!() };
    let (entries, all) = root.entries(&folder, &[], 100).unwrap();
    let listed: Vec<_> =
        entries.iter().map(|e| (e.name.to_str().unwrap(), e.about.is_folder, e.about.len)).collect();
    let files = |name| (name, false, 10);
    assert_eq!(
        listed.iter().filter(|(_, is_folder, _)| *is_folder).map(|(name, ..)| *name).collect::<Vec<_>>(),
        ["dir in", "dir in, absolute", "sub dir"]
    );
    let expected = [files("a.txt"), files("file in"), files("file in, absolute"), files("out and in")];
    assert_eq!(listed.iter().filter(|(_, is_folder, _)| !is_folder).copied().collect::<Vec<_>>(), expected);
    assert!(all);
    let (entries, all) = root.entries(&folder, &[], 3).unwrap();
    assert!(entries.len() == 3 && !all);
}

#[test]
fn a_folder_that_becomes_a_link_meanwhile_is_no_way_out() {
    let links = Links::new("race");
    let path = links.root();
    fs::create_dir(path.join("door")).unwrap();
    fs::write(path.join("door/a.txt"), "inside").unwrap();
    let root = Root::new(&path).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                fs::rename(path.join("door"), path.join("aside")).unwrap();
                symlink("../outside", path.join("door")).unwrap();
                fs::remove_file(path.join("door")).unwrap();
                fs::rename(path.join("aside"), path.join("door")).unwrap();
            }
        });
        let door = names("door/a.txt");
        let mut inside = 0;
        for turn in 0.. {
            let opened = if turn % 2 == 0 { root.open(&door) } else { root.open_in_steps(&door) };
            if let Some(got) = content(opened) {
                if got != "inside" {
                    over.store(true, Ordering::Relaxed);
                }
                assert_eq!(got, "inside", "in turn {turn}");
                inside += 1;
            }
            if turn >= 30_000 && inside > 100 {
                break;
            }
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_pipe_is_not_opened_at_all() {
    use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
    let links = Links::new("pipe");
    let pipe = links.root().join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let root = Root::new(links.root()).unwrap();
    assert!(root.open(&names("pipe")).is_err() && root.open_in_steps(&names("pipe")).is_err());
    // A writer would have been let in by an open reader, be it for a moment; it is told that there is none.
    let writer = open(&pipe, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty());
    assert_eq!(writer.unwrap_err(), rustix::io::Errno::NXIO);
}
