"""What changed from one state of a file of features to the next: numbered diffs, each bound to the one before by its hash.

A chain belongs to one slice (a licence of a dataset) and is called like its files. `comparing` finds what changed, `chain` makes
links of it, `applying` leads from one state to the next without a database. docs/adr/0013-changes.md says why so.
"""
