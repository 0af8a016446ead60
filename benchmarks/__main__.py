"""``make bench``: measure every instrument in one go and record what was measured, and on what."""

import json
import os
from pathlib import Path

from benchmarks import ablation, gates, gradients

RECORD = Path(__file__).resolve().parent.parent / "book" / "results" / "benchmarks.json"


def main() -> None:
    """Run the benchmarks one after the other, print their tables, and write the record in one step."""
    results = {}
    for name, benchmark in {"gates": gates, "gradients": gradients, "ablation": ablation}.items():
        print(f"\n## {name}\n", flush=True)
        results[name] = benchmark.run()
        benchmark.report(results[name])
    temporary = RECORD.with_suffix(".tmp")
    temporary.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(temporary, RECORD)
    print(f"\nrecorded in {RECORD.relative_to(RECORD.parents[2])}")


if __name__ == "__main__":
    main()
