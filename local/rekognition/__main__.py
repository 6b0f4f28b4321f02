"""Serves Custom Labels on a port of its own; see `local.standalone`."""

from local.standalone import main

if __name__ == "__main__":
    main()
