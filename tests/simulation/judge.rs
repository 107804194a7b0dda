//! What a history came to: the auditor's verdict on its log and on every disk that was kept of it.

use std::collections::HashSet;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use tsuikyaku::audit::log::Disk;
use tsuikyaku::audit::recorded::RecordedLog;
use tsuikyaku::audit::{self, Report};
use tsuikyaku::runtime::batch::Partition;
use tsuikyaku::runtime::crash;
use tsuikyaku::runtime::encode::Formats;
use tsuikyaku::runtime::ports::Store;

use crate::disk::{Contents, SimDisk};
use crate::plan::Plan;
use crate::recorder::{self, OUTPUTS};
use crate::tally::Tally;
use crate::world::{Fixed, World, passes, set_world};

/// Leads of one history.
const MEMORY_BYTES: usize = 64 << 20;

/// How a history ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub violation: Option<String>,
    pub tally: Tally,
    /// Of everything that happened, and of every byte that came out.
    pub hash: u64,
    pub told: Vec<String>,
}

/// Lets a plan happen, and judges it.
pub fn judged(plan: Plan, fixed: &Fixed, scratch: &Path, is_told: bool) -> Verdict {
    crash::ask(passes);
    let world = Rc::new(World::new(plan, fixed.clone(), is_told));
    set_world(Some(world.clone()));
    world.happen();
    if world.violation.borrow().is_none() {
        let recorded = world.recorder.take().finish(&world.log, &world.topology);
        world.hash.set(world.hash.get() ^ recorder::hash(&recorded));
        check_shown(&world, &recorded);
        match audited(&world, recorded, scratch) {
            Ok(report) => counted(&world, &report),
            Err(error) => world.violate(error.to_string()),
        }
    }
    let verdict = Verdict {
        violation: world.violation.take(),
        tally: Tally { seeds: 1, ..world.tally.take() },
        hash: world.hash.get(),
        told: world.told.take().unwrap_or_default(),
    };
    // Workers that are dropped ask for the world.
    world.nodes.iter().for_each(|node| drop(node.process.take()));
    drop(world.alarms.take());
    set_world(None);
    verdict
}

/// Queries have shown nothing but what was committed.
fn check_shown(world: &World, log: &RecordedLog) {
    let states = log.topics["app.state"].iter().flatten();
    let committed: HashSet<(&[u8], &[u8])> =
        states.filter_map(|record| Some((record.key.as_deref()?, record.value.as_deref()?))).collect();
    let shown = world.shown.borrow();
    world.tally.borrow_mut().queries += shown.len() as u64;
    if let Some((id, _)) = shown.iter().find(|(id, state)| !committed.contains(&(id.as_bytes(), &**state))) {
        world.violate(format!("a query has shown a state of lead {id} that was never committed"));
    }
}

fn counted(world: &World, report: &Report) {
    let mut tally = world.tally.borrow_mut();
    tally.records += report.record_count();
    tally.decisions += report.decisions;
    tally.transactions += report.transactions;
}

fn audited(world: &World, mut log: RecordedLog, scratch: &Path) -> Result<Report, audit::Error> {
    let mut disks: Vec<Contents> = world.nodes.iter().flat_map(|node| node.disk.copies()).collect();
    disks.extend(world.nodes.iter().map(|node| node.disk.contents()));
    if let Some(id) = disks.iter().find_map(Contents::mistimed) {
        world.violate(format!("a disk's index has lead {id} at another time than its state, or not at all"));
    }
    let disks: Vec<&dyn Disk> = disks.iter().map(|disk| disk as &dyn Disk).collect();
    let [ready, score, state, dead_letter] = OUTPUTS.map(|(_, name)| name.to_owned());
    let kept = audit::Kept::Everything;
    let setup = audit::Setup {
        model: &world.fixed.model,
        topology: &world.topology,
        decoder: &world.fixed.decoder,
        formats: Formats::default(),
        outputs: audit::Outputs { ready, score, state, dead_letter, ready_kept: kept, score_kept: kept },
        partitions: (0..world.topology.partition_count()).map(Partition).collect(),
        running: false,
        show_values: true,
        memory_bytes_max: MEMORY_BYTES,
        spill: &|| Ok(Arc::new(SimDisk::default()) as Arc<dyn Store>),
        scratch: scratch.to_owned(),
    };
    audit::audit(&setup, &mut log, &disks, &mut |_| ())
}
