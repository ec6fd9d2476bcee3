"""Fastest way of dlt: `sql_database` over SQLAlchemy, with Arrow tables.

    dlt_sql_database.py URL DATABASE
"""

import sys

import dlt
from dlt.sources.sql_database import sql_table

if __name__ == "__main__":
    address, database = sys.argv[1:]
    credentials = "sqlite+libsql://" + address.removeprefix("http://")
    pipeline = dlt.pipeline("peer", destination=dlt.destinations.duckdb(database), dataset_name="turso_data")
    table = sql_table(credentials=credentials, table="orders", backend="pyarrow", chunk_size=50_000)
    pipeline.run(table, write_disposition="replace")
