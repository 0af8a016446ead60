"""``rnncourse study list | run | show``: the experiments, their runs and their recorded results."""

import json
import shutil
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnncourse.cli.common import Commands, add_command, add_group, progress_line

if TYPE_CHECKING:
    import pandas as pd

    from rnncourse.studies import Progress, Record, Sweep


def add_to(commands: Commands) -> None:
    """Add the commands."""
    group = add_group(commands, "study", "Run the experiments and show what is recorded.")
    add_command(group, "list", list_studies).add_argument("--json", action="store_true", help="print JSON")
    name: dict[str, Any] = {"metavar": "NAME", "help": "name of the study, as `rnncourse study list` shows it"}
    add = add_command(group, "run", run).add_argument
    add("name", **name)
    add("--seeds", type=int, help="number of seeds; the study's own by default")
    add("--workers", type=int, help="processes on this machine; one per core by default")
    add("--scheduler", default="", metavar="ADDRESS", help="run on the cluster of this Dask scheduler")
    add("--scale", choices=("small", "full"), default="small", help="data that ship with the book, or the real data")
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    add("--output", type=Path, metavar="PATH", help="results file; by default the book's, unless a full one is there")
    add = add_command(group, "show", show).add_argument
    add("name", **name)
    add("--json", action="store_true", help="print the results file")


def list_studies(given: Namespace) -> None:
    """List the studies, what each one asks, and what is recorded of it."""
    from rnncourse.studies import study

    rows = [
        {"name": one.name, "about": one.about, "seeds": one.seeds, "recorded": _recorded(one.name)}
        for one in study.studies().values()
    ]
    if given.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for row in rows:
        print(f"{row['name']}: {row['about']}\n    seeds     {row['seeds']}\n    recorded  {row['recorded']}")


def _recorded(name: str) -> str:
    from rnncourse.studies import StudyError, recorded, results_folder

    try:
        if not (results_folder() / f"{name}.json").exists():
            return "nothing"
        record = recorded(name)
    except StudyError as error:
        return str(error)
    made = record.provenance
    return f"{record.scale}, {made['runs']} runs, {made['seeds']} seeds, {made['date'][:10]}"


def run(given: Namespace) -> None:
    """Do the runs of a study that are missing, and fold all of them into a results file.

    Each run is stored as it ends, in RNNCOURSE_RUNS or in the cache: call again after an interruption, and only what is
    missing is run. A run that fails is named, the others go on, and the next call tries it again.
    """
    from rnncourse.studies import study_named, sweep
    from rnncourse.studies.records import check_target, write_record
    from rnncourse.studies.sweeps import folded

    name = given.name
    with progress_line(log=True) as line:
        study = study_named(name)
        path = given.output or _default_output(name, given.scale)
        check_target(path, study=name, scale=given.scale)

        def tell(state: "Progress") -> None:
            failed = f", {state.failed} failed" if state.failed else ""
            ended = state.done + state.failed == state.total
            line(f"{name}: {state.done} of {state.total}{failed} {state.label}".rstrip(), ended)

        options = {key: getattr(given, key) for key in ("scale", "seeds", "workers", "scheduler", "device")}
        swept = sweep(study, progress=tell, **options)
        _report(swept)
        write_record(folded(swept), path)
    print(f"{name}: {path}")


def _default_output(name: str, scale: str) -> Path:
    """The book's record in a clone; but a file here beside an installed package, and beside a full record."""
    from rnncourse.studies import recorded, results_folder

    folder = results_folder()
    if folder == Path(__file__).parents[1] / "results":
        return Path(f"{name}.json")
    path = folder / f"{name}.json"
    return Path(f"{name}-small.json") if scale == "small" and path.exists() and recorded(name).scale == "full" else path


def _report(swept: "Sweep") -> None:
    """Say what the sweep did; end with 1 where runs failed."""
    total = len(swept.plan.runs)
    print(f"{swept.plan.study.name}: {len(swept.runs)} of {total} runs, {swept.new} of them new")
    for failure in swept.failures:
        print(f"rnncourse: failed: {failure.label}: {failure.error} (see {failure.path})", file=sys.stderr)
    if swept.failures:
        raise RuntimeError(f"{len(swept.failures)} of {total} runs failed; call again to try them again")


def show(given: Namespace) -> None:
    """Show the recorded results of a study: mean and standard deviation over seeds, and what they were made of."""
    from rnncourse.studies import recorded

    record = recorded(given.name)
    if given.json:
        print(record.text, end="")
        return
    made = record.provenance
    lines = {
        "scale": record.scale,
        "runs": f"{made['runs']}, {made['seeds']} seeds, {made['seconds']:,.0f} s together, until {made['date']}",
        "data": made["data"],
        "devices": ", ".join(made["devices"]),
        "machines": "; ".join(", ".join(map(str, one.values())) for one in made["machines"]),
        "versions": "; ".join(", ".join(f"{k} {v}" for k, v in one.items()) for one in made["versions"]),
        "made by": " ".join(made.get("made_by", {}).values()),
        "notes": made["notes"],
    }
    print(f"{record.study}: {made['about']}")
    print(*(f"    {key:8}  {value}" for key, value in lines.items() if value), sep="\n")
    width = shutil.get_terminal_size().columns
    table = _mean_and_spread(record)
    print(f"\n{table.to_string(line_width=width, sparsify=False, float_format=_in_words, na_rep='')}")


def _mean_and_spread(record: "Record") -> "pd.DataFrame":
    """Mean and standard deviation of each number over runs that differ in the seed alone."""
    import pandas as pd

    frame = record.frame
    by = [name for name in record.columns["config"] if name != "seed" and frame[name].astype(str).nunique() > 1]
    groups = frame.groupby(frame[by].astype(str).agg(" ".join, axis=1) if by else frame["seed"] * 0, sort=False)
    shown = groups[by].first() if by else pd.DataFrame(index=[0])
    shown["runs"] = groups.size()
    for name in map(str, frame[record.columns["metrics"]].select_dtypes("number")):
        shown[name] = groups[name].mean()
        if (spread := groups[name].std()).any():
            shown[f"{name} sd"] = spread
    return shown.set_index([*by, "runs"])


def _in_words(value: float) -> str:
    """A whole number whole, any other with four digits."""
    return f"{value:.0f}" if value.is_integer() or abs(value) >= 1e4 else f"{value:.4g}"
