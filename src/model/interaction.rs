//! The interaction log entry, with the fields of Business Central's table 5065 (`business-central.md` §10.5).

use serde::{Deserialize, Serialize};

/// One entry of the interaction log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InteractionLogEntry {
    /// Entry No., without gaps.
    #[serde(rename = "Entry No.")]
    pub entry_no: u64,
    /// Contact No.
    #[serde(rename = "Contact No.")]
    pub contact_no: String,
    /// Contact Company No.
    #[serde(rename = "Contact Company No.")]
    pub contact_company_no: String,
    /// Date, ISO 8601.
    #[serde(rename = "Date")]
    pub date: String,
    /// Description, at most 100 characters. Never holds a value.
    #[serde(rename = "Description")]
    pub description: String,
    /// Information Flow: blank, Outbound or Inbound.
    #[serde(rename = "Information Flow")]
    pub information_flow: String,
    /// Initiated By: blank, Us or Them.
    #[serde(rename = "Initiated By")]
    pub initiated_by: String,
    /// User ID.
    #[serde(rename = "User ID")]
    pub user_id: String,
    /// Interaction Group.
    #[serde(rename = "Interaction Group")]
    pub interaction_group: String,
    /// Interaction Template.
    #[serde(rename = "Interaction Template")]
    pub interaction_template: String,
    /// Time of Interaction, ISO 8601.
    #[serde(rename = "Time of Interaction")]
    pub time_of_interaction: String,
    /// Salesperson.
    #[serde(rename = "Salesperson")]
    pub salesperson: String,
    /// Canceled.
    #[serde(rename = "Canceled")]
    pub canceled: String,
    /// Correspondence Type: blank, Hard Copy or Email.
    #[serde(rename = "Correspondence Type")]
    pub correspondence_type: String,
    /// Document Type.
    #[serde(rename = "Document Type")]
    pub document_type: String,
    /// Document No.: the pass that it tells of.
    #[serde(rename = "Document No.")]
    pub document_no: String,
    /// Subject: which fields moved, and because of which side.
    #[serde(rename = "Subject")]
    pub subject: String,
}
