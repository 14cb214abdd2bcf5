//! When a record was last modified, as its own file writes it.

use jiff::Zoned;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

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

/// What a column says of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The day.
    Date,
    /// The time of day.
    Time,
    /// Both.
    DateTime,
}

/// The pass's time as this cell writes times: by `pattern` where the cell does, and else as the cell itself shows.
/// `None` where that can be read in two ways, or not at all.
pub fn restamped(cell: &str, part: Part, pattern: Option<&str>, now: &Zoned) -> Option<String> {
    let text = cell.trim();
    let of_table = pattern.filter(|pattern| {
        let is_blank_date = part == Part::Date && text.is_empty();
        is_blank_date || (part != Part::Time && strtime::parse(pattern, text).is_ok())
    });
    let own = match (of_table, part) {
        (Some(pattern), _) => pattern.to_owned(),
        (None, Part::Date) if pattern.is_some() => return None,
        (None, Part::Date | Part::DateTime) => whole_pattern(text, part)?,
        (None, Part::Time) => time_pattern(text)?,
    };
    // A cell that seems to be a date and is none, such as 2026-13-45, is left alone.
    if !text.is_empty() {
        strtime::parse(&own, text).ok()?;
    }
    let now = match zone_at(text) {
        Some(at) => now.with_time_zone(zone(&text[at..])?),
        None => now.clone(),
    };
    let stamp = strtime::format(&own, &now).ok()?;
    // Blanks around it are the cell's own.
    let (before, after) = cell.split_at(cell.len() - cell.trim_start().len());
    Some(format!("{before}{stamp}{}", &after[text.len()..]))
}

fn whole_pattern(text: &str, part: Part) -> Option<String> {
    let Some(at) = text.find(['T', ' ']) else {
        return date_pattern(text);
    };
    let (date, time) = (date_pattern(&text[..at])?, &text[at + 1..]);
    let time = match part {
        // A day that is written as its midnight stays one.
        Part::Date if !time.contains(|digit| ('1'..='9').contains(&digit)) => time.to_owned(),
        _ => time_pattern(time)?,
    };
    Some(format!("{date}{}{time}", &text[at..=at]))
}

/// Years have four digits. They stand first or last; where they stand last, dots are only used behind the day, and
/// other marks only tell day and month apart when one of the two is no month.
fn date_pattern(text: &str) -> Option<String> {
    let mark = text.chars().find(|character| !character.is_ascii_digit())?;
    let parts: Vec<&str> = text.split(mark).collect();
    let [first, second, third] = parts.as_slice() else {
        return None;
    };
    if !"-/.".contains(mark) || !parts.iter().all(|part| is_number(part)) {
        return None;
    }
    let is_no_month = |part: &str| part.parse::<u32>().is_ok_and(|number| number > 12);
    let is_bare = parts.iter().any(|part| part.len() == 1);
    let (day, month) = if is_bare {
        ("%-d", "%-m")
    } else {
        ("%d", "%m")
    };
    let order = match (first.len(), third.len()) {
        (4, 1..=2) => ["%Y", month, day],
        (1..=2, 4) if mark == '.' || is_no_month(first) => [day, month, "%Y"],
        (1..=2, 4) if is_no_month(second) => [month, day, "%Y"],
        _ => return None,
    };
    Some(order.join(&mark.to_string()))
}

fn time_pattern(text: &str) -> Option<String> {
    let halves = [" AM", " PM"];
    let half = halves.iter().find_map(|half| text.strip_suffix(half));
    let time = half.unwrap_or(text);
    let (time, zone) = time.split_at(zone_at(time).unwrap_or(time.len()));
    let (clock, fraction) = match time.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (time, None),
    };
    let parts: Vec<&str> = clock.split(':').collect();
    if !(2..=3).contains(&parts.len()) || !parts.iter().chain(&fraction).all(|part| is_number(part))
    {
        return None;
    }
    let hour = match (half, parts[0].len()) {
        (None, 1) => "%-H",
        (None, _) => "%H",
        (Some(_), 1) => "%-I",
        (Some(_), _) => "%I",
    };
    let seconds = parts.get(2).map_or("", |_| ":%S");
    let fraction = fraction.map_or(String::new(), |digits| format!("%.{}f", digits.len()));
    let half = half.map_or("", |_| " %p");
    Some(format!("{hour}:%M{seconds}{fraction}{zone}{half}"))
}

/// Where the zone of a time is written, if it is.
fn zone_at(text: &str) -> Option<usize> {
    let colon = text.find(':')?;
    let zone = text[colon..].find(['Z', '+', '-'])?;
    Some(colon + zone)
}

fn zone(text: &str) -> Option<TimeZone> {
    if text == "Z" {
        return Some(TimeZone::UTC);
    }
    let offset = strtime::parse("%:z", text).or_else(|_| strtime::parse("%z", text));
    Some(TimeZone::fixed(offset.ok()?.offset()?))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|character| character.is_ascii_digit())
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
