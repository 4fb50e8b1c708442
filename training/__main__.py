"""`python -m training`, the same as `cyclegan train`."""

import sys

from cyclegan.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
