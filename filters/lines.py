"""How lines look: long enough, and ending as prose does."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from filters.base import Filter, Threshold, columns, ratio
from filters.batch import TextBatch


class Lines(Filter):
    """Menus and lists have short lines without a mark at the end."""

    name = "lines"
    version = 2
    signals = columns(
        mean_length=pa.float64(),  # characters per line that is not blank
        end_marks=pa.float64(),  # share of those lines ending with 。！？；…”」.!?;"।؟።។ and the like, spaces behind ignored
    )
    thresholds = (
        Threshold("min_mean_length", "mean_length", "<", 10, "EvalWeb (Chinese)"),
        Threshold("min_end_marks", "end_marks", "<", 0.10, "FineWeb-2 (cmn_Hani: 0.106 of sentence marks alone)"),
    )

    def measure(self, batch: TextBatch) -> Mapping[str, Any]:
        from filters.kernels import lines as of_line

        full = batch.lines[:, of_line.FULL_LINES]
        return {
            "mean_length": ratio(batch.lines[:, of_line.FULL_CHARS], full),
            "end_marks": ratio(batch.lines[:, of_line.MARKED_LINES], full),
        }
