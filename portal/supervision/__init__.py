"""All of Pawkin on one machine: portal, workers, scheduler and Redis under one supervisor.

`script/server` runs this package; an installation with its own service manager does not need it.
"""
