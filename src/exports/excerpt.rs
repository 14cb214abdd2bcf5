//! Records that were left out, cut out of their file in their own bytes.

use crate::model::Excerpt;

use super::dialect::Grammar;
use super::export::Export;
use super::json::Shape;

impl Export {
    /// An excerpt with these records; `None` where the file's encoding does not let its bytes be taken apart.
    pub fn excerpt(&self, records: &[usize]) -> Option<Excerpt> {
        if self.dialect.encoding.is_utf16() {
            return None;
        }
        let places = records.iter().filter_map(|at| self.records.get(*at));
        let (head, newline) = match &self.dialect.grammar {
            Grammar::Csv(csv) => (self.body_start, csv.newline.text()),
            Grammar::Json(json) => (0, json.newline),
        };
        let (open, comma, close) = match &self.dialect.grammar {
            Grammar::Csv(_) => ("", "", ""),
            Grammar::Json(json) => match json.shape {
                Shape::Lines => ("", "", ""),
                Shape::Array => ("[", ",", "]"),
                Shape::OData => ("{\"value\":[", ",", "]}"),
            },
        };
        Some(Excerpt {
            head,
            records: places.map(|place| (place.start, place.end())).collect(),
            open: open.to_owned(),
            between: format!("{comma}{newline}"),
            close: format!("{close}{newline}"),
        })
    }
}
