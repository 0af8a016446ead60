"""Records whose code has changed since: ``python -m tools.records [NAME …]`` lists them and says what changed.

``--rows 0 7`` runs these rows again and compares every number with the record. On another processor long trainings end
elsewhere: then compare with the same rows run by the commit that made the record. ``--state WHY`` writes into the
record that it stands for today's code, which commit made it, and why.
"""

import argparse
import subprocess
from dataclasses import replace
from typing import Any

from rnncourse._files import write_whole
from rnncourse._reached import code_digests
from rnncourse.studies import Record, Study, recorded, results_folder, studies
from rnncourse.studies.study import plan
from rnncourse.studies.workers import execute

CLOCKS = {"seconds"}  # metrics that no second run repeats


def changed(study: Study, record: Record) -> list[str]:
    """Definitions that were added, removed or changed since the record was made or stated to stand."""
    now, then = code_digests(study.run), record.provenance["code"]
    return sorted(name for name in now.keys() | then.keys() if now.get(name) != then.get(name))


def differences(study: Study, record: Record, row: int) -> list[str]:
    """Run a row again; which of its numbers differ from the record's."""
    planned = list(
        plan(study, scale="full" if record.scale == "full" else "small", seeds=record.provenance["seeds"]).runs.values()
    )
    one = next(one for one in planned if one.fields.items() <= record.rows[row].items())
    result = execute(study.run, code_digests(study.run), "cpu", one)
    if isinstance(result, str):
        return [result]
    then = {name: value for name, value in record.rows[row].items() if name not in {*one.fields, *CLOCKS}}
    now = {name: value for name, value in result["metrics"].items() if name not in CLOCKS}
    return [
        f"{name}: {then.get(name)} is now {now.get(name)}" for name in then | now if then.get(name) != now.get(name)
    ]


def stated(study: Study, record: Record, why: str) -> Record:
    """The record with today's code, the commit that made it, and why it still stands."""
    made: dict[str, Any] = dict(record.provenance)
    path = str(results_folder() / f"{study.name}.json")
    command = ["git", "log", "-1", "--format=%H", "--", path]
    last = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    commit = made.get("made_by", {}).get("commit") or last.stdout.strip()
    return replace(
        record, provenance=made | {"code": code_digests(study.run), "made_by": {"commit": commit, "why": why}}
    )


def main() -> None:
    """Check the records named, or all of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--rows", nargs="+", type=int, default=[], help="rows to run again and compare")
    parser.add_argument("--state", metavar="WHY", help="write into the record why it still stands")
    asked = parser.parse_args()
    for name in asked.names or [name for name in studies() if (results_folder() / f"{name}.json").exists()]:
        study, record = studies()[name], recorded(name)
        since = changed(study, record)
        print(f"{name}: {'stale: ' + ', '.join(since) if since else 'of today'}", flush=True)
        for row in asked.rows:
            odd = differences(study, record, row)
            print(
                f"  row {row}: {'the same' if not odd else ''}",
                *(f"    {one:.120}" for one in odd),
                sep="\n",
                flush=True,
            )
        if asked.state:
            write_whole(results_folder() / f"{name}.json", stated(study, record, asked.state).text)


if __name__ == "__main__":
    main()
