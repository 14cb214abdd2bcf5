//! Fields of a contact that follow from its other fields.

use crate::model::{FieldId, Form, form};

use super::inherit::Values;
use super::party::FieldMerge;
use super::person::{self, NameParts};
use super::verdict::Rule;

/// The fields of a contact as a merge left them, and whether the pass creates it.
pub struct Fields<'m> {
    /// What became of each.
    pub fields: &'m [FieldMerge],
    /// What the contact showed before, where a field is agreed on for the first time.
    pub was: &'m Values,
    /// The contact did not exist before, so that its name changed from nothing.
    pub is_new: bool,
}

impl Fields<'_> {
    fn find(&self, name: &str) -> Option<&FieldMerge> {
        let id = FieldId::named(name)?;
        self.fields.iter().find(|merged| merged.field == id)
    }

    /// The old and the new value of a field that changed.
    fn changed(&self, name: &str) -> Option<(&str, &str)> {
        let merged = self.find(name).filter(|merged| !merged.held)?;
        let old = self.before(merged).or(self.is_new.then_some(""))?;
        let new = merged.agreed.as_deref()?;
        (!form::same(Form::Text, old, new)).then_some((old, new))
    }

    /// What a field was before.
    fn before<'f>(&'f self, merged: &'f FieldMerge) -> Option<&'f str> {
        let was = || self.was.get(&merged.field).map(String::as_str);
        merged.before.as_deref().or_else(was)
    }

    /// The value of a field that nobody moved and that is not held: it may follow.
    fn follower(&self, name: &str) -> Option<(FieldId, &str)> {
        let merged = self.find(name)?;
        let agreed = merged.agreed.as_deref();
        let is_still = match (self.is_new, &merged.before) {
            (true, _) => merged.moved.is_empty() && agreed.is_none_or(form::is_blank),
            (false, Some(_)) => merged.moved.is_empty() && merged.rule == Rule::Agreed,
            // The contact meets its first counterpart, which says nothing else.
            (false, None) => self.before(merged) == agreed,
        };
        let is_free = !merged.held && is_still;
        is_free.then(|| (merged.field, merged.agreed.as_deref().unwrap_or_default()))
    }

    /// Whether it is a person; `None` where its export does not say.
    fn is_person(&self) -> Option<bool> {
        let kind = self.find("Type")?.agreed.as_deref()?;
        Some(form::caption(Form::ContactType, kind) == Some("Person"))
    }
}

/// Whether other fields may follow from a change of this one.
pub fn leads(field: FieldId) -> bool {
    let name = field.def().name;
    name == "Name" || PARTS.contains(&name)
}

/// The parts of a person's name.
const PARTS: [&str; 3] = ["First Name", "Middle Name", "Surname"];

/// The Name of a person whose parts were changed, while nobody changed the name itself (`business-central.md` §7.4).
pub fn name_of_parts(fields: &Fields<'_>) -> Option<(FieldId, String)> {
    if fields.is_new || fields.is_person() != Some(true) {
        return None;
    }
    let (name, old) = fields.follower("Name")?;
    PARTS.iter().find_map(|part| fields.changed(part))?;
    let part = |name: &str| {
        let agreed = fields.find(name)?.agreed.clone();
        agreed.map(|text| text.trim().to_owned())
    };
    let parts = NameParts {
        first: part("First Name").unwrap_or_default(),
        middle: part("Middle Name").unwrap_or_default(),
        surname: part("Surname").unwrap_or_default(),
    };
    let new = person::join(&parts);
    (!new.is_empty() && !form::same(Form::Text, &new, old)).then_some((name, new))
}

/// What follows from a contact's new Name; a side's own move, and a conflict, beat what is derived.
///
/// - Search Name, while it is blank or says the old Name in upper case (`business-central.md` §4.2).
/// - A company's Company Name, and the parts of a person's name (§7.4).
pub fn followers_of_name(fields: &Fields<'_>) -> Vec<(FieldId, String)> {
    let Some((old, new)) = fields.changed("Name") else {
        return Vec::new();
    };
    let mut derived = Vec::new();
    if let Some((search, current)) = fields.follower("Search Name")
        && (form::is_blank(current) || form::same(Form::Code, current, old))
    {
        derived.push((search, form::canonical(Form::Code, new).into_owned()));
    }
    let Some(is_person) = fields.is_person() else {
        return derived;
    };
    if !is_person {
        let company_name = fields.follower("Company Name");
        derived.extend(company_name.map(|(field, _)| (field, new.to_owned())));
        return derived;
    }
    let parts = person::break_down(new);
    let parts = [
        ("First Name", parts.first),
        ("Middle Name", parts.middle),
        ("Surname", parts.surname),
    ];
    let followers: Option<Vec<_>> = parts
        .into_iter()
        .map(|(name, part)| Some((fields.follower(name)?.0, part)))
        .collect();
    derived.extend(followers.unwrap_or_default());
    derived
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Side;

    fn field(name: &str, before: Option<&str>, agreed: &str) -> FieldMerge {
        FieldMerge {
            field: FieldId::named(name).expect(name),
            before: before.map(str::to_owned),
            agreed: Some(agreed.to_owned()),
            held: false,
            rule: Rule::Agreed,
            because: Vec::new(),
            moved: Vec::new(),
            deliveries: Vec::new(),
        }
    }

    fn moved(name: &str, before: Option<&str>, agreed: &str) -> FieldMerge {
        FieldMerge {
            rule: Rule::Moved,
            moved: vec![Side::Contact],
            ..field(name, before, agreed)
        }
    }

    fn of<D>(is_new: bool, fields: &[FieldMerge], derived: fn(&Fields<'_>) -> D) -> D {
        let was = Values::new();
        derived(&Fields {
            fields,
            was: &was,
            is_new,
        })
    }

    #[test]
    fn the_name_of_a_person_is_what_its_parts_make_while_nobody_else_says_what_it_is() {
        let person = || field("Type", Some("Person"), "Person");
        let first = || moved("First Name", Some("Ann"), "Eve");
        let surname = || field("Surname", Some("Lee"), "Lee");
        let name = || field("Name", Some("Ann Lee"), "Ann Lee");
        let derived = |is_new: bool, fields: &[FieldMerge]| {
            of(is_new, fields, name_of_parts).map(|(_, name)| name)
        };
        let all = [person(), first(), surname(), name()];
        assert_eq!(derived(false, &all).as_deref(), Some("Eve Lee"));
        let company = field("Type", Some("Company"), "Company");
        assert_eq!(derived(false, &[company, first(), surname(), name()]), None);
        let created = ["Name", "First Name", "Surname"].map(|name| moved(name, None, "Eve"));
        let [_, new_first, new_surname] = created;
        let blank = field("Name", None, "");
        assert_eq!(
            derived(true, &[person(), new_first, new_surname, blank]),
            None
        );
        let decided = FieldMerge {
            rule: Rule::Decided,
            ..name()
        };
        assert_eq!(
            derived(false, &[person(), first(), surname(), decided]),
            None
        );
        let already = field("Name", Some("Eve Lee"), "Eve Lee");
        assert_eq!(
            derived(false, &[person(), first(), surname(), already]),
            None
        );
        let cleared = ["First Name", "Surname"].map(|name| moved(name, Some("Ann"), ""));
        let [no_first, no_surname] = cleared;
        assert_eq!(
            derived(false, &[person(), no_first, no_surname, name()]),
            None
        );
    }

    #[test]
    fn what_a_new_company_says_itself_does_not_follow_from_its_name() {
        let name = moved("Name", None, "Acme");
        let kind = moved("Type", None, "Company");
        let follows = |company_name: &str| {
            let company_name = field("Company Name", None, company_name);
            let fields = [name.clone(), kind.clone(), company_name];
            of(true, &fields, followers_of_name).len()
        };
        assert_eq!(follows(""), 1);
        assert_eq!(follows("Group"), 0);
    }

    #[test]
    fn only_the_name_and_its_parts_lead() {
        let leading = FieldId::all().filter(|field| leads(*field));
        let names: Vec<&str> = leading.map(|field| field.def().name).collect();
        let mut expected = vec!["Name"];
        expected.extend(PARTS);
        assert_eq!(names.len(), expected.len());
        assert!(expected.iter().all(|name| names.contains(name)));
    }
}
