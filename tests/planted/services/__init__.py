"""Services that leak in a known place, a function each, and the healthy work that goes on beside."""
