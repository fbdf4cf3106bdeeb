"""Bounded TTL and LRU maps that publish their size."""
