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
        let records = places.map(|place| (place.start, place.end())).collect();
        let excerpt = |head: u64, open: &str, between: String, close: String| Excerpt {
            head,
            records,
            open: open.to_owned(),
            between,
            close,
        };
        Some(match &self.dialect.grammar {
            Grammar::Csv(csv) => {
                let newline = String::from_utf8_lossy(csv.newline.bytes()).into_owned();
                excerpt(self.body_start, "", newline.clone(), newline)
            }
            Grammar::Json(json) => match json.shape {
                Shape::Lines => excerpt(0, "", json.newline.to_owned(), json.newline.to_owned()),
                _ => {
                    let newline = json.newline;
                    excerpt(0, "[", format!(",{newline}"), format!("]{newline}"))
                }
            },
        })
    }
}
