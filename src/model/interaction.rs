//! The interaction log entry, with the fields of Business Central's table 5065 (`business-central.md` §10.5).

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

/// One entry of the interaction log; fields in the order of their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InteractionLogEntry {
    /// Field 1.
    #[serde(rename = "Entry No.")]
    pub entry_no: u64,
    /// Field 2.
    #[serde(rename = "Contact No.")]
    pub contact_no: String,
    /// Field 3.
    #[serde(rename = "Contact Company No.")]
    pub contact_company_no: String,
    /// Field 4; ISO 8601.
    #[serde(rename = "Date")]
    pub date: String,
    /// Field 5; at most 100 characters, never a value.
    #[serde(rename = "Description")]
    pub description: String,
    /// Field 6; blank, Outbound or Inbound.
    #[serde(rename = "Information Flow")]
    pub information_flow: String,
    /// Field 7; blank, Us or Them.
    #[serde(rename = "Initiated By")]
    pub initiated_by: String,
    /// Field 8.
    #[serde(rename = "Attachment No.")]
    pub attachment_no: u64,
    /// Field 9; a decimal number with a point.
    #[serde(rename = "Cost (LCY)")]
    pub cost: String,
    /// Field 10; minutes, a decimal number with a point.
    #[serde(rename = "Duration (Min.)")]
    pub duration: String,
    /// Field 11.
    #[serde(rename = "User ID")]
    pub user_id: String,
    /// Field 12.
    #[serde(rename = "Interaction Group")]
    pub interaction_group: String,
    /// Field 13.
    #[serde(rename = "Interaction Template")]
    pub interaction_template: String,
    /// Field 14.
    #[serde(rename = "Campaign No.")]
    pub campaign_no: String,
    /// Field 15.
    #[serde(rename = "Campaign Entry No.")]
    pub campaign_entry_no: u64,
    /// Field 16.
    #[serde(rename = "Campaign Response")]
    pub campaign_response: Flag,
    /// Field 17.
    #[serde(rename = "Campaign Target")]
    pub campaign_target: Flag,
    /// Field 18.
    #[serde(rename = "Segment No.")]
    pub segment_no: String,
    /// Field 19; blank, or Very Positive to Very Negative.
    #[serde(rename = "Evaluation")]
    pub evaluation: String,
    /// Field 20; ISO 8601.
    #[serde(rename = "Time of Interaction")]
    pub time_of_interaction: String,
    /// Field 21.
    #[serde(rename = "Attempt Failed")]
    pub attempt_failed: Flag,
    /// Field 23.
    #[serde(rename = "To-do No.")]
    pub to_do_no: String,
    /// Field 24.
    #[serde(rename = "Salesperson")]
    pub salesperson: String,
    /// Field 25; blank, In Progress or Error.
    #[serde(rename = "Delivery Status")]
    pub delivery_status: String,
    /// Field 26.
    #[serde(rename = "Canceled")]
    pub canceled: Flag,
    /// Field 27; blank, Hard Copy or Email.
    #[serde(rename = "Correspondence Type")]
    pub correspondence_type: String,
    /// Field 28.
    #[serde(rename = "Alt. Address")]
    pub alt_address: String,
    /// Field 29.
    #[serde(rename = "Logged Segment Entry")]
    pub logged_segment_entry: u64,
    /// Field 30.
    #[serde(rename = "Document Type")]
    pub document_type: String,
    /// Field 31; the pass that it tells of.
    #[serde(rename = "Document No.")]
    pub document_no: String,
    /// Field 32.
    #[serde(rename = "Version")]
    pub version: u64,
    /// Field 33.
    #[serde(rename = "Doc. No. Occurrence")]
    pub doc_no_occurrence: u64,
    /// Field 34.
    #[serde(rename = "Contact Via")]
    pub contact_via: String,
    /// Field 36.
    #[serde(rename = "Language")]
    pub language: String,
    /// Field 37.
    #[serde(rename = "E-Mail Logged")]
    pub e_mail_logged: Flag,
    /// Field 38; fields and sides, never a value.
    #[serde(rename = "Subject")]
    pub subject: String,
    /// Field 44.
    #[serde(rename = "Opportunity No.")]
    pub opportunity_no: String,
    /// Field 45.
    #[serde(rename = "Postponed")]
    pub postponed: Flag,
}
