"""What all dedupers together say: one row per document that lost, or that stands for others."""

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipeline.tables import TableWriter
from pipeline.unit import Produced
from pipeline.work import Job
from stages.parquet_files import read_whole
from stages.select import CHOSEN

if TYPE_CHECKING:
    import polars as pl

CLUSTERS = pa.schema([*CHOSEN, ("stage", pa.string())])


def clusters(job: Job) -> Produced:
    """Chain the dedupers: a cluster of near-duplicates counts the exact copies its members stood for.

    `cluster` and `cluster_size` of a survivor thus speak of all documents that went through dedupe, not only of the
    last deduper's input. Rows are sorted by handle and stage.
    """
    import polars as pl

    size = pl.DataFrame(schema={"id": pl.String, "stood_for": pl.Int32})
    told = []
    for name, path in job.params["dedupers"]:
        frame = pl.concat(
            [pl.DataFrame(CHOSEN.empty_table()), pl.DataFrame(read_whole(job.root / path))], how="diagonal"
        ).with_columns(stage=pl.lit(name))
        members = frame.join(size, on="id", how="left").with_columns(pl.col("stood_for").fill_null(1))
        total = members.group_by("cluster").agg(total=pl.col("stood_for").sum().cast(pl.Int32))
        frame = frame.join(total, on="cluster", how="left").with_columns(
            cluster_size=pl.coalesce("total", "cluster_size")
        )
        told.append(frame.drop("total"))
        kept = frame.filter(~pl.col("removed")).select("id", stood_for="cluster_size")
        size = pl.concat([size.join(kept, on="id", how="anti"), kept])
    return _write(job, _settled(pl, told))


def _settled(pl: Any, told: list[Any]) -> Any:
    """A survivor is described by the last deduper that knows it, a loser by the one that removed it."""
    if not told:
        return pl.DataFrame(CLUSTERS.empty_table())
    everything = pl.concat([f.with_columns(order=pl.lit(i)) for i, f in enumerate(told)])
    last = everything.sort("order").unique("handle", keep="last", maintain_order=True)
    return last.drop("order").sort("handle")


def _write(job: Job, frame: "pl.DataFrame") -> Produced:
    table = frame.to_arrow().cast(CLUSTERS)
    with TableWriter(job.out(f"{job.step}/table.parquet"), CLUSTERS) as writer:
        writer.write(table.combine_chunks())
    return job.finish(writer.digest.rows, writer.digest.hexdigest())
