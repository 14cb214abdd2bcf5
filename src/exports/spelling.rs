//! Options and booleans in a file's own spelling.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::export::Export;
use super::reader::is_option;
use crate::model::form::{caption, spelled_like};

/// How a file spells options and booleans, by model column and caption.
pub(super) type Spellings = BTreeMap<(usize, &'static str), String>;

impl Export {
    /// A value as it is written where `old` stands: an option or boolean as another cell of its column has it, or, where none is
    /// found, as what is found leads to expect.
    pub(super) fn spelled<'v>(
        &self,
        column: usize,
        value: &'v str,
        old: Option<&str>,
    ) -> Cow<'v, str> {
        let form = self.table.columns().get(column).map(|def| def.form);
        let Some(form) = form.filter(|form| is_option(*form)) else {
            return Cow::Borrowed(value);
        };
        let meaning = |text: &str| caption(form, text).filter(|caption| !caption.is_empty());
        let Some(wanted) = meaning(value) else {
            return Cow::Borrowed(value);
        };
        let spellings = self.spellings.get_or_init(|| self.find_spellings());
        let old = old.filter(|old| meaning(old).is_some());
        let same = old.filter(|old| meaning(old) == Some(wanted));
        if let Some(same) = same.or_else(|| Some(spellings.get(&(column, wanted))?.as_str())) {
            return Cow::Owned(same.to_owned());
        }
        let mut others = spellings.range((column, "")..(column + 1, ""));
        let like = old.or_else(|| Some(others.next()?.1.as_str()));
        Cow::Owned(spelled_like(form, value, like.unwrap_or_default()))
    }

    /// The spellings in records from all over the file, of which the last one counts most.
    fn find_spellings(&self) -> Spellings {
        const SAMPLE: usize = 256;
        let defs = self.table.columns();
        let options = (0..defs.len()).filter(|at| is_option(defs[*at].form));
        let options: Vec<usize> = options.filter(|at| self.columns.has(*at)).collect();
        let mut spellings = Spellings::new();
        let mut reader = self.reader();
        let stride = self.records.len().div_ceil(SAMPLE).max(1);
        for at in (0..self.records.len()).rev().step_by(stride) {
            let Ok(view) = reader.read(at) else {
                continue;
            };
            for &column in &options {
                let Ok(Some(text)) = view.text(column) else {
                    continue;
                };
                if let Some(caption) = caption(defs[column].form, &text)
                    && !caption.is_empty()
                {
                    let spelling = spellings.entry((column, caption));
                    spelling.or_insert_with(|| text.trim().to_owned());
                }
            }
        }
        spellings
    }
}
