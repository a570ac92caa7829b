"""Messages at the ends of what the wire can carry, made from the message structs themselves: a new field is covered by itself.

Each is a valid message with one field replaced: by 0, ±1, 2³¹, 2⁵³ ± 1, 2⁶³ and beyond, by NaN and Infinity where JSON has a
number, by other types, by long and odd texts. Both subprotocols. Nothing here knows a field by its name.
"""

import json
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
from attrs import frozen
from msgspec.structs import fields, replace

from game.binary import uvarint
from game.codec import body_json, put_values
from game.fields import FieldSpec, Kind
from game.schema import Message, Schema
from game.wire import messages as m
from game.wire.frames import AckMessage, InputMessage, Position, encode_ack, encode_input

WHOLE = (
    0,
    1,
    -1,
    2**31 - 1,
    2**31,
    2**32,
    2**53 - 1,
    2**53,
    2**63 - 1,
    2**63,
    2**64,
    -(2**31),
    -(2**53),
    -(2**63),
    10**40,
)
REAL = ("-0.0", "0.5", "1e308", "-1e308", "1e-320", "1e400", "NaN", "Infinity", "-Infinity")
OTHER = ("null", "true", '""', '"1"', "[]", "{}")
TEXTS = (
    "", " ", "x" * 300, "x" * 3000, "\0", "\x1b[2J", "\x9b", "\u202e\u2066", "\ufeff", "\U000e0041", "é́" * 20, "👨‍👩‍👧", "../../x", "%n",
)  # fmt: skip
SURROGATE = r'"\ud800"'
NUMBER = 7_654_321  # stands where a message carries a number of its own
SENTINEL = 1_234_567_891  # stands in the bytes where an extreme is put: five of them that nothing else writes
BYTES_EXTREMES = (0, 1, 127, 128, 2**31 - 1, 2**31, 2**32, 2**53 - 1, 2**53, 2**63 - 1, 2**63, 2**64, 10**40)


@frozen
class Odd:
    """One message. ``field`` is the struct's and the field's name, ``what`` tells what stands there."""

    kind: str
    field: str
    what: str
    data: bytes | str

    def numbered(self, n: int) -> bytes | str:
        """The message with ``n`` where it has a number of its own: who counts on is listened to."""
        if isinstance(self.data, bytes):
            return self.data.replace(uvarint(NUMBER), uvarint(n), 1)
        return self.data.replace(str(NUMBER), str(n), 1)

    @property
    def name(self) -> str:
        """For coverage, and for people."""
        form = "bytes" if isinstance(self.data, bytes) else "json"
        return f"{form} {self.kind}.{self.field} = {self.what}"


def client_structs() -> list[type[msgspec.Struct]]:
    """Every message that a client may send as JSON."""
    return list(get_args(m.ClientMessage))


def json_extremes(schema: Schema) -> Iterator[Odd]:
    """Each field of each JSON message at each end, and each field of each input's body."""
    for struct in client_structs():
        base = _plain(struct, schema)
        kind = str(struct.__struct_config__.tag)
        for spec in fields(struct):
            for what, raw in _raw_of(spec.type):
                yield Odd(kind, spec.name, what, _json_with(base, spec.encode_name, raw))
        yield Odd(kind, "nonesuch", "1", _json_with(base, "nonesuch", "1"))
    for message in schema.inputs:
        plain = body_json(message, _middle(message))
        for wire in message.fields:
            for what, raw in _raw_of_spec(wire.spec):
                body = _json_with(plain, wire.name, raw)
                yield Odd(
                    "input", f"{message.name}.{wire.name}", what, _json_with(_plain(m.Input, schema), "body", body)
                )


def bytes_extremes(schema: Schema) -> Iterator[Odd]:
    """Each number of each binary message at each end, by a sentinel in its place; and each input's body cut short."""
    message = schema.inputs[0]
    plain = InputMessage(0, NUMBER, Position(0, 0), 0, message, _middle(message))
    for kind, base, encode in (("input", plain, encode_input), ("ack", AckMessage(Position(0, 0)), encode_ack)):
        for path, marked in _marked(base):
            for value in BYTES_EXTREMES:
                data = encode(marked)
                yield Odd(kind, path, _named(value), data.replace(uvarint(SENTINEL), uvarint(value), 1))
            yield Odd(kind, path, "not canonical", encode(marked).replace(uvarint(SENTINEL), b"\x81\x80\x00", 1))
    for number, each in enumerate(schema.inputs):
        body = _body(each)
        for at in range(len(body) + 1):
            for value in BYTES_EXTREMES:
                odd_body = body[:at] + uvarint(value) + body[at + 1 :]
                yield Odd("input", f"{each.name}[{at}]", _named(value), _input_with(plain, each.index, odd_body))
        yield Odd(
            "input", "message", f"{len(schema.inputs) + number}", _input_with(plain, len(schema.inputs) + number, body)
        )


def truncated(schema: Schema) -> Iterator[Odd]:
    """Every message cut after half, and after all but its last character or byte."""
    for struct in client_structs():
        text = _joined(_plain(struct, schema))
        kind = str(struct.__struct_config__.tag)
        for length in (0, 1, len(text) // 2, len(text) - 1):
            yield Odd(kind, "all", f"cut after {length}", text[:length])
    message = schema.inputs[0]
    data = encode_input(InputMessage(0, NUMBER, Position(0, 0), 0, message, _middle(message)))
    for length in range(len(data)):
        yield Odd("input", "all", f"cut after {length}", data[:length])
    for byte in (0x00, 0x10, 0x13, 0x7F, 0xFF):
        yield Odd("none", "kind", hex(byte), bytes((byte, 1, 1, 1)))


def oversized(size_max: int) -> Iterator[Odd]:
    """Messages around the largest size, and far beyond; and JSON nested deeper than any reader goes."""
    for size in (size_max, size_max + 1, 16 * size_max):
        yield Odd("none", "size", f"{size} bytes", b"\x11" + b"\x80" * (size - 1))
        yield Odd("chat", "size", f"{size} characters", '{"type":"chat","text":"' + "x" * (size - 25) + '"}')
    yield Odd("none", "depth", "2000", "[" * 2000)
    yield Odd("input", "depth", "900", '{"type":"input","n":1,"body":' + '{"a":' * 900 + "1" + "}" * 901)


# ---- JSON


def _plain(struct: type[msgspec.Struct], schema: Schema) -> dict[str, Any]:
    """A valid message with every field written out."""
    found: dict[str, Any] = {"type": struct.__struct_config__.tag}
    for spec in fields(struct):
        default = spec.default
        found[spec.encode_name] = _valid(spec.type, schema) if default is msgspec.NODEFAULT else default
    return found


def _valid(kind: Any, schema: Schema) -> Any:
    match _bare(kind):
        case t if t is int:
            return NUMBER
        case t if t is float:
            return 1.0
        case t if t is str:
            return "x"
        case t if t is dict or get_origin(t) is dict:
            message = schema.inputs[0]
            return body_json(message, _middle(message))
    return None


def _raw_of(kind: Any) -> Iterator[tuple[str, str]]:
    """What may stand in a field of this type, as raw JSON: (what, text)."""
    kinds = [_bare(part) for part in _options(kind)]
    if any(k in (int, float) for k in kinds):
        yield from ((_named(value), str(value)) for value in WHOLE)
        yield from ((text, text) for text in REAL)
    if str in kinds:
        yield from ((_shown(text), json.dumps(text)) for text in TEXTS)
        yield "a lone surrogate", SURROGATE
    for k in kinds:
        if get_origin(k) is tuple:
            yield from _raw_of_tuple(k)
    yield from ((text, text) for text in OTHER)


def _raw_of_tuple(kind: Any) -> Iterator[tuple[str, str]]:
    """A sequence's elements at their ends, none of them, one too many, and very many."""
    parts = [part for part in get_args(kind) if part is not Ellipsis]
    length = len(parts) if Ellipsis not in get_args(kind) else 1
    for at in range(length):
        for what, raw in _raw_of(parts[at % len(parts)]):
            yield f"[{at}] {what}", "[" + ",".join(raw if n == at else "0" for n in range(length)) + "]"
    yield "one too many", json.dumps([0] * (length + 1))
    yield "700", json.dumps(list(range(700)))


def _raw_of_spec(spec: FieldSpec) -> Iterator[tuple[str, str]]:
    yield from ((_named(value), str(value)) for value in WHOLE)
    yield from ((text, text) for text in (*REAL, *OTHER))
    if spec.kind in (Kind.TEXT, Kind.CHOICE):
        yield from ((_shown(text), json.dumps(text)) for text in TEXTS)
        yield "a lone surrogate", SURROGATE


def _options(kind: Any) -> Sequence[Any]:
    """The members of a union; the type itself where it is none."""
    if get_origin(kind) in (Union, types.UnionType):
        return get_args(kind)
    return (kind,)


def _bare(kind: Any) -> Any:
    """The type without its constraints."""
    while hasattr(kind, "__metadata__"):
        kind = get_args(kind)[0] if get_origin(kind) is not None and get_args(kind) else kind.__origin__
    return type(get_args(kind)[0]) if get_origin(kind) is Literal else kind


def _json_with(base: Mapping[str, Any], name: str, raw: str) -> str:
    """The object with raw JSON in one field."""
    parts = {key: json.dumps(value) for key, value in base.items()} | {name: raw}
    return "{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in parts.items()) + "}"


def _joined(base: Mapping[str, Any]) -> str:
    return "{" + ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in base.items()) + "}"


def _shown(text: str) -> str:
    return f"{text[:12]!a} × {len(text)}"


# ---- bytes


def _marked(base: Any) -> Iterator[tuple[str, Any]]:
    """The message once for each number in it, with the sentinel there; positions are looked into."""
    for spec in fields(type(base)):
        value = getattr(base, spec.name)
        if isinstance(value, int):
            yield spec.name, replace(base, **{spec.name: SENTINEL})
        elif isinstance(value, msgspec.Struct):
            for path, inner in _marked(value):
                yield f"{spec.name}.{path}", replace(base, **{spec.name: inner})


def _middle(message: Message) -> list[Any]:
    """A valid body, quantized."""
    return ["x" if wire.spec.kind is Kind.TEXT else wire.spec.steps // 2 for wire in message.fields]


def _body(message: Message) -> bytes:
    out = bytearray()
    put_values(out, message, _middle(message))
    return bytes(out)


def _input_with(plain: InputMessage, index: int, body: bytes) -> bytes:
    """An input of any kind and body, which its encoder would refuse: the kind's number and the body stand last."""
    tail = uvarint(plain.message.index) + _body(plain.message)
    whole = encode_input(plain)
    assert whole.endswith(tail)  # noqa: S101 - else the form has changed, and this with it
    return whole[: len(whole) - len(tail)] + uvarint(index) + body


def _named(value: object) -> str:
    if not isinstance(value, int):
        return _shown(str(value))
    for exponent in (31, 32, 53, 63, 64):
        for offset, text in ((0, ""), (-1, "-1")):
            if abs(value) == 2**exponent + offset:
                return f"{'-' if value < 0 else ''}2^{exponent}{text}"
    return str(value) if abs(value) < 10**6 else f"{float(value):.0e}"
