//! What a side can hold of a field's value.

use std::borrow::Cow;

use crate::model::{Form, form};

/// What one side can hold of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// How its values are spelled.
    pub form: Form,
    /// Maximum length in characters.
    pub length: usize,
    /// Whether a longer value is cut to that length; if not, it is not written at all.
    pub cut: bool,
}

/// A value as a side holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit<'a> {
    /// All of it, in the side's form.
    Whole(Cow<'a, str>),
    /// Its beginning: as much as the side is configured to take.
    Cut(String),
    /// Longer than the side can hold.
    TooLong,
}

impl Capacity {
    /// The value as this side would hold it.
    pub fn fit<'a>(&self, value: &'a str) -> Fit<'a> {
        let held = match self.form {
            Form::Code => form::canonical(Form::Code, value),
            Form::Text | Form::Boolean | Form::ContactType => Cow::Borrowed(value),
        };
        let fits = |held: &str| held.len() <= self.length || held.chars().count() <= self.length;
        if fits(&held) {
            return Fit::Whole(held);
        }
        // Padding takes no room: a system with columns of fixed width shows it, and no other side need hold it.
        let held = form::canonical(self.form, value);
        if fits(&held) {
            Fit::Whole(held)
        } else if self.cut {
            Fit::Cut(held.chars().take(self.length).collect())
        } else {
            Fit::TooLong
        }
    }

    /// Whether `shown` is what this side shows when it holds `value`.
    pub fn shows(&self, shown: &str, value: &str) -> bool {
        if form::same(self.form, shown, value) {
            return true;
        }
        match self.fit(value) {
            Fit::Cut(cut) => form::same(self.form, shown, &cut),
            Fit::Whole(_) | Fit::TooLong => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Capacity = Capacity {
        form: Form::Text,
        length: 5,
        cut: true,
    };
    const STRICT: Capacity = Capacity {
        form: Form::Text,
        length: 5,
        cut: false,
    };
    const CODE: Capacity = Capacity {
        form: Form::Code,
        length: 5,
        cut: false,
    };

    #[test]
    fn a_side_that_stores_less_shows_the_cut_form() {
        assert!(SHORT.shows("Couss", "Cousscous"));
        assert!(!SHORT.shows("Cous", "Cousscous"));
        assert!(!STRICT.shows("Couss", "Cousscous"));
        assert_eq!(STRICT.fit("Cousscous"), Fit::TooLong);
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(STRICT.fit("ÄÖÜäö"), Fit::Whole(Cow::Borrowed("ÄÖÜäö")));
    }

    #[test]
    fn outer_blanks_take_no_room_where_they_would_make_a_value_too_long() {
        assert_eq!(STRICT.fit("  Ulm      "), Fit::Whole(Cow::Borrowed("Ulm")));
        assert_eq!(STRICT.fit(" Ulm "), Fit::Whole(Cow::Borrowed(" Ulm ")));
        assert_eq!(SHORT.fit("      Cousscous"), Fit::Cut("Couss".to_owned()));
        assert!(SHORT.shows("Couss", "      Cousscous"));
    }

    #[test]
    fn a_code_is_held_in_upper_case_without_outer_blanks() {
        assert_eq!(CODE.fit(" us "), Fit::Whole(Cow::Owned("US".to_owned())));
        assert!(CODE.shows("us", "US"));
    }
}
