"""How guest code says that something is wrong (Python 3.6 syntax)."""


class GuestFailure(Exception):
    """Becomes the error named `kind` (see interop/errors.py) in the host."""

    def __init__(self, kind, message, hint=""):
        # type: (str, str, str) -> None
        super(GuestFailure, self).__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint
