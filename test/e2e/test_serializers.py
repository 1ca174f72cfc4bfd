"""Confluent's JSON Schema and Protobuf serializers on the registry, random data between compatible Avro schemas, kcat."""
import base64
import collections
import io
import json
import os
import random
import re
import shutil
import struct
import subprocess

import fastavro
import httpx
import pytest
from conftest import ROOT
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from test_registry import Registry

SEED = int(os.environ.get("SEED", "1"))
LATEST = {"auto.register.schemas": False, "use.latest.version": True}


@pytest.fixture(scope="module")
def registry(arus, tmp_path_factory):
    r = Registry(arus, tmp_path_factory.mktemp("serializers"))
    yield r
    r.close()


@pytest.fixture
def client(registry):
    return SchemaRegistryClient({"url": registry.url})


@pytest.fixture
def consumer(registry):
    """Another client: one that has registered a .proto file keeps its text, where its deserializer wants a descriptor."""
    return SchemaRegistryClient({"url": registry.url})


def context(topic):
    return SerializationContext(topic, MessageField.VALUE)


# --- JSON Schema ---

def json_schema(properties, required, **more):
    return json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", "title": "Stock", "type": "object",
                       "properties": properties, "required": required, "additionalProperties": False, **more})


def test_json_evolves_both_ways(client):
    ticker, volume = {"ticker": {"type": "string"}}, {"volume": {"type": "integer"}}
    old, new = json_schema(ticker, ["ticker"]), json_schema({**ticker, **volume}, ["ticker"])
    at = context("json-stocks")
    written = JSONSerializer(old, client)({"ticker": "BBCA"}, at)
    newer = JSONSerializer(new, client)({"ticker": "TLKM", "volume": 5}, at)
    assert client.get_versions("json-stocks-value") == [1, 2]
    assert JSONDeserializer(new, schema_registry_client=client)(written, at) == {"ticker": "BBCA"}
    assert JSONDeserializer(None, schema_registry_client=client)(newer, at) == {"ticker": "TLKM", "volume": 5}
    assert JSONSerializer(None, client, conf=LATEST)({"ticker": "X"}, at)[:5] == newer[:5]
    narrow = Schema(json_schema(ticker, ["ticker"]), "JSON")
    assert not client.test_compatibility("json-stocks-value", narrow)
    client.set_compatibility("json-stocks-value", "FORWARD")
    assert client.test_compatibility("json-stocks-value", narrow)


def test_json_references(client):
    client.register_schema("json-currency", Schema('{"type": "string", "maxLength": 3}', "JSON"))
    text = json_schema({"price": {"type": "number"}, "in": {"$ref": "currency.json"}}, ["price"])
    schema = Schema(text, "JSON", [SchemaReference("currency.json", "json-currency", 1)])
    at = context("json-prices")
    written = JSONSerializer(schema, client)({"price": 9100.5, "in": "IDR"}, at)
    assert JSONDeserializer(schema, schema_registry_client=client)(written, at) == {"price": 9100.5, "in": "IDR"}
    kept = client.get_latest_version("json-prices-value").schema
    assert [(r.name, r.subject, r.version) for r in kept.references] == [("currency.json", "json-currency", 1)]
    latest = JSONSerializer(None, client, conf=LATEST)
    with pytest.raises(Exception, match="rupiah|too long|maxLength"):
        latest({"price": 1.0, "in": "rupiah"}, at)


# --- Protobuf ---

def compile_proto(folder, **files):
    """The messages of .proto files, by full name; without generated code."""
    for name, text in files.items():
        (folder / f"{name}.proto").write_text('syntax = "proto3";\npackage idx;\n' + text)
    out = folder / "set"
    subprocess.run(["protoc", f"-I{folder}", "--include_imports", f"--descriptor_set_out={out}",
                    *(str(folder / f"{name}.proto") for name in files)], check=True, timeout=60)
    pool = descriptor_pool.DescriptorPool()
    found = {}
    for file in descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file:
        pool.Add(file)
        for message in file.message_type:
            found[message.name] = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.{message.name}"))
    return found


def test_protobuf_evolves_both_ways(client, consumer, tmp_path):
    stock = "message Other { int32 x = 1; }\nmessage Stock { string ticker = 1; double close = 2;%s }\n"
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old = compile_proto(tmp_path / "old", stock=stock % "")["Stock"]
    new = compile_proto(tmp_path / "new", stock=stock % " int64 volume = 3;")["Stock"]
    at = context("proto-stocks")
    written = ProtobufSerializer(old, client)(old(ticker="BBCA", close=9100), at)
    newer = ProtobufSerializer(new, client)(new(ticker="TLKM", close=3000, volume=5), at)
    assert client.get_versions("proto-stocks-value") == [1, 2]
    assert ProtobufDeserializer(new, schema_registry_client=consumer)(written, at).ticker == "BBCA"
    assert ProtobufDeserializer(old, schema_registry_client=consumer)(newer, at).close == 3000
    assert ProtobufSerializer(new, consumer, conf=LATEST)(new(ticker="X"), at)[:5] == newer[:5]
    kept = client.get_latest_version("proto-stocks-value").schema
    assert kept.schema_type == "PROTOBUF" and "int64 volume = 3" in kept.schema_str
    for was, now, may in ((r"int64 volume = 3.*?;", "", True), ("int64 volume", "string volume", False)):
        text = re.sub(was, now, kept.schema_str)
        assert client.test_compatibility("proto-stocks-value", Schema(text, "PROTOBUF")) is may


def test_protobuf_imports(client, consumer, tmp_path):
    """Imports become references."""
    messages = compile_proto(tmp_path, money="message Money { string currency = 1; int64 units = 2; }\n", trade=(
        'import "money.proto";\nmessage Trade { Money price = 1; }\n'))
    trade = messages["Trade"](price=messages["Money"](currency="IDR", units=9100))
    at = context("proto-trades")
    written = ProtobufSerializer(messages["Trade"], client)(trade, at)
    assert ProtobufDeserializer(messages["Trade"], schema_registry_client=consumer)(written, at).price.units == 9100
    references = client.get_latest_version("proto-trades-value").schema.references
    assert [(r.name, r.subject, r.version) for r in references] == [("money.proto", "money.proto", 1)]
    assert client.get_versions("money.proto") == [1]


# --- Avro: what is called compatible is ---

def random_type(r, depth):
    kinds = ["int", "long", "float", "double", "string", "bytes", "boolean"]
    if depth and r.random() < 0.4:
        kind = r.choice(["array", "map", "union", "enum", "record"])
        if kind == "array":
            return {"type": "array", "items": random_type(r, depth - 1)}
        if kind == "map":
            return {"type": "map", "values": random_type(r, depth - 1)}
        if kind == "union":
            return ["null", r.choice(kinds)]
        if kind == "enum":
            return {"type": "enum", "name": f"E{r.randrange(10**9)}", "symbols": r.sample(["A", "B", "C", "D"], 3), "default": "A"}
        return random_record(r, depth - 1)
    return r.choice(kinds)


def random_record(r, depth):
    fields = [{"name": f"f{i}", "type": random_type(r, depth)} for i in range(r.randint(1, 4))]
    return {"type": "record", "name": f"R{r.randrange(10**9)}", "fields": fields}


def random_value(r, t):
    if isinstance(t, list):
        return random_value(r, r.choice(t))
    kind = t["type"] if isinstance(t, dict) else t
    if kind == "record":
        return {f["name"]: random_value(r, f["type"]) for f in t["fields"]}
    if kind == "array":
        return [random_value(r, t["items"]) for _ in range(r.randrange(3))]
    if kind == "map":
        return {str(i): random_value(r, t["values"]) for i in range(r.randrange(3))}
    if kind == "enum":
        return r.choice(t["symbols"])
    return {"null": None, "int": r.randrange(-2**31, 2**31), "long": r.randrange(-2**63, 2**63), "float": r.randrange(1000) / 8,
            "double": r.random(), "string": "s" * r.randrange(4), "bytes": b"b" * r.randrange(4), "boolean": r.random() < 0.5}[kind]


def changed(r, t):
    """The same type with small changes, some that a reader can bear and some that it cannot."""
    wider = {"int": ["long", "double", "string"], "long": ["float", "int"], "float": ["double"], "string": ["bytes"], "bytes": ["string"]}
    if isinstance(t, str):
        return r.choice(wider[t]) if t in wider and r.random() < 0.3 else ["null", t] if r.random() < 0.1 else t
    if isinstance(t, list):
        return t if r.random() < 0.8 else t[1]
    kind = t["type"]
    if kind == "array":
        return {**t, "items": changed(r, t["items"])}
    if kind == "map":
        return {**t, "values": changed(r, t["values"])}
    if kind == "enum":
        symbols = t["symbols"] if r.random() < 0.5 else ["A", *(s for s in t["symbols"] if s != "A")][:2]
        return {**t, "symbols": symbols} if "A" in symbols else {k: v for k, v in t.items() if k != "default"}
    fields = [{**f, "type": changed(r, f["type"])} for f in t["fields"] if r.random() < 0.9]
    if r.random() < 0.4:
        fields.append({"name": "added", "type": "int", **({"default": 7} if r.random() < 0.7 else {})})
    return {**t, "fields": fields}


def fixed_enums(t):
    """A default must be one of the symbols."""
    if isinstance(t, dict):
        if t.get("type") == "enum" and t.get("default") not in t["symbols"]:
            return {k: v for k, v in t.items() if k != "default"}
        return {k: fixed_enums(v) for k, v in t.items()}
    return [fixed_enums(x) for x in t] if isinstance(t, list) else t


DECODE = ROOT / "build" / "test" / "tools" / "decode"


def test_compatible_data_can_be_read(registry):
    """2,000 pairs: fastavro writes with one; it and we read with the other whenever the registry calls them compatible."""
    r, compatible, differ = random.Random(SEED), 0, collections.Counter()
    with httpx.Client(timeout=20) as http, subprocess.Popen([DECODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as ours:
        for i in range(2000):
            old = fixed_enums(random_record(r, 3))
            new = fixed_enums(changed(r, old))
            url = f"{registry.url}/subjects/pair{i}/versions"
            made = http.post(url, json={"schema": json.dumps(old)})
            assert made.status_code == 200, made.text
            verdict = http.post(f"{registry.url}/compatibility/subjects/pair{i}/versions/1?verbose=true", json={"schema": json.dumps(new)})
            if not verdict.json()["is_compatible"]:
                continue
            compatible += 1
            for _ in range(3):
                check_read(ours, old, new, random_value(r, old), differ)
        ours.stdin.close()
    print(f"{compatible} compatible pairs; where our columns are not what Avro's reader gives: {dict(differ)}")
    assert 300 < compatible < 1900 and set(differ) == set(REASONS)


# Where a row of columns is not what Avro's resolution gives, and why; docs/registry.md has the same list.
REASONS = {
    "default": "a field that the writer did not have is null, as in ksqlDB, where Avro gives the reader's default",
    "symbol": "an enum is text, and keeps a symbol that the reader does not know, where Avro gives the reader's default",
}


def check_read(ours, old, new, value, differ):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(old), value)
    data = out.getvalue()
    try:
        avro = fastavro.schemaless_reader(io.BytesIO(data), fastavro.parse_schema(old), fastavro.parse_schema(new))
        ours.stdin.write(json.dumps({"writer": json.dumps(old), "reader": json.dumps(new),
                                     "data": base64.b64encode(data).decode()}).encode() + b"\n")
        ours.stdin.flush()
        row = json.loads(ours.stdout.readline())
        compare(old, new, value, avro, row, differ)
    except Exception as e:
        raise AssertionError(f"{json.dumps(old)} read with {json.dumps(new)}, {value}: {e}") from e


def branch(t):
    """The type behind a nullable one."""
    return next(x for x in t if x != "null") if isinstance(t, list) else t


def compare(old, new, value, avro, row, differ, where="$"):
    """value: as it was written; avro: as fastavro reads it with the new schema; row: what our columns make of it."""
    old, new = branch(old), branch(new)
    kind = new["type"] if isinstance(new, dict) else new
    if avro is None:
        assert row is None, where
    elif kind == "record":
        assert list(row) == [f["name"].upper() for f in new["fields"]], where
        had = {f["name"]: f["type"] for f in old["fields"]}
        for f in new["fields"]:
            got = row[f["name"].upper()]
            if f["name"] in had:
                compare(had[f["name"]], f["type"], value[f["name"]], avro[f["name"]], got, differ, where + "." + f["name"])
            else:
                assert got is None and avro[f["name"]] == f["default"], where
                differ["default"] += 1
    elif kind == "array":
        assert len(row) == len(avro), where
        for v, x, got in zip(value, avro, row):
            compare(old["items"], new["items"], v, x, got, differ, where + "[]")
    elif kind == "map":
        assert set(row) == set(avro), where
        for k, x in avro.items():
            compare(old["values"], new["values"], value[k], x, row[k], differ, where + "{}")
    elif kind == "enum" and value not in new["symbols"]:
        assert row == value and avro == new["default"], where
        differ["symbol"] += 1
    elif kind == "bytes":
        assert base64.b64decode(row) == (avro.encode() if isinstance(avro, str) else avro), (where, row, avro)
    elif kind in ("float", "double"):
        assert isinstance(row, float) and (row == avro or struct.pack("f", row) == struct.pack("f", avro)), (where, row, avro)
    else:
        assert type(row) is type(avro) and row == avro, (where, row, avro)


# --- kcat ---

def test_kcat(registry):
    kcat = shutil.which("kcat")
    if not kcat:
        pytest.skip("kcat is not installed")
    features = subprocess.run([kcat, "-V"], capture_output=True, text=True, timeout=20, check=False)
    if "Avro" not in features.stdout + features.stderr:
        pytest.skip("this kcat was built without libserdes, as Debian's is: it has no -s value=avro")
    pytest.fail("this kcat has Avro: read a topic with -s value=avro -r " + registry.url)
