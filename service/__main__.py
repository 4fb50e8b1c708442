"""`python -m service`, the same as `cyclegan serve`."""

import sys

from cyclegan.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["serve", *sys.argv[1:]]))
