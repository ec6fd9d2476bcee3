"""Documented way of dlt: keyset pages over `/v2/pipeline`, into DuckDB.

    dlt_pipeline.py URL DATABASE
"""

import sys

import dlt
import requests

PAGE = 10_000


def value(cell):
    kind = cell["type"]
    if kind == "null":
        return None
    if kind == "integer":
        return int(cell["value"])
    return cell["base64"] if kind == "blob" else cell["value"]


@dlt.resource(name="orders", write_disposition="replace")
def orders(url):
    session = requests.Session()
    last = 0
    while True:
        statement = {
            "sql": f"SELECT * FROM orders WHERE id > ? ORDER BY id LIMIT {PAGE}",
            "args": [{"type": "integer", "value": str(last)}],
        }
        body = {"requests": [{"type": "execute", "stmt": statement}, {"type": "close"}]}
        response = session.post(f"{url}/v2/pipeline", json=body, timeout=60)
        response.raise_for_status()
        result = response.json()["results"][0]["response"]["result"]
        names = [column["name"] for column in result["cols"]]
        page = [dict(zip(names, map(value, row))) for row in result["rows"]]
        if not page:
            return
        yield page
        last = page[-1]["id"]


if __name__ == "__main__":
    address, database = sys.argv[1:]
    pipeline = dlt.pipeline("peer", destination=dlt.destinations.duckdb(database), dataset_name="turso_data")
    pipeline.run(orders(address))
