//! How the daemon is: when it last looked and succeeded, what fails, what waits. Told by the daemon, read by others.

use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

/// How the daemon is.
#[derive(Debug)]
pub struct Health {
    state: Mutex<State>,
    begun: Instant,
    /// After so long without a look, or within one pass, it is stalled.
    patience: Duration,
}

#[derive(Clone, Debug)]
struct State {
    last_look: Instant,
    /// The round that is being made.
    round_since: Option<Instant>,
    last_success: Option<(Instant, String)>,
    failures: u64,
    failure: Option<String>,
    counts: Counts,
    is_halted: bool,
    totals: Totals,
    said_stalled: bool,
}

/// What waits, as the last round found it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Conflicts that nobody has decided.
    pub conflicts: u64,
    /// Problems that nobody has accepted.
    pub problems: u64,
    /// Values that their systems have not imported yet.
    pub in_flight: u64,
    /// Files that are not complete yet.
    pub unready: u64,
    /// Folders that are not there.
    pub offline: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    passes: u64,
    cells: u64,
    drops: u64,
    failures: u64,
    pass_seconds: f64,
}

/// What a round did, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Cells that it wrote.
    pub cells: u64,
    /// Drops that it answered.
    pub drops: u64,
    /// Whether a guard halted it.
    pub is_halted: bool,
    /// What waits.
    pub counts: Counts,
}

impl Health {
    /// Begins healthy.
    pub fn new(patience: Duration) -> Health {
        let now = Instant::now();
        Health {
            begun: now,
            patience,
            state: Mutex::new(State {
                last_look: now,
                round_since: None,
                last_success: None,
                failures: 0,
                failure: None,
                counts: Counts::default(),
                is_halted: false,
                totals: Totals::default(),
                said_stalled: false,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A thread that broke down while it told its numbers has told them well enough.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The daemon has looked at its folders.
    pub fn looked(&self) {
        let mut state = self.state();
        state.last_look = Instant::now();
        state.said_stalled = false;
    }

    /// A round begins.
    pub fn begins(&self) {
        self.state().round_since = Some(Instant::now());
    }

    /// A round was made; `at` is the time, for people.
    pub fn made(&self, made: Made, at: String) {
        let mut state = self.state();
        state.end_round();
        state.last_success = Some((Instant::now(), at));
        (state.failures, state.failure) = (0, None);
        state.counts = made.counts;
        state.is_halted = made.is_halted;
        state.totals.passes += 1;
        state.totals.cells += made.cells;
        state.totals.drops += made.drops;
    }

    /// A round failed.
    pub fn failed(&self, reason: String) {
        let mut state = self.state();
        state.end_round();
        state.failures += 1;
        state.totals.failures += 1;
        state.failure = Some(reason);
    }

    /// Whether a first round was made.
    pub fn is_ready(&self) -> bool {
        self.state().last_success.is_some()
    }

    /// Why it is not well; `None` while it is.
    pub fn complaint(&self) -> Option<String> {
        const TOLERATED: u64 = 3;
        let state = self.state();
        let now = Instant::now();
        let long = |since: Instant| (now - since > self.patience).then(|| (now - since).as_secs());
        match state.round_since {
            Some(since) => {
                if let Some(seconds) = long(since) {
                    return Some(format!("a pass has been running for {seconds} seconds"));
                }
            }
            None => {
                if let Some(seconds) = long(state.last_look) {
                    return Some(format!(
                        "the folders were last looked at {seconds} seconds ago"
                    ));
                }
            }
        }
        let failure = state
            .failure
            .as_ref()
            .filter(|_| state.failures >= TOLERATED);
        failure.map(|failure| format!("{} passes in a row failed: {failure}", state.failures))
    }

    /// Why it is stalled, the first time that this is seen.
    pub fn new_complaint(&self) -> Option<String> {
        let complaint = self.complaint()?;
        let mut state = self.state();
        (!std::mem::replace(&mut state.said_stalled, true)).then_some(complaint)
    }

    /// One line for `systemctl status`.
    pub fn line(&self) -> String {
        let state = self.state();
        let Counts {
            conflicts,
            problems,
            unready,
            offline,
            ..
        } = state.counts;
        let last = match &state.last_success {
            Some((_, at)) => format!("last pass {at}"),
            None => "no pass yet".to_owned(),
        };
        let mut line = format!("{last}; {conflicts} conflicts, {problems} problems");
        for (count, what) in [
            (unready, "files not complete"),
            (offline, "folders offline"),
            (state.failures, "failures in a row"),
        ] {
            if count > 0 {
                let _ = write!(line, ", {count} {what}");
            }
        }
        if state.is_halted {
            line.push_str(", halted by a guard");
        }
        line
    }

    /// Everything, for programs.
    pub fn json(&self) -> serde_json::Value {
        let complaint = self.complaint();
        let state = self.state();
        let last = state.last_success.as_ref();
        json!({
            "healthy": complaint.is_none(),
            "complaint": complaint,
            "last_pass": last.map(|(_, at)| at),
            "seconds_since_last_pass": last.map(|(since, _)| since.elapsed().as_secs()),
            "failures": state.failures,
            "failure": state.failure,
            "halted": state.is_halted,
            "conflicts": state.counts.conflicts,
            "problems": state.counts.problems,
            "in_flight": state.counts.in_flight,
            "files_not_complete": state.counts.unready,
            "folders_offline": state.counts.offline,
            "uptime_seconds": self.begun.elapsed().as_secs(),
        })
    }

    /// Everything in Prometheus' text format.
    pub fn metrics(&self) -> String {
        let is_healthy = self.complaint().is_none();
        let state = self.state();
        let since = state
            .last_success
            .as_ref()
            .map_or(-1.0, |(since, _)| since.elapsed().as_secs_f64());
        let counts = state.counts;
        let totals = state.totals;
        let mut text = String::new();
        let mut put = |name: &str, kind: &str, help: &str, value: f64| {
            let _ = writeln!(
                text,
                "# HELP couplet_{name} {help}\n# TYPE couplet_{name} {kind}\ncouplet_{name} {value}"
            );
        };
        let one = |is: bool| if is { 1.0 } else { 0.0 };
        put(
            "healthy",
            "gauge",
            "1 while the daemon is well, 0 when it is stalled or keeps failing.",
            one(is_healthy),
        );
        put(
            "seconds_since_last_pass",
            "gauge",
            "Seconds since the last pass that succeeded; -1 before the first.",
            since,
        );
        put(
            "look_age_seconds",
            "gauge",
            "Seconds since the folders were last looked at.",
            state.last_look.elapsed().as_secs_f64(),
        );
        put(
            "halted",
            "gauge",
            "1 while a guard holds the pass.",
            one(state.is_halted),
        );
        put(
            "conflicts",
            "gauge",
            "Conflicts that wait for a person.",
            counts.conflicts as f64,
        );
        put(
            "problems",
            "gauge",
            "Problems that wait for a person.",
            counts.problems as f64,
        );
        put(
            "values_in_flight",
            "gauge",
            "Values that their systems have not imported yet.",
            counts.in_flight as f64,
        );
        put(
            "files_not_complete",
            "gauge",
            "Files that are still being written.",
            counts.unready as f64,
        );
        put(
            "folders_offline",
            "gauge",
            "Watched folders that are not there.",
            counts.offline as f64,
        );
        put(
            "passes_total",
            "counter",
            "Passes that succeeded.",
            totals.passes as f64,
        );
        put(
            "pass_failures_total",
            "counter",
            "Passes that failed.",
            totals.failures as f64,
        );
        put(
            "pass_seconds_total",
            "counter",
            "Seconds spent in passes.",
            totals.pass_seconds,
        );
        put(
            "cells_written_total",
            "counter",
            "Cells written.",
            totals.cells as f64,
        );
        put(
            "drops_answered_total",
            "counter",
            "Dropped files answered.",
            totals.drops as f64,
        );
        text
    }
}

impl State {
    fn end_round(&mut self) {
        let now = Instant::now();
        if let Some(since) = self.round_since.take() {
            self.totals.pass_seconds += (now - since).as_secs_f64();
        }
        self.last_look = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_complained_of_and_told_once() {
        let health = Health::new(Duration::from_millis(5));
        assert_eq!(health.complaint(), None);
        std::thread::sleep(Duration::from_millis(20));
        assert!(
            health
                .complaint()
                .is_some_and(|text| text.contains("last looked at"))
        );
        assert!(health.new_complaint().is_some() && health.new_complaint().is_none());
        health.looked();
        health.begins();
        std::thread::sleep(Duration::from_millis(20));
        assert!(
            health
                .complaint()
                .is_some_and(|text| text.contains("a pass has been running"))
        );
        assert!(health.metrics().contains("couplet_healthy 0\n"));
        health.made(Made::default(), "now".to_owned());
        assert_eq!(health.complaint(), None);
    }

    #[test]
    fn failures_in_a_row_are_complained_of_and_a_success_ends_them() {
        let health = Health::new(Duration::from_secs(60));
        for _ in 0..3 {
            assert_eq!(health.complaint(), None);
            health.failed("cannot write".to_owned());
        }
        assert!(
            health
                .complaint()
                .is_some_and(|text| text.contains("3 passes in a row failed: cannot write"))
        );
        assert!(!health.is_ready());
        let counts = Counts {
            conflicts: 2,
            ..Counts::default()
        };
        health.made(
            Made {
                cells: 5,
                counts,
                ..Made::default()
            },
            "2026-11-23T10:00:00".to_owned(),
        );
        assert!(health.is_ready());
        assert_eq!(health.json()["conflicts"], 2);
        assert_eq!(
            health.line(),
            "last pass 2026-11-23T10:00:00; 2 conflicts, 0 problems"
        );
        let metrics = health.metrics();
        assert!(
            metrics.contains("couplet_cells_written_total 5\n")
                && metrics.contains("couplet_pass_failures_total 3\n")
        );
    }
}
