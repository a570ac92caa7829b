"""From routing.yaml to a plan: load → validate → plan → explain.

`load_plan` is the one entry. Compiling a plan into consumer classes is the next stage and lives beside this one.
"""
