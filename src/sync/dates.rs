//! When a record was last modified, as its own file writes it.

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;

use crate::merge::verdict::Modified;

/// The time of a record: its date and time in one cell, or a date and perhaps a time. A date such as 03/04/2026 can
/// be read two ways and is not read at all unless `pattern` says how.
pub fn modified(
    date_time: Option<&str>,
    date: Option<&str>,
    time: Option<&str>,
    pattern: Option<&str>,
) -> Modified {
    if let Some(text) = date_time
        && let Some(found) = read_date_time(text.trim(), pattern)
    {
        return Some(found);
    }
    let date = read_date(date?.trim(), pattern)?;
    let time = time
        .and_then(|text| text.trim().parse::<Time>().ok())
        .unwrap_or(Time::midnight());
    Some(date.to_datetime(time))
}

fn read_date_time(text: &str, pattern: Option<&str>) -> Option<DateTime> {
    if let Some(pattern) = pattern
        && let Ok(broken) = strtime::parse(pattern, text)
        && let Ok(found) = broken.to_datetime()
    {
        return Some(found);
    }
    let plain = text.strip_suffix('Z').unwrap_or(text);
    plain
        .parse::<DateTime>()
        .ok()
        .or_else(|| Some(read_date(plain, pattern)?.to_datetime(Time::midnight())))
}

fn read_date(text: &str, pattern: Option<&str>) -> Option<Date> {
    if let Some(pattern) = pattern {
        return strtime::parse(pattern, text).ok()?.to_date().ok();
    }
    if let Ok(date) = text.parse::<Date>() {
        return Some(date);
    }
    // Day.month.year is the only order in which dots are used.
    let mut parts = text.split('.');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Date::new(
        year.trim().parse().ok()?,
        month.trim().parse().ok()?,
        day.trim().parse().ok()?,
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_where_they_can_be_read_in_one_way_only() {
        let at = |text: &str| modified(None, Some(text), None, None).map(|found| found.to_string());
        assert_eq!(at("2008-01-02").as_deref(), Some("2008-01-02T00:00:00"));
        assert_eq!(at("2.1.2008").as_deref(), Some("2008-01-02T00:00:00"));
        assert_eq!(at("02/01/2008"), None);
        assert_eq!(at("yesterday"), None);
        assert_eq!(
            modified(None, Some("02/01/2008"), None, Some("%d/%m/%Y"))
                .map(|d| d.to_string())
                .as_deref(),
            Some("2008-01-02T00:00:00")
        );
        let both = modified(Some("2008-01-02T03:04:05Z"), Some("2009-01-01"), None, None);
        assert_eq!(
            both.map(|found| found.to_string()).as_deref(),
            Some("2008-01-02T03:04:05")
        );
    }
}
