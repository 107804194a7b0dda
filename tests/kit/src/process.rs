//! The program as a child process, as a user runs it.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use crate::spawn;
use crate::wait_for;

/// A running program. Killed when dropped, and with this process.
pub struct Program {
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts `binary` with `arguments`; what it prints goes to the file `log`.
    pub fn start<A: AsRef<OsStr>>(binary: &str, arguments: &[A], log: &Path) -> Program {
        Program::start_with(binary, arguments, &[], log)
    }

    /// The same, with these variables in its environment.
    pub fn start_with<A: AsRef<OsStr>>(
        binary: &str,
        arguments: &[A],
        environment: &[(&str, &str)],
        log: &Path,
    ) -> Program {
        let output = fs::File::options().create(true).append(true).open(log).expect("the directory is ours");
        let errors = output.try_clone().expect("a file can be shared");
        let mut command = spawn::mortal(binary);
        command.args(arguments).envs(environment.iter().copied()).stdin(Stdio::null()).stdout(output).stderr(errors);
        Program { child: spawn::spawn(command), log: log.to_owned() }
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// `STOP`, `CONT`, `TERM`.
    pub fn signal(&self, name: &str) {
        spawn::signal(&self.child, name);
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) {
        let _ = self.child.kill(); // it may have ended by itself
        let _ = self.child.wait();
    }

    /// SIGTERM, and waits for the end.
    pub fn terminate(&mut self, deadline: Duration) -> ExitStatus {
        self.signal("TERM");
        self.wait(deadline)
    }

    pub fn wait(&mut self, deadline: Duration) -> ExitStatus {
        let log = self.log.clone();
        let what = format!("the end of the program; its log is {}", log.display());
        wait_for(&what, deadline, || self.child.try_wait().expect("our own child"))
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("our own child").is_some()
    }

    pub fn printed(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Body of a GET, `None` where nobody answers, or not with 200.
pub fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}

/// Sum of a metric over its labels that contain all of `labels`.
pub fn metric(scrape: &str, name: &str, labels: &[&str]) -> f64 {
    let matches = |line: &&str| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
            && labels.iter().all(|label| line.contains(label))
    };
    scrape.lines().filter(matches).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
