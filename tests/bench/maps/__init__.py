"""How fast the maps are beside their peers: `python -m tests.bench.maps`, run by `make bench-maps`.

Every figure is measured beside its rivals in one run, in turns, and compared as a ratio: the machine's noise then hits
all of them alike. The suite asserts none of it.
"""
