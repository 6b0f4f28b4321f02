"""Where a batch keeps things: results below its output, and what only runs need below `batch-work/`."""

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

from customlabels.locations import Location, parse_uri

RESULTS, WORK = "batch/", "batch-work/"  # prefixes of the data bucket


@dataclass(frozen=True)
class Places:
    """The places of one execution; all of them lie in one bucket."""

    bucket: str
    output: str  # a prefix
    version: str  # the model's: results of another one lie beside these
    run: str  # a name of the execution that may stand in a key

    @classmethod
    def of(cls, output: str, version: str, run: str) -> "Places":
        """The places of a batch that writes below the address `output`."""
        place = parse_uri(output)
        return cls(place.bucket, place.key, version, run)

    @property
    def given(self) -> dict[str, Any]:
        """As it travels in the state."""
        return asdict(self)

    @property
    def results(self) -> str:
        """The prefix of all results of this model."""
        return f"{self.output}{self.version}/"

    @property
    def own_results(self) -> str:
        """The prefix of the results that this execution has written."""
        return f"{self.results}{self.run}-"

    def parts(self, chunk: int) -> str:
        """The prefix of what this execution has written for a chunk."""
        return f"{self.own_results}{chunk:06}-"

    @property
    def summary(self) -> Location:
        return Location(self.bucket, f"{self.output}_summary.json")

    @property
    def busy(self) -> str:
        """The prefix of a mark for each chunk that a function is at work on, of any execution."""
        return f"{self._shared}busy/"

    def busy_mark(self, chunk: int) -> str:
        return f"{self.busy}{self.run}-{chunk:06}"

    @property
    def trouble(self) -> str:
        """The key of what last kept a chunk from being done."""
        return f"{self._own}trouble.txt"

    @property
    def done(self) -> str:
        """The prefix of a mark for each chunk of this execution whose images all have their line."""
        return f"{self._own}done/"

    def done_mark(self, chunk: int) -> str:
        return f"{self.done}{chunk:06}"

    def chunk(self, number: int) -> str:
        """The key of a chunk's list of images, chunks being counted from 1."""
        return f"{self._own}chunks/{number:06}.json"

    def round(self, number: int) -> str:
        """The key of the list of chunks that a Distributed Map reads."""
        return f"{self._own}rounds/{number}.json"

    def index(self, part: int) -> str:
        return f"{self._own}index/{part}"

    @property
    def tally(self) -> str:
        return f"{self._own}tally.json"

    @property
    def _shared(self) -> str:
        digest = hashlib.blake2b(self.results.encode(), digest_size=12).hexdigest()
        return f"{WORK}{digest}/"

    @property
    def _own(self) -> str:
        return f"{self._shared}{self.run}/"
