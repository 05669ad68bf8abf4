"""python -m tests.models DIRECTORY: make the test model in every format."""

import argparse
from pathlib import Path

from tests.models.making import make

parser = argparse.ArgumentParser(prog="python -m tests.models", description=__doc__)
parser.add_argument("directory", type=Path, help="an empty or missing folder")
make(parser.parse_args().directory)
