//! Virtual time: a monotonic one that only goes on, and a wall clock that somebody may set.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use couplet::sync::Clock;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Nanoseconds since the year began.
pub type Nanos = u64;

pub const MILLI: Nanos = 1_000_000;
pub const SECOND: Nanos = 1_000 * MILLI;
pub const MINUTE: Nanos = 60 * SECOND;
pub const HOUR: Nanos = 60 * MINUTE;

/// When the year begins: 1 January 2026 in Berlin.
const BEGINNING: i128 = 1_767_222_000 * 1_000_000_000;

/// The time of a year.
pub struct Time {
    base: Instant,
    now: AtomicU64,
    /// By how much the wall clock is wrong.
    wrong: AtomicI64,
    zone: TimeZone,
}

impl Time {
    /// The beginning of a year.
    pub fn new() -> Time {
        Time {
            base: Instant::now(),
            now: AtomicU64::new(0),
            wrong: AtomicI64::new(0),
            // Central Europe, with its changes to and from summer time, whatever this machine knows of zones.
            zone: TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a zone"),
        }
    }

    /// Now.
    pub fn now(&self) -> Nanos {
        self.now.load(Ordering::Relaxed)
    }

    /// Now, for the daemon.
    pub fn instant(&self) -> Instant {
        self.base + Duration::from_nanos(self.now())
    }

    /// When the daemon means an instant.
    pub fn of(&self, instant: Instant) -> Nanos {
        instant.saturating_duration_since(self.base).as_nanos() as Nanos
    }

    /// Goes on; never back.
    pub fn go_on_to(&self, then: Nanos) {
        self.now.fetch_max(then, Ordering::Relaxed);
    }

    /// Sets the wall clock to so much beside the truth.
    pub fn set_wrong(&self, by: i64) {
        self.wrong.store(by, Ordering::Relaxed);
    }
}

impl Clock for Time {
    fn now(&self) -> jiff::Zoned {
        let shown =
            BEGINNING + i128::from(self.now()) + i128::from(self.wrong.load(Ordering::Relaxed));
        let shown = Timestamp::from_nanosecond(shown).expect("a time");
        shown.to_zoned(self.zone.clone())
    }
}
