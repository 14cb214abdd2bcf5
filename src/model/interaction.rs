//! The interaction log entry, with the fields of Business Central's table 5065 (`business-central.md` §10.5) and one of our own:
//! a journal is not changed, so what changes an entry is an entry that names it.

use serde::{Deserialize, Serialize};

/// Yes or No.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Flag {
    /// Not so.
    #[default]
    No,
    /// So.
    Yes,
}

impl Flag {
    /// Its caption.
    pub fn caption(self) -> &'static str {
        match self {
            Flag::No => "No",
            Flag::Yes => "Yes",
        }
    }
}

impl From<bool> for Flag {
    fn from(is_so: bool) -> Flag {
        match is_so {
            true => Flag::Yes,
            false => Flag::No,
        }
    }
}

/// One entry of the interaction log; fields in the order of their numbers. In plans and in the state, fields that say nothing are
/// left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InteractionLogEntry {
    /// Field 1.
    #[serde(rename = "Entry No.", skip_serializing_if = "is_default")]
    pub entry_no: u64,
    /// Field 2.
    #[serde(
        rename = "Contact No.",
        skip_serializing_if = "is_default",
        alias = "contact"
    )]
    pub contact_no: String,
    /// Field 3.
    #[serde(
        rename = "Contact Company No.",
        skip_serializing_if = "is_default",
        alias = "company"
    )]
    pub contact_company_no: String,
    /// Field 4; ISO 8601.
    #[serde(rename = "Date", skip_serializing_if = "is_default")]
    pub date: String,
    /// Field 5; at most 100 characters.
    #[serde(
        rename = "Description",
        skip_serializing_if = "is_default",
        alias = "description"
    )]
    pub description: String,
    /// Field 6; blank, Outbound or Inbound.
    #[serde(rename = "Information Flow", skip_serializing_if = "is_default")]
    pub information_flow: String,
    /// Field 7; blank, Us or Them.
    #[serde(rename = "Initiated By", skip_serializing_if = "is_default")]
    pub initiated_by: String,
    /// Field 8.
    #[serde(rename = "Attachment No.", skip_serializing_if = "is_default")]
    pub attachment_no: u64,
    /// Field 9; a decimal number with a point.
    #[serde(rename = "Cost (LCY)", skip_serializing_if = "is_default")]
    pub cost: String,
    /// Field 10; minutes, a decimal number with a point.
    #[serde(rename = "Duration (Min.)", skip_serializing_if = "is_default")]
    pub duration: String,
    /// Field 11.
    #[serde(rename = "User ID", skip_serializing_if = "is_default")]
    pub user_id: String,
    /// Field 12.
    #[serde(rename = "Interaction Group", skip_serializing_if = "is_default")]
    pub interaction_group: String,
    /// Field 13.
    #[serde(rename = "Interaction Template", skip_serializing_if = "is_default")]
    pub interaction_template: String,
    /// Field 14.
    #[serde(rename = "Campaign No.", skip_serializing_if = "is_default")]
    pub campaign_no: String,
    /// Field 15.
    #[serde(rename = "Campaign Entry No.", skip_serializing_if = "is_default")]
    pub campaign_entry_no: u64,
    /// Field 16.
    #[serde(rename = "Campaign Response", skip_serializing_if = "is_default")]
    pub campaign_response: Flag,
    /// Field 17.
    #[serde(rename = "Campaign Target", skip_serializing_if = "is_default")]
    pub campaign_target: Flag,
    /// Field 18.
    #[serde(rename = "Segment No.", skip_serializing_if = "is_default")]
    pub segment_no: String,
    /// Field 19; blank, or Very Positive to Very Negative.
    #[serde(rename = "Evaluation", skip_serializing_if = "is_default")]
    pub evaluation: String,
    /// Field 20; ISO 8601.
    #[serde(rename = "Time of Interaction", skip_serializing_if = "is_default")]
    pub time_of_interaction: String,
    /// Field 21.
    #[serde(rename = "Attempt Failed", skip_serializing_if = "is_default")]
    pub attempt_failed: Flag,
    /// Field 23.
    #[serde(rename = "To-do No.", skip_serializing_if = "is_default")]
    pub to_do_no: String,
    /// Field 24.
    #[serde(
        rename = "Salesperson",
        skip_serializing_if = "is_default",
        alias = "salesperson"
    )]
    pub salesperson: String,
    /// Field 25; blank, In Progress or Error.
    #[serde(rename = "Delivery Status", skip_serializing_if = "is_default")]
    pub delivery_status: String,
    /// Field 26.
    #[serde(rename = "Canceled", skip_serializing_if = "is_default")]
    pub canceled: Flag,
    /// Field 27; blank, Hard Copy or Email.
    #[serde(rename = "Correspondence Type", skip_serializing_if = "is_default")]
    pub correspondence_type: String,
    /// Field 28.
    #[serde(rename = "Alt. Address", skip_serializing_if = "is_default")]
    pub alt_address: String,
    /// Field 29.
    #[serde(rename = "Logged Segment Entry", skip_serializing_if = "is_default")]
    pub logged_segment_entry: u64,
    /// Field 30.
    #[serde(rename = "Document Type", skip_serializing_if = "is_default")]
    pub document_type: String,
    /// Field 31; the pass that it tells of, where it tells of one.
    #[serde(rename = "Document No.", skip_serializing_if = "is_default")]
    pub document_no: String,
    /// Field 32.
    #[serde(rename = "Version", skip_serializing_if = "is_default")]
    pub version: u64,
    /// Field 33.
    #[serde(rename = "Doc. No. Occurrence", skip_serializing_if = "is_default")]
    pub doc_no_occurrence: u64,
    /// Field 34.
    #[serde(rename = "Contact Via", skip_serializing_if = "is_default")]
    pub contact_via: String,
    /// Field 36.
    #[serde(rename = "Language", skip_serializing_if = "is_default")]
    pub language: String,
    /// Field 37.
    #[serde(rename = "E-Mail Logged", skip_serializing_if = "is_default")]
    pub e_mail_logged: Flag,
    /// Field 38; of a pass: fields and sides, never a value.
    #[serde(
        rename = "Subject",
        skip_serializing_if = "is_default",
        alias = "subject"
    )]
    pub subject: String,
    /// Field 44.
    #[serde(rename = "Opportunity No.", skip_serializing_if = "is_default")]
    pub opportunity_no: String,
    /// Field 45.
    #[serde(rename = "Postponed", skip_serializing_if = "is_default")]
    pub postponed: Flag,
    /// The entry that this one changes: it is as this one says from now on, in all fields. 0: none.
    #[serde(rename = "Changes Entry No.", skip_serializing_if = "is_default")]
    pub changes_entry_no: u64,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A field of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValue<'e> {
    /// Text, a code, a date, a number that may have a fraction.
    Text(&'e str),
    /// A whole number.
    Whole(u64),
}

impl InteractionLogEntry {
    /// The number by which people know it: that of the entry that it changes, or its own.
    pub fn known_as(&self) -> u64 {
        match self.changes_entry_no {
            0 => self.entry_no,
            changed => changed,
        }
    }

    /// All fields with their names, in the order of the log's file.
    pub fn fields(&self) -> [(&'static str, FieldValue<'_>); 39] {
        use FieldValue::{Text, Whole};
        let flag = |flag: Flag| Text(flag.caption());
        [
            ("Entry No.", Whole(self.entry_no)),
            ("Contact No.", Text(&self.contact_no)),
            ("Contact Company No.", Text(&self.contact_company_no)),
            ("Date", Text(&self.date)),
            ("Description", Text(&self.description)),
            ("Information Flow", Text(&self.information_flow)),
            ("Initiated By", Text(&self.initiated_by)),
            ("Attachment No.", Whole(self.attachment_no)),
            ("Cost (LCY)", Text(&self.cost)),
            ("Duration (Min.)", Text(&self.duration)),
            ("User ID", Text(&self.user_id)),
            ("Interaction Group", Text(&self.interaction_group)),
            ("Interaction Template", Text(&self.interaction_template)),
            ("Campaign No.", Text(&self.campaign_no)),
            ("Campaign Entry No.", Whole(self.campaign_entry_no)),
            ("Campaign Response", flag(self.campaign_response)),
            ("Campaign Target", flag(self.campaign_target)),
            ("Segment No.", Text(&self.segment_no)),
            ("Evaluation", Text(&self.evaluation)),
            ("Time of Interaction", Text(&self.time_of_interaction)),
            ("Attempt Failed", flag(self.attempt_failed)),
            ("To-do No.", Text(&self.to_do_no)),
            ("Salesperson", Text(&self.salesperson)),
            ("Delivery Status", Text(&self.delivery_status)),
            ("Canceled", flag(self.canceled)),
            ("Correspondence Type", Text(&self.correspondence_type)),
            ("Alt. Address", Text(&self.alt_address)),
            ("Logged Segment Entry", Whole(self.logged_segment_entry)),
            ("Document Type", Text(&self.document_type)),
            ("Document No.", Text(&self.document_no)),
            ("Version", Whole(self.version)),
            ("Doc. No. Occurrence", Whole(self.doc_no_occurrence)),
            ("Contact Via", Text(&self.contact_via)),
            ("Language", Text(&self.language)),
            ("E-Mail Logged", flag(self.e_mail_logged)),
            ("Subject", Text(&self.subject)),
            ("Opportunity No.", Text(&self.opportunity_no)),
            ("Postponed", flag(self.postponed)),
            ("Changes Entry No.", Whole(self.changes_entry_no)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_lists_each_of_its_fields_under_the_name_that_it_is_read_by() {
        let mut object = serde_json::Map::new();
        for (name, value) in InteractionLogEntry::default().fields() {
            let value = match value {
                FieldValue::Whole(_) => 7.into(),
                FieldValue::Text("No") => "Yes".into(),
                FieldValue::Text(_) => "seven".into(),
            };
            assert!(
                object.insert(name.to_owned(), value).is_none(),
                "{name} twice"
            );
        }
        let read: InteractionLogEntry =
            serde_json::from_value(object.clone().into()).expect("an entry");
        assert_eq!(
            serde_json::to_value(&read).expect("JSON"),
            serde_json::Value::Object(object)
        );
    }
}
