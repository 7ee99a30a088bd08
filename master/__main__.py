"""`python -m master`: the program."""

import os
import sys

from master import program

if __name__ == "__main__":
    sys.exit(program.main(sys.argv[1:], os.environ))
