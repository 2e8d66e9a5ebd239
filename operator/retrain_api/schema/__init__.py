"""What is generated from the models: the CRD, the field reference, the schema for editors, every field as YAML, and validation messages."""
