"""How often the judge errs, beside other rules: `python -m tests.bench.judge`, run by `make bench-judge`.

Every family of `floodmark_sidecar.traces` at several lengths and leak sizes, with seeds that nothing else uses. The suite
has a short gate of its own and asserts none of these figures.
"""
