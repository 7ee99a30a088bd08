"""`python -m puller`: the program."""

import os
import sys

from puller import app

if __name__ == "__main__":
    sys.exit(app.main(sys.argv[1:], os.environ))
