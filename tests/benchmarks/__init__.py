"""Winnow beside its peers on the same input: `make bench` measures, `docs/benchmarks.md` is what it wrote."""
