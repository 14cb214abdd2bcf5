"""Writes a CSV file of text as Parquet: `to_parquet.py FROM TO`. Empty cells become NULL, as DuckDB reads them."""
import sys

import duckdb

source, target = sys.argv[1:]
duckdb.read_csv(source, header=True, delimiter=",", quotechar='"', escapechar='"', all_varchar=True).write_parquet(target)
