"""Print what the project needs with the extras that are named, a line each: for an image that gets packages before code.

python scripts/requirements.py trainer
"""

import sys
import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
wanted = project["dependencies"] + [one for extra in sys.argv[1:] for one in project["optional-dependencies"][extra]]
print("\n".join(wanted))
