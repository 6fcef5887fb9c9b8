"""lit's configuration: `lit filecheck`."""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, _HERE)

from lit_format import InProcessFormat  # noqa: E402

config.name = "dialectad"  # noqa: F821
config.test_format = InProcessFormat()  # noqa: F821
config.suffixes = [".mlir", ".ll"]  # noqa: F821
config.test_source_root = _HERE  # noqa: F821
config.environment["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]  # noqa: F821
