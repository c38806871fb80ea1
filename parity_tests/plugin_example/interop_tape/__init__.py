"""What interop asks first: the row of its table. The worker does not run this file."""

from interop.frameworks import Framework, Kind

FRAMEWORK = Framework(
    "tape",
    "Tape",
    ("papertape",),
    frozenset({"source", "target"}),
    Kind(
        importer="interop_tape.importer",
        layout="channels first",
        artifact="model.tape",
        what="a tape, which interop_tape.tape.load reads",
    ),
    endings=(".tape",),
    package="interop_tape",
)
