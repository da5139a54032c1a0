"""datatrove's chain for FineWeb (its examples/fineweb.py) on one machine: WARC to deduplicated JSONL.

The language model is lid.176.ftz instead of the .bin that datatrove fetches; tokens are not counted, which needs a download.
"""

import sys
from typing import Any

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    LanguageFilter,
    URLFilter,
)
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.pipeline.readers import JsonlReader, WarcReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.hashing import HashConfig
from datatrove.utils.lid import FT176LID

_CONFIG = MinhashConfig(
    n_grams=5, num_buckets=14, hashes_per_bucket=8, hash_config=HashConfig(hash_fc="sha1", precision=64)
)


def main(warcs: str, out: str, model: str) -> None:
    FT176LID.MODEL_URL = model

    def run(name: str, steps: list[Any], tasks: int = 1) -> None:
        LocalPipelineExecutor(pipeline=steps, tasks=tasks, workers=1, logging_dir=f"{out}/logs/{name}").run()

    run("base", _base(warcs, out))
    run("signatures", [JsonlReader(f"{out}/output"), MinhashDedupSignature(f"{out}/signatures", config=_CONFIG)])
    run("buckets", [MinhashDedupBuckets(f"{out}/signatures", f"{out}/buckets", config=_CONFIG)], tasks=14)
    run("clusters", [MinhashDedupCluster(f"{out}/buckets", f"{out}/removed", config=_CONFIG)])
    last = [JsonlReader(f"{out}/output"), MinhashDedupFilter(f"{out}/removed"), PIIFormatter()]
    run("filter", [*last, JsonlWriter(f"{out}/deduplicated")])


def _base(warcs: str, out: str) -> list[Any]:
    def removed(name: str) -> JsonlWriter:
        return JsonlWriter(f"{out}/removed/{name}")

    return [
        WarcReader(warcs, glob_pattern="*.warc.gz", default_metadata={"dump": "bench"}),
        URLFilter(exclusion_writer=removed("1_url")),
        Trafilatura(favour_precision=True),
        LanguageFilter(exclusion_writer=JsonlWriter(f"{out}/2_other", output_filename="${language}/${rank}.jsonl.gz")),
        GopherRepetitionFilter(exclusion_writer=removed("3_gopher_repetition")),
        GopherQualityFilter(exclusion_writer=removed("4_gopher_quality")),
        C4QualityFilter(filter_no_terminal_punct=False, exclusion_writer=removed("5_c4")),
        FineWebQualityFilter(exclusion_writer=removed("6_fineweb")),
        JsonlWriter(f"{out}/output"),
    ]


if __name__ == "__main__":
    main(*sys.argv[1:])
