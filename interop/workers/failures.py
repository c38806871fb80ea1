"""How code inside a worker names the error that the host should raise. Python 3.6 syntax."""


class GuestFailure(Exception):
    """Becomes `interop.errors.<kind>` in the host, with the same message, hint and detail.

    kind: the name of a class of `interop.errors`, such as "InvalidModel" or "UsageError".
    """

    def __init__(self, kind, message, hint="", detail=""):
        # type: (str, str, str, str) -> None
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint
        self.detail = detail
