//! What this program has started, so that nothing is left behind when it is interrupted.

use std::{
    fs,
    path::{Path, PathBuf},
    process::exit,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use anyhow::Result;
use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};

/// Exit code of a program that a signal ended.
const INTERRUPTED: i32 = 130;

const REMOVALS_MAX: u32 = 100;
const BETWEEN_REMOVALS: Duration = Duration::from_millis(20);

/// Folders of brokers, with the processes that work in them.
static RUNNING: Mutex<Vec<(PathBuf, Vec<u32>)>> = Mutex::new(Vec::new());

fn running() -> MutexGuard<'static, Vec<(PathBuf, Vec<u32>)>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process now works in a folder.
pub(crate) fn began(folder: &Path, pid: u32) {
    let mut running = running();
    match running.iter_mut().find(|(found, _)| found == folder) {
        Some((_, pids)) => pids.push(pid),
        None => running.push((folder.to_path_buf(), vec![pid])),
    }
}

/// A process has ended and was waited for. Its id may soon be another's.
pub(crate) fn ended(pid: u32) {
    for (_, pids) in running().iter_mut() {
        pids.retain(|found| *found != pid);
    }
}

/// Waits for an interruption in the background, and then ends what runs and removes its folders.
pub(crate) fn end_all_when_interrupted() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                let Ok(mut interrupt) = signal(SignalKind::interrupt()) else {
                    return;
                };
                let Ok(mut terminate) = signal(SignalKind::terminate()) else {
                    return;
                };
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                end_all();
                exit(INTERRUPTED);
            });
        })?;
    Ok(())
}

fn end_all() {
    for (folder, pids) in running().drain(..) {
        let launched = crate::broker::kafka_pid(&folder);
        for pid in pids.into_iter().chain(launched) {
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                kill_process(pid, Signal::KILL).ok();
            }
        }
        remove(&folder);
    }
}

/// Removes a folder in which processes may just be ending.
fn remove(folder: &Path) {
    for _ in 0..REMOVALS_MAX {
        if fs::remove_dir_all(folder).is_ok() || !folder.exists() {
            return;
        }
        thread::sleep(BETWEEN_REMOVALS);
    }
}
