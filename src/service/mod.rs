//! What an unattended service needs around the daemon: it carries out commands, says how it is, and keeps its log in bounds.

pub mod control;
pub mod health;
mod http;
pub mod rolling;
pub mod signals;
mod systemd;
#[cfg(windows)]
mod windows;

pub use health::Health;
pub use http::serve as serve_http;
pub use systemd::Systemd;
