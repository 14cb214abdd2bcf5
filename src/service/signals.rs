//! What the system asks of the daemon: to end, or to read its configuration anew.

use std::io;

/// One thing that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT; Ctrl-C or the stop of a Windows service: finish what has begun, then end.
    Stop,
    /// SIGHUP; `sc control couplet paramchange` of a Windows service.
    Reload,
}

pub use source::Signals;

#[cfg(unix)]
mod source {
    use super::{Signal, io};
    use tokio::signal::unix::{self, SignalKind, signal};

    /// Hears what is asked from the moment it is made.
    #[derive(Debug)]
    pub struct Signals {
        terminate: unix::Signal,
        interrupt: unix::Signal,
        hang_up: unix::Signal,
    }

    impl Signals {
        /// Begins to listen; needs the runtime.
        ///
        /// # Errors
        /// Those of the system.
        pub fn listen() -> io::Result<Signals> {
            Ok(Signals {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                hang_up: signal(SignalKind::hangup())?,
            })
        }

        /// Waits for the next.
        pub async fn next(&mut self) -> Signal {
            tokio::select! {
                _ = self.terminate.recv() => Signal::Stop,
                _ = self.interrupt.recv() => Signal::Stop,
                _ = self.hang_up.recv() => Signal::Reload,
            }
        }

        /// The daemon has ended with this exit code.
        pub fn ended(self, _exit: u8) {}
    }
}

#[cfg(windows)]
mod source {
    use super::super::windows::Service;
    use super::{Signal, io};

    /// Hears what is asked from the moment it is made.
    #[derive(Debug)]
    pub struct Signals {
        /// Where the service manager has started us.
        service: Option<Service>,
    }

    impl Signals {
        /// Begins to listen; needs the runtime.
        ///
        /// # Errors
        /// Those of the system.
        pub fn listen() -> io::Result<Signals> {
            Ok(Signals {
                service: Service::attach()?,
            })
        }

        /// Waits for the next.
        pub async fn next(&mut self) -> Signal {
            match &mut self.service {
                Some(service) => service.next().await,
                None => {
                    // Where it cannot be heard, only killing ends the process, which a pass survives.
                    match tokio::signal::ctrl_c().await {
                        Ok(()) => Signal::Stop,
                        Err(_) => std::future::pending().await,
                    }
                }
            }
        }

        /// The daemon has ended with this exit code.
        pub fn ended(self, exit: u8) {
            if let Some(service) = self.service {
                service.ended(exit);
            }
        }
    }
}
