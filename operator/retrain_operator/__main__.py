"""The command `retrain-operator`; `python -m retrain_operator` starts it too, as the image does."""

import sys

from retrain_api.extras import lacking


def main() -> None:
    """Start the operator. Without its extra it ends with 2 and a sentence."""
    try:
        from .controller.main import main as start
    except ModuleNotFoundError as error:
        found = lacking(error)
        if found is None:
            raise
        print(f"retrain-operator: {found.message}", file=sys.stderr)
        sys.exit(2)
    start()


if __name__ == "__main__":
    main()
