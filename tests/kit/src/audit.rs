//! Judges a run as its user would: by the program's own auditor, on the topics and state directories that are left.

use std::process::Command;

use serde_json::Value;

use crate::pipeline::Pipeline;

/// Figures of an audit that found no difference.
#[derive(Debug)]
pub struct Audit {
    pub decision_count: u64,
    pub dead_letter_count: u64,
    pub lead_count: u64,
    pub forward_count: u64,
    /// States on disk that were compared.
    pub disk_state_count: u64,
}

impl Pipeline<'_> {
    /// Compares everything that came out, and the disks of these instances. All processes must have ended.
    pub fn audit(&self, instances: &[&str]) -> Audit {
        let (is_right, printed) = self.audited(instances, &[]);
        assert!(is_right, "{printed}");
        let report: Value = serde_json::from_str(&printed).expect("one object");
        assert_eq!(report["violations"], 0, "{printed}");
        let count = |value: &Value| value.as_u64().unwrap_or(0);
        Audit {
            decision_count: count(&report["decisions"]),
            dead_letter_count: count(&report["records"]["dead_letter"]),
            lead_count: count(&report["leads"]),
            forward_count: count(&report["records"]["forwarded"]),
            disk_state_count: count(&report["disk_states"]),
        }
    }

    /// Whether the command is content, and what it prints.
    pub fn audited(&self, instances: &[&str], arguments: &[&str]) -> (bool, String) {
        let (config, _) = self.configure("auditor", &self.state_dir("auditor"));
        let mut command = Command::new(&self.program);
        command.arg("audit").arg("--config").arg(config).args(["--format", "json"]).args(arguments);
        for instance in instances {
            command.arg("--state-dir").arg(self.state_dir(instance));
        }
        let output = command.output().expect("our own program");
        let [said, told] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        (output.status.success(), if said.is_empty() { told } else { said })
    }
}
