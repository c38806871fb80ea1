"""`python -m interop`."""

from interop.cli import main

main()
