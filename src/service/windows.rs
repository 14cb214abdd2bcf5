//! The Windows service: what the service manager asks of it and is told.

use std::ffi::OsString;
use std::io;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use windows_service::service::{
    ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{self, ServiceControlHandlerResult};
use windows_service::{define_windows_service, service_dispatcher};

use super::signals::Signal;

/// The name under which it is installed; the manager does not look at it for a process that serves alone.
const NAME: &str = "couplet";
/// What the dispatcher says to a process that the manager did not start.
const STARTED_BY_HAND: i32 = 1063;
/// A pass that has begun is finished first.
const STOP_TAKES: Duration = Duration::from_secs(60);

/// The service side of this process.
#[derive(Debug)]
pub struct Service {
    signals: UnboundedReceiver<Signal>,
    exit: mpsc::Sender<u8>,
    dispatcher: JoinHandle<()>,
}

/// What the thread that the manager calls needs, which gets nothing else.
struct Line {
    signals: UnboundedSender<Signal>,
    exit: mpsc::Receiver<u8>,
    begun: mpsc::Sender<io::Result<bool>>,
}

static LINE: Mutex<Option<Line>> = Mutex::new(None);

define_windows_service!(called_by_the_manager, serve);

impl Service {
    /// Tells the service manager that the service runs; `None` where the process was started by hand.
    ///
    /// # Errors
    /// Those of the service manager.
    pub fn attach() -> io::Result<Option<Service>> {
        let (signals, heard) = unbounded_channel();
        let (exit, ended) = mpsc::channel();
        let (begun, has_begun) = mpsc::channel();
        let line = Line {
            signals,
            exit: ended,
            begun: begun.clone(),
        };
        *LINE.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
        let dispatcher = std::thread::Builder::new()
            .name("service".to_owned())
            .spawn(move || {
                // Returns when the service has ended, or at once.
                if let Err(error) = service_dispatcher::start(NAME, called_by_the_manager) {
                    let by_hand = matches!(
                        &error,
                        windows_service::Error::Winapi(error)
                            if error.raw_os_error() == Some(STARTED_BY_HAND)
                    );
                    let _ = begun.send(if by_hand {
                        Ok(false)
                    } else {
                        Err(other(error))
                    });
                }
            })?;
        let is_service = has_begun.recv().map_err(other)??;
        Ok(is_service.then_some(Service {
            signals: heard,
            exit,
            dispatcher,
        }))
    }

    /// Waits for what the manager asks.
    pub async fn next(&mut self) -> Signal {
        self.signals.recv().await.unwrap_or(Signal::Stop)
    }

    /// Tells the manager that the service has ended, and waits until it knows.
    pub fn ended(self, exit: u8) {
        if self.exit.send(exit).is_ok() {
            let _ = self.dispatcher.join();
        }
    }
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::other(error)
}

/// Runs for as long as the service does.
fn serve(_arguments: Vec<OsString>) {
    let line = LINE.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(line) = line else { return };
    let begun = line.begun.clone();
    if let Err(error) = stand_by(line) {
        let _ = begun.send(Err(other(error)));
    }
}

fn stand_by(line: Line) -> windows_service::Result<()> {
    let signals = line.signals;
    let handler = move |control| {
        let signal = match control {
            ServiceControl::Stop | ServiceControl::Shutdown => Signal::Stop,
            ServiceControl::ParamChange => Signal::Reload,
            ServiceControl::Interrogate => return ServiceControlHandlerResult::NoError,
            _ => return ServiceControlHandlerResult::NotImplemented,
        };
        // Where nobody listens any more, the service is ending already.
        let _ = signals.send(signal);
        ServiceControlHandlerResult::NoError
    };
    let status = service_control_handler::register(NAME, handler)?;
    let tell = |current_state, exit| {
        status.set_service_status(ServiceStatus {
            service_type: ServiceType::OWN_PROCESS,
            current_state,
            controls_accepted: match current_state {
                ServiceState::Running => {
                    ServiceControlAccept::STOP
                        | ServiceControlAccept::SHUTDOWN
                        | ServiceControlAccept::PARAM_CHANGE
                }
                _ => ServiceControlAccept::empty(),
            },
            exit_code: exit,
            checkpoint: 0,
            wait_hint: STOP_TAKES,
            process_id: None,
        })
    };
    tell(ServiceState::Running, ServiceExitCode::NO_ERROR)?;
    let _ = line.begun.send(Ok(true));
    let exit = match line.exit.recv() {
        Ok(0) => ServiceExitCode::NO_ERROR,
        Ok(code) => ServiceExitCode::ServiceSpecific(u32::from(code)),
        Err(_) => ServiceExitCode::ServiceSpecific(1),
    };
    tell(ServiceState::Stopped, exit)
}
