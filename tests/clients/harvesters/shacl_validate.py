"""Validates a catalogue against SHACL shapes, `shacl_validate.py CATALOGUE SHAPES`, and prints what is wrong, a line each.

Runs in an environment of its own. Property shapes that lack a path, as two of DCAT-AP 3.0.1 do, are left out: they stop pyshacl.
"""

import json
import sys

import pyshacl
from rdflib import RDF, SH, Graph

catalogue, shapes = (Graph().parse(path, format="turtle") for path in sys.argv[1:3])
for shape, condition in list(shapes.subject_objects(SH.property)):
    if (condition, SH.path, None) not in shapes:
        shapes.remove((shape, SH.property, condition))
_, report, _ = pyshacl.validate(catalogue, shacl_graph=shapes, inference="none")
for result in report.subjects(RDF.type, SH.ValidationResult):
    told = (SH.resultSeverity, SH.focusNode, SH.resultPath, SH.value, SH.resultMessage)
    print(json.dumps([str(report.value(result, about)) for about in told]))
