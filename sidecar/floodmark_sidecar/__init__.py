"""The part of floodmark that watches: agent, sidecar, judge and culprits.

Importing this package loads nothing else: the agent inside a service and the sidecar beside it share only `wire`.
"""
