//! The columns of the benchmark's exports.

/// The nineteen shared fields, in the order of `state.csv`. Every table has them under the same names.
#[rustfmt::skip]
pub const SHARED: [&str; 19] = [
    "Name", "Name 2", "Address", "Address 2", "City", "Post Code", "County", "Country/Region Code",
    "Phone No.", "Mobile Phone No.", "Fax No.", "Telex No.", "E-Mail", "Home Page", "Language Code",
    "Currency Code", "Territory Code", "VAT Registration No.", "Registration Number",
];

#[rustfmt::skip]
pub const CONTACT: [&str; 31] = [
    "No.", "Type", "Parent Ref", "Parent Label", "Name", "Name 2", "Sort Key", "Job Title", "Address", "Address 2",
    "Post Code", "City", "County", "Country/Region Code", "Phone No.", "Mobile Phone No.", "Fax No.", "Telex No.",
    "E-Mail", "Home Page", "Language Code", "Currency Code", "Account Owner", "Territory Code",
    "VAT Registration No.", "Registration Number", "Correspondence Type", "External ID", "Last Date Modified",
    "Privacy Blocked", "Comment",
];

#[rustfmt::skip]
pub const CUSTOMER: [&str; 33] = [
    "No.", "Name", "Name 2", "Sort Key", "Address", "Address 2", "City", "Post Code", "County",
    "Country/Region Code", "Phone No.", "Mobile Phone No.", "Fax No.", "Telex No.", "E-Mail", "Home Page",
    "Customer Posting Group", "Gen. Bus. Posting Group", "VAT Bus. Posting Group", "Payment Terms Code",
    "Payment Method Code", "Credit Limit (LCY)", "Language Code", "Currency Code", "Account Owner",
    "Territory Code", "VAT Registration No.", "Registration Number", "Blocked", "Location Code", "Id",
    "Last Date Modified", "Shipment Method Code",
];

#[rustfmt::skip]
pub const VENDOR: [&str; 31] = [
    "No.", "Name", "Name 2", "Sort Key", "Address", "Address 2", "City", "Post Code", "County",
    "Country/Region Code", "Phone No.", "Mobile Phone No.", "Fax No.", "Telex No.", "E-Mail", "Home Page",
    "Vendor Posting Group", "Gen. Bus. Posting Group", "VAT Bus. Posting Group", "Payment Terms Code",
    "Our Account No.", "Language Code", "Currency Code", "Purchaser Code", "Territory Code", "VAT Registration No.",
    "Registration Number", "Blocked", "Id", "Last Date Modified", "Priority",
];

#[rustfmt::skip]
pub const BANK: [&str; 29] = [
    "No.", "Name", "Name 2", "Sort Key", "Bank Account No.", "Bank Branch No.", "IBAN", "SWIFT Code", "Address",
    "Address 2", "City", "Post Code", "County", "Country/Region Code", "Phone No.", "Mobile Phone No.", "Fax No.",
    "Telex No.", "E-Mail", "Home Page", "Language Code", "Currency Code", "Our Contact Code", "Territory Code",
    "Bank Acc. Posting Group", "Blocked", "Id", "Last Date Modified", "Min. Balance",
];

#[rustfmt::skip]
pub const RELATION: [&str; 4] = ["Contact No.", "Business Relation Code", "Link to Table", "No."];
