"""What commands are given: YAML files, locations, files to write, names of runs."""
