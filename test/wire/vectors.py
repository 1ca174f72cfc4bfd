"""Writes vectors.inc: messages as kafka-python encodes them, each API in each version, to hold our tables against.

    tools/venv; .venv/bin/python test/wire/vectors.py
"""
import importlib
import pathlib
import random
import re
import uuid

import kafka.protocol

here = pathlib.Path(__file__).resolve().parent
chance = random.Random(1)
MODULES = ["metadata", "admin", "consumer", "sasl", "producer"]


def value(field, version):
    if field._nullable_versions and field._nullable_versions[0] <= version <= field._nullable_versions[1]:
        if chance.random() < 0.2:
            return None
    if field.is_struct_array():
        return [struct(field.array_of, version) for _ in range(chance.randrange(3))]
    if field.is_struct():
        return struct(field, version)
    if field.is_array():
        return [simple(field.array_of._type_str) for _ in range(chance.randrange(3))]
    return simple(field._type_str)


def simple(kind):
    return {
        "bool": lambda: chance.random() < 0.5,
        "int8": lambda: chance.randrange(-128, 128),
        "int16": lambda: chance.randrange(-1 << 15, 1 << 15),
        "uint16": lambda: chance.randrange(1 << 16),
        "int32": lambda: chance.randrange(-1 << 31, 1 << 31),
        "int64": lambda: chance.randrange(-1 << 63, 1 << 63),
        "float64": lambda: chance.random(),
        "uuid": lambda: uuid.UUID(int=chance.getrandbits(128)),
        "string": lambda: "".join(chance.choices("abcxyz0129-.é", k=chance.randrange(9))),
        "bytes": lambda: chance.randbytes(chance.randrange(9)),
        "records": lambda: chance.randbytes(chance.randrange(200)),
        "bitfield": lambda: {chance.randrange(12) for _ in range(2)},
    }[kind]()


def struct(field, version):
    return field.data_class(version=version, **values(field, version))


def values(field, version):
    found = {}
    for f in field._fields:
        if f.for_version_q(version) and not (f._tag is not None and chance.random() < 0.3):
            found[f.name] = value(f, version)
    return found


def classes():
    for name in MODULES:
        module = importlib.import_module("kafka.protocol." + name)
        for attr in vars(module).values():
            if isinstance(attr, type) and re.search("(Request|Response)$", attr.__name__):
                yield attr


def main():
    served = {}
    for line in (here / "../../src/wire/apis.def").read_text().splitlines():
        m = re.match(r'API\((\d+), \w+, "(\w+)", (\d+), (\d+)', line)
        if m:
            served[m[2]] = int(m[3]), int(m[4])
    lines = set()
    for cls in classes():
        m = re.fullmatch(r"(\w+)(Request|Response)", cls.__name__)
        if not m or m[1] not in served:
            continue
        for version in range(served[m[1]][0], served[m[1]][1] + 1):
            text = cls[version](**values(cls._struct, version)).encode(header=False).hex()
            lines.add(f"{m[1]} {m[2].lower()} {version} {text}")
    (here / "vectors.inc").write_text("".join(f'"{line}",\n' for line in sorted(lines)))
    print(len(lines), "vectors by kafka-python", kafka.__version__)


main()
