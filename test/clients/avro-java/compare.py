#!/usr/bin/env python3
"""compare.py [SEED [PAIRS]]: both must agree on which schemas are valid, on their text, and on each pair's incompatibilities."""
import json
import pathlib
import random
import re
import subprocess
import sys

here = pathlib.Path(__file__).resolve().parent
root = here.parent.parent.parent
PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]


class Maker:
    """Makes schemas, mostly valid ones; change() makes another version of one."""

    def __init__(self, rng):
        self.rng = rng
        self.names = []

    def name(self):
        return self.rng.choice(["A", "B", "C", "n.A", "n.D", "m.E"])

    def default(self, t, depth=0):
        r = self.rng
        if isinstance(t, list):
            return self.default(r.choice(t), depth) if t else None
        kind = t["type"] if isinstance(t, dict) else t
        if kind == "record":
            return {f["name"]: self.default(f["type"], depth + 1) for f in t["fields"]} if depth < 3 else {}
        return {"null": None, "boolean": True, "int": r.randrange(9), "long": r.randrange(9), "float": r.choice([1, 1.5, "2.5", 1e10]),
                "double": r.choice([0, -0.25, 1e-7]), "bytes": "\u00ff", "string": r.choice(["", "x\u00e9\n"]), "array": [], "map": {},
                "enum": (t["symbols"] + ["?"])[0] if isinstance(t, dict) and "symbols" in t else "A", "fixed": "ab"}.get(kind, 0)

    def properties(self, s):
        r = self.rng
        if r.random() < .15:
            s["doc"] = r.choice(["", "d", "d\u00e9\"\\"])
        if r.random() < .15:
            s["x" + r.choice("ab")] = r.choice([1, 1.50, "t", None, True, [1, {"b": 1, "a": 2}], {"z": 1, "a": [2]}])
        if r.random() < .1:
            s["logicalType"] = r.choice(["date", "decimal", "uuid", "timestamp-millis", "nope"])
            if r.random() < .5:
                s["precision"], s["scale"] = 4, r.choice([0, 2, 5])
        return s

    def named(self, depth):
        r = self.rng
        s = {"type": r.choice(["record", "record", "enum", "fixed"]), "name": self.name()}
        if r.random() < .2:
            s["namespace"] = r.choice(["n", "", "o.p"])
        if r.random() < .2:
            s["aliases"] = [self.name() for _ in range(r.randrange(3))]
        self.names.append(s["name"])
        if s["type"] == "enum":
            s["symbols"] = r.sample(["A", "B", "C", "D"], r.randrange(1, 4))
            if r.random() < .3:
                s["default"] = r.choice(s["symbols"] + ["Q"] * (r.random() < .1))
        elif s["type"] == "fixed":
            s["size"] = r.randrange(1, 4)
        else:
            s["fields"] = [self.field(n, depth) for n in r.sample(["a", "b", "c", "d"], r.randrange(4))]
        return self.properties(s)

    def field(self, name, depth):
        r = self.rng
        f = {"name": name, "type": self.type(depth + 1)}
        if r.random() < .4:
            f["default"] = self.default(f["type"]) if r.random() < .95 else r.choice([1, "x", None, {}])
        if r.random() < .15:
            f["aliases"] = r.sample(["a", "b", "e", "f"], r.randrange(3))
        if r.random() < .1:
            f["order"] = r.choice(["ascending", "descending", "ignore", "Ignore"])
        return self.properties(f)

    def type(self, depth=0):
        r = self.rng
        x = r.random()
        if self.names and x < .1:
            return r.choice(self.names)
        if x < .5 or depth > 3:
            return r.choice(PRIMITIVES)
        if x < .55:
            return self.properties({"type": r.choice(PRIMITIVES)})
        if x < .62:
            return self.properties({"type": "array", "items": self.type(depth + 1)})
        if x < .68:
            return self.properties({"type": "map", "values": self.type(depth + 1)})
        if x < .82:
            return [self.type(depth + 1) for _ in range(r.randrange(4))]
        return self.named(depth)

    def change(self, s):
        """The same with a few things different."""
        r = self.rng
        if r.random() < .06:
            return self.type(3)
        if isinstance(s, list):
            out = [self.change(x) for x in s]
            if out and r.random() < .2:
                out.pop(r.randrange(len(out)))
            if r.random() < .2:
                out.insert(r.randrange(len(out) + 1), r.choice(PRIMITIVES))
            return out
        if isinstance(s, str):
            return r.choice(PRIMITIVES) if r.random() < .15 else s
        out = {k: self.change(v) if k in ("items", "values") else v for k, v in s.items()}
        if "fields" in s:
            out["fields"] = []
            for f in s["fields"]:
                if r.random() < .1:
                    continue
                g = dict(f, type=self.change(f["type"]))
                if r.random() < .1:
                    g["aliases"], g["name"] = [f["name"]], "z" + f["name"]
                if r.random() < .15:
                    g.pop("default", None)
                out["fields"].append(g)
            if r.random() < .3:
                out["fields"].append(self.field("new", 2))
        if "symbols" in s and r.random() < .4:
            out["symbols"] = r.sample(["A", "B", "C", "D"], r.randrange(1, 4))
        if "size" in s and r.random() < .3:
            out["size"] = 7
        if r.random() < .05:
            out["name"] = self.name()
        return out


def ask(command, questions):
    text = "".join(json.dumps(q) + "\n" for q in questions)
    p = subprocess.run(command, cwd=here, input=text, capture_output=True, text=True, timeout=250)
    answers = [json.loads(line) for line in p.stdout.split("\n") if line]
    assert len(answers) == len(questions), p.stderr[-2000:]
    return answers


def reason(message):
    """Our message in the form of the oracle's."""
    m = re.fullmatch(r"\{errorType:'(\w+)', description:'(.*)', additionalInfo:'(.*)'\}", message, re.S)
    if not m:
        return message
    path = re.search(r"path '(/[^']*)'", m[2])
    return f"{m[1]} {path[1]} {m[3]}"


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    pairs = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    rng = random.Random(seed)
    questions = []
    for _ in range(pairs):
        old = Maker(rng).type()
        new = Maker(rng).change(old)
        questions.append({"type": "AVRO", "schema": json.dumps(new), "old": json.dumps(old)})
    theirs = ask(["java", "-cp", "target/avro-oracle-1.jar:target/lib/*", "Oracle"], questions)
    ours = ask([str(root / "build/test/tools/kinds")], questions)
    bad = valid = incompatible = 0
    for q, t, o in zip(questions, theirs, ours):
        want = (t["valid"], t.get("text"), t.get("messages"))
        have = (o["valid"], o.get("text"), [reason(m) for m in o["messages"]] if "messages" in o else None)
        if not t["valid"] and "text" in t:
            want = have = None if not o.get("messages") else want  # the old one is not valid
        valid += t["valid"]
        incompatible += bool(t.get("messages"))
        if want != have:
            bad += 1
            if bad <= 10:
                print("NEW", q["schema"], "\nOLD", q["old"], "\n  Avro:", want, t.get("error", ""), "\n  arus:", have, o.get("error", ""))
    print(f"seed {seed}: {pairs} pairs, {valid} valid, {incompatible} incompatible, {bad} disagreements")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
