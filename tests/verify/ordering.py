"""`python -m tests.verify.ordering`: measures what each channel layer does (`--run`), and writes `docs/ordering.md` (`--write`).

The measurement is `tests/verify/layers/results.json`; the page is made of it and of nothing else, and a test checks that the
two agree.
"""

import asyncio
import json
import platform
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Any

import click

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).parent / "layers" / "results.json"
TEMPLATE = Path(__file__).parent / "layers" / "ordering.template.md"
PAGE = ROOT / "docs" / "ordering.md"
PACKAGES = ("channels", "channels_redis", "redis")
EXPERIMENT_MAX_S = 20.0
NO_NOTION = "—"
RULES = ("kept", "breaks")

Results = dict[str, Any]


@click.command()
@click.option("--run", "is_run", is_flag=True, help="Measure, and write the results.")
@click.option("--times", default=20, show_default=True, type=click.IntRange(min=1), help="Each experiment so often.")
@click.option("--write", "is_write", is_flag=True, help="Write the page from the results.")
def main(is_run: bool, times: int, is_write: bool) -> None:
    """Measure what the layers do, and write the page."""
    if is_run:
        RESULTS.write_text(json.dumps(measured(times), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if is_write:
        PAGE.write_text(page(json.loads(RESULTS.read_text(encoding="utf-8"))), encoding="utf-8")


# ---- measuring


def measured(times: int) -> Results:
    """Every experiment so often, and the room program once per layer; one process per layer."""
    from tests.verify.layers.bench import KINDS

    with ProcessPoolExecutor(len(KINDS)) as pool:
        of_kinds = dict(zip(KINDS, pool.map(measured_of, KINDS, [times] * len(KINDS)), strict=True))
    return {
        "date": subprocess.check_output(["date", "-u", "+%Y-%m-%d"], text=True).strip(),
        "commit": subprocess.check_output(["git", "rev-parse", "--short=10", "HEAD"], cwd=ROOT, text=True).strip(),
        "versions": {
            "python": platform.python_version(),
            "redis-server": subprocess.check_output(["redis-server", "--version"], text=True).split()[2][2:],
            **{name: version(name) for name in PACKAGES},
        },
        "times": times,
        "layers": of_kinds,
    }


def measured_of(kind: Any, times: int) -> Results:
    """What one layer does, and what Roomwright does on it."""
    import django

    django.setup()
    from tests.support.proxy import TcpProxy
    from tests.support.redis import RedisServer
    from tests.verify.layers.experiments import TABLE
    from tests.verify.layers.room_program import run_program

    with tempfile.TemporaryDirectory() as folder:
        redis = RedisServer(Path(folder) / "redis")
        redis.start()
        proxy = TcpProxy(redis.port)
        proxy.start()
        raw = {e.id: _often(e, kind, redis, times) for e in TABLE if kind in e.on}
        run = run_program(kind, redis, proxy)
        proxy.stop()
        redis.stop()
    return {"raw": raw, "broken": run.broken(), "counts": run.counts, "faults": run.faults}


def _often(experiment: Any, kind: Any, redis: Any, times: int) -> Results:
    shown = [asyncio.run(_once(experiment, kind, redis)) for _ in range(times)]
    broken = [one.trace for one in shown if not one.is_kept]
    return {"broken": len(broken), "trace": (broken or [shown[-1].trace])[0]}


async def _once(experiment: Any, kind: Any, redis: Any) -> Any:
    from tests.support.proxy import TcpProxy
    from tests.verify.layers.bench import Bench

    proxy = TcpProxy(redis.port)
    proxy.start()
    bench = Bench(kind, redis, proxy)
    async with asyncio.timeout(EXPERIMENT_MAX_S):
        shown = await experiment.run(bench)
        await bench.close()
    proxy.stop()
    return shown


# ---- the page


def page(results: Results) -> str:
    """The whole page."""
    from tests.verify.layers.bench import KINDS, NAMES

    versions = ", ".join(f"{name} {number}" for name, number in sorted(results["versions"].items()))
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        measured=f"Measured on {results['date']} at commit `{results['commit']}` with {versions}.",
        times=results["times"],
        names=" | ".join(NAMES[kind] for kind in KINDS),
        promises="\n".join(_promise_rows(results)),
        experiments="\n".join(_experiment_rows(results)),
        runs="\n".join(_run_rows(results)),
    )


def _promise_rows(results: Results) -> list[str]:
    from server.verify.promises import TABLE as PROMISES
    from tests.verify.layers.bench import KINDS

    rows = []
    for promise in PROMISES:
        raw = [_raw_cell(results, promise.id, kind) for kind in KINDS]
        ours = [_ours(results["layers"][kind]["broken"].get(promise.id)) for kind in KINDS]
        cell = ours[0] if len(set(ours)) == 1 else ", ".join(ours)
        rows.append(f"| {promise.id} | {promise.title} | {' | '.join(raw)} | {cell} |")
    return rows


def _ours(broken: int | None) -> str:
    if broken is None:
        return "kept, in simulation"  # the room program on real layers was measured without it
    return f"**broken** in {broken} places" if broken else "kept"


def _raw_cell(results: Results, promise: str, kind: str) -> str:
    """Broken with the experiments that show it, kept with those that tried, or a dash."""
    numbers: dict[str, list[str]] = {rule: [] for rule in RULES}
    for number, experiment in enumerate(_experiments(), start=1):
        found = results["layers"][kind]["raw"].get(experiment.id)
        if found is not None and promise in experiment.promises:
            numbers["breaks" if found["broken"] else "kept"].append(str(number))
    if numbers["breaks"]:
        return f"**breaks** {', '.join(numbers['breaks'])}"
    return f"kept {', '.join(numbers['kept'])}" if numbers["kept"] else NO_NOTION


def _experiments() -> Any:
    from tests.verify.layers.experiments import TABLE

    return TABLE


def _experiment_rows(results: Results) -> list[str]:
    from tests.verify.layers.bench import KINDS, NAMES

    rows = []
    for number, experiment in enumerate(_experiments(), start=1):
        how = " ".join((experiment.run.__doc__ or "").split())
        rows += ["", f"**{number}. {experiment.title[0].upper()}{experiment.title[1:]}.** {how}", ""]
        for kind in KINDS:
            found = results["layers"][kind]["raw"].get(experiment.id)
            if found is not None:
                often = f"**broken {found['broken']} of {results['times']}**" if found["broken"] else "kept"
                rows.append(f"- {NAMES[kind]}: {often}: {found['trace']}")
    return rows


def _run_rows(results: Results) -> list[str]:
    from tests.verify.layers.bench import KINDS, NAMES

    rows = []
    for kind in KINDS:
        of_kind = results["layers"][kind]
        counts = of_kind["counts"]
        faults = ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in of_kind["faults"].items())
        numbers = [counts.get(name, 0) for name in ("FrameIn", "Answered", "ChatIn", "Welcomed")]
        rows.append(
            f"| {NAMES[kind]} | {' | '.join(map(str, numbers))} | {faults} | {sum(of_kind['broken'].values())} |"
        )
    return rows


if __name__ == "__main__":
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "server.settings")
    sys.exit(main())
