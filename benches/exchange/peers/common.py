"""What the peers share: the tables, their shared fields, and the arguments that each takes."""
import argparse
import os

SHARED = [
    "Name", "Name 2", "Address", "Address 2", "City", "Post Code", "County", "Country/Region Code",
    "Phone No.", "Mobile Phone No.", "Fax No.", "Telex No.", "E-Mail", "Home Page", "Language Code",
    "Currency Code", "Territory Code", "VAT Registration No.", "Registration Number",
]
TABLES = {"Customer": "customers", "Vendor": "vendors", "Bank Account": "bank_accounts"}
LACKS = {"Bank Account": {"VAT Registration No.", "Registration Number"}}
LOG = ["Contact No.", "Table", "No.", "Field", "Written To", "Old Value", "New Value", "Conflict"]


def fields(table):
    """The shared fields that a table has, with its name of each."""
    return [(f, f) for f in SHARED if f not in LACKS.get(table, ())]


def args():
    p = argparse.ArgumentParser()
    p.add_argument("--current", required=True, help="folder of the five exports as they are now")
    p.add_argument("--state", required=True, help="values of the last pass, CSV or Parquet")
    p.add_argument("--out", required=True, help="folder to write the merged exports, the new state and the log to")
    p.add_argument("--threads", type=int, default=os.cpu_count())
    a = p.parse_args()
    os.makedirs(a.out, exist_ok=True)
    return a
