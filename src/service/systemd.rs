//! What systemd is told: ready, reloading, stopping, how it goes, and that the daemon is alive. Nothing where nobody listens.

use std::sync::Arc;
use std::time::Duration;

use super::health::Health;

/// The line to systemd.
#[derive(Clone, Copy, Debug, Default)]
pub struct Systemd;

#[cfg(target_os = "linux")]
mod line {
    use sd_notify::NotifyState;

    use super::{Duration, Health, Systemd};

    impl Systemd {
        /// The daemon watches its folders: from now on nothing that comes is missed.
        pub fn ready(self, health: &Health) {
            tell(&[NotifyState::Ready, NotifyState::Status(&health.line())]);
        }

        /// How it goes.
        pub fn status(self, health: &Health) {
            tell(&[NotifyState::Status(&health.line())]);
        }

        /// The configuration is read anew; [`ready`](Systemd::ready) ends it.
        pub fn reloading(self) {
            match NotifyState::monotonic_usec_now() {
                Ok(now) => tell(&[NotifyState::Reloading, now]),
                Err(_) => tell(&[NotifyState::Reloading]),
            }
        }

        /// The daemon ends.
        pub fn stopping(self) {
            tell(&[NotifyState::Stopping]);
        }

        /// It is alive.
        pub(super) fn alive(self) {
            tell(&[NotifyState::Watchdog]);
        }

        /// How often systemd wants to hear that it is alive; `None` where it does not.
        pub(super) fn watchdog(self) -> Option<Duration> {
            sd_notify::watchdog_enabled()
        }
    }

    fn tell(states: &[NotifyState<'_>]) {
        // Where nobody listens, nobody is told.
        let _ = sd_notify::notify(states);
    }
}

#[cfg(not(target_os = "linux"))]
mod line {
    use super::{Duration, Health, Systemd};

    impl Systemd {
        /// Nobody listens.
        pub fn ready(self, _health: &Health) {}

        /// Nobody listens.
        pub fn status(self, _health: &Health) {}

        /// Nobody listens.
        pub fn reloading(self) {}

        /// Nobody listens.
        pub fn stopping(self) {}

        /// Nobody listens.
        pub(super) fn alive(self) {}

        /// Nobody listens.
        pub(super) fn watchdog(self) -> Option<Duration> {
            None
        }
    }
}

impl Systemd {
    /// Looks at the daemon's health from a thread of its own: feeds the watchdog while it is well, and logs a stall once.
    ///
    /// # Errors
    /// Those of starting a thread.
    pub fn watch_over(self, health: Arc<Health>) -> std::io::Result<()> {
        const OFTEN: Duration = Duration::from_secs(10);
        let every = self
            .watchdog()
            .map_or(OFTEN, |limit| (limit / 3).min(OFTEN));
        std::thread::Builder::new()
            .name("health".to_owned())
            .spawn(move || {
                loop {
                    if health.complaint().is_none() {
                        self.alive();
                    }
                    if let Some(complaint) = health.new_complaint() {
                        tracing::error!(complaint, "the daemon is not well");
                    }
                    std::thread::sleep(every);
                }
            })?;
        Ok(())
    }
}
