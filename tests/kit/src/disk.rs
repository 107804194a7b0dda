//! A disk that can be filled: a small file system of its own where mounting is allowed, else a limit on the size of the
//! program's files, which the program meets at the same calls.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory with room for so many bytes.
pub struct Disk {
    dir: PathBuf,
    is_mounted: bool,
}

/// What such file systems are mounted as, before the id of the process.
const NAME: &str = "tsuikyaku-test-";
const BALLAST: &str = "ballast";

impl Disk {
    /// `dir` is made. Says which of the two it is.
    pub fn new(dir: &Path, mib: usize) -> Disk {
        fs::create_dir_all(dir).expect("the directory is ours");
        unmount_those_left_behind();
        let size = format!("size={mib}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, &format!("{NAME}{}", std::process::id())]).arg(dir);
        let is_mounted = mount.output().is_ok_and(|output| output.status.success());
        match is_mounted {
            true => println!("disk: a tmpfs of {mib} MiB on {}", dir.display()),
            false => {
                println!("disk: mounting is not allowed here; a limit on the size of files stands for a full disk")
            }
        }
        Disk { dir: dir.to_owned(), is_mounted }
    }

    /// False where a program has to be started with `FILE_LIMIT` to find the disk full.
    pub fn can_be_filled(&self) -> bool {
        self.is_mounted
    }

    /// Until no more than `left_bytes` fit; no process may be at work here. What a program has reserved for the growth
    /// of its files is given back before: else it would go on there for long.
    pub fn fill(&self, left_bytes: u64) {
        trim(&self.dir);
        let ballast = fs::File::options().create(true).append(true).open(self.dir.join(BALLAST));
        let mut ballast = ballast.expect("the directory is ours");
        while ballast.write_all(&[0; 4096]).is_ok() {}
        let bytes = ballast.metadata().expect("an open file").len();
        ballast.set_len(bytes.saturating_sub(left_bytes)).expect("an open file");
    }

    /// There is room again.
    pub fn relieve(&self) {
        fs::remove_file(self.dir.join(BALLAST)).expect("it was filled");
    }

    /// Removes everything, as a new disk has nothing.
    pub fn lose(&self) {
        for entry in fs::read_dir(&self.dir).expect("the directory is ours").flatten() {
            let path = entry.path();
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.expect("the process has ended");
        }
    }
}

fn trim(dir: &Path) {
    for entry in fs::read_dir(dir).expect("the directory is ours").flatten() {
        if entry.path().is_dir() {
            trim(&entry.path());
        } else {
            let file = fs::File::options().write(true).open(entry.path()).expect("our own file");
            file.set_len(file.metadata().expect("an open file").len()).expect("an open file");
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            unmount(&self.dir);
        }
    }
}

fn unmount(dir: &Path) {
    let _ = Command::new("umount").arg("-l").arg(dir).status(); // where it cannot be done the next test tries again
}

/// Those of processes that were killed.
fn unmount_those_left_behind() {
    for line in fs::read_to_string("/proc/mounts").unwrap_or_default().lines() {
        let mut words = line.split(' ');
        let owner = words.next().and_then(|device| device.strip_prefix(NAME));
        if let (Some(owner), Some(dir)) = (owner, words.next())
            && !Path::new("/proc").join(owner).exists()
        {
            unmount(Path::new(dir));
        }
    }
}

/// Words before a program: files of more than these many KiB cannot grow, which is an error and not a signal.
pub const FILE_LIMIT: [&str; 4] = ["sh", "-c", "trap '' XFSZ; ulimit -f 512; exec \"$@\"", "sh"];
