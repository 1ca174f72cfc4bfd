"""Judges what clients saw of a broker that was killed, by the rules of Jepsen's checker for Kafka.

Clients note what they do in a History: writes, transactions, runs (a partition read by a consumer from its assignment
on) and commits of offsets. Each value is written once. `check` then holds what is in the log at the end against it:

  lost               an acknowledged write is not at its offset
  invented           a value that nobody wrote
  inconsistent       one offset with two values, among acknowledgements, runs and the end
  duplicate          a value at two offsets
  reordered          of one producer and partition a later write stands before an earlier one
  aborted-read       a reader of committed records saw an aborted transaction
  precommitted-read  … or one that nobody had begun to commit
  torn               some writes of a transaction are visible and some are not
  nonmonotonic       a run went back
  skipped            a run passed over a record that it should have seen, or a group never saw it
  commit-lost        a group's offset was read back as older than acknowledged, or as never committed

Not looked for: cycles between transactions (G0, G1c), for Kafka promises no order of transactions over partitions.
"""
import bisect
import collections
import dataclasses
import itertools


@dataclasses.dataclass
class Transaction:
    outcome: str = "in doubt"  # "committed", "aborted"
    committing: int = None  # when its commit was first asked for


@dataclasses.dataclass
class Write:
    value: str
    producer: str
    n: int  # ascending in each producer and partition
    partition: tuple  # (topic, index)
    transaction: Transaction = None
    offset: int = None  # None: never acknowledged


@dataclasses.dataclass
class Run:
    group: str
    committed: bool  # its isolation
    partition: tuple
    start: int
    polls: list = dataclasses.field(default_factory=list)  # (offset, value, when)


@dataclasses.dataclass
class Commit:
    group: str
    partition: tuple
    offset: int
    done: int = None  # None: it was never acknowledged


@dataclasses.dataclass
class Fetched:
    """A group's offset, read back; None: there was none."""
    group: str
    partition: tuple
    offset: int
    begun: int


class History:
    """What the clients did. `now` puts events of all threads into one order; lists are appended to by any thread."""

    def __init__(self):
        self.writes, self.runs, self.commits, self.fetched = {}, [], [], []
        self.end = {}  # (topic, index): {offset: value}, read uncommitted once all is quiet
        self.visible = {}  # the same, read committed
        self.clock = itertools.count()

    def now(self):
        return next(self.clock)

    def write(self, w):
        assert w.value not in self.writes
        self.writes[w.value] = w
        return w


Anomaly = collections.namedtuple("Anomaly", "kind text")


def check(h):
    """All anomalies."""
    found = []
    for rule in (_lost, _end, _offsets, _transactions, _runs, _unseen, _commits):
        found += itertools.starmap(Anomaly, rule(h))
    return found


def _lost(h):
    for w in h.writes.values():
        if w.offset is not None and h.end.get(w.partition, {}).get(w.offset) != w.value:
            yield "lost", f"{w.value} was acknowledged at {w.partition} {w.offset}"


def _end(h):
    for partition, records in h.end.items():
        at, last = {}, {}
        for offset, value in sorted(records.items()):
            w = h.writes.get(value)
            if w is None or w.partition != partition:
                yield "invented", f"{value} at {partition} {offset}"
                continue
            if value in at:
                yield "duplicate", f"{value} at {partition} {at[value]} and {offset}"
            elif last.get(w.producer, -1) > w.n:
                yield "reordered", f"{value} at {partition} {offset} after {last[w.producer]} of {w.producer}"
            at[value] = offset
            last[w.producer] = max(last.get(w.producer, -1), w.n)


def _offsets(h):
    seen = collections.defaultdict(set)
    for w in h.writes.values():
        if w.offset is not None:
            seen[w.partition, w.offset].add(w.value)
    for r in h.runs:
        for offset, value, _ in r.polls:
            seen[r.partition, offset].add(value)
    for records in (h.end, h.visible):
        for partition, values in records.items():
            for offset, value in values.items():
                seen[partition, offset].add(value)
    for (partition, offset), values in seen.items():
        if len(values) > 1:
            yield "inconsistent", f"{partition} {offset}: {', '.join(sorted(values))}"


def _transactions(h):
    shown = {value for values in h.visible.values() for value in values.values()}
    when = {}  # a value was first seen by a reader of committed records
    for r in h.runs:
        for _, value, at in r.polls if r.committed else ():
            when[value] = min(at, when.get(value, at))
    parts = collections.defaultdict(lambda: (Transaction(), [], []))
    for w in h.writes.values():
        t = w.transaction
        seen = w.value in shown or w.value in when
        if t is None:
            if w.offset is not None and w.value not in shown:
                yield "lost", f"{w.value} is not among the committed records"
            continue
        if seen and t.outcome == "aborted":
            yield "aborted-read", w.value
        elif w.value in when and (t.committing is None or when[w.value] < t.committing):
            yield "precommitted-read", w.value
        if seen or w.offset is not None:
            parts[id(t)][1 if seen else 2].append(w.value)
        if w.offset is not None and t.outcome == "committed" and w.value not in shown:
            yield "lost", f"{w.value} of a committed transaction"
    for _, seen, unseen in parts.values():
        if seen and unseen:
            yield "torn", f"{seen[0]} is visible, {unseen[0]} is not"


def _offsets_due(h):
    """Per isolation and partition, the offsets that readers should see, in order."""
    return {True: {p: sorted(v) for p, v in h.visible.items()}, False: {p: sorted(v) for p, v in h.end.items()}}


def _runs(h):
    due = _offsets_due(h)
    for r in h.runs:
        want = due[r.committed].get(r.partition, [])
        i = bisect.bisect_left(want, r.start)
        for offset, value, _ in r.polls:
            at = bisect.bisect_left(want, offset)
            if at < i:
                yield "nonmonotonic", f"{r.group} read {value} at {r.partition} {offset} again"
            elif at > i:
                yield "skipped", f"{r.group} went from {r.partition} {want[i]} to {offset}"
            i = at + (at < len(want) and want[at] == offset)


def _unseen(h):
    """What lies before a group's last acknowledged commit, one of its readers has seen."""
    due, seen, upto = _offsets_due(h), collections.defaultdict(set), {}
    isolation = {}
    for r in h.runs:
        isolation[r.group] = r.committed
        seen[r.group, r.partition].update(offset for offset, _, _ in r.polls)
    for c in h.commits:
        if c.done is not None:
            key = c.group, c.partition
            upto[key] = max(c.offset, upto.get(key, 0))
    for (group, partition), end in upto.items():
        for offset in due[isolation.get(group, False)].get(partition, []):
            if offset < end and offset not in seen[group, partition]:
                yield "skipped", f"{group} committed {partition} {end}, and never saw {offset}"


def _commits(h):
    commits = collections.defaultdict(list)
    for c in h.commits:
        commits[c.group, c.partition].append(c)
    for f in h.fetched:
        all_of = commits[f.group, f.partition]
        sure = max((c.offset for c in all_of if c.done is not None and c.done < f.begun), default=None)
        if sure is not None and (f.offset is None or f.offset < sure):
            yield "commit-lost", f"{f.group} {f.partition}: {sure} was committed, {f.offset} is there"
        elif f.offset is not None and f.offset not in {c.offset for c in all_of}:
            yield "commit-lost", f"{f.group} {f.partition}: {f.offset} is there, which nobody committed"
