//! Write-behind: committed states go to the store every few seconds, together with the changelog position that they
//! reflect. What is not committed never gets here.

use std::time::Instant;

use super::context::Context;
use super::crash;
use super::error::Error;
use super::ports::{LeadWrite, PartitionMeta};
use super::task::Task;

/// Persists the first partition whose time has come: one a turn, so that none of them holds up the loop.
///
/// # Errors
/// Those of the store.
pub fn persist_one_due(context: &Context, tasks: &mut [Task]) -> Result<(), Error> {
    let bytes_max = context.settings.persist_bytes_max / tasks.len().max(1);
    let is_due = |task: &&mut Task| {
        task.unpersisted
            && (context.since(task.persisted_at) >= context.settings.persist_interval
                || task.leads.read().dirty_bytes() >= bytes_max)
    };
    match tasks.iter_mut().find(is_due) {
        Some(task) => persist(context, task),
        None => Ok(()),
    }
}

/// Writes all committed states of a partition that the store lacks.
///
/// # Errors
/// Those of the store.
pub fn persist(context: &Context, task: &mut Task) -> Result<(), Error> {
    if !task.unpersisted {
        return Ok(());
    }
    let leads = task.leads.read();
    let writes: Vec<LeadWrite<'_>> = leads
        .dirty()
        .map(|dirty| LeadWrite {
            lead_id: dirty.id,
            value: dirty.state,
            timer_before_ms: dirty.stored_timer_ms,
            timer_after_ms: dirty.timer_ms,
        })
        .collect();
    let meta = PartitionMeta {
        changelog_next_offset: task.changelog_next_offset,
        manifest: task.manifest.clone(),
        committed_at_ms: task.committed_at_ms,
    };
    crash::point("persist.begun");
    let since = Instant::now();
    context.store.write(task.partition, &writes, &meta)?;
    crash::point("persist.written");
    let written_bytes: usize = writes.iter().filter_map(|write| write.value).map(<[u8]>::len).sum();
    context.metrics.storage.wrote(writes.len() as u64, written_bytes as u64, since.elapsed());
    drop(writes);
    drop(leads);
    task.leads.change().persisted();
    task.timers.persisted();
    task.unpersisted = false;
    task.persisted_at = context.clock.uptime();
    Ok(())
}
