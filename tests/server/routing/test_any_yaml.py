"""Any YAML is a Plan or Problems, never an exception; any valid spec comes back equal from what explain writes."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.routing import explain
from server.routing.load import dump, parse
from server.routing.nodes import plain
from server.routing.plan import Deployment, Plan, load_plan
from server.routing.problems import Problems, Report
from server.routing.spec import Spec
from server.routing.tables import SPEC
from tests.server.routing.strategies import garbage, mutated, replaced, specs

SHIPPED = (Path(__file__).parents[3] / "routing.yaml").read_text(encoding="utf-8")
FINE = (Path(__file__).parent / "golden" / "fine.yaml").read_text(encoding="utf-8")

relaxed = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None)


def planned(data: str | bytes) -> Plan | Problems:
    """The result for a file with this content; printing it must work too."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "routing.yaml"
        path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))
        result = load_plan(path, Deployment())
    if isinstance(result, Problems):
        assert len(result) > 0
        assert all(problem.expected and problem.got for problem in result.items)
        str(result).encode("utf-8")
    return result


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    assert isinstance(planned(data), Problems)


@given(st.text(st.sampled_from("ab:- \n\t[]{}&*!|>'\"%@`#,?~0123.<=é\ud800\0"), max_size=60))
def test_any_text(text: str) -> None:
    assert isinstance(planned(text), Problems)


@given(garbage)
@relaxed
def test_structured_garbage(outside: Path, data: object) -> None:
    assert isinstance(planned(yaml.dump(data, allow_unicode=True)), Problems)


@given(st.sampled_from([SHIPPED, FINE]).flatmap(mutated))
@relaxed
def test_a_mutated_file(outside: Path, text: str) -> None:
    assert isinstance(planned(text), Plan | Problems)


@given(replaced(yaml.safe_load(FINE)))
@relaxed
def test_a_file_with_one_value_replaced(outside: Path, data: object) -> None:
    assert isinstance(planned(yaml.dump(data, allow_unicode=True)), Plan | Problems)


@given(specs())
@relaxed
def test_a_valid_spec_round_trips_through_explain(outside: Path, spec: Spec) -> None:
    plan = planned(explain.to_yaml(spec))
    assert isinstance(plan, Plan), str(plan)
    assert plan.spec == spec
    assert explain.to_yaml(plan.spec) == explain.to_yaml(spec)
    assert SPEC.write(plan.spec) == SPEC.write(spec)


@pytest.mark.parametrize("text", ["\x85", "a\x85b", "\x85\n", "'\x85", "\u2028", "\r", " \n\x85"])
def test_every_line_break_in_a_text_comes_back(text: str) -> None:
    """PyYAML folds NEL into a space in any style but double quotes; an option's text was changed by it."""
    node = parse(dump({"options": {"mode": text}}), Report("routing.yaml"))
    assert node is not None
    assert plain(node) == {"options": {"mode": text}}


@given(specs(), st.text("/ws0123{}abc", max_size=20))
@relaxed
def test_why_answers_for_any_path(outside: Path, spec: Spec, path: str) -> None:
    plan = planned(explain.to_yaml(spec))
    assert isinstance(plan, Plan)
    assert path in explain.why(plan, path)
    for route in plan.routes:
        own = route.path.replace("{room}", "K7")
        assert plan.match(own) is not None
        assert route.match(own) == {"room": "K7"}
