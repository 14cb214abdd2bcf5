//! `couplet run`: the daemon.

use crate::disk::{Disk as _, RealDisk};
use crate::exchange::daemon;
use crate::exit::Exit;
use crate::state::{Lock, StateError};
use crate::sync::{Effects, SystemClock};

use super::{Answer, Context, Failure};

pub fn run(context: &Context) -> Answer {
    let config = context.config()?;
    RealDisk
        .create_folder(&config.state)
        .map_err(StateError::file(&config.state))?;
    let lock = Lock::take(&config.state)?;
    let effects = Effects {
        disk: &RealDisk,
        clock: &SystemClock,
        stage: &|_| {},
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Refused(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let shutdown = shutdown()
            .map_err(|error| Failure::Refused(format!("cannot listen for signals: {error}")))?;
        daemon::run(&config, &effects, &lock, shutdown).await;
        Ok(Exit::Done)
    })
}

/// Ends when the process is asked to end.
#[cfg(unix)]
fn shutdown() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Ends when the process is asked to end.
#[cfg(not(unix))]
fn shutdown() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Without the signal nothing would end the process but its being killed, which a pass survives.
        let _ = tokio::signal::ctrl_c().await;
    })
}
