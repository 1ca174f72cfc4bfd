"""Which JSON Schemas and .proto files are valid: random ones, judged by us and by a peer.

The registry follows Confluent's, which is more lenient than the specifications, and now and then stricter. Each disagreement must
have a reason in the tables here, which docs/registry.md repeats; one that has none fails.
"""
import json
import os
import random
import re
import subprocess

import jsonschema
import pytest

from conftest import ROOT

KINDS = ROOT / "build" / "test" / "tools" / "kinds"
ROUNDS = 20000 if os.environ.get("ARUS_SOAK") else 2000
SEED = int(os.environ.get("SEED", "1"))


@pytest.fixture(scope="module")
def ask():
    with subprocess.Popen([KINDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        def one(kind, schema):
            process.stdin.write(json.dumps({"type": kind, "schema": schema}) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())
        yield one
        process.stdin.close()


def reason_of(text, table):
    return next((reason for pattern, reason in table if re.search(pattern, text)), None)


# --- JSON Schema ---

DRAFTS = {
    4: ("http://json-schema.org/draft-04/schema#", jsonschema.Draft4Validator),
    6: ("http://json-schema.org/draft-06/schema#", jsonschema.Draft6Validator),
    7: ("http://json-schema.org/draft-07/schema#", jsonschema.Draft7Validator),
    2019: ("https://json-schema.org/draft/2019-09/schema", jsonschema.Draft201909Validator),
    2020: ("https://json-schema.org/draft/2020-12/schema", jsonschema.Draft202012Validator),
}

# We take it, the draft's meta-schema does not: what it says.
JSON_LENIENT = [
    (r"is less than the minimum of 0|is less than or equal to the minimum of 0", "a negative bound is only a bound"),
    (r"should be non-empty|is too short", "an empty enum, required, type, allOf or list of dependencies says nothing"),
    (r"has non-unique elements", "what is listed twice counts once"),
    (r"^(True|False) is not of type 'object'", "draft 4 takes true and false for most schemas, as later drafts do"),
    (r"is a dependency of", "draft 4's exclusive bound may stand alone"),
    (r"\d\.\d+ is not of type 'integer'", "any number may bound a length in 2019-09 and 2020-12"),
]
# The drafts' meta-schemas take it, we do not.
JSON_STRICT = [
    (r"must be an integer", "1.0 is no integer to the reader of drafts 4, 6 and 7"),
    (r"no regular expression", "meta-schemas only annotate that a pattern is a regular expression"),
]


class JsonSchemas:
    """Random schemas of a draft; now and then a keyword has a value of another kind."""

    def __init__(self, rng, draft):
        self.rng, self.draft = rng, draft

    def wrong(self):
        return self.rng.choice([None, True, 1, -1, 1.5, 1.0, "x", [], {}, ["a", "a"], [1], {"a": 1}, "(", "number"])

    def schema(self, depth):
        rng = self.rng
        if self.draft > 4 and rng.random() < 0.05:
            return rng.random() < 0.5
        return {k: self.wrong() if rng.random() < 0.08 else make(depth) for k, make in
                rng.sample(sorted(self.keywords().items()), rng.randint(0, 4))}

    def keywords(self):
        rng = self.rng
        size = lambda d: rng.randint(0, 9)
        number = lambda d: rng.choice([1, 0.5, 100, -3, 1e3])
        text = lambda d: rng.choice(["a", "b", ""])
        sub = lambda d: self.schema(d + 1) if d < 3 else {}
        subs = lambda d: [sub(d) for _ in range(rng.randint(1, 3))]
        named = lambda d: {k: sub(d) for k in rng.sample("abcd", rng.randint(0, 3))}
        names = lambda d: rng.sample("abcd", rng.randint(1, 3))
        k = {
            "type": lambda d: rng.choice(["string", "integer", "number", "object", "array", "boolean", "null", ["string", "null"]]),
            "minLength": size, "maxLength": size, "minItems": size, "maxItems": size, "minProperties": size, "maxProperties": size,
            "minimum": number, "maximum": number, "multipleOf": lambda d: rng.choice([1, 0.5]), "title": text, "description": text,
            "pattern": lambda d: rng.choice(["^a", "[a-z]+", "x|y"]), "format": text, "uniqueItems": lambda d: True,
            "required": names, "properties": named, "patternProperties": lambda d: {"^x": sub(d)}, "additionalProperties": sub,
            "enum": lambda d: [1, "a", None][:rng.randint(1, 3)], "allOf": subs, "anyOf": subs, "oneOf": subs, "not": sub,
            "default": lambda d: 1, "items": sub,
        }
        if self.draft == 4:
            k |= {"exclusiveMaximum": lambda d: True, "dependencies": lambda d: {"a": rng.choice([names(d), sub(d)])}}
        else:
            k |= {"exclusiveMaximum": number, "const": lambda d: 1, "contains": sub, "propertyNames": sub}
        if self.draft <= 7:
            k |= {"additionalItems": sub, "items": lambda d: rng.choice([sub, subs])(d)}
        if self.draft in (6, 7):
            k |= {"dependencies": lambda d: {"a": rng.choice([names(d), sub(d)])}}
        if self.draft >= 7:
            k |= {"if": sub, "then": sub, "else": sub, "readOnly": lambda d: True}
        if self.draft >= 2019:
            k |= {"dependentRequired": lambda d: {"a": names(d)}, "dependentSchemas": named, "unevaluatedProperties": sub,
                  "unevaluatedItems": sub, "minContains": size, "$defs": named, "deprecated": lambda d: False}
        if self.draft >= 2020:
            k |= {"prefixItems": subs}
        return k


def complaints(validator, schema):
    """What the draft's meta-schema says: for each error the errors that it is made of."""
    def leaves(error):
        return [leaf for part in error.context for leaf in leaves(part)] if error.context else [error]
    return [leaves(error) for error in validator(validator.META_SCHEMA).iter_errors(schema)]


def unread(error, draft):
    """A keyword that the reader of this draft does not reach: those that go with another, without it."""
    return draft >= 2019 and {"then", "else", "minContains", "maxContains"} & set(map(str, error.absolute_path))


def test_json_schemas(ask):
    rng = random.Random(SEED)
    open_points, lenient, strict = [], 0, 0
    for _ in range(ROUNDS):
        draft = rng.choice(list(DRAFTS))
        url, validator = DRAFTS[draft]
        schema = JsonSchemas(rng, draft).schema(0)
        if isinstance(schema, dict):
            schema["$schema"] = url
        ours, theirs = ask("JSON", json.dumps(schema)), complaints(validator, schema)
        if ours["valid"] and theirs:
            lenient += 1
            if not all(any(reason_of(e.message, JSON_LENIENT) or unread(e, draft) for e in leaves) for leaves in theirs):
                open_points.append((draft, schema, [[e.message for e in leaves] for leaves in theirs]))
        elif not ours["valid"] and not theirs:
            strict += 1
            if not reason_of(ours["error"], JSON_STRICT):
                open_points.append((draft, schema, ours["error"]))
    print(f"{ROUNDS} schemas: {lenient} taken that the meta-schema refuses, {strict} refused that it takes")
    assert not open_points, open_points[:5]


# --- Protobuf ---

# We take it, protoc does not: what it says.
PROTO_LENIENT = [
    (r"has already been used in|is already defined in|conflicts with|has the same name as", "only the types of a file, and its services, need names of their own"),
    (r"Field numbers |Suggested field numbers|Expected field number", "any number is taken for a field"),
    (r"uses reserved|is reserved|overlaps with", "fields are not compared with what is reserved"),
    (r"first enum value must be zero|uses the same enum value|must contain at least one value", "enums' numbers are not compared"),
    (r"[Dd]efault value|Expected (integer|number|string)|Expected \"true\"", "a default is not compared with its type"),
    (r"Key in map fields|Expected string for JSON name", "any type may be a map's key, any value a JSON name"),
    (r"was not found|File not found|which is not imported", "an import need not be there: a type is looked for in all references and the well-known files"),
    (r"is not defined", "a map's value type need not be there"),
    (r"is not an enum|is not a message type|is not a type", "what a type is for is not asked"),
    (r"[Oo]ption \"", "options are not looked up"),
    (r"Oneof must have at least one field", "a oneof may be empty"),
    (r"No syntax specified|Multiple package", "syntax may be left out, and the package said again"),
    (r"Expected (identifier|(type|message|enum|oneof|service|method|package|field) name)|Need space|Expected \"|Expected top-level", "words may hold digits, dots and dashes anywhere, and a semicolon may stand between declarations"),
]
# protoc takes it, we do not.
PROTO_STRICT = [
    (r"edition", "editions are not read"),
    (r"expected field declaration|expected '\{'", "groups hold fields only, and have no options"),
]

SCALARS = "int32 int64 uint32 uint64 sint32 sint64 fixed32 fixed64 sfixed32 sfixed64 bool string bytes float double".split()


class Protos:
    """Random .proto files; most are valid, some are damaged by a token that is gone, doubled or another."""

    def __init__(self, rng):
        self.rng, self.three = rng, rng.random() < 0.7
        self.types = []

    def file(self):
        rng = self.rng
        out = [f'syntax = "proto{3 if self.three else 2}";'] + ["package a.b;"] * (rng.random() < 0.5)
        if rng.random() < 0.3:
            out.append('import "google/protobuf/timestamp.proto";')
            self.types.append("google.protobuf.Timestamp")
        if rng.random() < 0.3:
            out.append(rng.choice(['option java_package = "x.y";', "option optimize_for = SPEED;", "option deprecated = true;"]))
        for name in rng.sample(["A", "B", "C", "D"], rng.randint(1, 4)):
            out.append(self.enum(name) if rng.random() < 0.25 else self.message(name, 0))
            self.types.append(name)
        if rng.random() < 0.2:
            types = [t for t in self.types if t != "google.protobuf.Timestamp"]
            message = next((t for t, text in zip(reversed(types), reversed(out)) if text.startswith("message")), None)
            if message:
                out.append(f"service S {{ rpc Get ({message}) returns (stream {message}) {{ option deprecated = true; }} }}")
        text = "\n".join(out)
        return self.damage(text) if rng.random() < 0.5 else text

    def enum(self, name):
        return f"enum {name} {{ {name}_X = 0; {name}_Y = {self.rng.randint(0, 2)}; }}"

    def number(self):
        return self.rng.choice([self.rng.randint(1, 400)] * 60 + [0, -1, 19500, 536870911, 536870912])

    def field(self, name, bare=False):
        rng = self.rng
        type_ = rng.choice(SCALARS + self.types * 2 + ["Nowhere"] * (rng.random() < 0.1))
        label = "" if bare else rng.choice(["optional ", "repeated ", "" if self.three else "required "])
        if not bare and rng.random() < 0.15:
            return f"map<{rng.choice(['string', 'int32', 'bool', 'double'])}, {type_}> {name} = {self.number()};"
        options = rng.choice([""] * 6 + [" [deprecated = true]", " [packed = false]", f' [json_name = "{name}"]', " [default = 1]"])
        return f"{label}{type_} {name} = {self.number()}{options};"

    def message(self, name, depth):
        rng, out = self.rng, []
        for _ in range(rng.randint(0, 4)):
            roll = rng.random()
            field = rng.choice("pqrstuvw") + str(rng.randint(0, 9))
            if roll < 0.7:
                out.append(self.field(field))
            elif roll < 0.8:
                out.append(f"oneof o{field} {{ {self.field(field, True)} {self.field('x' + field, True)} }}")
            elif roll < 0.87:
                out.append(rng.choice(["reserved 50 to 60;", 'reserved "zz";', "reserved 3, 70 to max;"]))
            elif depth < 2:
                out.append(self.message("N" + field, depth + 1))
            else:
                out.append(self.enum("E" + field))
        return f"message {name} {{ {' '.join(out)} }}"

    def damage(self, text):
        rng = self.rng
        tokens = re.findall(r'"[^"]*"|\w+|[^\w\s]|\s+', text)
        i = rng.randrange(len(tokens))
        what = rng.random()
        if what < 0.4:
            tokens[i] = ""
        elif what < 0.6:
            tokens.insert(i, tokens[i] + " ")
        else:
            tokens[i] = rng.choice([";", "}", "{", "=", "1", "x", '"s"', "message", "[", ","])
        return "".join(tokens)


def test_proto_files(ask, tmp_path):
    rng = random.Random(SEED)
    open_points, lenient, strict = [], 0, 0
    path, timestamp = tmp_path / "t.proto", tmp_path / "google/protobuf/timestamp.proto"
    timestamp.parent.mkdir(parents=True)
    timestamp.write_text('syntax = "proto3"; package google.protobuf; message Timestamp { int64 seconds = 1; int32 nanos = 2; }')
    for _ in range(ROUNDS):
        text = Protos(rng).file()
        path.write_text(text)
        ours = ask("PROTOBUF", text)
        peer = subprocess.run(["protoc", f"-I{tmp_path}", "--descriptor_set_out=/dev/null", "t.proto"],
                              capture_output=True, text=True, check=False, timeout=20)
        says = "\n".join(line for line in peer.stderr.splitlines() if "warning" not in line)
        if ours["valid"] and peer.returncode:
            lenient += 1
            if not all(reason_of(line, PROTO_LENIENT) for line in says.splitlines()):
                open_points.append((text, says))
        elif not ours["valid"] and not peer.returncode:
            strict += 1
            if not reason_of(ours["error"], PROTO_STRICT):
                open_points.append((text, ours["error"]))
    print(f"{ROUNDS} files: {lenient} taken that protoc refuses, {strict} refused that it takes")
    assert not open_points, "\n".join("\n".join(p) for p in open_points[:5])
