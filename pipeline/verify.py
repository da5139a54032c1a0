"""`winnow verify`: every hash, every row count, the balance. Names each damaged file; the next run rebuilds it."""

import errno
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import Damaged, StorageError, UsageError
from pipeline.index import Index, step_dirs
from pipeline.inputs import FROZEN
from pipeline.lock import run_lock
from pipeline.recordings import Recordings
from pipeline.runs import RUN_FILE, run_name
from pipeline.seals import INPUTS, POOL, SEALS, mix_seal, read_seal
from pipeline.stamps import Stamps
from pipeline.steps import POOL_MANIFEST
from pipeline.store import Store

_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


def verify(output: str | Path, clean: bool = False) -> dict[str, Any]:
    """Read everything back. {schema, files, bytes, damaged: [path: why], superseded, balance_ok}.

    Changes nothing, but the next run learns what was found. With `clean`, files that no committed unit names go.
    Raises Locked while a run is at work there, UsageError where there is none.
    """
    store = Store(output)
    if run_name(store) is None and not store.exists(RUN_FILE):
        raise UsageError(f"{output}: no run there")
    with _alone(store):
        return _verified(store, clean)


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    """A run at work would look damaged. Where nothing can be written no run can be at work either."""
    with ExitStack() as held:
        try:
            held.enter_context(run_lock(store))
        except StorageError as error:
            if getattr(error.__cause__, "errno", None) not in _READ_ONLY:
                raise
        yield


def _verified(store: Store, clean: bool) -> dict[str, Any]:
    stamps = Stamps(store)
    checked = _Checked(store, stamps)
    for step in step_dirs(store):
        checked.step(step)
    checked.run_file()
    checked.recordings()
    checked.seal(INPUTS)
    checked.crawls()
    balance_ok = checked.datasets()
    superseded = _superseded(store, checked.named)
    if clean:
        for path in superseded:
            store.remove(path)
    stamps.save()
    return {
        "schema": "winnow.verify/1",
        "output": str(store.root),
        "files": checked.files,
        "bytes": checked.bytes,
        "damaged": [{"path": path, "why": why} for path, why in sorted(checked.damaged.items())],
        "superseded": superseded,
        "balance_ok": balance_ok,
        "ok": not checked.damaged and balance_ok,
    }


class _Checked:
    """What has been read back so far: files and bytes, damage by path, and every path something vouches for."""

    def __init__(self, store: Store, stamps: Stamps) -> None:
        self.store, self.stamps = store, stamps
        self.files = self.bytes = 0
        self.damaged: dict[str, str] = {}
        self.named: set[str] = set()

    def step(self, step: str) -> None:
        """The units of one step, by the manifests they left."""
        index = Index(self.store, step)
        self.named.add(index.path)
        for path in index.damaged():
            self.damaged[path] = "holds a unit's manifest that is not what was written"
        for manifest in index.load().values():
            for file in manifest["files"]:
                self.file(file["path"], file["sha256"], manifest["rows"])

    def file(self, name: str, sha256: str, rows: int | None = None) -> None:
        if name in self.named:
            return
        self.named.add(name)
        self.files += 1
        why = self._trouble(self.store.path(name), sha256, rows)
        if why:
            self.damaged[name] = why

    def _trouble(self, path: Path, sha256: str, rows: int | None) -> str:
        from pipeline.tables import count_rows

        if not path.is_file():
            return "missing"
        self.bytes += path.stat().st_size
        self.stamps.forget(str(path))
        if self.stamps.digest(str(path)) != sha256:
            return "sha256 differs from the one it was committed with"
        if rows is not None and path.suffix == ".parquet" and count_rows(path) != rows:
            return "row count differs from its manifest"
        return ""

    def run_file(self) -> None:
        self.named.add(RUN_FILE)
        if _unsound(self.store, RUN_FILE):
            self.damaged[RUN_FILE] = "missing or not what was written"

    def recordings(self) -> None:
        """Verdicts on documents that ended their worker; what is lost of them is found out again."""
        for path in Recordings(self.store).damaged():
            self.damaged[path] = "not what was written; its documents are tried again"

    def seal(self, name: str) -> None:
        """What a finished dataset stands on besides its units."""
        path = f"{SEALS}/{name}.json"
        found = read_seal(self.store, name)
        if found is None:
            if self.store.exists(path):
                self.damaged[path] = "not what was written"
            elif name == INPUTS and self.store.exists(FROZEN):
                self.damaged[path] = "missing"
            return
        for file, sha256 in found["files"].items():
            self.file(file, sha256)
        for file in found["present"]:
            if not self.store.exists(file):
                self.damaged[file] = "missing"

    def crawls(self) -> None:
        """WARC files of finished crawls, by the crawl's own list."""
        from stages.crawl import sound_result

        for listed in sorted(self.store.path("state/crawl").glob("*/crawl.json")):
            folder = listed.parent.relative_to(self.store.root).as_posix()
            result = sound_result(listed)
            if result is None:
                self.damaged[f"{folder}/crawl.json"] = "not what was written"
            for file in result["files"] if result else []:
                self.file(f"{folder}/{file['path']}", file["sha256"])

    def datasets(self) -> bool:
        """The pool and every mix: sealed, or not finished. Returns whether the pool's balance holds."""
        self._dataset(POOL_MANIFEST, POOL)
        for manifest in sorted(self.store.path("mixes").glob("*/manifest.json")):
            self._dataset(manifest.relative_to(self.store.root).as_posix(), mix_seal(manifest.parent.name))
        for seal in sorted(self.store.path(SEALS).glob("mix-*.json")):
            self.seal(seal.stem)
        return POOL_MANIFEST in self.damaged or self._balance_holds()

    def _dataset(self, manifest: str, seal: str) -> None:
        self.seal(seal)
        if self.store.exists(manifest) and not self.store.exists(f"{SEALS}/{seal}.json"):
            self.damaged[f"{SEALS}/{seal}.json"] = "missing, or the run was stopped at its very end"

    def _balance_holds(self) -> bool:
        """in = kept + lost, and as many rows lie in pool and ledger."""
        manifest = self.store.read_json(POOL_MANIFEST)
        if manifest is None:
            return True
        documents = manifest["balance"]["documents"]
        rows = sum(f["rows"] for f in manifest["files"])
        return rows == documents["kept"] and all(_balanced(b) for b in manifest["balance"].values())


def _balanced(balance: dict[str, Any]) -> bool:
    rooms = ("dropped", "duplicate", "quarantined")
    return bool(balance["in"] == balance["kept"] + sum(n for r in rooms for n in balance[r].values()))


def _unsound(store: Store, path: str) -> bool:
    try:
        return store.read_sealed(path) is None
    except Damaged:
        return True


def _superseded(store: Store, named: set[str]) -> list[str]:
    """Files under state/ that no unit names: left over from versions that were given up."""
    rooms = ("state/passes", "state/verdicts", "state/artifacts")
    return [p for r in rooms if store.exists(r) for p in store.files(r) if p not in named]
