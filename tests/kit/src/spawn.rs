//! Child processes that do not outlive this one.
//!
//! The kernel kills them when the *thread* that started them ends (`setpriv --pdeathsig`), and a test's thread ends
//! with its test: so one thread that ends with the process starts them all.

use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock};

type Order = (Command, Sender<std::io::Result<Child>>);

/// Starts `program`; the command as made by `mortal`.
pub(crate) fn spawn(command: Command) -> Child {
    static STARTER: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (orders, queue) = channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in queue {
                answer.send(command.spawn()).expect("the caller waits");
            }
        });
        Mutex::new(orders)
    });
    let (answer, started) = channel();
    starter.lock().expect("no panic while sending").send((command, answer)).expect("the thread runs for ever");
    started.recv().expect("the thread answers").expect("setpriv is there: it is part of util-linux")
}

/// A command that the kernel ends with this process.
pub(crate) fn mortal(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

/// Sends a signal by its name: `STOP`, `CONT`, `TERM`.
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(sent.expect("kill is there").success(), "{name} to {}", child.id());
}
