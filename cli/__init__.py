"""The operator's command: starts executions and watches them, on AWS and on the laptop alike."""

import sys
from pathlib import Path

# What ships to Lambda is no package of this environment: its rules are shared from where they stand.
sys.path.append(str(Path(__file__).resolve().parent.parent / "functions"))
