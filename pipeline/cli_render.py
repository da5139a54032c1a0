"""How commands show their plain data: tables for people, one JSON document for programs.

Whatever comes from documents is shown with its control characters escaped, so that no page can steer a terminal.
"""

import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.progress import size

if TYPE_CHECKING:
    from pipeline.runs import Result

PIPE_WIDTH = 200  # characters a table may take where no terminal sets the width
_UNSAFE = ("Cc", "Cf", "Cs", "Zl", "Zp")


def emit_json(value: Any) -> None:
    """One JSON document on stdout."""
    print(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False, default=str))


def harmless(value: Any) -> str:
    """Text with control, format and separator characters written as escapes."""
    text = value if isinstance(value, str) else str(value)
    return "".join(c if unicodedata.category(c) not in _UNSAFE else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def say(text: str = "") -> None:
    """A line on stdout, as it is."""
    print(text)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], numbers: Sequence[int] = ()) -> None:
    """A plain table on stdout; `numbers` are the columns set flush right."""
    from rich.table import Table
    from rich.text import Text

    from pipeline.terminal import console

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for place, title in enumerate(head):
        shown.add_column(title, justify="right" if place in numbers else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(harmless(cell)) for cell in row))
    terminal = sys.stdout.isatty()
    console(sys.stdout, None if terminal else PIPE_WIDTH).print(shown)


def balance(told: Mapping[str, Any]) -> None:
    """The funnel: one line per fate, from what came in to what was kept."""
    documents, payload = told["documents"], told["payload_bytes"]
    rows = [("in", "", documents["in"], payload["in"])]
    for room in ("dropped", "duplicate", "quarantined"):
        rows += [(room, reason, n, payload[room].get(reason, 0)) for reason, n in documents[room].items()]
    rows.append(("kept", "", documents["kept"], payload["kept"]))
    whole = max(documents["in"], 1)
    lines = [(fate, reason, f"{n:,}", f"{100 * n / whole:.1f} %", size(b)) for fate, reason, n, b in rows]
    table(("fate", "reason", "documents", "share", "payload"), lines, numbers=(2, 3, 4))


def show_result(result: "Result") -> None:
    """What a finished run did, and where everything lies."""
    done, reused = sum(result.done.values()), sum(result.reused.values())
    balance(result.manifest["balance"])
    say()
    say(f"{result.output}: {done:,} units done, {reused:,} reused; survivors in pool/data, the others in ledger/")
    for name, mix in result.mixes.items():
        say(f"mix {name}: mixes/{name}, {_tokens(mix)}")


def _tokens(mix: Mapping[str, Any]) -> str:
    """`train 1,000,111 tokens in 485 documents, validation ...`"""
    sides = (
        f"{name} {side['tokens']:,} tokens in {side['documents']:,} documents" for name, side in mix["splits"].items()
    )
    return ", ".join(sides)


def show_plan(told: Mapping[str, Any]) -> None:
    if told["name_clash"]:
        say(f"{told['output']} holds the run {told['name_clash']!r}: `winnow run` will refuse without --replace")
    inputs = told["inputs"]
    say(f"{inputs['files']:,} files, {size(inputs['bytes'])}, in {inputs['slices']:,} slices -> {told['output']}")
    rows = [(s["label"], f"{s['units']:,}", f"{s['reused']:,}", f"{s['todo']:,}", s["why"]) for s in told["steps"]]
    table(("step", "units", "reused", "to do", "why"), rows, numbers=(1, 2, 3))
    if told["rest"]:
        say(told["rest"])
    _recordings(told["recordings"])
    _newcomers(told["newcomers"])
    if told["forecast"]:
        _forecast(told["forecast"])


def _forecast(told: Mapping[str, Any]) -> None:
    """What a sample foretells; figures with two significant digits promise no more than they can."""
    sampled = told["sampled"]
    say(f"\nfrom a sample of {sampled['documents']:,} documents, {size(sampled['bytes'])} of input:")
    rows = [
        ("documents", f"{told['documents']:,}"),
        ("kept by rules, before dedupe", f"{told['kept_by_rules']:,}"),
        ("CPU time", f"{told['cpu_seconds']:,.0f} s; {told['seconds']:,.0f} s with {told['workers']} workers"),
        ("disk, state and pool", size(told["disk_bytes"])),
        ("memory, all workers", size(told["memory_bytes"])),
    ]
    table(("prediction", "value"), rows)


def _recordings(told: Mapping[str, int]) -> None:
    if told:
        say(f"{_counters(told)}: recorded verdicts, replayed; `winnow run --retry-quarantined` tries these again")


def _newcomers(paths: Sequence[str], shown: int = 5) -> None:
    if paths:
        say(f"{len(paths):,} new files match but are not taken (--refresh takes them):")
    for path in paths[:shown]:
        say(f"  {harmless(path)}")
    if len(paths) > shown:
        say(f"  and {len(paths) - shown:,} more")


def show_status(told: Mapping[str, Any]) -> None:
    state = "finished" if told["finished"] else "not finished; `winnow run` goes on"
    say(f"{told['output']}: {harmless(told['name'])}, {state}")
    rows = [(s["step"], f"{s['committed']:,}", f"{s['rows']:,}", _counters(s["counters"])) for s in told["steps"]]
    table(("step", "units", "rows", "counters"), rows, numbers=(1, 2))
    if told["balance"]:
        say()
        balance(told["balance"])
    _recordings(told["recordings"])
    for name, lines in told["logs"].items():
        say(f"\n{name}:")
        for line in lines:
            say(f"  {harmless(line)}")


def _counters(counters: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in sorted(counters.items()))


def show_verified(told: Mapping[str, Any]) -> None:
    say(f"{told['files']:,} files, {size(told['bytes'])} checked in {told['output']}")
    if told["damaged"]:
        table(("damaged", "why"), [(d["path"], d["why"]) for d in told["damaged"]])
        say("`winnow run` makes them anew")
    if not told["balance_ok"]:
        say("the balance in pool/manifest.json does not hold")
    if told["superseded"]:
        say(f"{len(told['superseded']):,} files of earlier versions; --clean removes them")
    if told["ok"]:
        say("all sound")


def show_explained(told: Mapping[str, Any]) -> None:
    for number, document in enumerate(told["documents"]):
        if number:
            say()
        _life(document)


def _life(document: Mapping[str, Any]) -> None:
    rows = [(name, value) for name, value in {**document["identity"], **document["place"]}.items() if value is not None]
    rows += [("fate", _fate(document["fate"]))]
    rows += [("fails", line) for line in document["failing_rules"]]
    if document["pool"]:
        rows.append(("in the pool", f"{document['pool']['shard']}, row {document['pool']['row']}"))
    table(("", ""), rows)
    say()
    signals = [(name, _figure(value)) for name, value in document["signals"].items() if value is not None]
    table(("signal", "value"), signals)
    if document["text"]:
        say()
        for line in document["text"].split("\n"):
            say(harmless(line))


def _fate(fate: Mapping[str, Any]) -> str:
    rest = ", ".join(f"{k} {_figure(v)}" for k, v in fate.items() if k != "action" and v is not None)
    return f"{fate['action']}: {rest}" if rest else str(fate["action"])


def _figure(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def show_stages(told: Mapping[str, Any], one: bool) -> None:
    for kind in ("stages", "filters", "sources", "dedupe"):
        for entry in told[kind]:
            say(f"{entry['name']:20s} {entry['about']}")
            if one or entry["rules"]:
                _details(entry, one)
        if told[kind] and not one:
            say()


def _details(entry: Mapping[str, Any], one: bool) -> None:
    if one:
        for name in ("reads", "adds", "replaces"):
            say(f"  {name}: {', '.join(entry[name]) or '-'}")
        for name, setting in entry["settings"].items():
            say(f"  {name}: {json.dumps(setting['default'], ensure_ascii=False)}   {setting['about']}".rstrip())
    for rule in entry["rules"]:
        place = rule["path"] or f"{rule['group']}.{rule['reason'] or '<value>'} (fixed)"
        say(f"    {place}: {rule['test']} -> {rule['action']}")


def show_doctor(told: Mapping[str, Any]) -> None:
    table(("", "what", "found"), [("ok" if c["ok"] else "!!", c["what"], c["found"]) for c in told["checks"]])
    for check in told["checks"]:
        if not check["ok"]:
            say(f"{check['what']}: {check['mend']}")
