"""Counts the test cases in a JSON log of meson test and prints "N passed, N failed[, N skipped]".

A case is one TAP line of a program, or a whole program that speaks no TAP. A program that ended badly without
a failed case of its own (a crash, a time-out, a leak found at its end) is one failed case more.
Exit status 0 when some passed and none failed.
"""
import json
import re
import sys

CASE = re.compile(r"^(not )?ok\b[^#]*(?:#\s*(skip|todo))?", re.IGNORECASE)
BAD = ("FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS")


def count(record):
    """Passed, failed and skipped cases of one program."""
    passed = failed = skipped = 0
    for line in (record.get("stdout") or "").splitlines():
        case = CASE.match(line)
        if not case:
            continue
        directive = (case.group(2) or "").lower()
        if directive == "skip" or (directive == "todo" and case.group(1)):
            skipped += 1
        elif case.group(1):
            failed += 1
        else:
            passed += 1
    bad = record["result"] in BAD
    if bad and not failed:
        failed = 1
    if not passed + failed + skipped:
        if record["result"] == "SKIP":
            skipped = 1
        else:
            passed = 1
    return passed, failed, skipped


def main():
    try:
        with open(sys.argv[1], encoding="utf-8") as log:
            counts = [count(json.loads(line)) for line in log if line.strip()]
    except FileNotFoundError:
        counts = []
    passed, failed, skipped = (sum(column) for column in zip(*counts)) if counts else (0, 0, 0)
    tail = f", {skipped} skipped" if skipped else ""
    print(f"{passed} passed, {failed} failed{tail}")
    return 0 if passed and not failed else 1


sys.exit(main())
