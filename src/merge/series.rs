//! Number series: the next number after the last one given that nothing uses (`product.md` §6).

/// A run of numbers such as CT000001, CT000002 …; the last run of digits counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    first: String,
    last: Option<String>,
    step: u64,
}

/// Why something is no series.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeriesError {
    /// Nothing in it counts.
    #[error("a number series needs digits to count in, such as \"CT000001\"")]
    NoDigits,
    /// It does not fit into a number field.
    #[error("a number has at most 20 characters")]
    TooLong,
    /// The last number is not one of the series.
    #[error("the last number must look like the first and not be below it")]
    LastUnlikeFirst,
    /// It would never go on.
    #[error("the step is at least 1")]
    NoStep,
}

/// The series has no number left.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the number series that begins with {first} has no number left: set a higher `last`")]
pub struct Exhausted {
    /// The first number of the series.
    pub first: String,
}

/// The longest number that a record can have, in characters.
const LONGEST: usize = 20;

/// What stands around the counter, the counter, and its digits.
struct Parts<'n> {
    before: &'n str,
    counter: u128,
    digits: usize,
    after: &'n str,
}

fn parts(no: &str) -> Option<Parts<'_>> {
    let end = no.rfind(|c: char| c.is_ascii_digit())? + 1;
    let start = no[..end]
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |at| {
            at + no[at..].chars().next().map_or(1, char::len_utf8)
        });
    Some(Parts {
        before: &no[..start],
        counter: no[start..end].parse().ok()?,
        digits: end - start,
        after: &no[end..],
    })
}

impl Series {
    /// A series from its first number, with or without a last one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(first: &str, last: Option<&str>, step: u64) -> Result<Series, SeriesError> {
        let upper = |text: &str| text.trim().to_uppercase();
        let (first, last) = (upper(first), last.map(upper));
        let too_long = |no: &String| no.chars().count() > LONGEST;
        if too_long(&first) || last.as_ref().is_some_and(too_long) {
            return Err(SeriesError::TooLong);
        }
        let from = parts(&first).ok_or(SeriesError::NoDigits)?;
        if let Some(last) = &last {
            parts(last)
                .filter(|to| (to.before, to.after) == (from.before, from.after))
                .filter(|to| to.counter >= from.counter)
                .ok_or(SeriesError::LastUnlikeFirst)?;
        }
        if step == 0 {
            return Err(SeriesError::NoStep);
        }
        Ok(Series { first, last, step })
    }

    /// The first number, by which the series is remembered.
    pub fn first(&self) -> &str {
        &self.first
    }

    /// The first number after the last one given that is not `used`.
    ///
    /// # Errors
    /// [`Exhausted`] when there is none.
    pub fn next(
        &self,
        last_given: Option<&str>,
        used: &mut dyn FnMut(&str) -> bool,
    ) -> Result<String, Exhausted> {
        let exhausted = || Exhausted {
            first: self.first.clone(),
        };
        let from = parts(&self.first).ok_or_else(exhausted)?;
        let step = u128::from(self.step);
        let given = last_given
            .and_then(parts)
            .filter(|given| (given.before, given.after) == (from.before, from.after))
            .filter(|given| given.counter >= from.counter);
        let mut counter = match given {
            // A number given under another step is not one of the series: the first one beyond it is next.
            Some(given) => from.counter + ((given.counter - from.counter) / step + 1) * step,
            None => from.counter,
        };
        let most = self.last.as_deref().and_then(parts).map(|to| to.counter);
        loop {
            let digits = from.digits;
            let no = format!("{}{counter:0digits$}{}", from.before, from.after);
            if most.is_some_and(|most| counter > most) || no.chars().count() > LONGEST {
                return Err(exhausted());
            }
            if !used(&no) {
                return Ok(no);
            }
            counter += step;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(
        first: &str,
        last: Option<&str>,
        step: u64,
        given: Option<&str>,
        used: &[&str],
    ) -> String {
        let series = Series::parse(first, last, step).expect("a series");
        match series.next(given, &mut |no| used.contains(&no)) {
            Ok(no) => no,
            Err(exhausted) => exhausted.to_string(),
        }
    }

    #[test]
    fn the_next_number_is_this_table() {
        assert_eq!(next("CT000001", None, 1, None, &[]), "CT000001");
        assert_eq!(next("CT000001", None, 1, None, &["CT000001"]), "CT000002");
        assert_eq!(next("CT000001", None, 1, Some("CT000009"), &[]), "CT000010");
        assert_eq!(
            next("CT999999", None, 1, Some("CT999999"), &[]),
            "CT1000000"
        );
        assert_eq!(
            next("C00010", Some("C99990"), 10, Some("C00010"), &["C00020"]),
            "C00030"
        );
        assert_eq!(next("C00010", None, 10, Some("C00015"), &[]), "C00020");
        assert_eq!(
            next("2026-07/A", None, 1, Some("2026-07/A"), &[]),
            "2026-08/A"
        );
        assert_eq!(next("CT1", None, 1, Some("X9"), &[]), "CT1");
        let longest = "CT000000000000000001";
        assert_eq!(next(longest, Some(longest), 1, None, &[]), longest);
        assert!(next("C1", Some("C2"), 1, Some("C2"), &[]).contains("no number left"));
        assert!(
            next(
                "99999999999999999999",
                None,
                1,
                Some("99999999999999999999"),
                &[]
            )
            .contains("no number left")
        );
    }

    #[test]
    fn what_is_no_series_is_refused() {
        assert_eq!(Series::parse("CT", None, 1), Err(SeriesError::NoDigits));
        assert_eq!(
            Series::parse("C10", Some("C09"), 1),
            Err(SeriesError::LastUnlikeFirst)
        );
        assert_eq!(
            Series::parse("C10", Some("D20"), 1),
            Err(SeriesError::LastUnlikeFirst)
        );
        assert_eq!(Series::parse("C1", None, 0), Err(SeriesError::NoStep));
        assert_eq!(
            Series::parse("C00000000000000000001", None, 1),
            Err(SeriesError::TooLong)
        );
    }

    #[test]
    fn a_series_is_remembered_by_its_first_number() {
        let series = Series::parse(" ct1 ", None, 1).expect("a series");
        assert_eq!(series.first(), "CT1");
    }
}
