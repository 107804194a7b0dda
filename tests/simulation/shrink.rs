//! From a history that fails to the shortest one found that still does.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::judge::{Verdict, judged};
use crate::plan::Plan;
use crate::world::Fixed;

/// It is for a person who waits.
const SHRINK_WITHIN: Duration = Duration::from_secs(60);

/// The items that are left, and how that history fails.
pub fn shrunk(plan: &Plan, fixed: &Fixed, scratch: &Path) -> (Vec<usize>, Verdict) {
    let since = Instant::now();
    let run = |keep: &[usize]| judged(plan.keeping(keep), fixed, scratch, false);
    let mut kept: Vec<usize> = (0..plan.items.len()).collect();
    let mut piece = kept.len().div_ceil(2);
    while piece > 0 && since.elapsed() < SHRINK_WITHIN {
        let before = kept.len();
        let mut at = 0;
        while at < kept.len() && since.elapsed() < SHRINK_WITHIN {
            let without = [&kept[..at], &kept[(at + piece).min(kept.len())..]].concat();
            if run(&without).violation.is_some() {
                kept = without;
            } else {
                at += piece;
            }
        }
        piece = if piece == 1 && kept.len() == before { 0 } else { (piece / 2).max(1) };
    }
    let told = judged(plan.keeping(&kept), fixed, scratch, true);
    (kept, told)
}

/// What a person wants to see of a failing seed.
pub fn explained(plan: &Plan, fixed: &Fixed, scratch: &Path) -> String {
    let (kept, verdict) = shrunk(plan, fixed, scratch);
    let numbers: Vec<String> = kept.iter().map(usize::to_string).collect();
    let items: Vec<String> = kept.iter().map(|at| format!("  {at:>4} {}", plan.items[*at])).collect();
    format!(
        "replay with: make simulate SEED={} KEEP={}\n{} partitions, {} processes, {} workers each; of {} items {} are \
         enough:\n{}\nwhat happened:\n{}\n{}",
        plan.seed,
        numbers.join(","),
        plan.setup.partitions,
        plan.setup.nodes,
        plan.setup.workers,
        plan.items.len(),
        kept.len(),
        items.join("\n"),
        verdict.told.join("\n"),
        verdict.violation.unwrap_or_default(),
    )
}
