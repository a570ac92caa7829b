"""The commands as people run them: what they print and how they end."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from server.routing.commands import routes
from server.routing.documents import asyncapi, json_schema, typescript
from server.routing.generate import documents
from server.routing.plan import Deployment, Plan, load_plan
from tests.vectors.drift import Drift

GOLDEN = Path(__file__).parent / "golden"


def run(*arguments: str, routing: Path = GOLDEN / "fine.yaml") -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(routes, ["--routing", str(routing), *arguments])


@pytest.fixture(autouse=True)
def importable(outside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROOMWRIGHT_LAYER", "ROOMWRIGHT_PREFIX", "ROOMWRIGHT_ROUTING", "ROOMWRIGHT_CALIBRATION"):
        monkeypatch.delenv(name, raising=False)


def test_the_table_names_every_route() -> None:
    result = run()
    assert result.exit_code == 0
    for text in ("demo.play", "/ws/demo/{room}/watch", "spectator", "public seat", "40/s burst 80"):
        assert text in result.output


def test_why_names_the_line() -> None:
    result = run("why", "/ws/demo/K7/watch")
    assert result.exit_code == 0
    assert f"served by demo.watch, {GOLDEN / 'fine.yaml'}:14" in result.output
    assert "room=K7" in result.output
    assert "spectator, open to anybody, guests too" in result.output
    assert "public, spectators; layer group room.<incarnation>" in result.output


@pytest.mark.parametrize(
    ("choice", "told"),
    [("new_seat", "a new seat"), ("take_over", "closed with 4409"), ("refuse", "refused with 4403")],
)
def test_why_tells_what_the_same_player_gets(choice: str, told: str, tmp_path: Path) -> None:
    text = (GOLDEN / "fine.yaml").read_text(encoding="utf-8")
    changed = text.replace("  demo:\n", f"  demo:\n    same_player: {choice}\n", 1)
    assert changed != text
    file = tmp_path / "routing.yaml"
    file.write_text(changed, encoding="utf-8")
    printed = run("why", "/ws/demo/K7", routing=file).output
    again = [line for line in printed.splitlines() if line.startswith("  again")]
    assert len(again) == 1 and told in again[0]
    assert "  again" not in run("why", "/ws/demo/K7/watch", routing=file).output


def test_why_not_names_the_nearest() -> None:
    result = run("why", "/ws/demo/K7/wacht")
    assert result.exit_code == 1
    first = result.output.splitlines()[1]
    assert "demo.watch" in first
    assert "part 4 is 'wacht', expected watch" in first


def test_check_prints_the_budget() -> None:
    result = run("check")
    assert result.exit_code == 0
    for text in (
        "bytes/s per client",
        "layer messages/s per process",
        "encodes/s",
        "stall",
        "redis+core",
        "no problems",
    ):
        assert text in result.output


def test_check_prints_warnings() -> None:
    result = run("check", routing=GOLDEN / "warn_unused_room.yaml")
    assert result.exit_code == 0
    assert "warning: " in result.output
    assert "rooms.spare" in result.output


@pytest.mark.parametrize("command", [(), ("why", "/ws"), ("check",), ("asyncapi",), ("types",), ("full",), ("docs",)])
def test_a_spec_with_problems_ends_every_command_with_2(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*command, routing=GOLDEN / "twelve_mistakes.yaml")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 13
    assert "12 problems in " in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_environment_names_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOMWRIGHT_ROUTING", str(GOLDEN / "fine.yaml"))
    result = CliRunner().invoke(routes, ["why", "/ws/demo/K7"])
    assert result.exit_code == 0


def test_full_is_the_same_spec(tmp_path: Path) -> None:
    again = tmp_path / "again.yaml"
    again.write_text(run("full").output, encoding="utf-8")
    first, second = (load_plan(path, Deployment()) for path in (GOLDEN / "fine.yaml", again))
    assert isinstance(first, Plan)
    assert isinstance(second, Plan)
    assert first.spec == second.spec


def test_docs_are_written_once_and_found_stale(tmp_path: Path) -> None:
    to = tmp_path / "generated"
    assert run("docs", "--check", "--to", str(to)).exit_code == 1
    first = run("docs", "--to", str(to))
    assert first.exit_code == 0
    assert first.output.count("wrote ") == 6
    assert run("docs", "--to", str(to)).output == ""
    assert run("docs", "--check", "--to", str(to)).exit_code == 0
    (to / "types" / "gone.d.ts").write_text("", encoding="utf-8")
    (to / "other.md").write_text("not ours", encoding="utf-8")
    result = run("docs", "--check", "--to", str(to))
    assert result.exit_code == 1
    assert result.output.splitlines()[0].endswith("gone.d.ts")


def test_docs_into_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "generated").mkdir()
    (tmp_path / "generated" / "types").write_text("in the way", encoding="utf-8")
    result = run("docs", "--to", str(tmp_path / "generated"))
    assert result.exit_code == 1
    assert "expected a directory that can be written" in result.output


def test_documents_are_the_same_each_time() -> None:
    first, second = (load_plan(GOLDEN / "fine.yaml", Deployment()) for _ in range(2))
    assert isinstance(first, Plan)
    assert isinstance(second, Plan)
    assert documents(first) == documents(second)


def test_the_json_schema_knows_every_key_and_describes_it() -> None:
    def keys(schema: dict[str, object]) -> None:
        assert schema.get("additionalProperties") is False
        properties = schema["properties"]
        assert isinstance(properties, dict)
        for name, inner in properties.items():
            assert inner["description"], name
            if "properties" in inner:
                keys(inner)

    schema = json_schema()
    keys(schema)
    keys(schema["properties"]["rooms"]["additionalProperties"])
    keys(schema["properties"]["routes"]["additionalProperties"])
    assert json.loads(run("schema").output) == schema


def test_asyncapi_refers_only_to_what_it_has() -> None:
    plan = load_plan(GOLDEN / "fine.yaml", Deployment())
    assert isinstance(plan, Plan)
    document = asyncapi(plan)
    assert document["channels"].keys() == {"demo_play", "demo_watch"}
    assert "client_input" not in document["channels"]["demo_watch"]["messages"]

    def references(data: object) -> list[str]:
        if isinstance(data, dict):
            own = [data["$ref"]] if "$ref" in data else []
            return own + [found for value in data.values() for found in references(value)]
        return [found for item in data for found in references(item)] if isinstance(data, list) else []

    found = references(document)
    assert found
    for reference in found:
        target: object = document
        for step in reference.removeprefix("#/").split("/"):
            assert isinstance(target, dict)
            assert step in target, reference
            target = target[step]


def test_types_hide_what_is_for_nobody() -> None:
    output = run("types").output
    assert "x: number; // 0 … 100, step 0.1" in output
    assert 'type: "Move";' in output
    assert "secret" not in output


def test_types_say_by_what_a_field_moves() -> None:
    assert "y: number; // -40 … 40, step 0.25, moves by vy" in typescript(Drift)


def test_the_file_that_full_prints_is_yaml() -> None:
    assert yaml.safe_load(run("full").output)["rooms"]["demo"]["reconnect_grace"] == "30s"


def test_docs_do_not_depend_on_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("docs", "--to", str(tmp_path)).exit_code == 0
    monkeypatch.setenv("ROOMWRIGHT_LAYER", "redis+core://localhost:6379/0")
    assert run("docs", "--check", "--to", str(tmp_path)).exit_code == 0


def test_types_mark_what_not_every_viewer_sees(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    text = (GOLDEN / "fine.yaml").read_text(encoding="utf-8")
    spec.write_text(text.replace("outside_games.sample:Sample", "outside_games.sample:Cards"), encoding="utf-8")
    output = run("types", routing=spec).output
    assert "  seat: number;" in output
    assert "  cards?: number;" in output
