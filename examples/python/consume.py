"""Reads decisions, prints each once, and accepts every READY. See docs/outreach.md for what the fields mean.

    pip install confluent-kafka fastavro
    python consume.py --servers 127.0.0.1:9092 --seen seen.db
"""

import argparse
import io
import json
import pathlib
import sqlite3
import time

from confluent_kafka import Consumer, Producer
from fastavro import parse_schema, schemaless_reader
from fastavro.schema import fingerprint, to_parsing_canonical_form

SCHEMA = pathlib.Path(__file__).parents[2] / "schemas" / "ready.avsc"


def by_fingerprint(*schemas) -> dict:
    return {fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"): parse_schema(schema) for schema in schemas}


def decode(value: bytes, schemas: dict, newest) -> dict:
    if value[:2] != b"\xc3\x01":  # not single-object encoding: the topic's format is json
        return json.loads(value)
    writer = schemas[value[2:10].hex()]  # a KeyError: written with a schema that we do not have
    return schemaless_reader(io.BytesIO(value[10:]), writer, newest)


def outcome(decision: dict, kind: str) -> bytes:
    event = {
        "event_id": f"{decision['decision_id']}:{kind}",  # the same when sent again: counts once
        "lead_id": decision["lead_id"],
        "occurred_at": int(time.time() * 1000),
        "source": "python-example",
        "kind": kind,
        "decision_id": decision["decision_id"],
    }
    return json.dumps(event).encode()


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--servers", default="127.0.0.1:9092")
    options.add_argument("--prefix", default="", help="app.topic_prefix of the configuration")
    options.add_argument("--seen", default="seen.db", help="what was acted on")
    options.add_argument("--count", type=int, default=0, help="end after so many decisions")
    args = options.parse_args()
    schema = json.loads(SCHEMA.read_text())
    schemas = by_fingerprint(schema)  # and the older versions that the topic may still hold
    seen = sqlite3.connect(args.seen)
    seen.execute("create table if not exists seen (id text, type text, reason text, unique (id, type, reason))")
    consumer = Consumer({
        "bootstrap.servers": args.servers, "group.id": "python-example", "auto.offset.reset": "earliest",
        "isolation.level": "read_committed", "enable.auto.commit": False,
    })
    producer = Producer({"bootstrap.servers": args.servers, "partitioner": "murmur2_random", "enable.idempotence": True})
    consumer.subscribe([args.prefix + "outreach.ready"])
    printed = 0
    while args.count == 0 or printed < args.count:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            raise SystemExit(str(message.error()))
        decision = decode(message.value(), schemas, schema)
        key = (decision["decision_id"], decision["type"], decision["reason"] or "")
        with seen:  # your task belongs into the same transaction
            if seen.execute("insert or ignore into seen values (?, ?, ?)", key).rowcount == 1:
                print(decision["type"], decision["lane"], decision["lead_id"], decision["headline"]["ja"], flush=True)
                printed += 1
        if decision["type"] == "ready":  # also after a crash right before: the event id is the same
            producer.produce(args.prefix + "outreach.outcome", key=decision["lead_id"], value=outcome(decision, "accepted"))
            producer.flush()
        consumer.commit(message, asynchronous=False)
    consumer.close()


main()
