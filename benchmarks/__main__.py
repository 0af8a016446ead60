"""``make bench``: measure every instrument in one go; ``--record`` keeps the result, and what it was measured on.

The book states numbers of the recorded run. So a new record is a deliberate act: the ledger's ``speed`` entries and
the words around them follow it by hand.
"""

import argparse
import json
from pathlib import Path

from benchmarks import ablation, gates, gradients, studies, text
from rnncourse._files import write_whole

RECORD = Path(__file__).resolve().parent.parent / "book" / "results" / "benchmarks.json"


def main() -> None:
    """Run the benchmarks one after the other, print their tables, and write the record in one step if asked to."""
    parser = argparse.ArgumentParser(description="Measure the speed of the instruments on this machine.")
    parser.add_argument("--record", action="store_true", help=f"replace the book's record, {RECORD.name}")
    options = parser.parse_args()
    results = {}
    benchmarks = {"gates": gates, "gradients": gradients, "ablation": ablation, "studies": studies, "text": text}
    for name, benchmark in benchmarks.items():
        print(f"\n## {name}\n", flush=True)
        results[name] = benchmark.run()
        benchmark.report(results[name])
    if not options.record:
        return
    write_whole(RECORD, json.dumps(results, indent=1, sort_keys=True) + "\n")
    print(f"\nrecorded in {RECORD.relative_to(RECORD.parents[2])}")


if __name__ == "__main__":
    main()
