"""`python -m service` is `cyclegan serve`."""

import logging
import sys
from collections.abc import Sequence

from cyclegan.errors import CycleGANError
from service.serve_command import run


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve; 0 after a signal, 2 and one line when the user can mend it."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        return run(sys.argv[1:] if arguments is None else arguments)
    except CycleGANError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
