//! `couplet run`: the daemon.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tracing::level_filters::LevelFilter;
use tracing::{error, warn};

use crate::config::{self, Config};
use crate::disk::{Disk as _, RealDisk, is_root};
use crate::exchange::daemon::{self, Asked, Observer};
use crate::exchange::round::Round;
use crate::exit::Exit;
use crate::service::health::{Counts, Made};
use crate::service::rolling::RollingFile;
use crate::service::signals::{Signal, Signals};
use crate::service::{Health, Systemd, control, serve_http};
use crate::state::{Lock, StateError, Store};
use crate::sync::{Effects, Outcome, SystemClock};

use super::{Answer, Context, Failure, LogFormat, logging, remote};

pub fn run(context: &Context<'_>, format: LogFormat, level: LevelFilter) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed("start"))?;
    let inside = runtime.enter();
    // From here on nothing that is asked is missed.
    let mut signals = Signals::listen().map_err(failed("listen for signals"))?;
    drop(inside);
    let answer = serve(context, format, level, &runtime, &mut signals);
    let exit = answer.unwrap_or_else(|failure| context.out.failure(&failure));
    signals.ended(exit.code());
    Ok(exit)
}

fn failed(what: &str) -> impl Fn(std::io::Error) -> Failure {
    move |error| Failure::Refused(format!("cannot {what}: {error}"))
}

fn serve(
    context: &Context<'_>,
    format: LogFormat,
    level: LevelFilter,
    runtime: &tokio::runtime::Runtime,
    signals: &mut Signals,
) -> Answer {
    let config = context.config()?;
    match &config.run.log {
        None => logging::to_stderr(format, level),
        Some(log) => {
            let path = log.path.display().to_string();
            let file =
                RollingFile::open(log.clone()).map_err(failed(&format!("write the log {path}")))?;
            logging::to_file(format, level, file);
        }
    }
    RealDisk
        .create_own_folder(&config.state)
        .map_err(StateError::file(&config.state))?;
    Store::admits(&config.state)?;
    // Somebody may just be asking who holds it.
    let lock = Lock::wait(&config.state, Duration::from_millis(300))?;
    if is_root() {
        warn!(
            "run by root, which could be led to any file of this machine; let it run as a user of its own"
        );
    }
    let health = Arc::new(Health::new(config.run.stall));
    Systemd
        .watch_over(Arc::clone(&health))
        .map_err(failed("watch over the daemon"))?;
    if let Some(address) = config.run.http {
        serve_http(address, Arc::clone(&health))
            .map_err(failed(&format!("answer on {address}")))?;
    }
    let (ask, asked) = unbounded_channel();
    listen(&config.state, ask.clone());
    let effects = Effects {
        disk: &RealDisk,
        clock: &SystemClock,
        stage: &|_| {},
    };
    let watcher = Watcher {
        health: Arc::clone(&health),
        state: config.state.clone(),
    };
    let asker = Asker {
        config: &context.config_path,
        state: &config.state.clone(),
        ask,
        health: &health,
    };
    runtime.block_on(async {
        tokio::select! {
            () = daemon::run(config, &effects, &Store::open, &lock, asked, &watcher) => {}
            () = asker.hear(signals) => {}
        }
    });
    Ok(Exit::Done)
}

/// Carries out the commands that others give meanwhile.
fn listen(state: &Path, ask: UnboundedSender<Asked>) {
    let listening = control::listen(state, move |command| {
        let (reply, answer) = mpsc::channel();
        let job = move |config: &Config, lock: &Lock| {
            // Whoever asked may have gone away meanwhile.
            let _ = reply.send(remote::carry_out(&command, config, lock));
        };
        // Where the daemon has ended, the job and with it the sender are dropped, which is an answer too.
        let _ = ask.send(Asked::Job(Box::new(job)));
        answer
    });
    if let Err(error) = listening {
        warn!(%error, "commands cannot be carried out while the daemon runs");
    }
}

/// What the daemon tells of itself.
struct Watcher {
    health: Arc<Health>,
    state: PathBuf,
}

impl Observer for Watcher {
    fn looked(&self) {
        self.health.looked();
    }

    fn begins(&self) {
        self.health.begins();
    }

    fn made(&self, round: &Round) {
        let (Outcome::Done(summary) | Outcome::InStep(summary) | Outcome::Halted { summary, .. }) =
            &round.outcome
        else {
            return;
        };
        let count = |length: usize| length as u64;
        let in_flight = Store::look(&self.state)
            .ok()
            .flatten()
            .and_then(|store| store.in_flight().ok());
        let is_halted = matches!(round.outcome, Outcome::Halted { .. });
        let made = Made {
            cells: if is_halted {
                0
            } else {
                count(summary.plan.changes.len())
            },
            drops: count(round.answered.len()),
            is_halted,
            counts: Counts {
                conflicts: count(summary.plan.conflicts.len()),
                problems: count(summary.unaccepted.len()),
                in_flight: in_flight.map_or(0, |in_flight| in_flight.values().sum()),
                unready: count(round.unready.len()),
                offline: count(round.offline.len()),
            },
        };
        let at = jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
        self.health.made(made, at);
        Systemd.status(&self.health);
    }

    fn failed(&self, reason: &str) {
        self.health.failed(reason.to_owned());
        Systemd.status(&self.health);
    }

    fn watching(&self) {
        Systemd.ready(&self.health);
    }
}

/// Hands on what the system asks of the process.
struct Asker<'a> {
    config: &'a Path,
    state: &'a Path,
    ask: UnboundedSender<Asked>,
    health: &'a Health,
}

impl Asker<'_> {
    /// Never ends: the daemon does, once it has finished what it has begun.
    async fn hear(&self, signals: &mut Signals) {
        loop {
            // Where the daemon has ended, nobody needs to be asked.
            let _ = match signals.next().await {
                Signal::Stop => {
                    Systemd.stopping();
                    self.ask.send(Asked::Stop)
                }
                Signal::Reload => {
                    Systemd.reloading();
                    match reloaded(self.config, self.state) {
                        Some(config) => self.ask.send(Asked::Reload(Box::new(config))),
                        None => {
                            Systemd.ready(self.health);
                            Ok(())
                        }
                    }
                }
            };
        }
    }
}

/// The configuration as it is now; `None` where it cannot be used, and the old one stays.
fn reloaded(path: &Path, state: &Path) -> Option<Config> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            error!(%error, "the configuration cannot be read; the old one stays");
            return None;
        }
    };
    match config::parse(&text, path) {
        Ok(config) if config.state == state => Some(config),
        Ok(_) => {
            error!(
                "`state` names another folder, which only a new start can use; the old configuration stays"
            );
            None
        }
        Err(errors) => {
            for error in &errors {
                error!(%error, "the new configuration is wrong");
            }
            error!("the old configuration stays");
            None
        }
    }
}
