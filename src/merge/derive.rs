//! Fields of a contact that follow from its other fields.

use crate::model::{FieldId, Form, form};

use super::party::FieldMerge;
use super::verdict::Rule;

/// The moves that follow from what was decided: Search Name follows Name while it is blank or says the old Name in
/// upper case (`business-central.md` §4.2). A side's own move, and a conflict, beat a derived one.
pub fn derived(fields: &[FieldMerge]) -> Vec<(FieldId, String)> {
    let find = |name: &str| {
        let id = FieldId::named(name)?;
        fields.iter().find(|merged| merged.field == id)
    };
    let (Some(name), Some(search)) = (find("Name"), find("Search Name")) else {
        return Vec::new();
    };
    let (Some(old), Some(new)) = (&name.before, &name.agreed) else {
        return Vec::new();
    };
    let stands = !search.held && search.rule == Rule::Agreed && search.moved.is_empty();
    let Some(current) = search.agreed.as_ref().filter(|_| stands && !name.held) else {
        return Vec::new();
    };
    let followed = form::is_blank(current) || form::same(Form::Code, current, old);
    if form::same(Form::Text, old, new) || !followed {
        return Vec::new();
    }
    vec![(search.field, form::canonical(Form::Code, new).into_owned())]
}
