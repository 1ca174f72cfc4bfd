"""The checker finds each fault that is planted into a good history, and nothing else."""
import pytest
from checker import Commit, Fetched, History, Run, Transaction, Write, check

P = ("t", 0)
Q = ("t", 1)


def good():
    """Partition P: two plain writes, one that was aborted, one of a committed transaction, a marker each, one in doubt.
    Partition Q: the other half of both transactions."""
    h = History()
    aborted, committed = Transaction("aborted"), Transaction("committed")

    def write(value, partition, offset, t=None):
        producer, n = value.split(".")
        h.write(Write(value, producer, int(n), partition, t, offset))

    write("a.0", P, 0)
    write("a.1", P, 1)
    write("b.0", P, 2, aborted)
    write("b.1", Q, 0, aborted)
    write("b.2", P, 4, committed)
    write("b.3", Q, 2, committed)
    write("a.2", P, None)
    write("a.3", P, None)
    h.end = {P: {0: "a.0", 1: "a.1", 2: "b.0", 4: "b.2", 6: "a.2"}, Q: {0: "b.1", 2: "b.3"}}
    h.visible = {P: {0: "a.0", 1: "a.1", 4: "b.2", 6: "a.2"}, Q: {2: "b.3"}}
    for n in range(2):
        h.runs.append(Run("all", False, (P, Q)[n], 0, [(o, v, h.now()) for o, v in h.end[(P, Q)[n]].items()]))
    h.runs.append(Run("committed", True, P, 0, [(0, "a.0", h.now()), (1, "a.1", h.now())]))
    committed.committing = h.now()
    h.runs.append(Run("committed", True, P, 2, [(4, "b.2", h.now()), (6, "a.2", h.now())]))
    h.commits.append(Commit("committed", P, 2, done=h.now()))
    h.fetched.append(Fetched("committed", P, 2, h.now()))
    h.commits.append(Commit("committed", P, 7, done=None))
    h.fetched.append(Fetched("committed", P, 2, h.now()))
    h.fetched.append(Fetched("committed", P, 7, h.now()))
    h.commits.append(Commit("all", P, 7, done=h.now()))
    return h


def both(h):
    return h.end, h.visible


def drop(h, partition, offset):
    """Nobody ever saw it."""
    for records in both(h):
        records[partition].pop(offset, None)
    for r in h.runs:
        r.polls = [p for p in r.polls if r.partition != partition or p[0] != offset]


def lost(h):
    drop(h, P, 1)


def lost_at_the_end_of_the_log(h):
    drop(h, P, 6)
    h.writes["a.2"].offset = 6


def invented(h):
    h.end[P][7] = h.visible[P][7] = "z.0"


def in_another_partition(h):
    h.end[Q][7] = h.visible[Q][7] = "a.3"


def another_value_was_acknowledged(h):
    h.writes["a.3"].offset = 6


def another_value_was_read(h):
    h.runs[2].polls[1] = (1, "a.3", 0)


def duplicate(h):
    h.end[P][7] = h.visible[P][7] = "a.1"


def reordered(h):
    for records in both(h):
        records[P][7], records[P][8] = "a.3", "a.2"
        del records[P][6]
    for r in h.runs:
        r.polls = [p for p in r.polls if p[0] != 6]
    h.commits.clear()
    h.fetched.clear()


def aborted_read(h):
    h.visible[P][2], h.visible[Q][0] = "b.0", "b.1"
    h.runs[3].polls.insert(0, (2, "b.0", h.now()))


def aborted_read_that_nobody_sees_again(h):
    h.runs[3].polls.insert(0, (2, "b.0", h.now()))


def precommitted_read(h):
    h.writes["b.2"].transaction.committing = h.now()


def torn(h):
    h.writes["b.2"].transaction.outcome = "in doubt"
    del h.visible[Q][2]


def half_of_a_committed_one(h):
    del h.visible[Q][2]


def nonmonotonic(h):
    h.runs[2].polls.append((0, "a.0", h.now()))


def skipped(h):
    del h.runs[0].polls[1]


def skipped_by_a_jump_of_the_group(h):
    h.runs[3].start = 6
    del h.runs[3].polls[0]
    h.commits[1].done = h.now()


def skipped_at_the_start(h):
    h.runs[3].start = 0


def commit_lost(h):
    h.fetched.append(Fetched("all", P, None, h.now()))


def commit_gone_back(h):
    h.commits.append(Commit("all", P, 1, None))
    h.fetched.append(Fetched("all", P, 1, h.now()))


def commit_invented(h):
    h.fetched.append(Fetched("committed", P, 5, h.now()))


FAULTS = [
    (lost, {"lost"}), (lost_at_the_end_of_the_log, {"lost"}), (invented, {"invented"}),
    (in_another_partition, {"invented"}), (another_value_was_acknowledged, {"lost", "inconsistent"}),
    (another_value_was_read, {"inconsistent"}), (duplicate, {"duplicate"}), (reordered, {"reordered"}),
    (aborted_read, {"aborted-read"}), (aborted_read_that_nobody_sees_again, {"aborted-read", "torn"}),
    (precommitted_read, {"precommitted-read"}), (torn, {"torn"}), (half_of_a_committed_one, {"lost", "torn"}),
    (nonmonotonic, {"nonmonotonic"}), (skipped, {"skipped"}), (skipped_by_a_jump_of_the_group, {"skipped"}),
    (skipped_at_the_start, {"skipped"}), (commit_lost, {"commit-lost"}), (commit_gone_back, {"commit-lost"}),
    (commit_invented, {"commit-lost"})]


def test_a_good_history_has_no_anomaly():
    assert check(good()) == []


@pytest.mark.parametrize("fault,kinds", FAULTS, ids=[f.__name__ for f, _ in FAULTS])
def test_planted(fault, kinds):
    h = good()
    fault(h)
    assert {a.kind for a in check(h)} == kinds
